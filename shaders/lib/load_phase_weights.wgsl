// load_phase_weights — operand b of conv2d_transpose: the taps of one phase. Written for `a` as every loader.
//   shapes  w [KERNEL_H, KERNEL_W, C_IN, C_OUT] as [Z, K = TAPS_H·TAPS_W·C_OUT, N = C_IN]
struct ARow {
    u: u32,
    v: u32,
    c: u32, // C_IN outside
}

fn a_row(z: u32, n: u32) -> ARow {
    let phase = phase_of(z);
    return ARow(phase.u, phase.v, n);
}

// Index of w under tap and channel k, or NOWHERE.
fn a_index(row: ARow, k: u32) -> u32 {
    let tap = k / C_OUT;
    let u = row.u + tap / TAPS_W * STEP_H;
    let v = row.v + tap % TAPS_W * STEP_W;
    let at = ((u * KERNEL_W + v) * C_IN + row.c) * C_OUT + k % C_OUT;
    return select(NOWHERE, at, row.c < C_IN && k < TAPS_H * TAPS_W * C_OUT && u < KERNEL_H && v < KERNEL_W);
}
