// blocks — 4 x 4 elements of an operand of matmul, whichever way it lies in memory: a vector for each of four steps of k.
// For steps beyond the end: loaders may only be asked for steps inside.
const ZERO: vec4<f32> = vec4<f32>();

// a at rows r..r+4 and steps k..k+4.
fn a_block(rows: ptr<function, array<ARow, THREAD_M>>, r: u32, k: u32, k_end: u32) -> mat4x4<f32> {
    if (A_ALONG_K) {
        return transpose(mat4x4<f32>(
            a_quad((*rows)[r], k),
            a_quad((*rows)[r + 1u], k),
            a_quad((*rows)[r + 2u], k),
            a_quad((*rows)[r + 3u], k),
        ));
    }
    return mat4x4<f32>(
        a_quad((*rows)[r], k),
        select(ZERO, a_quad((*rows)[r], min(k + 1u, k_end - 1u)), k + 1u < k_end),
        select(ZERO, a_quad((*rows)[r], min(k + 2u, k_end - 1u)), k + 2u < k_end),
        select(ZERO, a_quad((*rows)[r], min(k + 3u, k_end - 1u)), k + 3u < k_end),
    );
}

// b at columns r..r+4, likewise.
fn b_block(rows: ptr<function, array<BRow, THREAD_N>>, r: u32, k: u32, k_end: u32) -> mat4x4<f32> {
    if (B_ALONG_K) {
        return transpose(mat4x4<f32>(
            b_quad((*rows)[r], k),
            b_quad((*rows)[r + 1u], k),
            b_quad((*rows)[r + 2u], k),
            b_quad((*rows)[r + 3u], k),
        ));
    }
    return mat4x4<f32>(
        b_quad((*rows)[r], k),
        select(ZERO, b_quad((*rows)[r], min(k + 1u, k_end - 1u)), k + 1u < k_end),
        select(ZERO, b_quad((*rows)[r], min(k + 2u, k_end - 1u)), k + 2u < k_end),
        select(ZERO, b_quad((*rows)[r], min(k + 3u, k_end - 1u)), k + 3u < k_end),
    );
}

// `narrow` for each vector of a block.
fn narrow_block(v: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(narrow(v[0]), narrow(v[1]), narrow(v[2]), narrow(v[3]));
}
