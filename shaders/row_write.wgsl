// row_write — one row replaced at an index held on the device; one invocation an element of y, or of the row in place.
//   math    y[n] = row for n = index, else x[n]
//   shapes  x [rows, inner] · row [inner] · index u32 [1] -> y [rows, inner]     bit patterns
//   grid    ⌈rows·inner / WG_SIZE⌉, in place ⌈inner / WG_SIZE⌉; folded over x then y
// section bindings
struct Params {
    total: u32,
    rows: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> row: array<u32>;
@group(0) @binding(3) var<storage, read> index: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<u32>;
// end bindings

const WG_SIZE: u32 = 256u;
// Whether y is x.
const IN_PLACE: bool = false;

@compute @workgroup_size(WG_SIZE)
fn row_write(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (i < p.total) {
        let n = index[0];
        if (!IN_PLACE) {
            if (i / p.inner == n) {
                y[i] = row[i % p.inner];
            } else {
                y[i] = x[i];
            }
        } else if (n < p.rows) {
            y[n * p.inner + i] = row[i];
        }
    }
}
