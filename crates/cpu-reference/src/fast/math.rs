//! Elementary functions without branches, so that a loop over them becomes vector code. `FMA` says whether the CPU has
//! fused multiply-add. Polynomials: Moshier's Cephes library, single precision. Errors in units of the last place are
//! measured in this file's tests.

#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `coefficients` from the highest power down.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut y = coefficients[0];
    for &c in &coefficients[1..] {
        y = fma::<FMA>(y, x, c);
    }
    y
}

const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// Infinite from 88.73 on, 0 below -103.98, subnormal between -103.97 and -87.34.
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    // Comparisons that NaN fails, so that it passes through.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    // Adding 1.5 · 2^23 rounds to a whole number, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let whole = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let r = fma::<FMA>(n, -LN_2_LOW, fma::<FMA>(n, -LN_2_HIGH, x));
    let p = polynomial::<FMA, 6>(r, [0.000_198_756_91, 0.001_398_199_9, 0.008_333_452, 0.041_665_796, 0.166_666_66, 0.5]);
    let y = fma::<FMA>(p, r * r, r) + 1.0;
    // 2^n in two factors: n may be outside the range of one exponent.
    let half = whole >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    y * power(half) * power(whole.wrapping_sub(half))
}

/// -∞ at 0, NaN below.
#[inline(always)]
pub fn log<const FMA: bool>(x: f32) -> f32 {
    let small = x < f32::MIN_POSITIVE;
    let scaled = if small { x * 8_388_608.0 } else { x };
    // Mantissa in [√½, √2), exponent.
    const SQRT_HALF: u32 = 0x3F35_04F3;
    let bits = scaled.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = ((bits as i32) >> 23) as f32 - if small { 23.0 } else { 0.0 };
    let f = f32::from_bits((bits & 0x007F_FFFF).wrapping_add(SQRT_HALF)) - 1.0;
    let z = f * f;
    let p = polynomial::<FMA, 9>(
        f,
        [
            0.070_376_836,
            -0.115_146_1,
            0.116_769_984,
            -0.124_201_41,
            0.142_493_23,
            -0.166_680_58,
            0.200_007_14,
            -0.249_999_94,
            0.333_333_3,
        ],
    );
    let y = fma::<FMA>(exponent, LN_2_LOW, p * f * z);
    let y = fma::<FMA>(exponent, LN_2_HIGH, f + fma::<FMA>(z, -0.5, y));
    let y = if x > f32::MAX { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}

/// 2^n and exp(r) - 1, where x = n ln 2 + r with |r| at most ln 2 / 2, for x in -87..=87; NaN passes through the second.
#[inline(always)]
fn exp_parts<const FMA: bool>(x: f32) -> (f32, f32) {
    const ROUND: f32 = 12_582_912.0; // as in `exp`
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FMA>(n, -LN_2_LOW, fma::<FMA>(n, -LN_2_HIGH, x));
    let p = polynomial::<FMA, 5>(r, [0.001_388_249_2, 0.008_366_647, 0.041_667_204, 0.166_665_43, 0.5]);
    // The whole number is in the low bits of `shifted`; what stands above falls out.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    (power, fma::<FMA>(p, r * r, r))
}

#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    let x = if x > 20.0 { 20.0 } else { x };
    let x = if x < -20.0 { -20.0 } else { x };
    // (exp(2x) - 1) / (exp(2x) + 1), whose numerator keeps its digits where x is small.
    let (power, y) = exp_parts::<FMA>(x + x);
    let m = fma::<FMA>(power, y, power - 1.0);
    m / (m + 2.0)
}

/// 1 / (1 + exp(-x)).
#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    let e = exp::<FMA>(-x.abs());
    let top = if x < 0.0 { e } else { 1.0 };
    top / (1.0 + e)
}

/// 1 / (1 + exp(-x)) where speed counts: relative error some units of 2^-24; below -87 it stays at exp(-87).
#[inline(always)]
pub fn logistic<const FMA: bool>(x: f32) -> f32 {
    let x = if x > 87.0 { 87.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let (power, y) = exp_parts::<FMA>(-x);
    1.0 / (fma::<FMA>(power, y, power) + 1.0)
}

/// max(x, 0) + log1p(exp(-|x|)).
#[inline(always)]
pub fn softplus<const FMA: bool>(x: f32) -> f32 {
    let e = exp::<FMA>(-x.abs());
    let u = 1.0 + e;
    let log_1p = log::<FMA>(u) + (e - (u - 1.0)) / u; // Kahan's correction of what 1 + e has lost
    let positive = if x < 0.0 { 0.0 } else { x };
    positive + log_1p
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error in units of the last place of the true value, over floats spread through `from..to` by bit pattern or,
    /// where the range holds 0, evenly.
    fn ulp(f: impl Fn(f32) -> f32, truth: impl Fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let n = 400_000;
        let mut worst = 0.0f64;
        for i in 0..=n {
            let x = from + (to - from) * (i as f32 / n as f32);
            let want = truth(x.into());
            let unit = f64::from((want as f32).abs().next_up()) - f64::from((want as f32).abs());
            worst = worst.max((f64::from(f(x)) - want).abs() / unit);
        }
        worst
    }

    fn check<const FMA: bool>() {
        let limits = [
            ("exp", ulp(exp::<FMA>, f64::exp, -87.3, 88.7), 2.0),
            ("exp near 0", ulp(exp::<FMA>, f64::exp, -1.0, 1.0), 1.5),
            ("exp, subnormal", ulp(exp::<FMA>, f64::exp, -103.9, -87.3), 1.5),
            ("log", ulp(log::<FMA>, f64::ln, 1e-30, 1e4), 2.0),
            ("log near 1", ulp(log::<FMA>, f64::ln, 0.5, 2.0), 2.0),
            ("log, large", ulp(log::<FMA>, f64::ln, 1e4, 3e38), 2.0),
            ("log, subnormal", ulp(log::<FMA>, f64::ln, 1e-44, 1e-38), 2.0),
            ("tanh", ulp(tanh::<FMA>, f64::tanh, -10.0, 10.0), 3.0),
            // Numerator, denominator and quotient are rounded.
            ("tanh near 0", ulp(tanh::<FMA>, f64::tanh, -0.01, 0.01), 2.5),
            ("sigmoid", ulp(sigmoid::<FMA>, |x| 1.0 / (1.0 + (-x).exp()), -87.0, 20.0), 3.0),
            ("logistic", ulp(logistic::<FMA>, |x| 1.0 / (1.0 + (-x).exp()), -87.0, 20.0), 3.0),
            ("softplus", ulp(softplus::<FMA>, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), -80.0, 80.0), 3.0),
        ];
        for (name, worst, limit) in limits {
            assert!(worst <= limit, "{name}: {worst} units in the last place");
        }
    }

    #[test]
    fn errors_are_a_few_units_in_the_last_place() {
        check::<true>();
        check::<false>();
    }

    #[test]
    fn extremes_are_right() {
        let inf = f32::INFINITY;
        assert_eq!([exp::<true>(inf), exp::<true>(-inf), exp::<true>(1e30), exp::<true>(-1e30)], [inf, 0.0, inf, 0.0]);
        assert_eq!([exp::<true>(0.0), exp::<true>(-0.0), exp::<true>(88.73), exp::<true>(-104.0)], [1.0, 1.0, inf, 0.0]);
        assert_eq!([log::<true>(inf), log::<true>(0.0), log::<true>(-0.0), log::<true>(1.0)], [inf, -inf, -inf, 0.0]);
        assert!(log::<true>(-1.0).is_nan() && log::<true>(-inf).is_nan());
        assert_eq!([tanh::<true>(inf), tanh::<true>(-inf), tanh::<true>(1e30), tanh::<true>(100.0)], [1.0, -1.0, 1.0, 1.0]);
        assert_eq!(tanh::<true>(-0.0), 0.0);
        assert_eq!([sigmoid::<true>(inf), sigmoid::<true>(-inf), sigmoid::<true>(0.0)], [1.0, 0.0, 0.5]);
        assert_eq!([softplus::<true>(inf), softplus::<true>(-inf), softplus::<true>(1e30)], [inf, 0.0, 1e30]);
        assert_eq!([logistic::<true>(inf), logistic::<true>(0.0)], [1.0, 0.5]);
        assert!((0.0..1e-37).contains(&logistic::<true>(-inf)));
        for f in [exp::<true>, log::<true>, tanh::<true>, sigmoid::<true>, logistic::<true>, softplus::<true>] {
            assert!(f(f32::NAN).is_nan());
        }
    }
}
