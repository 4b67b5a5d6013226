//! Elementwise kernels: generated whole.

use calotype_graph::{DeviceError, Expr, Step};

use crate::dispatch::{Dispatch, Table, distinct_reads, folded};
use crate::generate::Job;

const WG_SIZE: usize = 256;

/// One invocation an element, or four elements where they come in fours.
pub(crate) fn elementwise(step: &Step, expr: &Expr) -> Result<Vec<Dispatch>, DeviceError> {
    let total = step.writes[0].ty.numel();
    if total == 0 {
        return Ok(Vec::new());
    }
    let width = if total.is_multiple_of(4) && distinct_reads(step) { 4 } else { 1 };
    let invocations = total / width;
    let wg_size = WG_SIZE;
    let mut table = Table::default();
    table.param("invocations", invocations)?;
    let job = Job { expr, reads: &step.reads, writes: &step.writes, total, width, prefix: "x" };
    let body = job.compile(&mut table)?;
    let (declarations, functions, statements) = (table.declarations(), body.functions, body.statements);
    let wgsl = format!(
        "{declarations}\n{functions}\n\
         const WG_SIZE: u32 = {wg_size}u;\n\n\
         @compute @workgroup_size(WG_SIZE)\n\
         fn elementwise(\n\
         \x20   @builtin(workgroup_id) group: vec3<u32>,\n\
         \x20   @builtin(num_workgroups) groups: vec3<u32>,\n\
         \x20   @builtin(local_invocation_index) thread: u32,\n\
         ) {{\n\
         \x20   let n = (group.x + group.y * groups.x) * WG_SIZE + thread;\n\
         \x20   if (n >= p.invocations) {{\n        return;\n    }}\n\
         \x20   let i = n * {width}u;\n\
         {statements}}}\n"
    );
    let grid = folded(invocations.div_ceil(wg_size) as u64)?;
    Ok(vec![table.dispatch("elementwise", wgsl, grid)])
}
