//! Reductions over one run of neighbouring axes.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp, floats};
use crate::profile::{DeviceKind, DeviceProfile};
use crate::shape::{Shape, Type};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    Sum,
    /// NaN if there is one.
    Max,
    /// Index of the first largest element along the axis, or of the first NaN, as u32.
    ArgMax,
}

/// Reduces axes `first..end`, which are removed. Sums are ordered: the same bits each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    pub kind: ReduceKind,
    pub first: usize,
    pub end: usize,
}

impl Reduce {
    /// (outer, n, inner): the operand as [outer, n, inner], reduced over n.
    pub fn dims(&self, x: &Type) -> (usize, usize, usize) {
        let part = |r: std::ops::Range<usize>| x.shape.dims()[r].iter().product();
        (part(0..self.first), part(self.first..self.end), part(self.end..x.shape.rank()))
    }

    /// The operand's shape with 1 for each reduced axis.
    pub fn kept(&self, x: &Type) -> Shape {
        let dims = x.shape.dims().iter().enumerate();
        dims.map(|(d, &n)| if (self.first..self.end).contains(&d) { 1 } else { n }).collect::<Vec<_>>().into()
    }
}

/// Into how many parts a reduction of n terms to each of `results` is cut on a GPU, joined in order afterwards: enough
/// workgroups of 32 results to fill the device several times, at least 512 terms each. 1 means no workspace.
pub(super) fn parts(results: usize, n: usize, profile: &DeviceProfile) -> usize {
    if profile.kind == DeviceKind::Cpu {
        return 1;
    }
    let groups = results.div_ceil(32).max(1);
    (4 * profile.parallelism as usize).div_ceil(groups).min(n / 512).clamp(1, 512)
}

impl Operation for Reduce {
    fn stem(&self) -> &'static str {
        "reduce"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 1)?;
        let dims = inputs[0].shape.dims();
        if self.first >= self.end || self.end > dims.len() {
            return Err(format!("axes {}..{} are not axes of {}", self.first, self.end, inputs[0].shape));
        }
        if self.kind != ReduceKind::Sum && dims[self.first..self.end].contains(&0) {
            return Err("the largest of nothing".into());
        }
        let shape = Shape::from([&dims[..self.first], &dims[self.end..]].concat());
        Ok(if self.kind == ReduceKind::ArgMax { Type::u32(shape) } else { Type::f32(shape) })
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let x = &v.inputs[0];
        let kept = self.kept(&x.ty());
        Some(vec![match self.kind {
            ReduceKind::Sum => Some(v.dy.reshape(&kept).expand(x.shape())),
            // Tied maxima share the gradient equally, as PyTorch's amax.
            ReduceKind::Max => {
                let at = x.equal(&v.output.reshape(&kept));
                let count = Tensor::apply(Reduce { kind: ReduceKind::Sum, ..*self }, std::slice::from_ref(&at)).reshape(&kept);
                Some(&(&at / &count) * &v.dy.reshape(&kept))
            }
            ReduceKind::ArgMax => None,
        }])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        inputs[0].numel() as u64
    }

    fn accepts_epilogue(&self) -> bool {
        self.kind != ReduceKind::ArgMax
    }

    fn workspace(&self, inputs: &[Type], _output: &Type, profile: &DeviceProfile) -> usize {
        let (outer, n, inner) = self.dims(&inputs[0]);
        match parts(outer * inner, n, profile) {
            _ if self.kind == ReduceKind::ArgMax => 0, // a value would have to bring its index along
            1 => 0,
            parts => parts * outer * inner,
        }
    }
}

use crate::tensor::Tensor;

pub fn cases() -> Vec<Case> {
    let case = |name: &str, kind, first, end, shape: &[usize]| {
        Case::op("reduce", format!("{kind:?} {name}"), Reduce { kind, first, end }, vec![Given::normal(shape)])
    };
    use ReduceKind::{ArgMax, Max, Sum};
    let mut all = vec![
        case("all of nothing", Sum, 0, 1, &[0, 3]),
        case("long row", Sum, 0, 1, &[5000]).tolerance(5e-4, 1e-5), // 5000 terms of unit size
        case("columns in parts", Sum, 0, 1, &[1300, 5]).tolerance(2e-4, 1e-5),
        case("columns in parts", Max, 0, 1, &[1300, 5]),
        case("channels of NHWC", Sum, 0, 3, &[3, 9, 11, 17]).tolerance(1e-4, 1e-5),
    ];
    for kind in [Sum, Max, ArgMax] {
        for (name, first, end, shape) in [
            ("one element", 0, 1, &[1][..]),
            ("rows", 1, 2, &[7, 65]),
            ("columns", 0, 1, &[65, 7]),
            ("middle", 1, 3, &[3, 4, 5, 6]),
            ("all", 0, 2, &[17, 19]),
        ] {
            let c = case(name, kind, first, end, shape);
            all.push(if kind == ArgMax { c.without_gradient() } else { c });
        }
    }
    let after = |t: &[Tensor], kind| {
        let y = Tensor::apply(Reduce { kind, first: 0, end: 1 }, &t[..1]);
        (&(y * 0.1) + &t[1]).tanh()
    };
    for (name, kind, n) in [("in one run", Sum, 40), ("in parts", Sum, 1300), ("in one run", Max, 40)] {
        let given = vec![Given::normal([n, 5]), Given::normal([5])];
        all.push(Case::composed("reduce", format!("{kind:?} {name}, then an expression"), given, move |t| after(t, kind)));
    }
    const NAN: &[f32] = &[3.0, -1.0, 2.0, 7.0, 5.0, -4.0, f32::NAN, 0.5, 1.5, 6.0, 8.0];
    for kind in [Sum, Max, ArgMax] {
        // Rows of which some hold none, columns in one run, columns in parts (of a reduction that comes in parts).
        for (name, first, shape) in [("of rows", 1, [9, 7]), ("of columns", 0, [6, 33]), ("of parts", 0, [1300, 5])] {
            let given = Given { fill: Fill::Cycle(NAN), ..Given::normal(shape) };
            let op = Reduce { kind, first, end: first + 1 };
            all.push(Case::op("reduce", format!("{kind:?} {name} with NaN"), op, vec![given]).not_finite());
        }
    }
    let nan = Given { fill: Fill::Cycle(NAN), ..Given::normal([7, 5]) };
    let given = vec![nan, Given::normal([5])];
    all.push(Case::composed("reduce", "Max with NaN, then an expression", given, move |t| after(t, Max).relu()).not_finite());
    let ties = Given { ty: Type::f32([4, 6]), fill: Fill::Cycle(&[1.0, 3.0, 3.0, 2.0]), differentiable: false };
    for kind in [Max, ArgMax] {
        let op = Reduce { kind, first: 1, end: 2 };
        all.push(Case::op("reduce", format!("{kind:?} ties"), op, vec![ties.clone()]).without_gradient());
    }
    all
}
