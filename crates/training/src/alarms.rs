//! Warnings while a model is trained: the signs that its losses show of failing, gradients that explode, samples that become alike.

use std::collections::BTreeMap;

use calotype_graph::{HostTensor, StateSpec};
use calotype_models::Sign;

use crate::metrics::{DIVERSITY, Line};
use crate::progress::grouped;

/// How the names begin of what an optimiser keeps, and how they end of its mean squares of gradients.
const OPTIMISER: &str = "optimizer.";
const SQUARES: [&str; 2] = [".exp_avg_sq", ".square_avg"];
/// How the name begins of the norm of gradients in the log.
pub(crate) const GRADIENT: &str = "gradient_norm_";
/// A norm so many times the least before is an explosion: in runs that go well it stays within a factor of ten, and the mean squares begin
/// at zero, so that the first norms are up to thirty times too small.
const EXPLOSION: f32 = 1000.0;
/// Samples that differ by less than this part of what they did at best, and of what rows of the data do, are becoming alike.
const ALIKE: f64 = 0.5;

/// Looks for what goes wrong. Each warning is given once, and again only after it had been over.
#[derive(Debug)]
pub(crate) struct Alarms {
    signs: Vec<Counted>,
    /// By optimiser, the least norm so far above 0.
    least: BTreeMap<String, f32>,
    /// Optimisers that were warned of.
    exploded: Vec<String>,
    /// Of samples, the most so far.
    most_diverse: f64,
    alike: bool,
}

/// A sign, and for how many steps in a row it was seen.
#[derive(Debug)]
struct Counted {
    sign: Sign,
    steps: u64,
}

impl Alarms {
    /// As it is after what the log of the run holds: what was warned of is not warned of again. Steps in a row are those between lines
    /// of the log. Samples count from `comparable_from` steps on.
    pub fn new(signs: Vec<Sign>, lines: &[Line], comparable_from: u64) -> Self {
        let mut alarms = Alarms { signs: vec![], least: BTreeMap::new(), exploded: vec![], most_diverse: 0.0, alike: false };
        for line in lines {
            let known: Vec<(&str, f32)> = line.losses.iter().filter_map(|(name, v)| Some((name.as_str(), (*v)?))).collect();
            let norm = |&(name, v): &(&str, f32)| Some((name.strip_prefix(GRADIENT)?.to_owned(), v));
            alarms.of_gradients(&known.iter().filter_map(norm).collect::<Vec<_>>());
            let diversity = known.iter().find(|(name, _)| *name == DIVERSITY && line.step >= comparable_from);
            diversity.into_iter().for_each(|(_, v)| drop(alarms.of_samples(f64::from(*v))));
        }
        alarms.signs = signs.into_iter().map(|sign| Counted { sign, steps: shown_for(&sign, lines) }).collect();
        alarms
    }

    /// Takes in the losses of a step.
    pub fn of_losses(&mut self, losses: &[(&str, f32)]) -> Vec<String> {
        let mut warnings = Vec::new();
        for Counted { sign, steps } in &mut self.signs {
            let Some((_, loss)) = losses.iter().find(|(name, _)| *name == sign.loss) else { continue };
            *steps = if *loss < sign.below { *steps + 1 } else { 0 };
            if *steps == sign.steps {
                let Sign { name, loss, below, remedy, .. } = sign;
                warnings.push(format!("{name}: {loss} has been below {below} for {} steps: {remedy}", grouped(*steps)));
            }
        }
        warnings
    }

    /// Takes in the norms of gradients, by optimiser.
    pub fn of_gradients(&mut self, norms: &[(String, f32)]) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, norm) in norms {
            let least = self.least.get(name).copied();
            self.take_in(name, *norm);
            let explodes = least.is_some_and(|least| *norm > EXPLOSION * least);
            let known = self.exploded.contains(name);
            match (explodes, known) {
                (true, false) => {
                    self.exploded.push(name.clone());
                    warnings.push(format!(
                        "exploding gradients: their norm for `{name}` is {norm:.3}, {:.0} times the least so far: use a lower --set lr, or a \
                         penalty on the discriminator's gradient where the model has one",
                        norm / least.unwrap_or(1.0)
                    ));
                }
                (false, true) => self.exploded.retain(|n| n != name),
                _ => {}
            }
        }
        warnings
    }

    fn take_in(&mut self, optimiser: &str, norm: f32) {
        if norm > 0.0 {
            let least = self.least.entry(optimiser.to_owned()).or_insert(norm);
            *least = least.min(norm);
        }
    }

    /// Takes in the diversity of samples, 1 for that of the data.
    pub fn of_samples(&mut self, diversity: f64) -> Vec<String> {
        self.most_diverse = self.most_diverse.max(diversity);
        let alike = diversity < ALIKE && diversity < ALIKE * self.most_diverse;
        let new = alike && !self.alike;
        self.alike = alike;
        let warning = || {
            format!(
                "samples become alike (mode collapse): two of them differ by {:.0} % of what two rows of the data do, after {:.0} % at best: \
                 the best checkpoint is kept; to mend it start a new run with a lower --set lr, another --seed, or a penalty on the \
                 discriminator's gradient where the model has one",
                100.0 * diversity,
                100.0 * self.most_diverse
            )
        };
        new.then(warning).into_iter().collect()
    }
}

/// For how many steps up to the last line a sign was seen in all of them.
fn shown_for(sign: &Sign, lines: &[Line]) -> u64 {
    let losses = lines.iter().rev().filter_map(|l| Some((l.step, l.losses.iter().find(|(name, _)| name == sign.loss)?.1)));
    let shown: Vec<u64> = losses.take_while(|(_, v)| v.is_some_and(|v| v < sign.below)).map(|(step, _)| step).collect();
    shown.first().zip(shown.last()).map_or(0, |(last, first)| last - first + 1)
}

/// The norm of each optimiser's gradients, from the mean squares that it keeps: √Σ v, without the correction of the first steps. Of a
/// model with several optimisers, each has the name of its scope.
pub(crate) fn gradient_norms(states: &[(&StateSpec, HostTensor)]) -> Vec<(String, f32)> {
    let mut squares: BTreeMap<String, f64> = BTreeMap::new();
    for (spec, value) in states {
        let Some(rest) = spec.name.strip_prefix(OPTIMISER).filter(|rest| SQUARES.iter().any(|end| rest.ends_with(end))) else {
            continue;
        };
        let scope = rest.split('.').next().unwrap_or_default().to_owned();
        let sum: f64 = value.as_f32().unwrap_or_default().iter().map(|&v| f64::from(v)).sum();
        *squares.entry(scope).or_default() += sum;
    }
    squares.into_iter().map(|(scope, sum)| (scope, sum.sqrt() as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{Init, Layout, Type};

    const SIGN: Sign = Sign { name: "asleep", loss: "loss_d", below: 0.5, steps: 3, remedy: "wake it" };

    #[test]
    fn a_sign_counts_steps_in_a_row_that_have_its_loss() {
        let mut alarms = Alarms::new(vec![SIGN], &[], 0);
        let mut said = |loss: Option<f32>| alarms.of_losses(&loss.map(|l| ("loss_d", l)).into_iter().collect::<Vec<_>>()).len();
        // A step without the loss neither counts nor breaks the row; each row is said once.
        let losses = [Some(0.1), Some(0.1), None, Some(0.7), Some(0.1), None, Some(0.2), Some(0.3), Some(0.1), Some(0.9)];
        let all: Vec<usize> = losses.into_iter().chain([Some(0.1); 3]).map(&mut said).collect();
        assert_eq!(all, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
        let text = Alarms::new(vec![Sign { steps: 1, ..SIGN }], &[], 0).of_losses(&[("loss_d", 0.0)]).concat();
        assert_eq!(text, "asleep: loss_d has been below 0.5 for 1 steps: wake it");
    }

    #[test]
    fn a_resumed_run_goes_on_counting() {
        let line = |step, loss| Line::of(step, 0.0, vec![("loss_d".into(), Some(loss))]);
        let lines =
            [line(10, 0.1), line(20, 0.9), line(30, 0.1), line(40, 0.2), Line::of(40, 0.0, vec![("x".into(), Some(9.0))])];
        assert_eq!(shown_for(&SIGN, &lines), 11);
        let mut alarms = Alarms::new(vec![Sign { steps: 13, ..SIGN }], &lines, 0);
        assert_eq!([0.1, 0.1].map(|loss| alarms.of_losses(&[("loss_d", loss)]).len()), [0, 1]);
        assert_eq!(shown_for(&SIGN, &lines[..2]), 0);
    }

    #[test]
    fn gradients_explode_against_their_own_past() {
        let line = |norm: f32| Line::of(1, 0.0, vec![("gradient_norm_g".into(), Some(norm)), ("loss_g".into(), Some(1e9))]);
        let mut alarms = Alarms::new(vec![], &[line(0.0), line(2.0), line(3.0)], 0);
        let mut said = |norm| alarms.of_gradients(&[("g".into(), norm), ("d".into(), 1.0)]);
        assert!(said(1999.0).is_empty(), "a thousand times 2, of the run before it was resumed");
        assert!(said(1.0).is_empty());
        let [text] = <[String; 1]>::try_from(said(1500.0)).expect("it explodes");
        assert!(text.contains("`g`") && text.contains("1500 times") && text.contains("lower --set lr"), "{text}");
        assert!(said(1e5).is_empty(), "it is known");
        assert!(said(3.0).is_empty());
        assert_eq!(said(1e6).len(), 1, "it had been over");
    }

    #[test]
    fn samples_are_alike_only_after_they_were_not() {
        let mut alarms = Alarms::new(vec![], &[], 0);
        let said: Vec<usize> = [0.05, 0.1, 0.8, 1.1, 0.6, 0.4, 0.3, 0.9, 0.2].map(|d| alarms.of_samples(d).len()).to_vec();
        assert_eq!(said, [0, 0, 0, 0, 0, 1, 0, 0, 1]);
        let line = |step, diversity| Line::of(step, 0.0, vec![(DIVERSITY.into(), Some(diversity))]);
        assert!(Alarms::new(vec![], &[line(1, 9.0), line(5, 0.4)], 5).of_samples(0.3).is_empty(), "of a model that grew");
        assert!(Alarms::new(vec![], &[line(1, 0.9), line(5, 0.1)], 0).of_samples(0.1).is_empty(), "it was warned of");
        let resumed = Alarms::new(vec![], &[line(1, 0.9)], 0).of_samples(0.1);
        assert!(resumed.concat().contains("10 %") && resumed.concat().contains("90 %"), "{resumed:?}");
    }

    #[test]
    fn norms_are_of_each_optimiser() {
        let state = |name: &str, values: &[f32]| {
            let spec = StateSpec { name: name.into(), ty: Type::f32([values.len()]), init: Init::Zeros, layout: Layout::Plain };
            (spec, HostTensor::f32([values.len()], values.to_vec()))
        };
        let states = [
            state("optimizer.generator.a.exp_avg_sq", &[9.0, 0.0]),
            state("optimizer.generator.b.exp_avg_sq", &[16.0]),
            state("optimizer.generator.b.exp_avg", &[1e9]),
            state("optimizer.encoder.b.square_avg", &[4.0]),
            state("generator.exp_avg_sq", &[1e9]),
        ];
        let states: Vec<(&StateSpec, HostTensor)> = states.iter().map(|(spec, v)| (spec, v.clone())).collect();
        assert_eq!(gradient_norms(&states), [("encoder".to_owned(), 2.0), ("generator".to_owned(), 5.0)]);
    }
}
