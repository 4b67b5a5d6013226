// random — random numbers by counter; one invocation a block of four.
//   source  Salmon, Moraes, Dror, Shaw 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", §3.3 (Philox 4x32-10);
//           normals by Giles 2010, "Approximating the erfinv function", table 1
//   math    word i = lane i % 4 of philox((i / 4, stream, step, 0), seed); u = (⌊word / 2^9⌋ + 1/2) 2^-23, in (0, 1)
//   shapes  seed u32 [2] (low word first) · step u32 [1] -> y [n], the bits of u32 or f32
//   grid    ⌈n / 4 / WG_SIZE⌉, folded over x then y
// section bindings
struct Params {
    n: u32,
    stream: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> seed: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
// end bindings

const WORDS: u32 = 0u;
const UNIFORM: u32 = 1u;
const NORMAL: u32 = 2u;
const DISTRIBUTION: u32 = 0u;
const WG_SIZE: u32 = 64u;

// High word of a product, by 16-bit pieces: WGSL has no 64-bit integers.
fn multiply_high(a: u32, b: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 16u); // below 2^32
    let other = a0 * b1 + (middle & 0xffffu);
    return a1 * b1 + (middle >> 16u) + (other >> 16u);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let high0 = multiply_high(0xd2511f53u, c.x);
        let high1 = multiply_high(0xcd9e8d57u, c.z);
        c = vec4(high1 ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high0 ^ c.w ^ k.y, 0xd2511f53u * c.x);
        k += vec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

fn uniform_of(word: u32) -> f32 {
    return (f32(word >> 9u) + 0.5) * (1.0 / 8388608.0);
}

// √2 erf⁻¹(2u - 1)
fn normal_of(u: f32) -> f32 {
    let x = 2.0 * u - 1.0; // exact, as are 1 - x and 1 + x
    let w = -log((1.0 - x) * (1.0 + x));
    var e = 0.0;
    if (w < 5.0) {
        let t = w - 2.5;
        e = (((2.8102264e-8 * t + 3.4327394e-7) * t - 3.5233877e-6) * t - 4.3915065e-6) * t + 0.00021858087;
        e = (((e * t - 0.001253725) * t - 0.0041776816) * t + 0.24664073) * t + 1.5014094;
    } else {
        let t = sqrt(w) - 3.0;
        e = (((-0.00020021426 * t + 0.00010095056) * t + 0.0013493432) * t - 0.0036734284) * t + 0.0057395077;
        e = (((e * t - 0.0076224613) * t + 0.0094388705) * t + 1.0016741) * t + 2.8329768;
    }
    return e * x * 1.4142135;
}

fn draw(word: u32) -> u32 {
    if (DISTRIBUTION == UNIFORM) {
        return bitcast<u32>(uniform_of(word));
    }
    if (DISTRIBUTION == NORMAL) {
        return bitcast<u32>(normal_of(uniform_of(word)));
    }
    return word;
}

@compute @workgroup_size(WG_SIZE)
fn random(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let block = (group.x + group.y * groups.x) * WG_SIZE + thread;
    let i = block * 4u;
    if (i < p.n) {
        let words = philox(vec4(block, p.stream, step[0], 0u), vec2(seed[0], seed[1]));
        y[i] = draw(words.x);
        if (i + 1u < p.n) { y[i + 1u] = draw(words.y); }
        if (i + 2u < p.n) { y[i + 2u] = draw(words.z); }
        if (i + 3u < p.n) { y[i + 3u] = draw(words.w); }
    }
}
