// load_matrix — operand of matmul: a stack of matrices in memory, either way round.
//   shapes  A_ALONG_K: [Z, rows, K], else [Z, K, rows]; rows = size_m for a, size_n for b
struct ARow {
    base: u32,
    left: u32, // rows from here to the last; 0 outside
}

fn a_row(z: u32, m: u32) -> ARow {
    let step = select(1u, p.a_stride, A_ALONG_K);
    return ARow(z * p.a_batch + m * step, select(0u, p.a_rows - m, m < p.a_rows));
}

fn a_index(row: ARow, k: u32) -> u32 {
    return row.base + k * select(p.a_stride, 1u, A_ALONG_K);
}

fn a_at(row: ARow, k: u32) -> f32 {
    if (row.left > 0u && k < p.size_k) {
        return a[a_index(row, k)];
    }
    return 0.0;
}

fn a_quad(row: ARow, k: u32) -> vec4<f32> {
    var v = vec4<f32>();
    if (A_ALONG_K) {
        v = vec4(a_at(row, k), a_at(row, k + 1u), a_at(row, k + 2u), a_at(row, k + 3u));
    } else {
        let at = a_index(row, k);
        if (row.left > 0u) { v.x = a[at]; }
        if (row.left > 1u) { v.y = a[at + 1u]; }
        if (row.left > 2u) { v.z = a[at + 2u]; }
        if (row.left > 3u) { v.w = a[at + 3u]; }
    }
    return v;
}
