// nade — numbers of NADE's conditionals; one workgroup an image, whose hidden units its invocations share.
//   source  Larochelle and Murray 2011, eq. (5) and (6); Uria et al. 2013, arXiv:1306.0186, eq. (3) to (8)
//   math    a_1 = c      h_d = σ(a_d) or relu(rho_d a_d)      y_d = Σ_j v_dj h_dj      a_{d+1} = a_d + x_d w_d
//   shapes  x [B, D] · w [D, H] · c [H] · v [D, H, O] · rho [D] -> y [B, D, O]     f32, row-major
//   order   an invocation's units in order, then invocations 16 apart, then the 16 sums
//   grid    B, folded over x then y
// section bindings
struct Params {
    batch: u32,
    dims: u32,
    hidden: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read> v: array<f32>;
@group(0) @binding(5) var<storage, read> rho: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
// end bindings

const LANES: u32 = 256u; // invocations; a power of two, at least PARTIAL
const UNITS: u32 = 2u; // hidden units of an invocation, LANES apart
const OUTPUTS: u32 = 1u;
const RELU: bool = true;
const ROWS: u32 = 16u; // sums that are gathered before they are added up
const PARTIAL: u32 = 16u; // invocations that add up a sum

var<workgroup> terms: array<f32, ROWS * LANES>;

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

@compute @workgroup_size(LANES)
fn nade(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let image = group.x + group.y * groups.x;
    let inside = image < p.batch;
    let n_rows = p.dims * OUTPUTS;
    var a: array<f32, UNITS>;
    var h: array<f32, UNITS>;
    for (var k = 0u; k < UNITS; k++) {
        let unit = thread + k * LANES;
        if (unit < p.hidden) {
            a[k] = c[unit];
            h[k] = activate(a[k], 0u);
        }
    }
    for (var first = 0u; first < n_rows; first += ROWS) {
        for (var r = 0u; r < ROWS; r++) {
            let row = first + r;
            var sum = 0.0;
            if (inside && row < n_rows) {
                let d = row / OUTPUTS;
                let o = row % OUTPUTS;
                if (o == 0u && d > 0u) {
                    // Without x, a is what it was, and so are sigmoids.
                    let x_before = x[image * p.dims + d - 1u];
                    if (RELU || x_before != 0.0) {
                        for (var k = 0u; k < UNITS; k++) {
                            let unit = thread + k * LANES;
                            if (unit < p.hidden) {
                                if (x_before != 0.0) {
                                    a[k] += x_before * w[(d - 1u) * p.hidden + unit];
                                }
                                h[k] = activate(a[k], d);
                            }
                        }
                    }
                }
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
        if (thread < ROWS && inside && first + thread < n_rows) {
            var sum = 0.0;
            for (var i = 0u; i < PARTIAL; i++) {
                sum += terms[thread * LANES + i];
            }
            y[image * n_rows + first + thread] = sum;
        }
        workgroupBarrier();
    }
}
