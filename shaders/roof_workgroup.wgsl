// roof_workgroup — the rate at which workgroup memory is read; measures the adapter, carries out no op.
//   math    each invocation adds up 4 · ROUNDS vec4 of a tile that the workgroup has filled; neighbours read neighbours
//   shapes  x [2] -> y [invocations]     f32; every sum ends in y, so that none may be left out
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
const TILE: u32 = 1024u; // vec4: 16 KiB; a power of two
const ROUNDS: u32 = 256u;

var<workgroup> tile: array<vec4<f32>, TILE>;

@compute @workgroup_size(WG_SIZE)
fn roof_workgroup(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    for (var k = thread; k < TILE; k += WG_SIZE) {
        tile[k] = vec4<f32>(x[0] + f32(k));
    }
    workgroupBarrier();
    var a = vec4<f32>(0.0);
    var b = vec4<f32>(0.0);
    var c = vec4<f32>(0.0);
    var d = vec4<f32>(0.0);
    var at = thread;
    for (var round = 0u; round < ROUNDS; round += 1u) {
        a += tile[at % TILE];
        b += tile[(at + WG_SIZE) % TILE];
        c += tile[(at + 2u * WG_SIZE) % TILE];
        d += tile[(at + 3u * WG_SIZE) % TILE];
        at += 8u;
    }
    if (i < p.n) {
        y[i] = dot(a + b + c + d, vec4<f32>(1.0));
    }
}
