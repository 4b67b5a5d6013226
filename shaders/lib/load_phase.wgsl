// load_phase — operand a of conv2d_transpose: what one phase of the result sees of the small image.
//   source  decomposition by output phase: result pixels with equal (Y mod stride, X mod stride) meet the same taps, so that
//           each phase is an exact dense convolution; z = phase_h · STRIDE_W + phase_w
//   math    x[Y, X] = Σ y[i, j] w[u, v] over i·STRIDE + u·DILATION - PAD = Y, likewise X
//   shapes  y [B, OUT_HEIGHT, OUT_WIDTH, C_OUT] as [Z, M = B·PHASE_H·PHASE_W, K = TAPS_H·TAPS_W·C_OUT]
const PHASE_H: u32 = 1u; // ⌈HEIGHT / STRIDE_H⌉
const PHASE_W: u32 = 1u;
const TAPS_H: u32 = 1u; // most taps that one phase meets
const TAPS_W: u32 = 1u;
const STEP_H: u32 = 1u; // from one of these taps to the next: STRIDE / gcd(STRIDE, DILATION)
const STEP_W: u32 = 1u;
const SHIFT_H: u32 = 1u; // small-image rows from one of them to the next: DILATION / gcd
const SHIFT_W: u32 = 1u;

// The first tap that a phase meets, or the kernel's size where it meets none.
fn first_tap(phase: u32, stride: u32, pad: u32, dilation: u32, step: u32, kernel: u32) -> u32 {
    // phase + pad - u·dilation must be a multiple of the stride; stride·dilation·kernel keeps the sum positive.
    let origin = phase + pad + stride * dilation * kernel;
    for (var u = 0u; u < min(step, kernel); u++) {
        if ((origin - u * dilation) % stride == 0u) {
            return u;
        }
    }
    return kernel;
}

struct Phase {
    h: u32,
    w: u32,
    u: u32, // first taps
    v: u32,
}

fn phase_of(z: u32) -> Phase {
    let h = z / STRIDE_W;
    let w = z % STRIDE_W;
    let u = first_tap(h, STRIDE_H, PAD_H, DILATION_H, STEP_H, KERNEL_H);
    let v = first_tap(w, STRIDE_W, PAD_W, DILATION_W, STEP_W, KERNEL_W);
    return Phase(h, w, u, v);
}

struct ARow {
    image: u32,
    i: u32, // small-image row that the first tap meets; wraps below zero, where it is no row
    j: u32,
    taps_h: u32, // taps of this phase
    taps_w: u32,
}

fn a_row(z: u32, pixel: u32) -> ARow {
    let m = min(pixel, p.size_m - 1u);
    let phase = phase_of(z);
    let row = m / PHASE_W % PHASE_H;
    let col = m % PHASE_W;
    let image = m / (PHASE_W * PHASE_H) * (OUT_HEIGHT * OUT_WIDTH * C_OUT);
    // (Y + pad - u·dilation) / stride: exact, and negative at the border.
    let lift_h = DILATION_H * KERNEL_H;
    let lift_w = DILATION_W * KERNEL_W;
    let i = (row * STRIDE_H + phase.h + PAD_H + STRIDE_H * lift_h - phase.u * DILATION_H) / STRIDE_H - lift_h;
    let j = (col * STRIDE_W + phase.w + PAD_W + STRIDE_W * lift_w - phase.v * DILATION_W) / STRIDE_W - lift_w;
    let taps_h = (KERNEL_H - phase.u + STEP_H - 1u) / STEP_H;
    let taps_w = (KERNEL_W - phase.v + STEP_W - 1u) / STEP_W;
    return ARow(image, i, j, taps_h, taps_w);
}

// y under tap and channel k.
fn a_spot(row: ARow, k: u32) -> Spot {
    let tap = k / C_OUT;
    let tap_h = tap / TAPS_W;
    let tap_w = tap % TAPS_W;
    let i = row.i - tap_h * SHIFT_H;
    let j = row.j - tap_w * SHIFT_W;
    let at = row.image + (i * OUT_WIDTH + j) * C_OUT + k % C_OUT;
    let meets = (tap_h < row.taps_h) & (tap_w < row.taps_w);
    return Spot(at, meets & (i < OUT_HEIGHT) & (j < OUT_WIDTH));
}
