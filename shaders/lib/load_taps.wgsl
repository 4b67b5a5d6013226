// load_taps — operand a of conv2d_weight_grad: the image under each tap, by pixel.
//   shapes  x [B, HEIGHT, WIDTH, C_IN] as [M = KERNEL_H·KERNEL_W·C_IN, K = B·OUT_HEIGHT·OUT_WIDTH], contiguous along m
struct ARow {
    y: u32, // of this tap for the first pixel; wraps below zero, where it is no row of the image
    x: u32,
    c: u32,
    m: u32,
}

fn a_row(z: u32, row: u32) -> ARow {
    let m = min(row, p.size_m - 1u);
    let tap = m / C_IN;
    return ARow(tap / KERNEL_W * DILATION_H - PAD_H, tap % KERNEL_W * DILATION_W - PAD_W, m % C_IN, m);
}

fn a_next(row: ARow, n: u32) -> ARow {
    return a_row(0u, row.m + n);
}

// x under this tap for pixel k.
fn a_spot(row: ARow, k: u32) -> Spot {
    let y = row.y + k / OUT_WIDTH % OUT_HEIGHT * STRIDE_H;
    let x = row.x + k % OUT_WIDTH * STRIDE_W;
    let at = ((k / (OUT_WIDTH * OUT_HEIGHT) * HEIGHT + y) * WIDTH + x) * C_IN + row.c;
    return Spot(at, (y < HEIGHT) & (x < WIDTH));
}
