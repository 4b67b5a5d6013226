// load_scattered_rows — elements of an operand by `$a_spot`, one at a time; quads along the rows.
fn $a_at(row: $ARow, k: u32) -> f32 {
    // Outside, element 0 is loaded and thrown away: no branch.
    let spot = $a_spot(row, k);
    return select(0.0, $array[select(0u, spot.at, spot.inside)], spot.inside);
}

fn $a_quad(row: $ARow, k: u32) -> vec4<f32> {
    return vec4($a_at(row, k), $a_at($a_next(row, 1u), k), $a_at($a_next(row, 2u), k), $a_at($a_next(row, 3u), k));
}
