// load_matrix_vec4 — as load_matrix, for a contiguous axis, a stride and a batch stride that are multiples of four.
struct $ARow {
    base: u32,
}

fn $a_row(z: u32, m: u32) -> $ARow {
    let row = min(m, p.$a_rows - select(4u, 1u, $A_ALONG_K));
    return $ARow(z * p.$a_batch + row * select(1u, p.$a_stride, $A_ALONG_K));
}

fn $a_quad(row: $ARow, k: u32) -> vec4<f32> {
    return $array[(row.base + k * select(p.$a_stride, 1u, $A_ALONG_K)) >> 2u];
}
