// pad_reflect_grad — borders folded back onto the image that they mirror; one invocation a slot of the image: an element,
// or four neighbouring channels.
//   math    y[b, h, w] = Σ of x over the places that pad_reflect copies (h, w) to: nine at most
//   shapes  x [B, top + height + bottom, left + width + right, channels] -> y [B, height, width, channels]     channels in slots
//   order   the middle, the border before, the border after; rows outermost
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
const NOWHERE: u32 = 0xffffffffu;

// Where element `at` of n lies on the padded axis.
fn copies(at: u32, n: u32, before: u32, after: u32) -> vec3<u32> {
    let again = 2u * (n - 1u) - at;
    return vec3(
        before + at,
        select(NOWHERE, before - at, (at >= 1u) & (at <= before)),
        select(NOWHERE, before + again, (again > at) & (again < n + after)),
    );
}

@compute @workgroup_size(WG_SIZE)
fn pad_reflect_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let padded_h = p.top + p.height + p.bottom;
        let padded_w = p.left + p.width + p.right;
        let c = i % p.channels;
        let row = i / p.channels / p.width;
        let across = copies(i / p.channels % p.width, p.width, p.left, p.right);
        let down = copies(row % p.height, p.height, p.top, p.bottom);
        let image = row / p.height * padded_h;
        var sum = slot();
        for (var a = 0u; a < 3u; a += 1u) {
            for (var b = 0u; b < 3u; b += 1u) {
                if ((down[a] != NOWHERE) & (across[b] != NOWHERE)) {
                    sum += x[((image + down[a]) * padded_w + across[b]) * p.channels + c];
                }
            }
        }
        y[i] = sum;
    }
}
