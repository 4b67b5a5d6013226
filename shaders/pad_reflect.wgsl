// pad_reflect — an image with borders that mirror it; one invocation a slot: an element, or four neighbouring channels.
//   math    y[b, top + h, left + w] = x[b, r(h), r(w)], r mirrors at the first and the last element, which are not repeated
//   shapes  x [B, height, width, channels] -> y [B, top + height + bottom, left + width + right, channels]     channels in slots
//   grid    ⌈elements of y / WG_SIZE⌉, folded over x then y
// section bindings
struct Params {
    height: u32,
    width: u32,
    channels: u32,
    total: u32,
    top: u32,
    bottom: u32,
    left: u32,
    right: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// end bindings

// section types
alias slot = f32;
// end types

const WG_SIZE: u32 = 256u;

fn mirrored(k: u32, before: u32, n: u32) -> u32 {
    let at = max(k, before) - min(k, before);
    return min(at, 2u * (n - 1u) - at);
}

@compute @workgroup_size(WG_SIZE)
fn pad_reflect(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let padded_h = p.top + p.height + p.bottom;
        let padded_w = p.left + p.width + p.right;
        let c = i % p.channels;
        let row = i / p.channels / padded_w;
        let w = mirrored(i / p.channels % padded_w, p.left, p.width);
        let h = mirrored(row % padded_h, p.top, p.height);
        y[i] = x[((row / padded_h * p.height + h) * p.width + w) * p.channels + c];
    }
}
