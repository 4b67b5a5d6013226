// softmax — exponentials that sum to 1 in each row, or the logarithm of their sum; LANES invocations a row, GROUPS rows a
// workgroup.
//   math    y = exp(x - max x) / Σ exp(x - max x), 0 in a row of -∞ alone
//           log_sum_exp: y = max x + log Σ exp(x - max x), max x where that is infinite
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

const INFINITY_BITS: u32 = 0x7f800000u;
const LANES: u32 = 32u; // a power of two
const GROUPS: u32 = 8u;
const WG_SIZE: u32 = LANES * GROUPS;

var<workgroup> lanes: array<f32, WG_SIZE>;

// Those of NaN are above those of infinity. By the bits: WGSL has no literal for infinity, and `x != x` is lowered to false.
fn magnitude_bits(x: f32) -> u32 {
    return bitcast<u32>(x) & 0x7fffffffu;
}

// The larger; NaN if either is.
fn larger(a: f32, b: f32) -> f32 {
    let number = select(max(a, b), b, magnitude_bits(b) > INFINITY_BITS);
    return select(number, a, magnitude_bits(a) > INFINITY_BITS);
}

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
        largest = larger(largest, x[base + k]);
    }
    lanes[thread] = largest;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            lanes[thread] = larger(lanes[thread], lanes[thread + half]);
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
    let bits = bitcast<u32>(largest);
    let nothing = bits == 0xff800000u; // -∞
    // NaN for a row with NaN or +∞, whatever the driver's exp makes of NaN.
    let lost = (magnitude_bits(largest) >= INFINITY_BITS) & !nothing;
    for (var k = lane; k < n; k += LANES) {
        let part = select(exp(x[base + k] - largest) / sum, 0.0, nothing);
        y[base + k] = select(part, bitcast<f32>(bits | 0x7fc00000u), lost);
    }
    // end result
}
