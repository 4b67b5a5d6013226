// batch_norm_stats — mean and variance of each channel; one workgroup COLS channels of one part of the rows.
//   source  Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1; Welford 1962 within a lane, Chan, Golub, LeVeque 1979 to
//           join lanes and parts: no E[x²] - mean²
//   math    mean = Σ x / rows      var = Σ (x - mean)² / rows
//   shapes  x [rows, channels] -> y [2, channels]; with several parts first [parts, 2, channels]: mean and Σ (x - mean)²
//   grid    ⌈channels/COLS⌉ · parts, folded over x then y; then JOIN over ⌈channels/COLS⌉
// section bindings
struct Params {
    rows: u32,
    channels: u32,
    part: u32,
    parts: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// end bindings

// Whether x holds [parts, 2, channels] and rows counts parts.
const JOIN: bool = false;
// Whether the result is a variance, not a sum of squares.
const FINISH: bool = true;
const COLS: u32 = 32u; // neighbouring channels, fastest
const LANES: u32 = 8u; // invocations that share a channel; a power of two
const WG_SIZE: u32 = COLS * LANES;

// n values with mean and Σ (x - mean)².
struct Moments {
    n: f32,
    mean: f32,
    square: f32,
}

var<workgroup> lanes: array<Moments, WG_SIZE>;

fn join(a: Moments, b: Moments) -> Moments {
    if (a.n == 0.0 || b.n == 0.0) {
        return Moments(a.n + b.n, a.mean + b.mean, a.square + b.square); // one of them is all zeros
    }
    let n = a.n + b.n;
    let d = b.mean - a.mean;
    return Moments(n, a.mean + d * (b.n / n), a.square + b.square + d * d * (a.n * b.n / n));
}

@compute @workgroup_size(WG_SIZE)
fn batch_norm_stats(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let tiles_c = (p.channels + COLS - 1u) / COLS;
    let c = tile % tiles_c * COLS + thread % COLS;
    let s = tile / tiles_c;
    let lane = thread / COLS;
    let inside = c < p.channels && (JOIN || s < p.parts);
    let begin = select(s * p.part, 0u, JOIN);
    let stop = select(min(begin + p.part, p.rows), p.parts, JOIN);
    let end = select(0u, stop, inside);

    var m = Moments(0.0, 0.0, 0.0);
    for (var r = begin + lane; r < end; r += LANES) {
        if (JOIN) {
            let n = min(p.part, p.rows - r * p.part);
            m = join(m, Moments(f32(n), x[2u * r * p.channels + c], x[(2u * r + 1u) * p.channels + c]));
        } else {
            let v = x[r * p.channels + c];
            let d = v - m.mean;
            m.n += 1.0;
            m.mean += d / m.n;
            m.square += d * (v - m.mean);
        }
    }
    lanes[thread] = m;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            lanes[thread] = join(lanes[thread], lanes[thread + half * COLS]);
        }
    }
    if (inside && lane == 0u) {
        let at = select(2u * s * p.channels, 0u, FINISH) + c;
        y[at] = lanes[thread].mean;
        y[at + p.channels] = lanes[thread].square / select(1.0, f32(p.rows), FINISH);
    }
}
