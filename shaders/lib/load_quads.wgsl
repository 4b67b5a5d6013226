// load_quads — elements of an operand by `$a_spot`, four neighbours at once: the contiguous axis is a multiple of four.
fn $a_quad(row: $ARow, k: u32) -> vec4<f32> {
    // Outside, element 0 is loaded and thrown away: no branch.
    let spot = $a_spot(row, k);
    return select(vec4<f32>(), $array[select(0u, spot.at >> 2u, spot.inside)], spot.inside);
}
