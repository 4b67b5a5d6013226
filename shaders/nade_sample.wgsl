// nade_sample — images drawn dimension by dimension from NADE's conditionals; one workgroup an image.
//   source  Larochelle and Murray 2011, §3; Uria et al. 2013, arXiv:1306.0186
//   math    y_d = b_d + Σ_j v_dj h_dj      x_d ~ p(x_d | y_d), or given      then as in `nade`
//           bits: x_d = u < σ(y_d)
//           mixtures: y = [weights | means | log-deviations], the component by the running sum of softmax(weights) against u,
//           x_d = mean + max(exp(log-deviation), floor) z
//   shapes  noise [B, D, R] (u, z) · known [2, B, D] (values, mask) · w [D, H] · c [H] · v [D, H, O] · b [D, O] · rho [D]
//           -> x [B, D]     f32, row-major
//   order   an invocation's units in order, then invocations 16 apart, then the 16 sums
//   grid    B, folded over x then y
// section bindings
struct Params {
    batch: u32,
    dims: u32,
    hidden: u32,
    deviation_floor: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> noise: array<f32>;
@group(0) @binding(2) var<storage, read> known: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> c: array<f32>;
@group(0) @binding(5) var<storage, read> v: array<f32>;
@group(0) @binding(6) var<storage, read> b: array<f32>;
@group(0) @binding(7) var<storage, read> rho: array<f32>;
@group(0) @binding(8) var<storage, read_write> x: array<f32>;
// end bindings

const LANES: u32 = 256u; // invocations; a power of two, at least PARTIAL
const UNITS: u32 = 2u; // hidden units of an invocation, LANES apart
const OUTPUTS: u32 = 3u;
const RELU: bool = true;
const MIXTURE: bool = true;
const ROWS: u32 = 3u; // sums that are added up at once
const PARTIAL: u32 = 16u; // invocations that add up a sum

var<workgroup> terms: array<f32, ROWS * LANES>;
var<workgroup> y: array<f32, OUTPUTS>;

// exp never grows, so that nothing overflows.
fn sigmoid(a: f32) -> f32 {
    let e = exp(-abs(a));
    return select(e, 1.0, a >= 0.0) / (1.0 + e);
}

// h_d; NaN stays.
fn activate(a: f32, d: u32) -> f32 {
    if (RELU) {
        let scaled = rho[d] * a;
        return select(scaled, 0.0, scaled < 0.0);
    }
    return sigmoid(a);
}

// x_d from y; `at` is its noise.
fn draw(at: u32) -> f32 {
    if (!MIXTURE) {
        return select(0.0, 1.0, noise[at] < sigmoid(y[0]));
    }
    let n = OUTPUTS / 3u;
    var largest = y[0];
    for (var k = 1u; k < n; k++) {
        largest = select(largest, y[k], y[k] > largest);
    }
    var total = 0.0;
    for (var k = 0u; k < n; k++) {
        total += exp(y[k] - largest);
    }
    let target_sum = noise[at] * total;
    var component = n - 1u;
    var sum = 0.0;
    for (var k = 0u; k < n; k++) {
        sum += exp(y[k] - largest);
        if (target_sum < sum) {
            component = k;
            break;
        }
    }
    let deviation = exp(y[2u * n + component]);
    let least = bitcast<f32>(p.deviation_floor);
    return y[n + component] + select(deviation, least, deviation < least) * noise[at + 1u];
}

@compute @workgroup_size(LANES)
fn nade_sample(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let image = group.x + group.y * groups.x;
    let inside = image < p.batch;
    let n_noise = select(1u, 2u, MIXTURE);
    var a: array<f32, UNITS>;
    var h: array<f32, UNITS>;
    for (var k = 0u; k < UNITS; k++) {
        let unit = thread + k * LANES;
        if (unit < p.hidden) {
            a[k] = c[unit];
            h[k] = activate(a[k], 0u);
        }
    }
    for (var d = 0u; d < p.dims; d++) {
        for (var first = 0u; first < OUTPUTS; first += ROWS) {
            for (var r = 0u; r < ROWS; r++) {
                let o = first + r;
                var sum = 0.0;
                if (inside && o < OUTPUTS) {
                    for (var k = 0u; k < UNITS; k++) {
                        let unit = thread + k * LANES;
                        if (unit < p.hidden) {
                            sum += h[k] * v[(d * p.hidden + unit) * OUTPUTS + o];
                        }
                    }
                }
                terms[r * LANES + thread] = sum;
            }
            workgroupBarrier();
            for (var t = thread; t < ROWS * PARTIAL; t += LANES) {
                let start = t / PARTIAL * LANES;
                var sum = 0.0;
                for (var i = t % PARTIAL; i < LANES; i += PARTIAL) {
                    sum += terms[start + i];
                }
                terms[start + t % PARTIAL] = sum; // which no other invocation reads
            }
            workgroupBarrier();
            if (thread < ROWS && inside && first + thread < OUTPUTS) {
                var sum = 0.0;
                for (var i = 0u; i < PARTIAL; i++) {
                    sum += terms[thread * LANES + i];
                }
                y[first + thread] = sum + b[d * OUTPUTS + first + thread];
            }
            workgroupBarrier();
        }
        // Every invocation draws the same x_d. The barriers of the next dimension part these reads of y from its writes.
        if (inside) {
            let at = image * p.dims + d;
            var x_d = known[at];
            if (known[p.batch * p.dims + at] == 0.0) {
                x_d = draw(at * n_noise);
            }
            if (thread == 0u) {
                x[at] = x_d;
            }
            if (d + 1u < p.dims && (RELU || x_d != 0.0)) {
                for (var k = 0u; k < UNITS; k++) {
                    let unit = thread + k * LANES;
                    if (unit < p.hidden) {
                        if (x_d != 0.0) {
                            a[k] += x_d * w[d * p.hidden + unit];
                        }
                        h[k] = activate(a[k], d + 1u);
                    }
                }
            }
        }
    }
}
