// address_phase — where a phase of conv2d_transpose writes: x [B, HEIGHT, WIDTH, C_IN].
fn y_base(z: u32, m: u32) -> u32 {
    let y = m / PHASE_W % PHASE_H * STRIDE_H + z / STRIDE_W;
    let x = m % PHASE_W * STRIDE_W + z % STRIDE_W;
    let at = ((m / (PHASE_W * PHASE_H) * HEIGHT + y) * WIDTH + x) * C_IN;
    return select(NOWHERE, at, (z < p.size_z) & (m < p.size_m) & (y < HEIGHT) & (x < WIDTH));
}
