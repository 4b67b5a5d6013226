// load_quads — elements of an operand by `a_index`, four neighbours at once: the contiguous axis is a multiple of four.
fn a_quad(row: ARow, k: u32) -> vec4<f32> {
    let at = a_index(row, k);
    if (at != NOWHERE) {
        return a[at >> 2u];
    }
    return vec4<f32>();
}
