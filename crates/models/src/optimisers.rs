//! Optimisers and learning rate schedules, written in the graph: moments are states like any other. Fusion makes one kernel a
//! parameter.

use calotype_graph::{Graph, GraphError, Init, Scope, StateSpec, Tensor};

/// The update of a parameter w from its gradient g, with learning rate `lr`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Kingma and Ba 2015, arXiv:1412.6980, algorithm 1, with ε where PyTorch has it (after the bias-corrected root). Moments:
    /// `exp_avg`, `exp_avg_sq`.
    Adam { beta1: f64, beta2: f64, eps: f64 },
    /// Hinton's lecture 6e, uncentred, with ε after the root, as PyTorch. Its mean square is `square_avg`.
    RmsProp { alpha: f64, eps: f64 },
    /// Stochastic gradient descent with momentum μ, as PyTorch: `v ← μ v + g`, `w ← w - lr v`. Its velocity is `momentum_buffer`.
    Sgd { momentum: f64 },
}

/// A learning rate schedule: the factor of the learning rate, as a function of the number of updates done before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schedule {
    #[default]
    Constant,
    /// 1 up to update `from`, then along a line to 0 at update `until`.
    LinearToZero { from: u64, until: u64 },
    /// Times `factor` after every so many updates.
    Step { every: u64, factor: f64 },
    /// Factor^i for first growth^i updates, for i = 0, 1, … `last`, of which the last goes on: each phase longer than the one before.
    /// Burda et al. 2016, arXiv:1509.00519, §5, have growth 3, factor 10^(-1/7) and last 7.
    Growing { first: u64, growth: u64, factor: f64, last: u32 },
    /// Times `factor` after each of these numbers of updates.
    Drops { at: [u64; 2], factor: f64 },
}

impl Schedule {
    /// The factor of update `t`, counted from 0.
    pub fn at(self, t: u64) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::LinearToZero { from, until } if t >= until.max(from) => 0.0,
            Schedule::LinearToZero { from, until } => 1.0 - t.saturating_sub(from) as f64 / (until - from) as f64,
            Schedule::Drops { at, factor } => factor.powi(at.iter().filter(|&&at| t >= at).count() as i32),
            Schedule::Step { every, factor } => factor.powf((t / every.max(1)) as f64),
            Schedule::Growing { first, growth, factor, last } => {
                let mut left = t;
                let ended = |&i: &u32| {
                    let length = first.saturating_mul(growth.saturating_pow(i));
                    let over = left >= length;
                    left = left.saturating_sub(length);
                    over
                };
                factor.powi((0..last).take_while(ended).count() as i32)
            }
        }
    }
}

/// What is done to gradients that are too large.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Clip {
    #[default]
    Off,
    /// Each element into ± this.
    Element(f64),
    /// All gradients of the optimiser together to at most this Euclidean norm, as PyTorch's `clip_grad_norm_`.
    Norm(f64),
}

/// A named optimiser: it owns the names of its moments and of the scalars that it is given each step.
///
/// Moments of the parameter P are `optimizer.P.MOMENT` where the optimiser has no name or P lies in the scope of its name, as
/// when `generator` moves `generator.main.0.weight`; else `optimizer.NAME.P.MOMENT`. Scalars are `NAME.SCALAR`, or `SCALAR`
/// without a name. A program in which two optimisers have one name, or one name for a moment, is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimiser {
    name: &'static str,
    rule: Rule,
    lr: f64,
    schedule: Schedule,
    clip: Clip,
    decay: f64,
    l2: f64,
    allow_unused: bool,
}

impl Optimiser {
    /// `name` is empty for the only optimiser of a model.
    pub fn new(name: &'static str, rule: Rule, lr: f64) -> Self {
        let (schedule, clip) = (Schedule::default(), Clip::default());
        Optimiser { name, rule, lr, schedule, clip, decay: 0.0, l2: 0.0, allow_unused: false }
    }

    #[must_use]
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Optimiser { schedule, ..self }
    }

    #[must_use]
    pub fn with_clip(self, clip: Clip) -> Self {
        Optimiser { clip, ..self }
    }

    /// Weight decay of what has two axes or more, apart from the gradient: Loshchilov and Hutter 2019, arXiv:1711.05101,
    /// algorithm 2.
    #[must_use]
    pub fn with_decay(self, decay: f64) -> Self {
        Optimiser { decay, ..self }
    }

    /// Adds λ/2 |w|² to the loss, for each w of two axes or more.
    #[must_use]
    pub fn with_l2(self, l2: f64) -> Self {
        Optimiser { l2, ..self }
    }

    /// λ of the penalty.
    pub fn l2(&self) -> f64 {
        self.l2
    }

    /// Parameters that the loss does not depend on are left as they are. Without this they are an error, since the usual cause
    /// is a mistake: a wrong scope, a loss that was detached.
    #[must_use]
    pub fn allowing_unused(self) -> Self {
        Optimiser { allow_unused: true, ..self }
    }

    /// Moves every parameter of `scopes` against the gradient of a scalar loss.
    ///
    /// The gradient is taken for the versions of a parameter that the loss was computed from; what moves is the latest version.
    /// So two optimisers may move one parameter in a step, by losses that were both computed before: neither update is lost.
    pub fn update(&self, scopes: &[&Scope], loss: &Tensor) {
        let graph = loss.graph();
        graph.declare("optimiser", self.name);
        let parameters: Vec<(StateSpec, Tensor)> = scopes.iter().flat_map(|s| s.parameters()).collect();
        if parameters.is_empty() {
            return graph.refuse(GraphError::NoParameters { optimiser: self.name.to_owned() });
        }
        let found = gradients(graph, loss, &parameters);
        let unused = parameters.iter().zip(&found).filter(|(_, g)| g.is_none());
        let unused: Vec<String> = unused.map(|((spec, _), _)| spec.name.clone()).collect();
        if !unused.is_empty() && !self.allow_unused {
            return graph.refuse(GraphError::NoGradient { optimiser: self.name.to_owned(), parameters: unused });
        }
        let moving = parameters.into_iter().zip(found).filter_map(|((spec, w), g)| Some((spec, w, g?)));
        let (mut moving, gradients): (Vec<_>, Vec<_>) = moving.map(|(spec, w, g)| ((spec, w), g)).unzip();
        let mut gradients = self.clipped(graph, gradients);
        let is_matrix = |spec: &StateSpec| spec.ty.shape.rank() >= 2;
        if self.l2 > 0.0 {
            let matrices = moving.iter().zip(&mut gradients).filter(|((spec, _), _)| is_matrix(spec));
            matrices.for_each(|((_, w), g)| *g = &*g + w * self.l2 as f32);
        }
        if self.decay > 0.0 {
            let keep = graph.scalar_input(&self.scalar("keep"));
            let matrices = moving.iter_mut().filter(|(spec, _)| is_matrix(spec));
            matrices.for_each(|(_, w)| *w = &*w * &keep);
        }
        match self.rule {
            Rule::Adam { beta1, beta2, eps } => self.adam(graph, &moving, &gradients, [beta1, beta2, eps]),
            Rule::RmsProp { alpha, eps } => self.rms_prop(graph, &moving, &gradients, alpha, eps),
            Rule::Sgd { momentum } => self.sgd(graph, &moving, &gradients, momentum),
        }
    }

    /// The scalars that its updates read, by name, computed in f64: `t` updates were done before this one, and `lr_scale`
    /// multiplies the learning rate.
    pub fn scalars(&self, t: u64, lr_scale: f64) -> Vec<(String, f32)> {
        let lr = self.lr * self.schedule.at(t) * lr_scale;
        let mut all = match self.rule {
            Rule::Adam { beta1, beta2, .. } => {
                let n = (t + 1) as f64;
                vec![
                    (self.scalar("step_size"), lr / (1.0 - beta1.powf(n))),
                    (self.scalar("root_correction"), 1.0 / (1.0 - beta2.powf(n)).sqrt()),
                ]
            }
            Rule::RmsProp { .. } | Rule::Sgd { .. } => vec![(self.scalar("lr"), lr)],
        };
        if self.decay > 0.0 {
            all.push((self.scalar("keep"), 1.0 - lr * self.decay));
        }
        all.into_iter().map(|(name, value)| (name, value as f32)).collect()
    }

    fn scalar(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) }
    }

    fn clipped(&self, graph: &Graph, gradients: Vec<Tensor>) -> Vec<Tensor> {
        match self.clip {
            Clip::Off => gradients,
            Clip::Element(limit) => {
                let (low, high) = (graph.scalar(-limit as f32), graph.scalar(limit as f32));
                gradients.iter().map(|g| g.max(&low).min(&high)).collect()
            }
            Clip::Norm(limit) => {
                let squares = gradients.iter().map(|g| g.square().sum_all()).reduce(|a, b| a + b);
                let Some(squares) = squares else { return gradients };
                let factor = (graph.scalar(limit as f32) / (squares.sqrt() + 1e-6)).min(&graph.scalar(1.0));
                gradients.iter().map(|g| g * &factor).collect()
            }
        }
    }

    fn adam(&self, graph: &Graph, parameters: &[(StateSpec, Tensor)], gradients: &[Tensor], [beta1, beta2, eps]: [f64; 3]) {
        let step_size = graph.scalar_input(&self.scalar("step_size"));
        let root_correction = graph.scalar_input(&self.scalar("root_correction"));
        let (b1, b2) = (beta1 as f32, beta2 as f32);
        for ((spec, w), g) in parameters.iter().zip(gradients) {
            let _label = graph.label(&self.moment(spec, "adam"));
            let (m_name, m) = self.read(graph, spec, "exp_avg");
            let (v_name, v) = self.read(graph, spec, "exp_avg_sq");
            let m = &m * b1 + g * (1.0 - beta1) as f32;
            let v = &v * b2 + g.square() * (1.0 - beta2) as f32;
            let w = w - &(&m * &step_size / (v.sqrt() * &root_correction + eps as f32));
            graph.assign(&m_name, &m);
            graph.assign(&v_name, &v);
            graph.assign(&spec.name, &w);
        }
    }

    fn rms_prop(&self, graph: &Graph, parameters: &[(StateSpec, Tensor)], gradients: &[Tensor], alpha: f64, eps: f64) {
        let lr = graph.scalar_input(&self.scalar("lr"));
        for ((spec, w), g) in parameters.iter().zip(gradients) {
            let _label = graph.label(&self.moment(spec, "square_avg"));
            let (name, v) = self.read(graph, spec, "square_avg");
            let v = &v * alpha as f32 + g.square() * (1.0 - alpha) as f32;
            let w = w - &(g * &lr / (v.sqrt() + eps as f32));
            graph.assign(&name, &v);
            graph.assign(&spec.name, &w);
        }
    }

    fn sgd(&self, graph: &Graph, parameters: &[(StateSpec, Tensor)], gradients: &[Tensor], momentum: f64) {
        let lr = graph.scalar_input(&self.scalar("lr"));
        for ((spec, w), g) in parameters.iter().zip(gradients) {
            let _label = graph.label(&self.moment(spec, "momentum_buffer"));
            let (name, v) = self.read(graph, spec, "momentum_buffer");
            let v = &v * momentum as f32 + g;
            graph.assign(&name, &v);
            graph.assign(&spec.name, &(w - &(&v * &lr)));
        }
    }

    /// The name of a parameter's moment.
    fn moment(&self, of: &StateSpec, moment: &str) -> String {
        let within = self.name.is_empty() || of.name.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('.'));
        match within {
            true => format!("optimizer.{}.{moment}", of.name),
            false => format!("optimizer.{}.{}.{moment}", self.name, of.name),
        }
    }

    /// A moment, of the parameter's shape and layout and zero at first, with its name.
    fn read(&self, graph: &Graph, of: &StateSpec, moment: &str) -> (String, Tensor) {
        let name = self.moment(of, moment);
        graph.declare("optimiser state", &name);
        let value = graph.state(&name, of.ty.clone(), Init::Zeros, of.layout, false);
        (name, value)
    }
}

/// The gradient of each parameter: the sum over those of its versions that the loss was computed from; none where it was
/// computed from none.
fn gradients(graph: &Graph, loss: &Tensor, parameters: &[(StateSpec, Tensor)]) -> Vec<Option<Tensor>> {
    let versions: Vec<Vec<Tensor>> = parameters.iter().map(|(spec, _)| graph.versions(&spec.name)).collect();
    let mut found = graph.grad_or_none(loss, &versions.iter().flatten().collect::<Vec<_>>()).into_iter();
    let mut sum = |n: usize| found.by_ref().take(n).flatten().reduce(|a, b| a + b);
    versions.iter().map(|of_one| sum(of_one.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{Layout, Mode, Type};

    const SGD: Rule = Rule::Sgd { momentum: 0.0 };

    /// A scope with the parameters `a` and `b`, and the sum of their squares.
    fn two(graph: &Graph) -> (Scope, Tensor) {
        let s = Scope::new(graph, Mode::Train).sub("net");
        let square = |name: &str| s.param(name, [2], Init::Constant(1.0), Layout::Plain).square().sum_all();
        let loss = square("a") + square("b");
        (s, loss)
    }

    fn refused(build: impl Fn(&Graph)) -> String {
        let graph = Graph::new("test");
        build(&graph);
        graph.finish().expect_err("it is refused").to_string()
    }

    #[test]
    fn schedules_are_what_they_say() {
        let line = Schedule::LinearToZero { from: 10, until: 20 };
        assert_eq!([0, 10, 15, 20, 99].map(|t| line.at(t)), [1.0, 1.0, 0.5, 0.0, 0.0]);
        let steps = Schedule::Step { every: 100, factor: 0.5 };
        assert_eq!([0, 99, 100, 250].map(|t| steps.at(t)), [1.0, 1.0, 0.5, 0.25]);
        let drops = Schedule::Drops { at: [10, 200], factor: 0.5 };
        assert_eq!([0, 9, 10, 199, 200, 5000].map(|t| drops.at(t)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(Schedule::Constant.at(1 << 40), 1.0);
        assert_eq!(Schedule::LinearToZero { from: 5, until: 5 }.at(5), 0.0, "no division by 0");
        // 10, 30 and 90 updates, and the rest.
        let growing = Schedule::Growing { first: 10, growth: 3, factor: 0.5, last: 3 };
        assert_eq!([0, 9, 10, 39, 40, 129, 130, 1 << 60].map(|t| growing.at(t)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]);
        let iwae = Schedule::Growing { first: 1, growth: 3, factor: 0.1f64.powf(1.0 / 7.0), last: 7 };
        // 1,093 epochs before the last phase.
        for (epoch, exponent) in [(0, 0.0), (1092, 6.0 / 7.0), (1093, 1.0)] {
            assert!((iwae.at(epoch) - 0.1f64.powf(exponent)).abs() < 1e-14, "epoch {epoch}: {}", iwae.at(epoch));
        }
    }

    #[test]
    fn scalars_bear_the_name_and_follow_schedule_and_scale() {
        let named = Optimiser::new("d", SGD, 0.5).with_schedule(Schedule::Step { every: 2, factor: 0.5 });
        assert_eq!(named.scalars(2, 0.1), [("d.lr".to_owned(), 0.025)]);
        let adam = Optimiser::new("", Rule::Adam { beta1: 0.5, beta2: 0.75, eps: 1e-8 }, 0.5).with_decay(0.1);
        let want = [("step_size", 1.0), ("root_correction", 2.0), ("keep", 0.95)];
        assert_eq!(adam.scalars(0, 1.0), want.map(|(n, v)| (n.to_owned(), v)));
    }

    /// What an update reads is what [`Optimiser::scalars`] gives, for every rule.
    #[test]
    fn a_program_reads_the_scalars_that_are_given() {
        for rule in [Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }, Rule::RmsProp { alpha: 0.9, eps: 1e-8 }, SGD] {
            for (name, decay) in [("", 0.0), ("net", 0.1)] {
                let graph = Graph::new("test");
                let (s, loss) = two(&graph);
                s.param("matrix", [2, 2], Init::Zeros, Layout::Plain);
                let matrix = graph.versions("net.matrix").remove(0).square().sum_all();
                let optimiser = Optimiser::new(name, rule, 0.1).with_decay(decay);
                optimiser.update(&[&s], &(loss + matrix));
                let program = graph.finish().expect("a sound graph");
                let mut read: Vec<String> = program.inputs().map(|(n, _)| n.to_owned()).collect();
                let mut given: Vec<String> = optimiser.scalars(0, 1.0).into_iter().map(|(n, _)| n).collect();
                read.sort();
                given.sort();
                assert_eq!(read, given, "{rule:?}");
            }
        }
    }

    #[test]
    fn a_parameter_without_a_gradient_is_named() {
        let lonely = |graph: &Graph| {
            let (s, loss) = two(graph);
            s.param("lonely", [1], Init::Zeros, Layout::Plain);
            (s, loss)
        };
        let message = refused(|g| {
            let (s, loss) = lonely(g);
            Optimiser::new("sgd", SGD, 0.1).update(&[&s], &loss);
        });
        assert!(message.contains("`net.lonely`") && message.contains("`sgd`") && !message.contains("net.a"), "{message}");
        let graph = Graph::new("test");
        let (s, loss) = lonely(&graph);
        Optimiser::new("sgd", SGD, 0.1).allowing_unused().update(&[&s], &loss);
        let program = graph.finish().expect("it was allowed");
        assert!(program.states().all(|s| !s.name.contains("lonely.")), "no moment either");
    }

    #[test]
    fn two_optimisers_of_one_name_are_refused() {
        let message = refused(|g| {
            let (s, loss) = two(g);
            let sgd = Optimiser::new("sgd", SGD, 0.1);
            sgd.update(&[&s], &loss);
            sgd.update(&[&s], &two(g).1);
        });
        assert!(message.contains("optimiser `sgd` is declared twice"), "{message}");
        let message = refused(|g| {
            let (s, loss) = two(g);
            Optimiser::new("", SGD, 0.1).update(&[&s], &loss);
            Optimiser::new("net", SGD, 0.1).update(&[&s], &two(g).1);
        });
        assert!(message.contains("optimizer.net.a.momentum_buffer"), "{message}");
        let message = refused(|g| Optimiser::new("sgd", SGD, 0.1).update(&[&Scope::new(g, Mode::Train)], &two(g).1.detach()));
        assert!(message.contains("does not depend on `net.a`, `net.b`"), "{message}");
        let message = refused(|g| Optimiser::new("sgd", SGD, 0.1).update(&[&two(g).0.sub("typo")], &two(g).1));
        assert!(message.contains("no parameters"), "{message}");
    }

    /// Both losses read the first version; both updates count: with w = 1 and the gradients 2w and 3, at a rate of 0.1,
    /// w = 1 - 0.2 - 0.3.
    #[test]
    fn of_two_updates_by_earlier_losses_neither_is_lost() {
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train).sub("net");
        let w = s.param("w", [1], Init::Constant(1.0), Layout::Plain);
        let (square, three) = (w.square().sum_all(), (&w * 3.0).sum_all());
        Optimiser::new("square", SGD, 0.1).update(&[&s], &square);
        Optimiser::new("three", SGD, 0.1).update(&[&s], &three);
        graph.output("w", &graph.state("net.w", Type::f32([1]), Init::Constant(1.0), Layout::Plain, true));
        let program = graph.finish().expect("a sound graph");
        let moments: Vec<&str> = program.states().map(|s| s.name.as_str()).filter(|n| n.starts_with("optimizer.")).collect();
        assert_eq!(moments, ["optimizer.square.net.w.momentum_buffer", "optimizer.three.net.w.momentum_buffer"]);
        let w = crate::testing::step(&program, &[("square.lr", 0.1), ("three.lr", 0.1)]).remove(0);
        assert!((w[0] - 0.5).abs() < 1e-6, "{w:?}");
    }

    /// |g| = 5 is brought to 1; |g| = 0.5 stays.
    #[test]
    fn clipping_by_norm_is_over_all_gradients() {
        for (scale, factor) in [(1.0, 0.2), (0.1, 1.0)] {
            let graph = Graph::new("test");
            let s = Scope::new(&graph, Mode::Train).sub("net");
            let term = |name: &str, g: f32| s.param(name, [1], Init::Zeros, Layout::Plain).sum_all() * (g * scale);
            Optimiser::new("", SGD, 1.0).with_clip(Clip::Norm(1.0)).update(&[&s], &(term("a", 3.0) + term("b", 4.0)));
            graph.output("a", &graph.versions("net.a").pop().expect("a state"));
            graph.output("b", &graph.versions("net.b").pop().expect("a state"));
            let got = crate::testing::step(&graph.finish().expect("a sound graph"), &[("lr", 1.0)]);
            for (got, want) in got.iter().zip([-3.0, -4.0]) {
                assert!((got[0] - want * scale * factor).abs() < 1e-5, "{got:?}");
            }
        }
    }
}
