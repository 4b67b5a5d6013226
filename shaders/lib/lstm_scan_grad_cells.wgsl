// The forward scan's cells from its gates, kept where σ(o)'s cotangents will be; one invocation a hidden unit.
//   grid    ⌈B·P·H / WG_SIZE⌉, folded over x then y
const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn lstm_scan_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let u = (group.x + group.y * groups.x) * WG_SIZE + thread;
    if (u < p.rows * HIDDEN) {
        var c = c0[u];
        for (var s = 0u; s < p.steps; s++) {
            let at = (time_of(s) * p.rows + u / HIDDEN) * GATES + u % HIDDEN;
            let a = four_gates(at);
            c = a.y * c + a.z * a.w;
            d_pre[at] = c;
        }
    }
}
