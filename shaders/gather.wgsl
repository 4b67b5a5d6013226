// gather — rows of tables by index; one invocation a slot: an element, or four neighbours of a row.
//   math    y[b, n] = x[b, indices[b, n]], zeros for an index of v or more
//   shapes  x [B, v, e] · indices u32 [B, n] -> y [B, n, e]     bit patterns, e in slots
//   grid    ⌈B·n·e / WG_SIZE⌉, folded over x then y
// section bindings
struct Params {
    total: u32,
    v: u32,
    n: u32,
    e: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
// end bindings

// section types
alias slot = u32;
// end types

const WG_SIZE: u32 = 256u;

@compute @workgroup_size(WG_SIZE)
fn gather(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let row = i / p.e;
        let index = indices[row];
        var value = slot();
        if (index < p.v) {
            value = x[(row / p.n * p.v + index) * p.e + i % p.e];
        }
        y[i] = value;
    }
}
