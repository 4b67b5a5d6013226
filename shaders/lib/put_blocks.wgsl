// put_blocks — where results of matmul go that one invocation has in blocks of 4 x 4.

// A row of four results.
fn put(z: u32, m: u32, n: u32, row: vec4<f32>) {
    let base = y_base(z, m);
    if ((base != NOWHERE) & (n < p.size_n)) {
        store_quad(base + n, p.size_n - n, widen(row));
    }
}

// 4 x 4 results, of which a column is a row.
fn put_block(z: u32, m: u32, n: u32, rows: mat4x4<f32>) {
    put(z, m, n, rows[0]);
    put(z, m + 1u, n, rows[1]);
    put(z, m + 2u, n, rows[2]);
    put(z, m + 3u, n, rows[3]);
}
