// load_scattered_rows — elements of an operand by `a_index`, one at a time; quads along the rows.
fn a_at(row: ARow, k: u32) -> f32 {
    let at = a_index(row, k);
    // Outside, element 0 is loaded and thrown away: no branch.
    let inside = at != NOWHERE;
    return select(0.0, a[select(0u, at, inside)], inside);
}

fn a_quad(row: ARow, k: u32) -> vec4<f32> {
    return vec4(a_at(row, k), a_at(a_next(row, 1u), k), a_at(a_next(row, 2u), k), a_at(a_next(row, 3u), k));
}
