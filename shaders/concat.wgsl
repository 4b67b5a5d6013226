// concat — a then b along the middle axis; one invocation an element of the result.
//   math    y[o, k, c] = a[o, k, c] for k < n_a, else b[o, k - n_a, c]
//   shapes  a [outer, n_a, inner] · b [outer, n_b, inner] -> y [outer, n_a + n_b, inner]     bit patterns
//   grid    ⌈outer·(n_a + n_b)·inner / WG_SIZE⌉, folded over x then y
// section bindings
struct Params {
    total: u32,
    n_a: u32,
    n_b: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<u32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
// end bindings

const WG_SIZE: u32 = 256u;

@compute @workgroup_size(WG_SIZE)
fn concat(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let c = i % p.inner;
        let k = i / p.inner % (p.n_a + p.n_b);
        let o = i / p.inner / (p.n_a + p.n_b);
        if (k < p.n_a) {
            y[i] = a[(o * p.n_a + k) * p.inner + c];
        } else {
            y[i] = b[(o * p.n_b + k - p.n_a) * p.inner + c];
        }
    }
}
