//! An op's cases as programs: the result itself, and its derivative under a random cotangent.

use calotype_graph::op::{Case, Fill, Tolerance};
use calotype_graph::{Device, Dtype, Graph, GraphError, HostTensor, PlanOptions, Program, Tensor, Type, plan};

use crate::compare::{Worst, compare, compare_with_nan};
use crate::operand::{fill, operand};
use crate::run::{Fault, run_guarded};

/// Name of operand `n` of a case as an input.
fn input_name(n: usize) -> String {
    format!("x{n}")
}

fn build(case: &Case) -> (Graph, Vec<Tensor>, Tensor) {
    let graph = Graph::new(&format!("{}, {}", case.stem, case.name));
    let given: Vec<Tensor> = case.given.iter().enumerate().map(|(n, g)| graph.input(&input_name(n), g.ty.clone())).collect();
    let y = (case.build)(&given);
    (graph, given, y)
}

/// Inputs `x0`, `x1`, …; output `y`.
///
/// # Errors
/// A mistake in the case.
pub fn forward(case: &Case) -> Result<Program, GraphError> {
    let (graph, _, y) = build(case);
    graph.output("y", &y);
    graph.finish()
}

/// Inputs as [`forward`]'s and a cotangent `dy`; outputs `dx{n}` for each operand that carries a gradient.
///
/// # Errors
/// A mistake in the case; an op without derivative.
pub fn gradient(case: &Case) -> Result<Program, GraphError> {
    let (graph, given, y) = build(case);
    let dy = graph.input("dy", y.ty());
    let wrt: Vec<usize> = (0..given.len()).filter(|&n| case.given[n].differentiable).collect();
    let dx = graph.vjp(&[(&y, &dy)], &wrt.iter().map(|&n| &given[n]).collect::<Vec<_>>());
    for (n, dx) in wrt.iter().zip(&dx) {
        graph.output(&format!("dx{n}"), dx);
    }
    graph.finish()
}

/// Values for the inputs of [`forward`] and [`gradient`], by name, the cotangent included: standard normal, never a sum.
pub fn operands(case: &Case) -> Vec<(String, HostTensor)> {
    let stream = |input: &str| format!("{}/{}/{input}", case.stem, case.name);
    let given = case.given.iter().enumerate().map(|(n, g)| {
        let name = input_name(n);
        let value = operand(g, &stream(&name));
        (name, value)
    });
    let mut all: Vec<(String, HostTensor)> = given.collect();
    let (_, _, y) = build(case);
    if y.dtype() == Dtype::F32 {
        all.push(("dy".to_owned(), fill(&Type::f32(y.shape().clone()), Fill::Normal, &stream("dy"))));
    }
    all
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckKind {
    Forward,
    Gradient,
}

/// One case held against the reference in one way.
#[derive(Clone)]
pub struct Check {
    pub case: Case,
    pub kind: CheckKind,
}

/// Every check of these cases.
pub fn checks(cases: Vec<Case>) -> Vec<Check> {
    let both = cases.into_iter().flat_map(|case| {
        let gradient = case.gradient.then(|| Check { case: case.clone(), kind: CheckKind::Gradient });
        [Some(Check { case, kind: CheckKind::Forward }), gradient]
    });
    both.flatten().collect()
}

impl Check {
    /// `conv2d: k4 s2 p1`, `conv2d: k4 s2 p1, gradient`.
    pub fn name(&self) -> String {
        let suffix = if self.kind == CheckKind::Gradient { ", gradient" } else { "" };
        format!("{}: {}{suffix}", self.case.stem, self.case.name)
    }

    /// # Errors
    /// A mistake in the case.
    pub fn program(&self) -> Result<Program, GraphError> {
        match self.kind {
            CheckKind::Forward => forward(&self.case),
            CheckKind::Gradient => gradient(&self.case),
        }
    }

    /// What an output may be off by. The terms of a gradient's sums are not of unit size, and its small elements are
    /// differences of large ones: its absolute tolerance goes with the largest element.
    fn tolerance(&self, want: &HostTensor) -> Tolerance {
        let largest = want.as_f32().map_or(0.0, |v| v.iter().fold(0.0f32, |m, x| m.max(x.abs())));
        match self.kind {
            CheckKind::Forward => self.case.tolerance,
            CheckKind::Gradient => {
                Tolerance { atol: self.case.tolerance.atol * largest.clamp(1.0, f32::MAX), ..self.case.tolerance }
            }
        }
    }

    /// Runs the check: `want` as the graph was written, `got` that way and as planning improves it, where that differs.
    /// Returns the worst element of all outputs; `None` where there are no floats.
    ///
    /// # Errors
    /// Anything that goes wrong on the way, or was found: see [`Fault`].
    pub fn run(&self, got: &mut dyn Device, want: &mut dyn Device) -> Result<Option<Worst>, Fault> {
        const AS_WRITTEN: PlanOptions = PlanOptions { simplify: false, fuse: false };
        let program = self.program()?;
        let operands = operands(&self.case);
        let inputs: Vec<(&str, &HostTensor)> = operands.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let expected = run_guarded(want, &program, &inputs, AS_WRITTEN)?;
        let mut worst = None;
        for options in different(&program, got, &[AS_WRITTEN, PlanOptions::default()])? {
            let outputs = run_guarded(got, &program, &inputs, options)?;
            worst = self.compare(&program, &outputs, &expected)?.into_iter().chain(worst).reduce(worse);
        }
        Ok(worst)
    }

    fn compare(&self, program: &Program, got: &[HostTensor], want: &[HostTensor]) -> Result<Option<Worst>, Fault> {
        let mut worst = None;
        for ((name, _), (got, want)) in program.outputs().zip(got.iter().zip(want)) {
            let compare = if self.case.nan { compare_with_nan } else { compare };
            let here = compare(got, want, self.tolerance(want));
            let here = here.map_err(|what| Fault::Output { output: name.to_owned(), what })?;
            worst = here.into_iter().chain(worst).reduce(worse);
        }
        Ok(worst)
    }
}

/// The one nearer to its tolerance.
pub(crate) fn worse(a: Worst, b: Worst) -> Worst {
    if b.ratio > a.ratio { b } else { a }
}

/// Those options that lead to different kernels.
fn different(program: &Program, device: &dyn Device, options: &[PlanOptions]) -> Result<Vec<PlanOptions>, Fault> {
    let mut plans = Vec::new();
    let mut chosen = Vec::new();
    for &o in options {
        let plan = plan(program, device.profile(), o)?;
        if !plans.contains(&plan.steps) {
            plans.push(plan.steps);
            chosen.push(o);
        }
    }
    Ok(chosen)
}
