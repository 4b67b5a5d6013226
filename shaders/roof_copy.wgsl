// roof_copy — the rate at which memory is read and written; measures the adapter, carries out no op.
//   math    y = x
//   shapes  x [n] -> y [n]     vec4<f32>
//   grid    ⌈n / (WG_SIZE · PER_THREAD)⌉, folded over x then y
// section bindings
struct Params {
    n: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
// end bindings

const WG_SIZE: u32 = 256u;
const PER_THREAD: u32 = 4u;

@compute @workgroup_size(WG_SIZE)
fn roof_copy(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let first = (group.x + group.y * groups.x) * WG_SIZE * PER_THREAD + thread;
    for (var k = 0u; k < PER_THREAD; k += 1u) {
        let i = first + k * WG_SIZE;
        if (i < p.n) {
            y[i] = x[i];
        }
    }
}
