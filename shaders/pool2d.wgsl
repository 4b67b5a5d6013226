// pool2d — the largest, mean or sum of each window of an image; one invocation a slot: an element, or four neighbouring
// channels. A NaN is larger than any number.
//   math    y[b, oh, ow, c] = max or SCALE · Σ of x[b, h, w, c] over the window; padding is never chosen and adds nothing
//   shapes  x [B, height, width, channels] -> y [B, out_h, out_w, channels]     f32, channels in slots
//   grid    ⌈B·out_h·out_w·channels / WG_SIZE⌉, folded over x then y
// section bindings
struct Params {
    height: u32,
    width: u32,
    out_h: u32,
    out_w: u32,
    channels: u32,
    total: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// end bindings

// section types
alias slot = f32;
alias places = u32;
// end types

const INFINITY_BITS: u32 = 0x7f800000u;
const WG_SIZE: u32 = 256u;
const MAX: bool = true;
const SCALE: f32 = 1.0;
const KERNEL_H: u32 = 2u;
const KERNEL_W: u32 = 2u;
const STRIDE_H: u32 = 2u;
const STRIDE_W: u32 = 2u;
const PAD_H: u32 = 0u;
const PAD_W: u32 = 0u;

// Those of NaN are above those of infinity.
fn magnitude_bits(v: slot) -> places {
    return bitcast<places>(v) & places(0x7fffffffu);
}

@compute @workgroup_size(WG_SIZE)
fn pool2d(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let c = i % p.channels;
        let ow = i / p.channels % p.out_w;
        let row = i / p.channels / p.out_w; // [B, out_h]
        let image = row / p.out_h * p.height;
        var value = slot();
        var none = true;
        for (var kh = 0u; kh < KERNEL_H; kh += 1u) {
            let h = row % p.out_h * STRIDE_H + kh - PAD_H; // wraps before the border
            for (var kw = 0u; kw < KERNEL_W; kw += 1u) {
                let w = ow * STRIDE_W + kw - PAD_W;
                if ((h < p.height) & (w < p.width)) {
                    let v = x[((image + h) * p.width + w) * p.channels + c];
                    if (none) {
                        value = v;
                    } else if (MAX) {
                        let first_nan = (magnitude_bits(v) > places(INFINITY_BITS)) & (magnitude_bits(value) <= places(INFINITY_BITS));
                        value = select(value, v, (v > value) | first_nan);
                    } else {
                        value += v;
                    }
                    none = false;
                }
            }
        }
        y[i] = value * SCALE;
    }
}
