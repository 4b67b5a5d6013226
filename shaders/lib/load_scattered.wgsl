// load_scattered — elements of an operand by `$a_spot`, one at a time; quads along k, of which the first is inside.
fn $a_at(row: $ARow, k: u32) -> f32 {
    // Outside, element 0 is loaded and thrown away: no branch.
    let spot = $a_spot(row, k);
    let inside = spot.inside & (k < p.size_k);
    return select(0.0, $array[select(0u, spot.at, inside)], inside);
}

fn $a_quad(row: $ARow, k: u32) -> vec4<f32> {
    return vec4($a_at(row, k), $a_at(row, k + 1u), $a_at(row, k + 2u), $a_at(row, k + 3u));
}
