//! Stages of training: the programs that run in turns, and which of them runs at a step.

use std::collections::BTreeSet;
use std::ops::Range;

use calotype_graph::{GraphError, Program};

use crate::feeds::{Feed, Named, SEED, STEP, Source, random_words};
use crate::model::Descent;

/// A training program and the steps in which it may run.
///
/// One stage: DCGAN. Two stages of the same span that take turns: a critic that is trained more often than its generator. One
/// after the other: pretraining, growth by levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// For messages: `training`, `critic`, `8x8`.
    pub name: String,
    /// Rows of a step.
    pub batch: usize,
    pub feeds: Vec<Feed>,
    /// From the first step at which it may run to before the one from which on it never does. It is loaded in between.
    pub span: Range<u64>,
}

impl Stage {
    /// A stage of all steps.
    pub fn always(name: &str, batch: usize, feeds: &[Feed]) -> Self {
        Stage { name: name.to_owned(), batch, feeds: feeds.to_vec(), span: 0..u64::MAX }
    }

    /// Whether it is one level of a model that grows: it is fed rows at a size of its own.
    pub fn is_level(&self) -> bool {
        self.feeds.iter().any(|feed| matches!(feed.source, Source::RowsAt { .. }))
    }

    /// With another span.
    #[must_use]
    pub fn during(self, span: Range<u64>) -> Self {
        Stage { span, ..self }
    }

    /// Whether it has begun when `done` steps are done; what runs at step 0 has at 0.
    pub fn has_begun(&self, done: u64) -> bool {
        self.span.start < done.max(1)
    }
}

/// What happens at a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// Which of [`Descent::stages`] runs.
    pub stage: usize,
    /// Scalars of the program that change by step, computed in f64: learning rates, bias corrections, a fade.
    pub scalars: Vec<(String, f32)>,
    /// States whose names begin with one of these are set to their initial values first, such as `optimizer.generator.`.
    pub resets: Vec<&'static str>,
}

impl Turn {
    /// A step of the only stage.
    pub fn only(scalars: Vec<(String, f32)>) -> Self {
        Turn { scalars, ..Turn::default() }
    }
}

/// A way in which training fails, as it is seen in the losses of its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign {
    /// For a person: `saturated discriminator`.
    pub name: &'static str,
    /// The output of a training program that shows it, by staying below a number for so many steps that have this output.
    pub loss: &'static str,
    pub below: f32,
    pub steps: u64,
    /// What it means, and what to do.
    pub remedy: &'static str,
}

/// The stages of a model, each with its program, held against each other.
#[derive(Clone, Debug)]
pub struct Stages {
    stages: Vec<Stage>,
    programs: Vec<Program>,
}

impl Stages {
    /// Builds every program.
    ///
    /// # Errors
    /// A program that cannot be built. A program that reads an input which it is not given, or is given one that it does not
    /// read: a misspelt scalar is found here. A schedule that runs a stage outside its span, or resets states
    /// that there are not.
    pub fn new(descent: &dyn Descent, batch: usize) -> Result<Self, GraphError> {
        let stages = descent.stages(batch);
        let programs = stages.iter().map(|stage| descent.program(stage)).collect::<Result<Vec<_>, _>>()?;
        let all = Stages { stages, programs };
        all.check(descent)?;
        Ok(all)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Stage, &Program)> {
        self.stages.iter().zip(&self.programs)
    }

    pub fn get(&self, n: usize) -> &Stage {
        &self.stages[n]
    }

    pub fn len(&self) -> usize {
        self.stages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    pub fn program(&self, n: usize) -> &Program {
        &self.programs[n]
    }

    /// The stages whose span holds a step, by number.
    pub fn at(&self, step: u64) -> Vec<usize> {
        (0..self.stages.len()).filter(|&n| self.stages[n].span.contains(&step)).collect()
    }

    /// The steps at which the set of [`Stages::at`] changes: 0, then each begin and end of a span.
    pub fn borders(&self) -> Vec<u64> {
        let ends = self.stages.iter().flat_map(|s| [s.span.start, s.span.end]).filter(|&at| at != u64::MAX);
        ends.chain([0]).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// All inputs of a step: what the data give, the turn's scalars, and seed and step where the program draws random numbers.
    pub fn inputs(&self, turn: &Turn, fed: Vec<Named>, seed: u64, step: u64) -> Vec<Named> {
        let reads = |name: &str| self.programs[turn.stage].inputs().any(|(n, _)| n == name);
        let scalars = turn.scalars.iter().map(|(name, value)| (name.clone(), calotype_graph::HostTensor::scalar(*value)));
        let words = random_words(seed, step).into_iter().filter(|(name, _)| reads(name));
        fed.into_iter().chain(words).chain(scalars).collect()
    }

    /// At each border, and for some steps from there, in which every stage of an alternation has its turn.
    fn check(&self, descent: &dyn Descent) -> Result<(), GraphError> {
        const LOOKED_AT: u64 = 32;
        let schedule = |why: String| Err(GraphError::Schedule { why });
        for border in self.borders() {
            for step in border..border.saturating_add(LOOKED_AT) {
                if self.at(step).is_empty() {
                    break; // after the last one
                }
                let turn = descent.at(step, 1.0);
                let Some(stage) = self.stages.get(turn.stage) else {
                    return schedule(format!("step {step} is of stage {}, and there are {}", turn.stage, self.stages.len()));
                };
                if !stage.span.contains(&step) {
                    return schedule(format!("step {step} is of stage `{}`, whose span is {:?}", stage.name, stage.span));
                }
                let fed = stage.feeds.iter().map(|f| f.name);
                let given: Vec<&str> = fed.chain(turn.scalars.iter().map(|(name, _)| name.as_str())).collect();
                self.programs[turn.stage].check_inputs(&given, &[SEED, STEP])?;
                let has = |prefix: &str| self.programs.iter().any(|p| p.states().any(|s| s.name.starts_with(prefix)));
                if let Some(prefix) = turn.resets.iter().find(|prefix| !has(prefix)) {
                    return schedule(format!("step {step} resets `{prefix}…`, and no state has such a name"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::op::Distribution;
    use calotype_graph::{Graph, HostTensor, Type};

    /// Two steps of a stage that draws, then two others that take turns; `misspelt`, `astray` and `resets` are mistakes.
    #[derive(Default)]
    struct Schedule {
        misspelt: bool,
        astray: bool,
        resets: bool,
    }

    impl Descent for Schedule {
        fn stages(&self, batch: usize) -> Vec<Stage> {
            vec![
                Stage::always("before", batch, &[Feed::ROWS]).during(0..2),
                Stage::always("a", 2 * batch, &[Feed::ROWS, Feed::labels("labels", 3)]).during(2..u64::MAX),
                Stage::always("b", batch, &[Feed::ROWS]).during(2..u64::MAX),
            ]
        }

        fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
            let graph = Graph::new(&stage.name);
            let x = graph.input("x", Type::f32([stage.batch, 1]));
            let y = match stage.name.as_str() {
                "before" => x + graph.random("noise", Distribution::Normal, [stage.batch, 1]),
                "a" => {
                    let labels = Type { shape: [stage.batch].into(), dtype: calotype_graph::Dtype::U32 };
                    x + graph.input("labels", labels).cast(calotype_graph::Dtype::F32).reshape([stage.batch, 1])
                }
                _ => x * &graph.scalar_input("lr"),
            };
            graph.output("loss", &y.mean_all());
            graph.finish()
        }

        fn at(&self, step: u64, lr_scale: f64) -> Turn {
            let stage = if step < 2 && !self.astray { 0 } else { 1 + (step % 2) as usize };
            let name = if self.misspelt { "lrr" } else { "lr" };
            let scalars = if stage == 2 { vec![(name.to_owned(), lr_scale as f32)] } else { vec![] };
            Turn { stage, scalars, resets: if self.resets { vec!["optimizer."] } else { vec![] } }
        }
    }

    #[test]
    fn the_stages_of_a_step_are_those_whose_span_holds_it() {
        let stages = Stages::new(&Schedule::default(), 4).expect("a sound schedule");
        assert_eq!((stages.borders(), stages.at(1), stages.at(2)), (vec![0, 2], vec![0], vec![1, 2]));
        let begun = |done| stages.iter().filter(|(s, _)| s.has_begun(done)).count();
        assert_eq!([0, 1, 2, 3].map(begun), [1, 1, 1, 3], "after 2 steps the third is still to come");
    }

    #[test]
    fn inputs_are_feeds_scalars_and_what_is_drawn_by() {
        let schedule = Schedule::default();
        let stages = Stages::new(&schedule, 4).expect("a sound schedule");
        let names = |step| {
            let fed = vec![("x".to_owned(), HostTensor::scalar(0.0))];
            let inputs = stages.inputs(&schedule.at(step, 0.5), fed, 7, step);
            inputs.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!([names(1), names(3)], [vec!["x", "seed", "step"], vec!["x", "lr"]]);
    }

    #[test]
    fn a_misspelt_scalar_and_a_stage_outside_its_span_are_refused() {
        let refused = |schedule: Schedule| Stages::new(&schedule, 4).expect_err("a mistake").to_string();
        let message = refused(Schedule { misspelt: true, ..Schedule::default() });
        assert!(
            message.contains("b: ") && message.contains("missing inputs: `lr`") && message.contains("unused inputs: `lrr`"),
            "{message}"
        );
        let message = refused(Schedule { astray: true, ..Schedule::default() });
        assert!(message.contains("step 0 is of stage `a`, whose span is 2.."), "{message}");
        let message = refused(Schedule { resets: true, ..Schedule::default() });
        assert!(message.contains("resets `optimizer.…`"), "{message}");
    }
}
