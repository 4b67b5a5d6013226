//! Test cases: each op lists its own, and every backend, the gradient check and `selftest` run all of them.

use crate::op::Op;
use crate::shape::Type;
use crate::tensor::Tensor;

/// How far a backend may be from the plain reference: `|got - want| <= atol + rtol |want|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    pub atol: f32,
    pub rtol: f32,
}

impl Tolerance {
    pub const EXACT: Tolerance = Tolerance { atol: 0.0, rtol: 0.0 };
    /// Sums of a few hundred products of unit-scale numbers in f32, in any order.
    pub const F32: Tolerance = Tolerance { atol: 2e-5, rtol: 2e-5 };
}

/// How an operand is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Standard normal.
    Normal,
    Uniform {
        low: f32,
        high: f32,
    },
    /// Whole numbers in 0..n, as f32 or u32.
    Below(u32),
    /// The same value everywhere.
    Value(f32),
    /// These values in turn.
    Cycle(&'static [f32]),
}

/// An operand of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub ty: Type,
    pub fill: Fill,
    /// Whether the gradient check perturbs it.
    pub differentiable: bool,
}

impl Given {
    /// Standard normal floats.
    pub fn normal(shape: impl Into<crate::Shape>) -> Self {
        Given { ty: Type::f32(shape), fill: Fill::Normal, differentiable: true }
    }

    pub fn uniform(shape: impl Into<crate::Shape>, low: f32, high: f32) -> Self {
        Given { ty: Type::f32(shape), fill: Fill::Uniform { low, high }, differentiable: true }
    }

    pub fn fixed(ty: Type, fill: Fill) -> Self {
        Given { ty, fill, differentiable: false }
    }
}

/// Builds a graph's result from its operands.
pub type Build = std::sync::Arc<dyn Fn(&[Tensor]) -> Tensor + Send + Sync>;

/// One test of one op: operands, and the graph to build on them.
#[derive(Clone)]
pub struct Case {
    pub stem: &'static str,
    /// Says what is special about it, e.g. `tile + 1`.
    pub name: String,
    pub given: Vec<Given>,
    /// Builds the result from the operands.
    pub build: Build,
    pub tolerance: Tolerance,
    /// Whether the derivative is checked too; false for ops without one and at kinks.
    pub gradient: bool,
    /// Whether an element of the result may have to be NaN: everywhere else a NaN is a fault, wanted or not.
    pub nan: bool,
}

impl Case {
    /// A case of one op, with its gradient, at [`Tolerance::F32`].
    pub fn op(stem: &'static str, name: impl Into<String>, op: impl Into<Op>, given: Vec<Given>) -> Self {
        let op = op.into();
        Self::composed(stem, name, given, move |t| Tensor::apply(op.clone(), t))
    }

    /// A case of a small composition, as fusion makes it.
    pub fn composed(
        stem: &'static str,
        name: impl Into<String>,
        given: Vec<Given>,
        build: impl Fn(&[Tensor]) -> Tensor + Send + Sync + 'static,
    ) -> Self {
        let build = std::sync::Arc::new(build);
        Case { stem, name: name.into(), given, build, tolerance: Tolerance::F32, gradient: true, nan: false }
    }

    pub fn tolerance(mut self, atol: f32, rtol: f32) -> Self {
        self.tolerance = Tolerance { atol, rtol };
        self
    }

    /// A case about NaN and infinity: they stay where they belong. The derivative is not checked.
    pub fn not_finite(self) -> Self {
        Case { nan: true, gradient: false, ..self }
    }

    pub fn without_gradient(mut self) -> Self {
        self.gradient = false;
        self
    }
}
