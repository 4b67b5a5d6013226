// load_quads — elements of an operand by `a_index`, four neighbours at once: the contiguous axis is a multiple of four.
fn a_quad(row: ARow, k: u32) -> vec4<f32> {
    let at = a_index(row, k);
    // Outside, element 0 is loaded and thrown away: no branch.
    let inside = at != NOWHERE;
    return select(vec4<f32>(), a[select(0u, at >> 2u, inside)], inside);
}
