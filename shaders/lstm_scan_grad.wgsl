// lstm_scan_grad — the way back through an LSTM's time steps; one workgroup owns a batch row's whole sequence.
//   source  the chain rule on van den Oord et al. 2016, arXiv:1601.06759, eq. (3)
//   math    dh_t += Σ_k d_pre_{t+1}[q + k - BEFORE] back[k], with two taps + d_pre_{t+1}[q] back[0] + d_pre_t[q+1] back[1]
//           dc_t += dh_t σ(o) (1 - tanh² c_t)
//           d_pre_t = [dh tanh(c) o (1 - o) | dc c_{t-1} f (1 - f) | dc g i (1 - i) | dc i (1 - g²)]      dc_{t-1} = dc f
//   shapes  kept [5T, B, P, H] (h, then the gates [T, B, P, 4H] after their functions) · back [taps, 4H, H] (taps mirrored)
//           · c0 [B, P, H] · dh [T, B, P, H]
//           -> d_pre [T, B, P, 4H], and with INITIAL a row [dh0 | dc0 | 0 | 0] more     f32, row-major
//   order   a dispatch of `lib/lstm_scan_grad_cells.wgsl` first: c_t lies where σ(o)'s cotangent will be
//   grid    B, folded over x then y. Where what is carried does not fit, `lib/lstm_scan_grad_step.wgsl` is the core: one
//           dispatch a wave
// section bindings
struct Params {
    steps: u32,
    batch: u32,
    gates: u32, // where they start in what is kept
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> kept: array<f32>;
@group(0) @binding(2) var<storage, read> back: array<f32>;
@group(0) @binding(3) var<storage, read> c0: array<f32>;
@group(0) @binding(4) var<storage, read> dh: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_pre: array<f32>;
// end bindings

const POSITIONS: u32 = 28u;
const HIDDEN: u32 = 16u;
const TAPS: u32 = 3u;
const BEFORE: u32 = 1u; // positions outside, ahead of the first, that mirrored taps reach
const REVERSE: bool = false; // of the forward scan
const GATES: u32 = 4u * HIDDEN;
const DIAGONAL: bool = TAPS == 2u; // the last tap sees the position behind at the same time

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

// [σ(o) | σ(f) | σ(i) | tanh(g)] of the hidden unit whose gates start at `at`.
fn four_gates(at: u32) -> vec4<f32> {
    let first = p.gates + at;
    return vec4<f32>(kept[first], kept[first + HIDDEN], kept[first + 2u * HIDDEN], kept[first + 3u * HIDDEN]);
}

// A hidden unit's cotangents: of its gates and of the cell before.
struct Back {
    gates: vec4<f32>,
    dc: f32,
}

fn differentiate(a: vec4<f32>, c: f32, c_prev: f32, dh_t: f32, dc_next: f32) -> Back {
    let tanh_c = tanh_clamped(c);
    let dc = dc_next + dh_t * a.x * (1.0 - tanh_c * tanh_c);
    let upstream = vec4<f32>(dh_t * tanh_c, dc * c_prev, dc * a.w, dc * a.z);
    let slope = vec4<f32>(a.xyz * (1.0 - a.xyz), 1.0 - a.w * a.w);
    return Back(upstream * slope, dc * a.y);
}

fn store(at: u32, four: vec4<f32>) {
    d_pre[at] = four.x;
    d_pre[at + HIDDEN] = four.y;
    d_pre[at + 2u * HIDDEN] = four.z;
    d_pre[at + 3u * HIDDEN] = four.w;
}

// section core
const INITIAL: bool = true;
const WG_SIZE: u32 = 256u;
const OWN: u32 = POSITIONS * HIDDEN; // hidden units of a batch row
const UNITS: u32 = (OWN + WG_SIZE - 1u) / WG_SIZE; // of an invocation
const STATES: u32 = (POSITIONS + TAPS - 1u) * GATES;

// d_pre of each position's last turn, with zeros around its positions.
var<workgroup> states: array<f32, STATES>;

// The cotangent of a hidden unit's state through the gates that saw it, the first `depth` of them.
fn through(u: u32, depth: u32) -> f32 {
    let seen = u / HIDDEN * GATES; // what the taps see lies together
    var sum = 0.0;
    for (var k = 0u; k < depth; k++) {
        sum += states[seen + k] * back[k * HIDDEN + u % HIDDEN];
    }
    return sum;
}

@compute @workgroup_size(WG_SIZE)
fn lstm_scan_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let b = group.x + group.y * groups.x;
    let own = select(0u, OWN, b < p.batch);
    var dc: array<f32, UNITS>;
    for (var i = thread; i < STATES; i += WG_SIZE) {
        states[i] = 0.0;
    }
    workgroupBarrier();
    for (var wave = p.steps + select(0u, POSITIONS - 1u, DIAGONAL); wave > 0u; wave--) {
        var now: array<Back, UNITS>;
        for (var n = 0u; n < UNITS; n++) {
            let u = thread + n * WG_SIZE;
            let turn = turn_of(wave - 1u, u / HIDDEN);
            if ((u < own) & (turn < p.steps)) {
                let row = u / HIDDEN * GATES + u % HIDDEN;
                let first = (time_of(turn) * p.batch + b) * OWN;
                let at = 4u * first + row;
                var c_prev = 0.0;
                if (turn > 0u) {
                    c_prev = d_pre[4u * (time_of(turn - 1u) * p.batch + b) * OWN + row];
                } else {
                    c_prev = c0[b * OWN + u];
                }
                let dh_t = dh[first + u] + through(u, TAPS * GATES);
                now[n] = differentiate(four_gates(at), d_pre[at], c_prev, dh_t, dc[n]);
                dc[n] = now[n].dc;
                store(at, now[n].gates);
            }
        }
        workgroupBarrier();
        for (var n = 0u; n < UNITS; n++) {
            let u = thread + n * WG_SIZE;
            if ((u < own) & (turn_of(wave - 1u, u / HIDDEN) < p.steps)) {
                let to = (u / HIDDEN + BEFORE) * GATES + u % HIDDEN;
                states[to] = now[n].gates.x;
                states[to + HIDDEN] = now[n].gates.y;
                states[to + 2u * HIDDEN] = now[n].gates.z;
                states[to + 3u * HIDDEN] = now[n].gates.w;
            }
        }
        workgroupBarrier();
    }
    if (INITIAL) {
        for (var n = 0u; n < UNITS; n++) {
            let u = thread + n * WG_SIZE;
            if (u < own) {
                // Of two taps the second sees what happens at the same time: nothing.
                let dh_0 = through(u, select(TAPS * GATES, GATES, DIAGONAL));
                let at = 4u * (p.steps * p.batch + b) * OWN + u / HIDDEN * GATES + u % HIDDEN;
                store(at, vec4<f32>(dh_0, dc[n], 0.0, 0.0));
            }
        }
    }
}
// end core
