// One wave for all of the batch: a product in tiles, all four gates of a hidden unit in one invocation.
//   grid    ⌈B·P / TILE_M⌉ · ⌈H / TILE_J⌉, folded over x then y
const TILE_M: u32 = 32u; // rows: positions of batch rows
const TILE_J: u32 = 16u; // hidden units
const TILE_K: u32 = 16u;
const THREAD_M: u32 = 2u;
const WG_SIZE: u32 = TILE_M / THREAD_M * TILE_J;
const DEPTH: u32 = TAPS * HIDDEN;

var<workgroup> states: array<f32, TILE_M * TILE_K>;
var<workgroup> weights: array<vec4<f32>, TILE_K * TILE_J>;

// Number k of what row m sees.
fn seen(m: u32, k: u32) -> f32 {
    let q = m % POSITIONS + k / HIDDEN - BEFORE;
    let turn = turn_of(p.wave, m % POSITIONS);
    if ((m >= p.rows) | (k >= DEPTH) | (q >= POSITIONS) | (turn >= p.steps)) {
        return 0.0;
    }
    let at = (m - m % POSITIONS + q) * HIDDEN + k % HIDDEN;
    if (DIAGONAL & (k < HIDDEN)) {
        return h[time_of(turn) * p.rows * HIDDEN + at];
    }
    if (turn == 0u) {
        return h0[at];
    }
    return h[time_of(turn - 1u) * p.rows * HIDDEN + at];
}

@compute @workgroup_size(WG_SIZE)
fn lstm_scan(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let tiles_j = (HIDDEN + TILE_J - 1u) / TILE_J;
    let m0 = tile / tiles_j * TILE_M;
    let j0 = tile % tiles_j * TILE_J;
    let j = j0 + thread % TILE_J;
    var gates: array<vec4<f32>, THREAD_M>;
    for (var k0 = 0u; k0 < DEPTH; k0 += TILE_K) {
        for (var i = thread; i < TILE_M * TILE_K; i += WG_SIZE) {
            states[i] = seen(m0 + i / TILE_K, k0 + i % TILE_K);
        }
        for (var i = thread; i < TILE_K * TILE_J; i += WG_SIZE) {
            let k = k0 + i / TILE_J;
            let unit = j0 + i % TILE_J;
            var four = vec4<f32>();
            if ((k < DEPTH) & (unit < HIDDEN)) {
                four = four_weights(k * GATES + unit);
            }
            weights[i] = four;
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let four = weights[k * TILE_J + thread % TILE_J];
            for (var r = 0u; r < THREAD_M; r++) {
                gates[r] += states[(thread / TILE_J * THREAD_M + r) * TILE_K + k] * four;
            }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < THREAD_M; r++) {
        let m = m0 + thread / TILE_J * THREAD_M + r;
        let turn = turn_of(p.wave, m % POSITIONS);
        if ((m < p.rows) & (j < HIDDEN) & (turn < p.steps)) {
            let at = m * HIDDEN + j;
            let now = time_of(turn) * p.rows * HIDDEN + at;
            let four = four_gates(gates[r] + four_inputs(4u * (now - j) + j), now);
            var c = 0.0;
            if (turn == 0u) {
                c = c0[at];
            } else {
                c = cells[at];
            }
            c = four.y * c + four.z * four.w;
            cells[at] = c;
            h[now] = four.x * tanh_clamped(c);
        }
    }
}
