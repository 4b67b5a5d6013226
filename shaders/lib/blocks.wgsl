// blocks — 4 x 4 elements of an operand of matmul, whichever way it lies in memory: a vector for each of four steps of k.
// Steps beyond the end are zeros: loaders may only be asked for steps inside. Rows come by name: an array of them is memory
// to drivers that do not unroll loops.
const ZERO: vec4<f32> = vec4<f32>();

// a at rows r..r+4 and steps k..k+4.
fn a_block(r0: ARow, r1: ARow, r2: ARow, r3: ARow, k: u32, k_end: u32) -> mat4x4<f32> {
    if (A_ALONG_K) {
        return transpose(mat4x4<f32>(
            a_quad(r0, k),
            a_quad(r1, k),
            a_quad(r2, k),
            a_quad(r3, k),
        ));
    }
    return mat4x4<f32>(
        a_quad(r0, k),
        select(ZERO, a_quad(r0, min(k + 1u, k_end - 1u)), k + 1u < k_end),
        select(ZERO, a_quad(r0, min(k + 2u, k_end - 1u)), k + 2u < k_end),
        select(ZERO, a_quad(r0, min(k + 3u, k_end - 1u)), k + 3u < k_end),
    );
}

// b at columns r..r+4, likewise.
fn b_block(r0: BRow, r1: BRow, r2: BRow, r3: BRow, k: u32, k_end: u32) -> mat4x4<f32> {
    if (B_ALONG_K) {
        return transpose(mat4x4<f32>(
            b_quad(r0, k),
            b_quad(r1, k),
            b_quad(r2, k),
            b_quad(r3, k),
        ));
    }
    return mat4x4<f32>(
        b_quad(r0, k),
        select(ZERO, b_quad(r0, min(k + 1u, k_end - 1u)), k + 1u < k_end),
        select(ZERO, b_quad(r0, min(k + 2u, k_end - 1u)), k + 2u < k_end),
        select(ZERO, b_quad(r0, min(k + 3u, k_end - 1u)), k + 3u < k_end),
    );
}

// `narrow` for each vector of a block.
fn narrow_block(v: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(narrow(v[0]), narrow(v[1]), narrow(v[2]), narrow(v[3]));
}
