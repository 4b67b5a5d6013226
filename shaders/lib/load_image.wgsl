// load_image — operand a of conv2d: the image seen through the kernel, never stored (implicit im2col).
//   source  Chetlur et al. 2014, "cuDNN: Efficient Primitives for Deep Learning", arXiv:1410.0759, §3
//   shapes  x [B, HEIGHT, WIDTH, C_IN] as [M = B·OUT_HEIGHT·OUT_WIDTH, K = KERNEL_H·KERNEL_W·C_IN]
struct ARow {
    image: u32,
    y: u32, // of the kernel's first tap; wraps below zero, where it is no row of the image
    x: u32,
}

fn a_row(z: u32, row: u32) -> ARow {
    let m = min(row, p.size_m - 1u);
    let i = m / OUT_WIDTH % OUT_HEIGHT;
    let j = m % OUT_WIDTH;
    let image = m / (OUT_WIDTH * OUT_HEIGHT) * (HEIGHT * WIDTH * C_IN);
    return ARow(image, i * STRIDE_H - PAD_H, j * STRIDE_W - PAD_W);
}

// x under tap and channel k.
fn a_spot(row: ARow, k: u32) -> Spot {
    let tap = k / C_IN;
    let y = row.y + tap / KERNEL_W * DILATION_H;
    let x = row.x + tap % KERNEL_W * DILATION_W;
    let at = row.image + (y * WIDTH + x) * C_IN + k % C_IN;
    return Spot(at, (y < HEIGHT) & (x < WIDTH));
}
