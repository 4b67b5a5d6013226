// load_phase_weights — operand b of conv2d_transpose: the taps of one phase.
//   shapes  w [KERNEL_H, KERNEL_W, C_IN, C_OUT] as [Z, K = TAPS_H·TAPS_W·C_OUT, N = C_IN]
struct BRow {
    u: u32,
    v: u32,
    c: u32,
}

fn b_row(z: u32, n: u32) -> BRow {
    let phase = phase_of(z);
    return BRow(phase.u, phase.v, min(n, C_IN - 1u));
}

// w under tap and channel k.
fn b_spot(row: BRow, k: u32) -> Spot {
    let tap = k / C_OUT;
    let u = row.u + tap / TAPS_W * STEP_H;
    let v = row.v + tap % TAPS_W * STEP_W;
    let at = ((u * KERNEL_W + v) * C_IN + row.c) * C_OUT + k % C_OUT;
    return Spot(at, (u < KERNEL_H) & (v < KERNEL_W));
}
