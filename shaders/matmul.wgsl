// matmul — products of matrices and, with other operand loaders, convolutions; one workgroup a tile of the result.
//   source  register blocking and staging through workgroup memory as in CUTLASS (github.com/NVIDIA/cutlass)
//   math    y[z,m,n] = f(Σ_k a[z,m,k] b[z,k,n]), f a generated epilogue
//   shapes  a [Z,M,K] · b [Z,K,N] -> y [Z,M,N]     f32; layouts as the loaders say
//   grid    Z · ⌈M/TILE_M⌉ · ⌈N/TILE_N⌉, n fastest, folded over x then y
//
// Sections are replaced by the host; as it stands the file is the plain product of row-major matrices.
// Operand loaders: `a_row(z, m)` is made once, then `a_quad(row, k)` gives four neighbours: along k where A_ALONG_K, else
// along m. What lies beyond K is zero; what lies beyond M or N is anything, for it is not stored.

// section bindings
struct Params {
    size_z: u32,
    size_m: u32,
    size_n: u32,
    size_k: u32,
    tiles_m: u32,
    tiles_n: u32,
    k_part: u32,
    a_batch: u32,
    a_stride: u32,
    b_batch: u32,
    b_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y0: array<f32>;
// end bindings

const NOWHERE: u32 = 0xffffffffu;
const TILE_M: u32 = 64u;
const TILE_N: u32 = 64u;
const TILE_K: u32 = 32u;
const THREAD_M: u32 = 4u;
const THREAD_N: u32 = 4u;
const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;
// Whether z counts parts of the sum, each of k_part terms, rather than products.
const SPLIT_K: bool = false;

// section load_a
struct ARow {
    base: u32,
    left: u32,
}

fn a_row(z: u32, m: u32) -> ARow {
    return ARow(z * p.a_batch + m * p.a_stride, select(0u, p.size_m - m, m < p.size_m));
}

fn a_at(row: ARow, k: u32) -> f32 {
    if ((row.left > 0u) & (k < p.size_k)) {
        return a[row.base + k];
    }
    return 0.0;
}

fn a_quad(row: ARow, k: u32) -> vec4<f32> {
    return vec4(a_at(row, k), a_at(row, k + 1u), a_at(row, k + 2u), a_at(row, k + 3u));
}
// end load_a
// section load_b
struct BRow {
    base: u32,
    left: u32,
}

fn b_row(z: u32, n: u32) -> BRow {
    return BRow(z * p.b_batch + n, select(0u, p.size_n - n, n < p.size_n));
}

fn b_at(row: BRow, k: u32) -> f32 {
    if ((row.left > 0u) & (k < p.size_k)) {
        return b[row.base + k * p.b_stride];
    }
    return 0.0;
}

fn b_quad(row: BRow, k: u32) -> vec4<f32> {
    var v = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        if ((i < row.left) & (k < p.size_k)) {
            v[i] = b[row.base + i + k * p.b_stride];
        }
    }
    return v;
}
// end load_b
// section address
// Index of y[z, m, 0], or NOWHERE.
fn y_base(z: u32, m: u32) -> u32 {
    return select(NOWHERE, (z * p.size_m + m) * p.size_n, (z < p.size_z) & (m < p.size_m));
}
// end address
// section epilogue
fn store(i: u32, acc: f32) {
    y0[i] = acc;
}

// Up to four results at i, i + 1, …; `left` of them are inside the row.
fn store_quad(i: u32, left: u32, acc: vec4<f32>) {
    for (var c = 0u; c < min(left, 4u); c++) {
        store(i + c, acc[c]);
    }
}
// end epilogue

// section precision
// What becomes of four elements of an operand before they are multiplied, and of four sums before they are stored.
fn narrow(v: vec4<f32>) -> vec4<f32> {
    return v;
}

fn widen(sum: vec4<f32>) -> vec4<f32> {
    return sum;
}
// end precision

// section core
const WG_M: u32 = TILE_M / THREAD_M;
const WG_N: u32 = TILE_N / THREAD_N;
const WG_SIZE: u32 = WG_M * WG_N;
const QUADS_M: u32 = TILE_M / 4u;
const QUADS_N: u32 = TILE_N / 4u;
const QUADS_K: u32 = TILE_K / 4u;
// Blocks of 4 x 4 elements that one invocation fetches for a tile; a's by the first invocations, b's by the last, and
// A_BLOCKS + B_BLOCKS <= WG_SIZE.
const A_BLOCKS: u32 = QUADS_M * QUADS_K;
const B_BLOCKS: u32 = QUADS_N * QUADS_K;
const THREAD_QM: u32 = THREAD_M / 4u;
const THREAD_QN: u32 = THREAD_N / 4u;

var<workgroup> a_tile: array<vec4<f32>, TILE_K * QUADS_M>; // [TILE_K, TILE_M]
var<workgroup> b_tile: array<vec4<f32>, TILE_K * QUADS_N>; // [TILE_K, TILE_N]

// Where quad q of row k lies in a tile of `quads` a row. Blocks that are transposed on their way in would all meet in the
// same banks: exclusive-or with the block's depth spreads them.
fn swizzle(q: u32, k: u32, quads: u32) -> u32 {
    return q ^ (((k >> 2u) << 1u) & (quads - 1u));
}

@compute @workgroup_size(WG_SIZE)
fn matmul(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tile = group.x + group.y * groups.x;
    let tile_n = tile % p.tiles_n;
    let tile_m = tile / p.tiles_n % p.tiles_m;
    let z = tile / (p.tiles_n * p.tiles_m);
    let k_begin = select(0u, z * p.k_part, SPLIT_K);
    let k_stop = select(p.size_k, min(k_begin + p.k_part, p.size_k), SPLIT_K);
    let k_end = select(0u, k_stop, z < p.size_z);

    // Fetching: which block is this invocation's.
    let is_a = thread < A_BLOCKS;
    let b_block = WG_SIZE - 1u - thread;
    let is_b = !is_a & (b_block < B_BLOCKS);
    let a_q = select(thread % QUADS_M, thread / QUADS_K, A_ALONG_K);
    let a_k = select(thread / QUADS_M, thread % QUADS_K, A_ALONG_K) * 4u;
    let b_q = select(b_block % QUADS_N, b_block / QUADS_K, B_ALONG_K);
    let b_k = select(b_block / QUADS_N, b_block % QUADS_K, B_ALONG_K) * 4u;
    let m_fetch = tile_m * TILE_M + a_q * 4u;
    let n_fetch = tile_n * TILE_N + b_q * 4u;
    var a_rows: array<ARow, 4>;
    var b_rows: array<BRow, 4>;
    for (var i = 0u; i < 4u; i++) {
        a_rows[i] = a_row(z, m_fetch + select(0u, i, A_ALONG_K));
        b_rows[i] = b_row(z, n_fetch + select(0u, i, B_ALONG_K));
    }

    // Computing: rows (g WG_M + thread_m) 4 + i, columns (h WG_N + thread_n) 4 + j of the tile.
    let thread_m = thread / WG_N;
    let thread_n = thread % WG_N;
    var acc: array<vec4<f32>, THREAD_M * THREAD_QN>;

    for (var k0 = k_begin; k0 < k_end; k0 += TILE_K) {
        var s0 = vec4<f32>();
        var s1 = vec4<f32>();
        var s2 = vec4<f32>();
        var s3 = vec4<f32>();
        if (is_a) {
            let k = k0 + a_k;
            if (A_ALONG_K) {
                if (k < k_end) {
                    s0 = a_quad(a_rows[0], k);
                    s1 = a_quad(a_rows[1], k);
                    s2 = a_quad(a_rows[2], k);
                    s3 = a_quad(a_rows[3], k);
                }
            } else {
                if (k < k_end) { s0 = a_quad(a_rows[0], k); }
                if (k + 1u < k_end) { s1 = a_quad(a_rows[0], k + 1u); }
                if (k + 2u < k_end) { s2 = a_quad(a_rows[0], k + 2u); }
                if (k + 3u < k_end) { s3 = a_quad(a_rows[0], k + 3u); }
            }
        } else if (is_b) {
            let k = k0 + b_k;
            if (B_ALONG_K) {
                if (k < k_end) {
                    s0 = b_quad(b_rows[0], k);
                    s1 = b_quad(b_rows[1], k);
                    s2 = b_quad(b_rows[2], k);
                    s3 = b_quad(b_rows[3], k);
                }
            } else {
                if (k < k_end) { s0 = b_quad(b_rows[0], k); }
                if (k + 1u < k_end) { s1 = b_quad(b_rows[0], k + 1u); }
                if (k + 2u < k_end) { s2 = b_quad(b_rows[0], k + 2u); }
                if (k + 3u < k_end) { s3 = b_quad(b_rows[0], k + 3u); }
            }
        }
        if ((is_a & A_ALONG_K) | (is_b & B_ALONG_K)) {
            let t = transpose(mat4x4<f32>(s0, s1, s2, s3));
            s0 = t[0];
            s1 = t[1];
            s2 = t[2];
            s3 = t[3];
        }
        s0 = narrow(s0);
        s1 = narrow(s1);
        s2 = narrow(s2);
        s3 = narrow(s3);
        // The fetch is under way before the others have finished with the previous tile.
        workgroupBarrier();
        if (is_a) {
            let at = a_k * QUADS_M + swizzle(a_q, a_k, QUADS_M);
            a_tile[at] = s0;
            a_tile[at + QUADS_M] = s1;
            a_tile[at + 2u * QUADS_M] = s2;
            a_tile[at + 3u * QUADS_M] = s3;
        } else if (is_b) {
            let at = b_k * QUADS_N + swizzle(b_q, b_k, QUADS_N);
            b_tile[at] = s0;
            b_tile[at + QUADS_N] = s1;
            b_tile[at + 2u * QUADS_N] = s2;
            b_tile[at + 3u * QUADS_N] = s3;
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            var bs: array<vec4<f32>, THREAD_QN>;
            for (var h = 0u; h < THREAD_QN; h++) {
                bs[h] = b_tile[k * QUADS_N + swizzle(h * WG_N + thread_n, k, QUADS_N)];
            }
            for (var g = 0u; g < THREAD_QM; g++) {
                let av = a_tile[k * QUADS_M + swizzle(g * WG_M + thread_m, k, QUADS_M)];
                for (var h = 0u; h < THREAD_QN; h++) {
                    let at = g * 4u * THREAD_QN + h;
                    acc[at] += av.x * bs[h];
                    acc[at + THREAD_QN] += av.y * bs[h];
                    acc[at + 2u * THREAD_QN] += av.z * bs[h];
                    acc[at + 3u * THREAD_QN] += av.w * bs[h];
                }
            }
        }
    }

    for (var g = 0u; g < THREAD_QM; g++) {
        for (var i = 0u; i < 4u; i++) {
            let base = y_base(z, tile_m * TILE_M + (g * WG_M + thread_m) * 4u + i);
            for (var h = 0u; h < THREAD_QN; h++) {
                let n = tile_n * TILE_N + (h * WG_N + thread_n) * 4u;
                if ((base != NOWHERE) & (n < p.size_n)) {
                    store_quad(base + n, p.size_n - n, widen(acc[(g * 4u + i) * THREAD_QN + h]));
                }
            }
        }
    }
}
// end core
