// image — sizes of a convolution that shape the inner loop: large side, small side, kernel, window.
const HEIGHT: u32 = 1u;
const WIDTH: u32 = 1u;
const OUT_HEIGHT: u32 = 1u;
const OUT_WIDTH: u32 = 1u;
const C_IN: u32 = 1u;
const C_OUT: u32 = 1u;
const KERNEL_H: u32 = 1u;
const KERNEL_W: u32 = 1u;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const PAD_H: u32 = 0u;
const PAD_W: u32 = 0u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;

// Where an element lies, if anywhere.
struct Spot {
    at: u32,
    inside: bool,
}
