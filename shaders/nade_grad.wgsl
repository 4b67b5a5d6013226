// nade_grad — gradient of NADE; one invocation a hidden unit of one part of the images, one workgroup a slice of units.
//   source  Larochelle and Murray 2011, algorithm 1; Uria et al. 2013, arXiv:1306.0186
//   math    δ_{D+1} = 0, then down: dw_d = Σ_b x_bd δ_{d+1}      dx_bd = w_d · δ_{d+1}      g = Σ_o dy_bdo v_d·o
//           dv_d·o = Σ_b dy_bdo h_bd      drho_d = Σ g a [rho_d a > 0]      δ_d = δ_{d+1} + g φ'(a_d)      dc = Σ_b δ_1
//   shapes  x [B, D] · w [D, H] · c [H] · v [D, H, O] · rho [D] · dy [B, D, O]
//           -> y = dw [D, H] · dc [H] · dv [D, H, O] · drho [S, D] · dx [S, B, D], S slices of LANES units
//           scratch: a, then δ [⌈D/CHUNK⌉, B, H]; where the images are in parts, y as far as dx for each part
//   order   images in order; `reduce` adds up the parts
//   grid    S · parts, folded over x then y
// section bindings
struct Params {
    batch: u32,
    dims: u32,
    hidden: u32,
    slices: u32,
    parts: u32,
    images: u32,
    saved: u32,
    dc: u32,
    dv: u32,
    drho: u32,
    dx: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read> v: array<f32>;
@group(0) @binding(5) var<storage, read> rho: array<f32>;
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> scratch: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<f32>;
// end bindings

const LANES: u32 = 64u; // invocations; hidden units of a slice
const CHUNK: u32 = 8u; // dimensions between two places where a is saved
const OUTPUTS: u32 = 1u;
const RELU: bool = true;
const DX: bool = true;

var<workgroup> terms: array<f32, CHUNK * LANES>;

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

// A sum over a part's images, at its place in y.
fn put(part: u32, at: u32, value: f32) {
    if (p.parts > 1u) {
        scratch[p.saved + part * p.dx + at] = value;
    } else {
        y[at] = value;
    }
}

// Σ over the lanes of `terms` for dimension k of a chunk.
fn sum_of_lanes(k: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < LANES; i++) {
        sum += terms[k * LANES + i];
    }
    return sum;
}

@compute @workgroup_size(LANES)
fn nade_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group.x + group.y * groups.x;
    let slice = index % p.slices;
    let part = index / p.slices;
    let unit = slice * LANES + thread;
    let inside = part < p.parts && unit < p.hidden;
    let begin = min(part * p.images, p.batch);
    let end = min(begin + p.images, p.batch);
    let n_chunks = (p.dims + CHUNK - 1u) / CHUNK;

    // Up: a at the start of each chunk. What an invocation saves it alone reads.
    for (var b = begin; b < end; b++) {
        if (inside) {
            var a = c[unit];
            for (var d = 0u; d < p.dims; d++) {
                if (d % CHUNK == 0u) {
                    scratch[(d / CHUNK * p.batch + b) * p.hidden + unit] = a;
                }
                let x_d = x[b * p.dims + d];
                if (x_d != 0.0) {
                    a += x_d * w[d * p.hidden + unit];
                }
            }
        }
    }

    // Down: the sums of a chunk over all images, then the chunk before it.
    for (var n = n_chunks; n > 0u; n--) {
        let chunk = n - 1u;
        let base = chunk * CHUNK;
        var dw: array<f32, CHUNK>;
        var drho: array<f32, CHUNK>;
        var dv: array<f32, CHUNK * OUTPUTS>;
        for (var k = 0u; k < CHUNK; k++) {
            dw[k] = 0.0;
            drho[k] = 0.0;
        }
        for (var k = 0u; k < CHUNK * OUTPUTS; k++) {
            dv[k] = 0.0;
        }
        for (var b = begin; b < end; b++) {
            var a: array<f32, CHUNK>;
            var h: array<f32, CHUNK>;
            var delta = 0.0;
            let saved = (chunk * p.batch + b) * p.hidden + unit;
            if (inside) {
                if (n < n_chunks) {
                    delta = scratch[saved + p.batch * p.hidden];
                }
                var a_d = scratch[saved];
                var h_d = 0.0;
                var is_new = true;
                for (var k = 0u; k < CHUNK; k++) {
                    let d = base + k;
                    if (d < p.dims) {
                        // Without x, a is what it was, and so are sigmoids.
                        if (RELU || is_new) {
                            h_d = activate(a_d, d);
                        }
                        a[k] = a_d;
                        h[k] = h_d;
                        let x_d = x[b * p.dims + d];
                        is_new = x_d != 0.0;
                        if (is_new) {
                            a_d += x_d * w[d * p.hidden + unit];
                        }
                    }
                }
            }
            for (var i = CHUNK; i > 0u; i--) {
                let k = i - 1u;
                let d = base + k;
                if (inside && d < p.dims) {
                    let x_d = x[b * p.dims + d];
                    dw[k] += x_d * delta;
                    if (DX) {
                        terms[k * LANES + thread] = w[d * p.hidden + unit] * delta;
                    }
                    var g = 0.0;
                    for (var o = 0u; o < OUTPUTS; o++) {
                        let dy_do = dy[(b * p.dims + d) * OUTPUTS + o];
                        g += dy_do * v[(d * p.hidden + unit) * OUTPUTS + o];
                        dv[k * OUTPUTS + o] += dy_do * h[k];
                    }
                    if (RELU) {
                        let is_on = rho[d] * a[k] > 0.0;
                        drho[k] += select(0.0, g * a[k], is_on);
                        delta += select(0.0, g * rho[d], is_on);
                    } else {
                        delta += g * h[k] * (1.0 - h[k]);
                    }
                } else if (DX) {
                    terms[k * LANES + thread] = 0.0;
                }
            }
            if (inside) {
                scratch[saved] = delta;
            }
            if (DX) {
                workgroupBarrier();
                if (thread < CHUNK && base + thread < p.dims && part < p.parts) {
                    y[p.dx + (slice * p.batch + b) * p.dims + base + thread] = sum_of_lanes(thread);
                }
                workgroupBarrier();
            }
        }
        for (var k = 0u; k < CHUNK; k++) {
            let d = base + k;
            if (inside && d < p.dims) {
                put(part, d * p.hidden + unit, dw[k]);
                for (var o = 0u; o < OUTPUTS; o++) {
                    put(part, p.dv + (d * p.hidden + unit) * OUTPUTS + o, dv[k * OUTPUTS + o]);
                }
            }
            if (RELU) {
                terms[k * LANES + thread] = select(0.0, drho[k], inside);
            }
        }
        if (RELU) {
            workgroupBarrier();
            if (thread < CHUNK && base + thread < p.dims && part < p.parts) {
                put(part, p.drho + slice * p.dims + base + thread, sum_of_lanes(thread));
            }
            workgroupBarrier();
        }
    }

    var dc = 0.0;
    for (var b = begin; b < end; b++) {
        if (inside) {
            dc += scratch[b * p.hidden + unit];
        }
    }
    if (inside) {
        put(part, p.dc + unit, dc);
    }
}
