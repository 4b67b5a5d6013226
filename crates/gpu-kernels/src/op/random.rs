//! Random numbers: one invocation a block of four.

use calotype_graph::op::{Distribution, Random};
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 64;

pub(crate) fn random(step: &Step, op: &Random) -> Result<Vec<Dispatch>, DeviceError> {
    let (seed, counter, y) = (&step.reads[0], &step.reads[1], &step.writes[0]);
    let n = y.ty.numel();
    if n == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    table.param("n", n)?;
    table.word("stream", op.stream);
    table.read("seed", seed.place, Element::U32);
    table.read("step", counter.place, Element::U32);
    table.write("y", y.place, Element::U32);
    let distribution = match op.distribution {
        Distribution::Words => 0,
        Distribution::Uniform => 1,
        Distribution::Normal => 2,
    };
    let wgsl = Source::new("random", shader!("random"))
        .section("bindings", &table.declarations())?
        .sizes(&[("DISTRIBUTION", distribution), ("WG_SIZE", WG_SIZE)])?
        .finish();
    Ok(vec![table.dispatch("random", wgsl, folded(n.div_ceil(4 * WG_SIZE) as u64)?)])
}
