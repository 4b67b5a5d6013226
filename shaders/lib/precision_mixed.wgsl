// precision_mixed — operands of matmul rounded to 16 bits, sums in 32: what matrix units do, on any processor.
//   source  Micikevicius et al. 2018, "Mixed Precision Training", arXiv:1710.03740, §3
//   math    y = Σ f16(s a) f16(s b) / s²: products of two f16 are exact in f32
//   Scaled, numbers of 1e-9 to 1023 survive; what is larger is cut off there, so that nothing becomes infinite.
const SCALE: f32 = 64.0;
const LARGEST: f32 = 65504.0;

fn narrow(v: vec4<f32>) -> vec4<f32> {
    return quantizeToF16(clamp(v * SCALE, vec4(-LARGEST), vec4(LARGEST)));
}

fn widen(sum: vec4<f32>) -> vec4<f32> {
    return sum * (1.0 / (SCALE * SCALE));
}
