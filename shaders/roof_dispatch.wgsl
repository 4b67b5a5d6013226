// roof_dispatch — what a dispatch costs that has next to nothing to do; measures the adapter, carries out no op. Each
// depends on the one before it, as the kernels of a training step do.
//   math    y += x
//   shapes  x [2] -> y [n]     f32
//   grid    1
// section bindings
struct Params {
    n: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// end bindings

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn roof_dispatch(@builtin(local_invocation_index) thread: u32) {
    if (thread < p.n) {
        y[thread] += x[0];
    }
}
