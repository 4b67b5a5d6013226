// pool2d_grad — the transpose of pooling; one invocation a slot of the image: an element, or four neighbouring channels.
//   math    dx[b, h, w, c] = SCALE · Σ dy[b, oh, ow, c] over the windows that hold (h, w), or, for the largest, over those of
//           them whose first largest element of x it is
//   shapes  dy [B, out_h, out_w, channels] · x [B, height, width, channels] -> dx as x     f32, channels in slots
//           A NaN is larger than any number.
//   order   windows in ascending order: the same bits each time
//   grid    ⌈B·height·width·channels / WG_SIZE⌉, folded over x then y
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
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
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
fn pool2d_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let c = i % p.channels;
        let w = i / p.channels % p.width + PAD_W; // of the padded image
        let row = i / p.channels / p.width;
        let h = row % p.height + PAD_H;
        let b = row / p.height;
        var sum = slot();
        let first_h = (max(h + 1u, KERNEL_H) - KERNEL_H + STRIDE_H - 1u) / STRIDE_H;
        let first_w = (max(w + 1u, KERNEL_W) - KERNEL_W + STRIDE_W - 1u) / STRIDE_W;
        for (var oh = first_h; oh < p.out_h && oh * STRIDE_H <= h; oh += 1u) {
            for (var ow = first_w; ow < p.out_w && ow * STRIDE_W <= w; ow += 1u) {
                let v = dy[((b * p.out_h + oh) * p.out_w + ow) * p.channels + c];
                if (MAX) {
                    // section chosen
                    // The window's first largest element, counted in taps.
                    var best = slot();
                    var place = places(KERNEL_H * KERNEL_W);
                    for (var tap = 0u; tap < KERNEL_H * KERNEL_W; tap += 1u) {
                        let th = oh * STRIDE_H + tap / KERNEL_W - PAD_H; // wraps before the border
                        let tw = ow * STRIDE_W + tap % KERNEL_W - PAD_W;
                        if ((th < p.height) & (tw < p.width)) {
                            let t = x[((b * p.height + th) * p.width + tw) * p.channels + c];
                            let first_nan = (magnitude_bits(t) > places(INFINITY_BITS)) & (magnitude_bits(best) <= places(INFINITY_BITS));
                            let better = (t > best) | first_nan | (place == places(KERNEL_H * KERNEL_W));
                            best = select(best, t, better);
                            place = select(place, places(tap), better);
                        }
                    }
                    let mine = (h - oh * STRIDE_H) * KERNEL_W + w - ow * STRIDE_W;
                    sum += select(slot(), v, place == places(mine));
                    // end chosen
                } else {
                    sum += v;
                }
            }
        }
        dx[i] = sum * SCALE;
    }
}
