// pad — more elements on both sides of the middle axis, all of one value; one invocation an element of the result.
//   math    y[o, k, c] = x[o, k - before, c], or the value where there is none
//   shapes  x [outer, n, inner] -> y [outer, n_out, inner]     bit patterns
//   grid    ⌈outer·n_out·inner / WG_SIZE⌉, folded over x then y
// section bindings
struct Params {
    total: u32,
    n: u32,
    n_out: u32,
    inner: u32,
    before: u32,
    value: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
// end bindings

const WG_SIZE: u32 = 256u;

@compute @workgroup_size(WG_SIZE)
fn pad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let c = i % p.inner;
        let k = i / p.inner % p.n_out - p.before; // wraps where it lies before
        let o = i / p.inner / p.n_out;
        var v = p.value;
        if (k < p.n) {
            v = x[(o * p.n + k) * p.inner + c];
        }
        y[i] = v;
    }
}
