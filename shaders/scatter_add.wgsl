// scatter_add — rows added to where they were gathered from; one workgroup WG_SIZE elements of one destination row.
//   math    y[b, v] = Σ x[b, n] over the n with indices[b, n] = v
//   shapes  x [B, n, e] · indices u32 [B, n] -> y [B, v, e]     f32, row-major
//   order   the invocations search WG_SIZE indices at once and mark hits as bits, which all of them then walk upwards: each
//           sum is in ascending order of n, the same bits each time
//   grid    B·v · ⌈e / WG_SIZE⌉, folded over x then y
// section bindings
struct Params {
    rows: u32,
    v: u32,
    n: u32,
    e: u32,
    parts: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
// end bindings

const WG_SIZE: u32 = 256u; // a multiple of 32
const WORDS: u32 = WG_SIZE / 32u;

var<workgroup> hits: array<atomic<u32>, WORDS>;

@compute @workgroup_size(WG_SIZE)
fn scatter_add(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let row = tile / p.parts;
    let first = row / p.v * p.n; // of the table's indices
    let c = tile % p.parts * WG_SIZE + thread;
    let inside = (row < p.rows) & (c < p.e);

    var sum = 0.0;
    for (var base = 0u; base < p.n; base += WG_SIZE) {
        if (thread < WORDS) {
            atomicStore(&hits[thread], 0u);
        }
        workgroupBarrier();
        let n = base + thread;
        if (row < p.rows && n < p.n && indices[first + n] == row % p.v) {
            atomicOr(&hits[thread / 32u], 1u << (thread % 32u));
        }
        workgroupBarrier();
        for (var word = 0u; inside && word < WORDS; word += 1u) {
            var left = atomicLoad(&hits[word]);
            while (left != 0u) {
                sum += x[(first + base + word * 32u + firstTrailingBit(left)) * p.e + c];
                left &= left - 1u;
            }
        }
        workgroupBarrier();
    }
    if (inside) {
        y[row * p.e + c] = sum;
    }
}
