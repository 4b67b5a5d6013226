// load_matrix_vec4 — as load_matrix, for a contiguous axis, a stride and a batch stride that are multiples of four.
struct ARow {
    base: u32,
    left: u32, // rows from here to the last; 0 outside
}

fn a_row(z: u32, m: u32) -> ARow {
    let step = select(1u, p.a_stride, A_ALONG_K);
    return ARow(z * p.a_batch + m * step, select(0u, p.a_rows - m, m < p.a_rows));
}

fn a_quad(row: ARow, k: u32) -> vec4<f32> {
    if (row.left > 0u) {
        return a[(row.base + k * select(p.a_stride, 1u, A_ALONG_K)) >> 2u];
    }
    return vec4<f32>();
}
