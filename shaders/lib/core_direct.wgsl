// core_direct — the core of matmul in registers alone, for processors that only pretend to have workgroup memory.
//   The lanes of a workgroup are neighbours along n (along m with LANES_M) and share THREAD rows of the other operand, whose
//   loads are the same for all lanes: a compiler that sees that makes one load of each.
//   grid    Z · ⌈M/TILE_M⌉ · ⌈N/TILE_N⌉, n fastest, folded over x then y
const LANES: u32 = 8u;
const THREAD: u32 = 8u;
const LANES_M: bool = false;

@compute @workgroup_size(LANES)
fn matmul(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = group.x + group.y * groups.x;
    let z = tile / (p.tiles_n * p.tiles_m);
    let m0 = tile / p.tiles_n % p.tiles_m * select(THREAD, LANES, LANES_M);
    let n0 = tile % p.tiles_n * select(LANES, THREAD, LANES_M);
    let k_begin = select(0u, z * p.k_part, SPLIT_K);
    let k_stop = select(p.size_k, min(k_begin + p.k_part, p.size_k), SPLIT_K);
    let k_end = select(0u, k_stop, z < p.size_z);
    var acc: array<f32, THREAD>;
    if (LANES_M) {
        let own = a_row(z, m0 + lane);
        var shared_rows: array<BRow, THREAD>;
        for (var i = 0u; i < THREAD; i++) {
            shared_rows[i] = b_row(z, n0 + i);
        }
        for (var k = k_begin; k < k_end; k++) {
            let v = a_at(own, k);
            for (var i = 0u; i < THREAD; i++) {
                acc[i] += v * b_at(shared_rows[i], k);
            }
        }
        let base = y_base(z, m0 + lane);
        if (base != NOWHERE) {
            for (var i = 0u; i < THREAD; i++) {
                if (n0 + i < p.size_n) {
                    store(base + n0 + i, acc[i]);
                }
            }
        }
    } else {
        let own = b_row(z, n0 + lane);
        var shared_rows: array<ARow, THREAD>;
        for (var i = 0u; i < THREAD; i++) {
            shared_rows[i] = a_row(z, m0 + i);
        }
        for (var k = k_begin; k < k_end; k++) {
            let v = b_at(own, k);
            for (var i = 0u; i < THREAD; i++) {
                acc[i] += v * a_at(shared_rows[i], k);
            }
        }
        for (var i = 0u; i < THREAD; i++) {
            let base = y_base(z, m0 + i);
            if (base != NOWHERE && n0 + lane < p.size_n) {
                store(base + n0 + lane, acc[i]);
            }
        }
    }
}
