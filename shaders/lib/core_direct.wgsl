// core_direct — the core of matmul in registers alone, for processors that only pretend to have workgroup memory: there a
//   barrier costs more than it saves. Each invocation fetches what it needs; neighbours along n fetch the same rows of a.
//   grid    Z · ⌈M/TILE_M⌉ · ⌈N/TILE_N⌉, n fastest, folded over x then y
const WG_M: u32 = TILE_M / THREAD_M;
const WG_N: u32 = TILE_N / THREAD_N;
const WG_SIZE: u32 = WG_M * WG_N;
const THREAD_QM: u32 = THREAD_M / 4u;
const THREAD_QN: u32 = THREAD_N / 4u;

@compute @workgroup_size(WG_SIZE)
fn matmul(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let z = tile / (p.tiles_n * p.tiles_m);
    let m0 = tile / p.tiles_n % p.tiles_m * TILE_M + thread / WG_N * THREAD_M;
    let n0 = tile % p.tiles_n * TILE_N + thread % WG_N * THREAD_N;
    let k_begin = select(0u, z * p.k_part, SPLIT_K);
    let k_stop = select(p.size_k, min(k_begin + p.k_part, p.size_k), SPLIT_K);
    let k_end = select(0u, k_stop, z < p.size_z);

    var a_rows: array<ARow, THREAD_M>;
    for (var i = 0u; i < THREAD_M; i++) {
        a_rows[i] = a_row(z, m0 + i);
    }
    var b_rows: array<BRow, THREAD_N>;
    for (var i = 0u; i < THREAD_N; i++) {
        b_rows[i] = b_row(z, n0 + i);
    }
    var acc: array<vec4<f32>, THREAD_M * THREAD_QN>;
    for (var k = k_begin; k < k_end; k += 4u) {
        var bs: array<mat4x4<f32>, THREAD_QN>;
        for (var h = 0u; h < THREAD_QN; h++) {
            bs[h] = narrow_block(b_block(b_rows[h * 4u], b_rows[h * 4u + 1u], b_rows[h * 4u + 2u], b_rows[h * 4u + 3u], k, k_end));
        }
        for (var g = 0u; g < THREAD_QM; g++) {
            let av = narrow_block(a_block(a_rows[g * 4u], a_rows[g * 4u + 1u], a_rows[g * 4u + 2u], a_rows[g * 4u + 3u], k, k_end));
            for (var h = 0u; h < THREAD_QN; h++) {
                let at = g * 4u * THREAD_QN + h;
                let bv = bs[h];
                acc[at] += av[0].x * bv[0] + av[1].x * bv[1] + av[2].x * bv[2] + av[3].x * bv[3];
                acc[at + THREAD_QN] += av[0].y * bv[0] + av[1].y * bv[1] + av[2].y * bv[2] + av[3].y * bv[3];
                acc[at + 2u * THREAD_QN] += av[0].z * bv[0] + av[1].z * bv[1] + av[2].z * bv[2] + av[3].z * bv[3];
                acc[at + 3u * THREAD_QN] += av[0].w * bv[0] + av[1].w * bv[1] + av[2].w * bv[2] + av[3].w * bv[3];
            }
        }
    }

    for (var i = 0u; i < THREAD_M; i++) {
        let base = y_base(z, m0 + i);
        for (var h = 0u; h < THREAD_QN; h++) {
            let n = n0 + h * 4u;
            if ((base != NOWHERE) & (n < p.size_n)) {
                store_quad(base + n, p.size_n - n, widen(acc[i * THREAD_QN + h]));
            }
        }
    }
}
