//! Builds an op's case into a plan and fills its operands.

use std::sync::Arc;

use calotype_graph::op::case::{Case, Fill, Given};
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, Dtype, Graph, HostTensor, Plan, PlanId, PlanOptions, plan};

/// A NaN that no kernel makes.
const UNWRITTEN: u32 = 0x7FC0_DEAD;

/// Values of an operand, the same on every run.
pub fn fill(given: &Given, name: &str) -> HostTensor {
    let n = given.ty.numel();
    let mut s = Stream::new(20, Domain::Test, name, 0);
    let shape = given.ty.shape.clone();
    match (given.fill, given.ty.dtype) {
        (Fill::Below(limit), Dtype::U32) => HostTensor::u32(shape, (0..n).map(|_| s.below(limit)).collect::<Vec<_>>()),
        (Fill::Value(v), Dtype::U32) => HostTensor::u32(shape, vec![v as u32; n]),
        (fill, dtype) => {
            let mut value = |i: usize| match fill {
                Fill::Normal => s.normal(),
                Fill::Uniform { low, high } => low + (high - low) * s.uniform(),
                Fill::Below(limit) => s.below(limit) as f32,
                Fill::Value(v) => v,
                Fill::Cycle(values) => values[i % values.len()],
            };
            assert_eq!(dtype, Dtype::F32, "{name}: {fill:?} is for floats");
            HostTensor::f32(shape, (0..n).map(&mut value).collect::<Vec<_>>())
        }
    }
}

/// A case's plan for a device: inputs `x0`, `x1`, … and one output `y`.
pub fn build(case: &Case, device: &dyn Device) -> Arc<Plan> {
    let graph = Graph::new(&case.name);
    let given: Vec<_> = case.given.iter().enumerate().map(|(n, g)| graph.input(&format!("x{n}"), g.ty.clone())).collect();
    graph.output("y", &(case.build)(&given));
    let program = graph.finish().unwrap_or_else(|e| panic!("{} {}: {e}", case.stem, case.name));
    Arc::new(plan(&program, device.profile(), PlanOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", case.name)))
}

pub fn inputs(case: &Case) -> Vec<(String, HostTensor)> {
    let named = case.given.iter().enumerate().map(|(n, g)| (format!("x{n}"), g));
    named.map(|(name, g)| (name.clone(), fill(g, &format!("{}/{}/{name}", case.stem, case.name)))).collect()
}

/// Runs a case with its arenas and outputs full of NaN beforehand.
pub fn run(case: &Case, device: &mut dyn Device) -> HostTensor {
    let plan = build(case, device);
    let id = device.load(&plan).unwrap_or_else(|e| panic!("{} {}: {e}", case.stem, case.name));
    let y = submit(&plan, id, case, device);
    device.unload(id);
    y
}

pub fn submit(plan: &Plan, id: PlanId, case: &Case, device: &mut dyn Device) -> HostTensor {
    use calotype_graph::Region;
    device.fill(id, Region::Output, UNWRITTEN).unwrap();
    (0..plan.arenas.len()).for_each(|n| device.fill(id, Region::Arena(n as u32), UNWRITTEN).unwrap());
    let inputs = inputs(case);
    let inputs: Vec<_> = inputs.iter().map(|(name, t)| (name.as_str(), t)).collect();
    let ticket = device.submit(id, &inputs).unwrap_or_else(|e| panic!("{} {}: {e}", case.stem, case.name));
    block_on(device.finished(ticket)).unwrap().remove(0)
}

/// A future that is ready at once.
pub fn block_on<T>(future: calotype_graph::BoxFuture<'_, T>) -> T {
    let mut future = future;
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the CPU's futures are ready at once"),
    }
}

/// Accepts only what it can prove close; a NaN only in a case about NaN, where one is wanted and was written. Words must be equal.
pub fn far(case: &Case, got: &HostTensor, want: &HostTensor) -> Option<String> {
    if got.ty() != want.ty() {
        return Some(format!("{} against {}", got.ty(), want.ty()));
    }
    let (Some(g), Some(w)) = (got.as_f32(), want.as_f32()) else {
        return (got != want).then(|| "words differ".into());
    };
    let t = case.tolerance;
    let right_nan = |g: f32, w: f32| case.nan && w.is_nan() && g.is_nan() && g.to_bits() != UNWRITTEN;
    let close = |g: f32, w: f32| g == w || right_nan(g, w) || (w.is_finite() && (g - w).abs() <= t.atol + t.rtol * w.abs());
    let at = g.iter().zip(w).position(|(&g, &w)| !close(g, w))?;
    Some(format!("element {at} is {} and should be {}", g[at], w[at]))
}
