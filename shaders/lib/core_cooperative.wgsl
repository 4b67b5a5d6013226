// core_cooperative — the core of matmul on matrix units: f16 operands through workgroup memory, f32 sums.
//   source  as precision_mixed
//   grid    Z · ⌈M/64⌉ · ⌈N/64⌉, n fastest, folded over x then y; four subgroups, each 32 x 32 of the tile
//   Only for adapters whose subgroups have one size, of which WG_SIZE is four, and that multiply 16 x 16 x 16.
const SUBGROUP: u32 = 32u;
const WG_SIZE: u32 = 4u * SUBGROUP;
const QUADS_M: u32 = TILE_M / 4u;
const QUADS_N: u32 = TILE_N / 4u;
const QUADS_K: u32 = TILE_K / 4u;
const BLOCKS: u32 = QUADS_M * QUADS_K; // of 4 x 4 elements, of each operand
const SLAB: u32 = 16u;

alias MatrixA = coop_mat16x16<f16, A>;
alias MatrixB = coop_mat16x16<f16, B>;
alias Sum = coop_mat16x16<f32, C>;

var<workgroup> a_tile: array<f16, TILE_K * TILE_M>; // [TILE_K, TILE_M]
var<workgroup> b_tile: array<f16, TILE_K * TILE_N>; // [TILE_K, TILE_N]
var<workgroup> slabs: array<f32, 4u * SLAB * SLAB>; // results of each subgroup on their way out

fn keep_a(at: u32, v: vec4<f32>) {
    let h = vec4<f16>(narrow(v));
    a_tile[at] = h.x;
    a_tile[at + 1u] = h.y;
    a_tile[at + 2u] = h.z;
    a_tile[at + 3u] = h.w;
}

fn keep_b(at: u32, v: vec4<f32>) {
    let h = vec4<f16>(narrow(v));
    b_tile[at] = h.x;
    b_tile[at + 1u] = h.y;
    b_tile[at + 2u] = h.z;
    b_tile[at + 3u] = h.w;
}

// A subgroup's 16 x 16 results at row m, column n of the whole, by way of its slab.
fn put(z: u32, m: u32, n: u32, slab: u32, lane: u32) {
    for (var q = lane; q < SLAB * SLAB / 4u; q += SUBGROUP) {
        let row = q / 4u;
        let col = q % 4u * 4u;
        let base = y_base(z, m + row);
        if ((base != NOWHERE) & (n + col < p.size_n)) {
            let at = slab + row * SLAB + col;
            let sum = vec4(slabs[at], slabs[at + 1u], slabs[at + 2u], slabs[at + 3u]);
            store_quad(base + n + col, p.size_n - n - col, widen(sum));
        }
    }
}

@compute @workgroup_size(WG_SIZE)
fn matmul(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tile = group.x + group.y * groups.x;
    let z = tile / (p.tiles_n * p.tiles_m);
    let m0 = tile / p.tiles_n % p.tiles_m * TILE_M;
    let n0 = tile % p.tiles_n * TILE_N;
    let k_begin = select(0u, z * p.k_part, SPLIT_K);
    let k_stop = select(p.size_k, min(k_begin + p.k_part, p.size_k), SPLIT_K);
    let k_end = select(0u, k_stop, z < p.size_z);

    // Computing: the subgroup's quarter of the tile.
    let m_sub = subgroup / 2u * 32u;
    let n_sub = subgroup % 2u * 32u;
    var c00 = Sum();
    var c01 = Sum();
    var c10 = Sum();
    var c11 = Sum();
    for (var k0 = k_begin; k0 < k_end; k0 += TILE_K) {
        workgroupBarrier();
        for (var block = thread; block < BLOCKS; block += WG_SIZE) {
            let q = select(block % QUADS_M, block / QUADS_K, A_ALONG_K) * 4u;
            let k = select(block / QUADS_M, block % QUADS_K, A_ALONG_K) * 4u;
            let r0 = a_row(z, m0 + q);
            let r1 = a_row(z, m0 + q + 1u);
            let r2 = a_row(z, m0 + q + 2u);
            let r3 = a_row(z, m0 + q + 3u);
            var v = mat4x4<f32>();
            if (k0 + k < k_end) {
                v = a_block(r0, r1, r2, r3, k0 + k, k_end);
            }
            for (var i = 0u; i < 4u; i++) {
                keep_a((k + i) * TILE_M + q, v[i]);
            }
        }
        for (var block = thread; block < BLOCKS; block += WG_SIZE) {
            let q = select(block % QUADS_N, block / QUADS_K, B_ALONG_K) * 4u;
            let k = select(block / QUADS_N, block % QUADS_K, B_ALONG_K) * 4u;
            let r0 = b_row(z, n0 + q);
            let r1 = b_row(z, n0 + q + 1u);
            let r2 = b_row(z, n0 + q + 2u);
            let r3 = b_row(z, n0 + q + 3u);
            var v = mat4x4<f32>();
            if (k0 + k < k_end) {
                v = b_block(r0, r1, r2, r3, k0 + k, k_end);
            }
            for (var i = 0u; i < 4u; i++) {
                keep_b((k + i) * TILE_N + q, v[i]);
            }
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k += SLAB) {
            // [K, M] read by columns is A, [K, N] read by rows is B.
            let a0 = coopLoad<MatrixA>(&a_tile[k * TILE_M + m_sub], TILE_M);
            let a1 = coopLoad<MatrixA>(&a_tile[k * TILE_M + m_sub + SLAB], TILE_M);
            let b0 = coopLoadT<MatrixB>(&b_tile[k * TILE_N + n_sub], TILE_N);
            let b1 = coopLoadT<MatrixB>(&b_tile[k * TILE_N + n_sub + SLAB], TILE_N);
            c00 = coopMultiplyAdd(a0, b0, c00);
            c01 = coopMultiplyAdd(a0, b1, c01);
            c10 = coopMultiplyAdd(a1, b0, c10);
            c11 = coopMultiplyAdd(a1, b1, c11);
        }
    }

    let slab = subgroup * SLAB * SLAB;
    coopStoreT(c00, &slabs[slab], SLAB);
    workgroupBarrier();
    put(z, m0 + m_sub, n0 + n_sub, slab, lane);
    workgroupBarrier();
    coopStoreT(c01, &slabs[slab], SLAB);
    workgroupBarrier();
    put(z, m0 + m_sub, n0 + n_sub + SLAB, slab, lane);
    workgroupBarrier();
    coopStoreT(c10, &slabs[slab], SLAB);
    workgroupBarrier();
    put(z, m0 + m_sub + SLAB, n0 + n_sub, slab, lane);
    workgroupBarrier();
    coopStoreT(c11, &slabs[slab], SLAB);
    workgroupBarrier();
    put(z, m0 + m_sub + SLAB, n0 + n_sub + SLAB, slab, lane);
}
