// core_broad — core_named with 16 x 16 results an invocation: a driver that gathers every element by lane, as SwiftShader does, takes
//   about 30 instructions for each that it loads and 4 for each product, so that fewer loads a product pay even where sums spill.
//   Measured on SwiftShader: 6.2 GFLOP/s against 4.0; but compiling takes about a second, three times as long.
//   grid    Z · ⌈M/TILE_M⌉ · ⌈N/TILE_N⌉, n fastest, folded over x then y
const WG_M: u32 = TILE_M / 16u;
const WG_N: u32 = TILE_N / 16u;
const WG_SIZE: u32 = WG_M * WG_N;

@compute @workgroup_size(WG_SIZE)
fn matmul(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let z = tile / (p.tiles_n * p.tiles_m);
    let m0 = tile / p.tiles_n % p.tiles_m * TILE_M + thread / WG_N * 16u;
    let n0 = tile % p.tiles_n * TILE_N + thread % WG_N * 16u;
    let k_begin = select(0u, z * p.k_part, SPLIT_K);
    let k_stop = select(p.size_k, min(k_begin + p.k_part, p.size_k), SPLIT_K);
    let k_end = select(0u, k_stop, z < p.size_z);

    let a0 = a_row(z, m0);
    let a1 = a_row(z, m0 + 1u);
    let a2 = a_row(z, m0 + 2u);
    let a3 = a_row(z, m0 + 3u);
    let a4 = a_row(z, m0 + 4u);
    let a5 = a_row(z, m0 + 5u);
    let a6 = a_row(z, m0 + 6u);
    let a7 = a_row(z, m0 + 7u);
    let a8 = a_row(z, m0 + 8u);
    let a9 = a_row(z, m0 + 9u);
    let a10 = a_row(z, m0 + 10u);
    let a11 = a_row(z, m0 + 11u);
    let a12 = a_row(z, m0 + 12u);
    let a13 = a_row(z, m0 + 13u);
    let a14 = a_row(z, m0 + 14u);
    let a15 = a_row(z, m0 + 15u);
    let b0 = b_row(z, n0);
    let b1 = b_row(z, n0 + 1u);
    let b2 = b_row(z, n0 + 2u);
    let b3 = b_row(z, n0 + 3u);
    let b4 = b_row(z, n0 + 4u);
    let b5 = b_row(z, n0 + 5u);
    let b6 = b_row(z, n0 + 6u);
    let b7 = b_row(z, n0 + 7u);
    let b8 = b_row(z, n0 + 8u);
    let b9 = b_row(z, n0 + 9u);
    let b10 = b_row(z, n0 + 10u);
    let b11 = b_row(z, n0 + 11u);
    let b12 = b_row(z, n0 + 12u);
    let b13 = b_row(z, n0 + 13u);
    let b14 = b_row(z, n0 + 14u);
    let b15 = b_row(z, n0 + 15u);
    // Σ over four steps of the outer products b_k a_kᵀ: column i of a sum holds row i of its 4 x 4 results.
    var s00 = mat4x4<f32>();
    var s01 = mat4x4<f32>();
    var s02 = mat4x4<f32>();
    var s03 = mat4x4<f32>();
    var s10 = mat4x4<f32>();
    var s11 = mat4x4<f32>();
    var s12 = mat4x4<f32>();
    var s13 = mat4x4<f32>();
    var s20 = mat4x4<f32>();
    var s21 = mat4x4<f32>();
    var s22 = mat4x4<f32>();
    var s23 = mat4x4<f32>();
    var s30 = mat4x4<f32>();
    var s31 = mat4x4<f32>();
    var s32 = mat4x4<f32>();
    var s33 = mat4x4<f32>();
    for (var k = k_begin; k < k_end; k += 4u) {
        let v0 = narrow_block(b_block(b0, b1, b2, b3, k, k_end));
        let v1 = narrow_block(b_block(b4, b5, b6, b7, k, k_end));
        let v2 = narrow_block(b_block(b8, b9, b10, b11, k, k_end));
        let v3 = narrow_block(b_block(b12, b13, b14, b15, k, k_end));
        let u0 = transpose(narrow_block(a_block(a0, a1, a2, a3, k, k_end)));
        s00 += v0 * u0;
        s01 += v1 * u0;
        s02 += v2 * u0;
        s03 += v3 * u0;
        let u1 = transpose(narrow_block(a_block(a4, a5, a6, a7, k, k_end)));
        s10 += v0 * u1;
        s11 += v1 * u1;
        s12 += v2 * u1;
        s13 += v3 * u1;
        let u2 = transpose(narrow_block(a_block(a8, a9, a10, a11, k, k_end)));
        s20 += v0 * u2;
        s21 += v1 * u2;
        s22 += v2 * u2;
        s23 += v3 * u2;
        let u3 = transpose(narrow_block(a_block(a12, a13, a14, a15, k, k_end)));
        s30 += v0 * u3;
        s31 += v1 * u3;
        s32 += v2 * u3;
        s33 += v3 * u3;
    }

    put_block(z, m0, n0, s00);
    put_block(z, m0, n0 + 4u, s01);
    put_block(z, m0, n0 + 8u, s02);
    put_block(z, m0, n0 + 12u, s03);
    put_block(z, m0 + 4u, n0, s10);
    put_block(z, m0 + 4u, n0 + 4u, s11);
    put_block(z, m0 + 4u, n0 + 8u, s12);
    put_block(z, m0 + 4u, n0 + 12u, s13);
    put_block(z, m0 + 8u, n0, s20);
    put_block(z, m0 + 8u, n0 + 4u, s21);
    put_block(z, m0 + 8u, n0 + 8u, s22);
    put_block(z, m0 + 8u, n0 + 12u, s23);
    put_block(z, m0 + 12u, n0, s30);
    put_block(z, m0 + 12u, n0 + 4u, s31);
    put_block(z, m0 + 12u, n0 + 8u, s32);
    put_block(z, m0 + 12u, n0 + 12u, s33);
}
