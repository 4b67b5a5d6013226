// random — random numbers by counter; one invocation a block of four.
//   source  Salmon, Moraes, Dror, Shaw 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", §3.3 (Philox 4x32-10);
//           normals by Acklam's rational approximation of the inverse normal CDF
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

fn tail(q: f32) -> f32 {
    let above = ((((-0.007784894 * q - 0.32239646) * q - 2.4007583) * q - 2.5497325) * q + 4.374664) * q + 2.938164;
    let below = (((0.007784696 * q + 0.32246713) * q + 2.4451342) * q + 3.7544087) * q + 1.0;
    return above / below;
}

fn normal_of(u: f32) -> f32 {
    let low = 0.02425;
    if (u < low) {
        return tail(sqrt(-2.0 * log(u)));
    }
    if (u > 1.0 - low) {
        return -tail(sqrt(-2.0 * log(1.0 - u)));
    }
    let q = u - 0.5;
    let r = q * q;
    let above = ((((-39.69683 * r + 220.9461) * r - 275.9285) * r + 138.35775) * r - 30.664798) * r + 2.5066283;
    let below = ((((-54.4761 * r + 161.58583) * r - 155.69898) * r + 66.80131) * r - 13.280682) * r + 1.0;
    return above * q / below;
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
