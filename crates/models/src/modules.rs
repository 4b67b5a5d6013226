//! A model's networks as PyTorch modules: what is exchanged with public code, and what that calls its tensors.

use calotype_graph::HostTensor;

use crate::averages::AVERAGES;

/// Scopes of states that are no weights: moments, what else a run keeps, averages.
pub const NO_WEIGHTS: [&str; 3] = ["optimizer", "state", AVERAGES];

/// A network that is a module of its own.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The scope of its states; empty where the model is one module.
    pub scope: &'static str,
    /// Tensors that public code names or stores otherwise. All others have there the names and layouts of a checkpoint.
    pub renamed: Vec<Renamed>,
}

/// A tensor of a module by its name here and in public code.
#[derive(Clone, Debug)]
pub struct Renamed {
    pub here: String,
    pub there: String,
    pub form: Form,
}

/// What becomes of a checkpoint's tensor in public code.
#[derive(Clone, Debug)]
pub enum Form {
    /// It is the same.
    Same,
    /// [n, m] is [m, n].
    Transposed,
    /// The same numbers in this shape.
    Shape(Vec<usize>),
    /// [Cin, Cout, kh, kw] of a transposed convolution is [Cout, Cin, kh, kw] of a convolution, its kernels turned by 180°.
    Turned,
    /// It is made from another state of the run, by its full name; what a file has of it is passed over.
    Made(fn(&HostTensor) -> HostTensor),
}

impl Module {
    /// The whole model.
    pub fn whole() -> Self {
        Module::default()
    }

    /// Each the network of a scope, with the names of a checkpoint.
    pub fn scopes<const N: usize>(scopes: [&'static str; N]) -> Vec<Self> {
        scopes.map(|scope| Module { scope, renamed: vec![] }).into()
    }

    #[must_use]
    pub fn renamed(self, renamed: impl IntoIterator<Item = (String, String, Form)>) -> Self {
        let renamed = renamed.into_iter().map(|(here, there, form)| Renamed { here, there, form }).collect();
        Module { renamed, ..self }
    }

    /// The name within the module of a state that is a weight or a running statistic of it.
    pub fn within<'a>(&self, state: &'a str) -> Option<&'a str> {
        let first = state.split('.').next().unwrap_or_default();
        match self.scope {
            "" => Some(state).filter(|_| !NO_WEIGHTS.contains(&first)),
            scope => state.strip_prefix(scope)?.strip_prefix('.'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_a_scope_or_all_that_are_weights() {
        let [module] = Module::scopes(["discriminator"]).try_into().expect("one");
        let within = |name| Module::within(&module, name);
        assert_eq!(within("discriminator.main.0.weight"), Some("main.0.weight"));
        assert_eq!([within("discriminator_y.last.bias"), within("optimizer.discriminator.main.0.weight.exp_avg")], [None, None]);
        let names = ["fc1.weight", "ema.fc1.weight", "state.blend", "statement.weight"];
        assert_eq!(names.map(|name| Module::whole().within(name)), [Some("fc1.weight"), None, None, Some("statement.weight")]);
    }
}
