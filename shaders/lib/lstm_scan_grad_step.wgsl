// One wave for all of the batch: the product of later cotangents with the weights, in tiles, then the gates.
// With `end` it is the time before the first step, which has no gates: [dh0 | dc0 | 0 | 0].
//   grid    ⌈B·P / TILE_M⌉ · ⌈H / TILE_J⌉, folded over x then y
const TILE_M: u32 = 64u; // rows: positions of batch rows
const TILE_J: u32 = 16u; // hidden units
const TILE_K: u32 = 16u;
const THREAD_M: u32 = 4u;
const WG_SIZE: u32 = TILE_M / THREAD_M * TILE_J;
const DEPTH: u32 = TAPS * GATES;

var<workgroup> states: array<f32, TILE_M * TILE_K>;
var<workgroup> weights: array<f32, TILE_K * TILE_J>;

// The turn of row m: before the first, 0 - 1, at the end.
fn turn_of_row(m: u32) -> u32 {
    return select(turn_of(p.wave, m % POSITIONS), 0u - 1u, p.end != 0u);
}

// Number k of what row m sees.
fn seen(m: u32, k: u32) -> f32 {
    let q = m % POSITIONS + k / GATES - BEFORE;
    let turn = turn_of_row(m) + select(1u, 0u, DIAGONAL & (k >= GATES));
    if ((m >= p.rows) | (k >= DEPTH) | (q >= POSITIONS) | (turn >= p.steps)) {
        return 0.0;
    }
    return d_pre[(time_of(turn) * p.rows + m - m % POSITIONS + q) * GATES + k % GATES];
}

@compute @workgroup_size(WG_SIZE)
fn lstm_scan_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let tiles_j = (HIDDEN + TILE_J - 1u) / TILE_J;
    let m0 = tile / tiles_j * TILE_M;
    let j0 = tile % tiles_j * TILE_J;
    let j = j0 + thread % TILE_J;
    var sums: array<f32, THREAD_M>;
    for (var k0 = 0u; k0 < DEPTH; k0 += TILE_K) {
        for (var i = thread; i < TILE_M * TILE_K; i += WG_SIZE) {
            states[i] = seen(m0 + i / TILE_K, k0 + i % TILE_K);
        }
        for (var i = thread; i < TILE_K * TILE_J; i += WG_SIZE) {
            let k = k0 + i / TILE_J;
            let unit = j0 + i % TILE_J;
            var weight = 0.0;
            if ((k < DEPTH) & (unit < HIDDEN)) {
                weight = back[k * HIDDEN + unit];
            }
            weights[i] = weight;
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let weight = weights[k * TILE_J + thread % TILE_J];
            for (var r = 0u; r < THREAD_M; r++) {
                sums[r] += states[(thread / TILE_J * THREAD_M + r) * TILE_K + k] * weight;
            }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < THREAD_M; r++) {
        let m = m0 + thread / TILE_J * THREAD_M + r;
        let unit = m * HIDDEN + j;
        let turn = turn_of_row(m);
        let inside = (m < p.rows) & (j < HIDDEN);
        if (inside & (p.end != 0u)) {
            store((p.steps * p.rows + m) * GATES + j, vec4<f32>(sums[r], cells[unit], 0.0, 0.0));
        } else if (inside & (turn < p.steps)) {
            let at = (time_of(turn) * p.rows + m) * GATES + j;
            var dc = 0.0;
            if (turn + 1u < p.steps) {
                dc = cells[unit];
            }
            var c_prev = 0.0;
            if (turn == 0u) {
                c_prev = c0[unit];
            } else {
                c_prev = d_pre[(time_of(turn - 1u) * p.rows + m) * GATES + j];
            }
            let dh_t = dh[time_of(turn) * p.rows * HIDDEN + unit] + sums[r];
            let now = differentiate(four_gates(at), d_pre[at], c_prev, dh_t, dc);
            cells[unit] = now.dc;
            store(at, now.gates);
        }
    }
}
