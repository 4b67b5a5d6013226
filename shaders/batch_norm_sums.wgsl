// batch_norm_sums — the two sums of batch normalisation's derivative; one workgroup COLS channels of one part of the rows.
//   source  Ioffe and Szegedy 2015, arXiv:1502.03167, §3
//   math    y[0] = Σ dy      y[1] = Σ dy (x - mean)
//   shapes  x [rows, channels] · dy [rows, channels] · stats [2, channels] (mean first) -> y [parts, 2, channels]
//   grid    ⌈channels/COLS⌉ · parts, folded over x then y; `reduce` adds up the parts
// section bindings
struct Params {
    rows: u32,
    channels: u32,
    part: u32,
    parts: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
// end bindings

const COLS: u32 = 32u; // neighbouring channels, fastest
const LANES: u32 = 8u; // invocations that share a channel; a power of two
const WG_SIZE: u32 = COLS * LANES;

var<workgroup> lanes: array<vec2<f32>, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn batch_norm_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let tiles_c = (p.channels + COLS - 1u) / COLS;
    let c = tile % tiles_c * COLS + thread % COLS;
    let s = tile / tiles_c;
    let lane = thread / COLS;
    let inside = c < p.channels && s < p.parts;
    let begin = s * p.part;
    let end = select(0u, min(begin + p.part, p.rows), inside);

    var sums = vec2<f32>();
    if (inside) {
        let mean = stats[c];
        for (var r = begin + lane; r < end; r += LANES) {
            let at = r * p.channels + c;
            let g = dy[at];
            sums += vec2(g, g * (x[at] - mean));
        }
    }
    lanes[thread] = sums;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            lanes[thread] += lanes[thread + half * COLS];
        }
    }
    if (inside && lane == 0u) {
        let at = 2u * s * p.channels + c;
        y[at] = lanes[thread].x;
        y[at + p.channels] = lanes[thread].y;
    }
}
