// reduce — sum, largest, or index of the first largest over the middle axis; one workgroup COLS columns of GROUPS slices.
//   A NaN is larger than any number.
//   math    y[o, c] = f(Σ_n x[o, n, c]), or max_n, or argmax_n; f a generated epilogue
//   shapes  x [outer, n, inner] -> y [outer, parts, inner]; part s covers `part` of n, so that a second run adds them up
//   order   each lane takes every LANES-th element in turn, then lanes are joined pairwise: the same bits each time
//   grid    ⌈inner/COLS⌉ · ⌈outer/GROUPS⌉ · parts, folded over x then y
// section bindings
struct Params {
    outer: u32,
    n: u32,
    inner: u32,
    part: u32,
    parts: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
// end bindings

// section epilogue
fn store(i: u32, acc: f32, place: u32) {
    y[i] = select(bitcast<u32>(acc), place, KIND == ARG_MAX);
}
// end epilogue

const SUM: u32 = 0u;
const MAX: u32 = 1u;
const ARG_MAX: u32 = 2u;
const KIND: u32 = 0u;
const COLS: u32 = 1u; // neighbouring columns, fastest
const LANES: u32 = 256u; // invocations that share a column; a power of two
const GROUPS: u32 = 1u;
const WG_SIZE: u32 = COLS * LANES * GROUPS;

var<workgroup> values: array<f32, WG_SIZE>;
var<workgroup> places: array<u32, WG_SIZE>;

// By its bits: `x != x` is lowered to false.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn exceeds(v: f32, best: f32) -> bool {
    return (v > best) | (is_nan(v) & !is_nan(best));
}

@compute @workgroup_size(WG_SIZE)
fn reduce(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let tiles_c = (p.inner + COLS - 1u) / COLS;
    let tiles_o = (p.outer + GROUPS - 1u) / GROUPS;
    let c = tile % tiles_c * COLS + thread % COLS;
    let o = tile / tiles_c % tiles_o * GROUPS + thread / (COLS * LANES);
    let s = tile / tiles_c / tiles_o;
    let lane = thread / COLS % LANES;
    let inside = (c < p.inner) & (o < p.outer) & (s < p.parts);
    let begin = s * p.part;
    let end = select(0u, min(begin + p.part, p.n), inside);

    var value = 0.0;
    var place = begin + lane;
    var k = begin + lane;
    if (KIND != SUM && k < end) {
        value = x[(o * p.n + k) * p.inner + c];
        k += LANES;
    }
    for (; k < end; k += LANES) {
        let v = x[(o * p.n + k) * p.inner + c];
        if (KIND == SUM) {
            value += v;
        } else if (exceeds(v, value)) {
            value = v;
            place = k;
        }
    }
    values[thread] = value;
    places[thread] = place;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        // A lane whose place lies beyond the end has seen nothing.
        if (lane < half) {
            let other = thread + half * COLS;
            let v = values[other];
            if (KIND == SUM) {
                values[thread] += v;
            } else if (places[other] < end) {
                let mine = values[thread];
                if (exceeds(v, mine) || (!exceeds(mine, v) && places[other] < places[thread])) {
                    values[thread] = v;
                    places[thread] = places[other];
                }
            }
        }
    }
    if (inside & (lane == 0u)) {
        store((o * p.parts + s) * p.inner + c, values[thread], places[thread]);
    }
}
