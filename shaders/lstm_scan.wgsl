// lstm_scan — an LSTM at each position, through all time steps; one workgroup owns a batch row's whole sequence.
//   source  van den Oord et al. 2016, "Pixel Recurrent Neural Networks", arXiv:1601.06759, eq. (3)
//   math    pre_t = x_gates_t + Σ_k h_{t-1}[q + k - BEFORE] w[k], with two taps + h_t[q-1] w[0] + h_{t-1}[q] w[1]
//           gates [o | f | i | g]
//           c_t = σ(f) c_{t-1} + σ(i) tanh(g)      h_t = σ(o) tanh(c_t)
//   shapes  x_gates [T, B, P, 4H] · w [taps, H, 4H] · h0 [B, P, H] · c0 [B, P, H] -> h [T, B, P, H], and with KEEP
//           [σ(o) | σ(f) | σ(i) | tanh(g)] [T, B, P, 4H] after it     f32, row-major
//   grid    B, folded over x then y. Where a sequence's states do not fit, `lib/lstm_scan_step.wgsl` is the core: one
//           dispatch a wave
// section bindings
struct Params {
    steps: u32,
    batch: u32,
    kept: u32, // where the gates are kept in h
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x_gates: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> h0: array<f32>;
@group(0) @binding(4) var<storage, read> c0: array<f32>;
@group(0) @binding(5) var<storage, read_write> h: array<f32>;
// end bindings

const POSITIONS: u32 = 28u;
const HIDDEN: u32 = 16u;
const TAPS: u32 = 3u;
const BEFORE: u32 = 1u; // positions outside, ahead of the first, that taps reach
const REVERSE: bool = false;
const KEEP: bool = false;
const GATES: u32 = 4u * HIDDEN;
const DIAGONAL: bool = TAPS == 2u; // the first tap sees the position ahead at the same time

// Which of its turns a position has in a wave; at least p.steps where it has none.
fn turn_of(wave: u32, position: u32) -> u32 {
    return select(wave, wave - position, DIAGONAL);
}

// The time step of a turn.
fn time_of(turn: u32) -> u32 {
    return select(turn, p.steps - 1u - turn, REVERSE);
}

// Above 10 tanh is 1 to the last bit, and some drivers give NaN for large arguments. NaN stays, which clamp may drop.
fn tanh_clamped(x: f32) -> f32 {
    return select(tanh(clamp(x, -10.0, 10.0)), x, (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u);
}

// exp never grows, so that nothing overflows.
fn sigmoid(x: f32) -> f32 {
    let e = exp(-abs(x));
    return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// The gates of hidden unit number `at` of all, after their functions.
fn four_gates(pre: vec4<f32>, at: u32) -> vec4<f32> {
    let four = vec4<f32>(sigmoid(pre.x), sigmoid(pre.y), sigmoid(pre.z), tanh_clamped(pre.w));
    if (KEEP) {
        let first = p.kept + at / HIDDEN * GATES + at % HIDDEN;
        h[first] = four.x;
        h[first + HIDDEN] = four.y;
        h[first + 2u * HIDDEN] = four.z;
        h[first + 3u * HIDDEN] = four.w;
    }
    return four;
}

// The four gates of hidden unit j that start at `at` (one row of [4H]).
fn four_inputs(at: u32) -> vec4<f32> {
    return vec4<f32>(x_gates[at], x_gates[at + HIDDEN], x_gates[at + 2u * HIDDEN], x_gates[at + 3u * HIDDEN]);
}

fn four_weights(at: u32) -> vec4<f32> {
    return vec4<f32>(w[at], w[at + HIDDEN], w[at + 2u * HIDDEN], w[at + 3u * HIDDEN]);
}

// section core
const WG_SIZE: u32 = 256u;
const OWN: u32 = POSITIONS * HIDDEN; // hidden units of a batch row
const UNITS: u32 = (OWN + WG_SIZE - 1u) / WG_SIZE; // of an invocation
const STATES: u32 = (POSITIONS + TAPS - 1u) * HIDDEN;

// h of each position's last turn, with zeros around its positions.
var<workgroup> states: array<f32, STATES>;

@compute @workgroup_size(WG_SIZE)
fn lstm_scan(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let b = group.x + group.y * groups.x;
    let own = select(0u, OWN, b < p.batch);
    var c: array<f32, UNITS>;
    var next: array<f32, UNITS>;
    for (var i = thread; i < STATES; i += WG_SIZE) {
        states[i] = 0.0;
    }
    workgroupBarrier();
    for (var n = 0u; n < UNITS; n++) {
        let u = thread + n * WG_SIZE;
        if (u < own) {
            c[n] = c0[b * OWN + u];
            next[n] = h0[b * OWN + u];
            states[u + BEFORE * HIDDEN] = next[n];
        }
    }
    workgroupBarrier();
    let waves = p.steps + select(0u, POSITIONS - 1u, DIAGONAL);
    for (var wave = 0u; wave < waves; wave++) {
        for (var n = 0u; n < UNITS; n++) {
            let u = thread + n * WG_SIZE;
            let turn = turn_of(wave, u / HIDDEN);
            if ((u < own) & (turn < p.steps)) {
                let seen = u / HIDDEN * HIDDEN; // what the taps see lies together
                let j = u % HIDDEN;
                let first = (time_of(turn) * p.batch + b) * OWN;
                var pre = four_inputs(4u * (first + seen) + j);
                for (var k = 0u; k < TAPS * HIDDEN; k++) {
                    pre += states[seen + k] * four_weights(k * GATES + j);
                }
                let four = four_gates(pre, first + u);
                c[n] = four.y * c[n] + four.z * four.w;
                next[n] = four.x * tanh_clamped(c[n]);
                h[first + u] = next[n];
            }
        }
        workgroupBarrier();
        for (var n = 0u; n < UNITS; n++) {
            let u = thread + n * WG_SIZE;
            if (u < own) {
                states[u + BEFORE * HIDDEN] = next[n];
            }
        }
        workgroupBarrier();
    }
}
// end core
