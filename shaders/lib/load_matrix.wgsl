// load_matrix — operand of matmul: a stack of matrices in memory, either way round.
//   names   $a and $A are the operand's, $array is the variable that holds it: the host fills them in, here and in load_…
//   shapes  A_ALONG_K: [Z, rows, K], else [Z, K, rows]; rows = size_m for a, size_n for b
//   Rows beyond the last are the last: their results are not stored.
struct $ARow {
    base: u32,
    last: u32, // from this row to the last
}

fn $a_row(z: u32, m: u32) -> $ARow {
    let row = min(m, p.$a_rows - 1u);
    return $ARow(z * p.$a_batch + row * select(1u, p.$a_stride, $A_ALONG_K), p.$a_rows - 1u - row);
}

// Outside, some element is loaded and thrown away: no branch.
fn $a_at(row: $ARow, k: u32) -> f32 {
    return select(0.0, $array[row.base + min(k, p.size_k - 1u)], k < p.size_k);
}

fn $a_quad(row: $ARow, k: u32) -> vec4<f32> {
    if ($A_ALONG_K) {
        return vec4($a_at(row, k), $a_at(row, k + 1u), $a_at(row, k + 2u), $a_at(row, k + 3u));
    }
    let at = row.base + k * p.$a_stride;
    return vec4($array[at], $array[at + min(1u, row.last)], $array[at + min(2u, row.last)], $array[at + min(3u, row.last)]);
}
