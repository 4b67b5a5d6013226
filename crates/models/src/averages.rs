//! Moving averages of a network's states, by which it is used once it is trained: a generator that circles around its equilibrium is
//! near it in the mean (Yazıcı et al. 2019, arXiv:1806.04498).

use calotype_graph::Scope;

/// The scope of averages: `ema.generator.main.0.weight` is that of `generator.main.0.weight`.
pub const AVERAGES: &str = "ema";

/// An exponential moving average, updated once with each update of the network: `a ← k a + (1 - k) w`.
///
/// In the first updates k is less than the decay, (1 + t) / (10 + t) at update t from 0: what the network was before it learned is soon
/// forgotten. All states of the network are averaged, the running statistics of batch norm too, since they belong to the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    decay: f64,
}

impl Average {
    /// Of this decay; for 0 there is no average, and nothing is done.
    pub fn new(decay: f64) -> Self {
        Average { decay }
    }

    fn is_off(self) -> bool {
        self.decay <= 0.0
    }

    /// Updates the averages of a network's states as they are now: after the network was updated. `network`: its own scope.
    pub fn update(self, network: &Scope) {
        if self.is_off() {
            return;
        }
        let graph = network.graph();
        let keep = graph.scalar_input(KEEP);
        for (spec, w) in network.states() {
            let name = format!("{AVERAGES}.{}", spec.name);
            let _label = graph.label(&name);
            let average = graph.state(&name, spec.ty.clone(), spec.init, spec.layout, false);
            graph.assign(&name, &(&w + (average - &w) * &keep));
        }
    }

    /// The scalars of an update, by name, computed in f64: `t` were done before it.
    pub fn scalars(self, t: u64) -> Vec<(String, f32)> {
        if self.is_off() {
            return vec![];
        }
        vec![(KEEP.to_owned(), self.decay.min((1.0 + t as f64) / (10.0 + t as f64)) as f32)]
    }

    /// The scope of a network as it is to be used, within `s`: that of its average where there is one.
    pub fn used(self, s: &Scope, network: &str) -> Scope {
        if self.is_off() { s.sub(network) } else { s.sub(AVERAGES).sub(network) }
    }
}

const KEEP: &str = "ema.keep";

/// The name of the state that an average is of; the state's own where it is none.
pub fn averaged(name: &str) -> &str {
    name.strip_prefix(AVERAGES).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::Named;
    use crate::init;
    use crate::layers::Layers;
    use crate::testing::states_after;
    use calotype_graph::{Graph, HostTensor, Init, Layout, Mode, StateSpec, Type};

    /// A layer and batch norm, whose states are doubled in a step, with their averages.
    #[test]
    fn all_states_are_averaged_after_their_update() {
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train).sub("net");
        let x = graph.input("x", Type::f32([4, 3]));
        let y = s.batch_norm("norm", &s.linear("first", &x, 2, Init::Normal { mean: 1.0, deviation: 0.5 }), Init::Constant(1.0));
        for (spec, w) in s.parameters() {
            graph.assign(&spec.name, &(w * 2.0));
        }
        Average::new(0.999).update(&s);
        graph.output("y", &y);
        let x: Named = ("x".into(), HostTensor::f32([4, 3], (0..12).map(|n| n as f32).collect::<Vec<_>>()));
        let keep: Named = ("ema.keep".into(), HostTensor::scalar(0.75));
        let program = graph.finish().expect("a sound graph");
        let after = states_after(&program, &[x, keep]);
        let value = |name: &str| &after.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no `{name}`")).1;
        let averages: Vec<&StateSpec> = program.states().filter(|s| s.name.starts_with("ema.")).collect();
        assert_eq!(averages.len(), 6, "weight, bias, scale, shift, two statistics");
        for spec in averages {
            let (before, now) = (init::initial(spec, 0), value(averaged(&spec.name)));
            for ((got, before), now) in value(&spec.name).iter().zip(before.as_f32().expect("floats")).zip(now) {
                assert!((got - (0.75 * before + 0.25 * now)).abs() < 1e-6, "{}: {got} of {before} and {now}", spec.name);
            }
        }
    }

    #[test]
    fn an_average_begins_where_its_network_does() {
        let spec = |name: &str| StateSpec {
            name: name.into(),
            ty: Type::f32([5]),
            init: Init::Normal { mean: 0.0, deviation: 1.0 },
            layout: Layout::Plain,
        };
        assert_eq!(init::initial(&spec("ema.g.w"), 7), init::initial(&spec("g.w"), 7));
        assert_ne!(init::initial(&spec("emag.w"), 7), init::initial(&spec("g.w"), 7));
    }

    #[test]
    fn a_decay_of_0_is_no_average() {
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train);
        s.sub("net").param("w", [2], Init::Zeros, Layout::Plain);
        let none = Average::new(0.0);
        none.update(&s.sub("net"));
        assert!(graph.states("ema.").is_empty() && none.scalars(3).is_empty());
        assert_eq!([none, Average::new(0.9)].map(|a| a.used(&s, "net").path("w")), ["net.w", "ema.net.w"]);
    }

    #[test]
    fn the_first_updates_count_more() {
        let average = Average::new(0.99);
        let keep = |t| average.scalars(t)[0].1;
        assert_eq!([keep(0), keep(1), keep(8)], [0.1, 2.0 / 11.0, 0.5]);
        assert_eq!(keep(100_000), 0.99);
    }
}
