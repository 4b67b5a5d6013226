// softmax — exponentials that sum to 1 in each row, or the logarithm of their sum; LANES invocations a row, GROUPS rows a
// workgroup.
//   math    y = exp(x - max x) / Σ exp(x - max x); log_sum_exp: y = max x + log Σ exp(x - max x)
//   shapes  x [rows, n] -> y [rows, n]; log_sum_exp: y [rows]     f32, row-major
//   grid    ⌈rows/GROUPS⌉, folded over x then y
// section bindings
struct Params {
    rows: u32,
    n: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// end bindings

const LANES: u32 = 32u; // a power of two
const GROUPS: u32 = 8u;
const WG_SIZE: u32 = LANES * GROUPS;

var<workgroup> lanes: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn softmax(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = (group.x + group.y * groups.x) * GROUPS + thread / LANES;
    let lane = thread % LANES;
    let first = thread - lane;
    let base = row * p.n;
    let n = select(0u, p.n, row < p.rows);

    // The largest, so that exp never overflows. A lane without elements repeats the row's first.
    var largest = 0.0;
    if (n > 0u) {
        largest = x[base];
    }
    for (var k = lane; k < n; k += LANES) {
        largest = max(largest, x[base + k]);
    }
    lanes[thread] = largest;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            lanes[thread] = max(lanes[thread], lanes[thread + half]);
        }
    }
    workgroupBarrier();
    largest = lanes[first];
    workgroupBarrier();

    var sum = 0.0;
    for (var k = lane; k < n; k += LANES) {
        sum += exp(x[base + k] - largest);
    }
    lanes[thread] = sum;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            lanes[thread] += lanes[thread + half];
        }
    }
    workgroupBarrier();
    sum = lanes[first];
    // section result
    for (var k = lane; k < n; k += LANES) {
        y[base + k] = exp(x[base + k] - largest) / sum;
    }
    // end result
}
