// cumsum — running sums along the middle axis; one workgroup COLS columns of GROUPS slices.
//   source  Hillis and Steele 1986, "Data parallel algorithms": a chunk of LANES elements in log₂ LANES steps
//   math    y[o, k, c] = Σ x[o, i, c] over i <= k, or over i >= k
//   shapes  x [outer, n, inner] -> y of that shape     f32, row-major
//   order   chunks one after the other, the sum so far carried along: the same bits each time
//   grid    ⌈inner/COLS⌉ · ⌈outer/GROUPS⌉, folded over x then y
// section bindings
struct Params {
    outer: u32,
    n: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// end bindings

const REVERSE: bool = false;
const COLS: u32 = 1u; // neighbouring columns, fastest
const LANES: u32 = 256u; // invocations that share a column; a power of two
const GROUPS: u32 = 1u;
const WG_SIZE: u32 = COLS * LANES * GROUPS;

var<workgroup> sums: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn cumsum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let tiles_c = (p.inner + COLS - 1u) / COLS;
    let c = tile % tiles_c * COLS + thread % COLS;
    let o = tile / tiles_c * GROUPS + thread / (COLS * LANES);
    let lane = thread / COLS % LANES;
    let last = thread + (LANES - 1u - lane) * COLS;

    var carry = 0.0;
    for (var base = 0u; base < p.n; base += LANES) {
        let k = base + lane;
        let inside = (c < p.inner) & (o < p.outer) & (k < p.n);
        let at = (o * p.n + select(k, p.n - 1u - k, REVERSE)) * p.inner + c;
        var sum = 0.0;
        if (inside) {
            sum = x[at];
        }
        sums[thread] = sum;
        for (var step = 1u; step < LANES; step *= 2u) {
            workgroupBarrier();
            var before = 0.0;
            if (lane >= step) {
                before = sums[thread - step * COLS];
            }
            workgroupBarrier();
            sum += before;
            sums[thread] = sum;
        }
        workgroupBarrier();
        if (inside) {
            y[at] = carry + sum;
        }
        carry += sums[last];
        workgroupBarrier();
    }
}
