// roof_fma — the rate of fused multiply-adds in registers; measures the adapter, carries out no op.
//   math    twelve independent chains a = a · x + y an invocation, 48 · ROUNDS multiply-adds in all: enough to hide the
//           latency of one, few enough for the registers of a CPU's vector unit
//   shapes  x [2] -> y [invocations]     f32; every chain ends in y, so that none may be left out
//   grid    as many workgroups as y has room for, folded over x then y
// section bindings
struct Params {
    n: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// end bindings

const WG_SIZE: u32 = 256u;
const ROUNDS: u32 = 256u;

@compute @workgroup_size(WG_SIZE)
fn roof_fma(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    let scale = vec4<f32>(x[0]);
    let shift = vec4<f32>(x[1]);
    var a = vec4<f32>(f32(thread));
    var b = a + 1.0;
    var c = a + 2.0;
    for (var round = 0u; round < ROUNDS; round += 1u) {
        a = fma(a, scale, shift);
        b = fma(b, scale, shift);
        c = fma(c, scale, shift);
        a = fma(a, scale, shift);
        b = fma(b, scale, shift);
        c = fma(c, scale, shift);
        a = fma(a, scale, shift);
        b = fma(b, scale, shift);
        c = fma(c, scale, shift);
        a = fma(a, scale, shift);
        b = fma(b, scale, shift);
        c = fma(c, scale, shift);
    }
    if (i < p.n) {
        y[i] = dot(a, vec4<f32>(1.0)) + dot(b, vec4<f32>(1.0)) + dot(c, vec4<f32>(1.0));
    }
}
