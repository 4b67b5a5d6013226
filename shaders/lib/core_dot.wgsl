// core_dot — the core of matmul for few results with long sums: the lanes of a workgroup share the sum of 4 x 4 results.
//   order   each lane takes every LANES-th quad of k in turn, then lanes are joined pairwise: the same bits each time
//   grid    Z · ⌈M/4⌉ · ⌈N/4⌉, n fastest, folded over x then y
const LANES: u32 = 64u; // a power of two

var<workgroup> sums: array<mat4x4<f32>, LANES>; // columns are rows of the result

@compute @workgroup_size(LANES)
fn matmul(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = group.x + group.y * groups.x;
    let z = tile / (p.tiles_n * p.tiles_m);
    let m0 = tile / p.tiles_n % p.tiles_m * TILE_M;
    let n0 = tile % p.tiles_n * TILE_N;
    let k_begin = select(0u, z * p.k_part, SPLIT_K);
    let k_stop = select(p.size_k, min(k_begin + p.k_part, p.size_k), SPLIT_K);
    let k_end = select(0u, k_stop, z < p.size_z);

    let a0 = a_row(z, m0);
    let a1 = a_row(z, m0 + 1u);
    let a2 = a_row(z, m0 + 2u);
    let a3 = a_row(z, m0 + 3u);
    let b0 = b_row(z, n0);
    let b1 = b_row(z, n0 + 1u);
    let b2 = b_row(z, n0 + 2u);
    let b3 = b_row(z, n0 + 3u);
    var acc = mat4x4<f32>();
    for (var k = k_begin + lane * 4u; k < k_end; k += LANES * 4u) {
        // Σ over four steps of the outer products b_k a_kᵀ: column i holds row i of the result.
        let b_k = narrow_block(b_block(b0, b1, b2, b3, k, k_end));
        acc += b_k * transpose(narrow_block(a_block(a0, a1, a2, a3, k, k_end)));
    }
    sums[lane] = acc;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            sums[lane] += sums[lane + half];
        }
    }
    workgroupBarrier();
    if ((lane < 4u) & (n0 < p.size_n)) {
        let base = y_base(z, m0 + lane);
        if (base != NOWHERE) {
            store_quad(base + n0, p.size_n - n0, widen(sums[0][lane]));
        }
    }
}
