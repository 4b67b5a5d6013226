//! The tail of the chi-square distribution, with the relative precision that far tails need.

use std::f64::consts::TAU;

/// P(X >= x) for X of a chi-square distribution with `dof` degrees of freedom (any number above 0, whole or not): the p-value of
/// a test statistic x. To about 12 digits, down to the smallest f64.
///
/// This is Q(a, y) = Γ(a, y) / Γ(a) with a = dof / 2, y = x / 2: by its continued fraction above a + 1, by the power series of
/// 1 - Q below (Numerical Recipes, 3rd edition, §6.2; Abramowitz and Stegun 6.5.29, 6.5.31).
///
/// 1 for x of 0 or less. With no degree of freedom X is 0. NaN where x is NaN or `dof` is NaN, below 0 or infinite.
pub fn chi_square_survival(x: f64, dof: f64) -> f64 {
    if x.is_nan() || dof.is_nan() || dof < 0.0 || dof.is_infinite() {
        return f64::NAN;
    }
    if x <= 0.0 || dof == 0.0 || x.is_infinite() {
        return if x <= 0.0 { 1.0 } else { 0.0 };
    }
    let (a, y) = (0.5 * dof, 0.5 * x);
    if y < a + 1.0 { 1.0 - term(a, y) * series(a, y) } else { term(a, y) * a * fraction(a, y) }
}

/// Terms after which a sum that has not converged never will: near y = a it takes some times √a of them.
fn most_terms(a: f64) -> usize {
    1000 + (30.0 * a.sqrt()) as usize
}

/// Σ_n yⁿ / ((a + 1) … (a + n)), for y < a + 1.
fn series(a: f64, y: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..most_terms(a) {
        term *= y / (a + n as f64);
        sum += term;
        if term <= sum * f64::EPSILON / 4.0 {
            break;
        }
    }
    sum
}

/// Γ(a, y) y^-a e^y = 1 / (y + 1 - a - 1 (1 - a) / (y + 3 - a - 2 (2 - a) / (y + 5 - a - …))) by Lentz's method, for y >= a + 1.
fn fraction(a: f64, y: f64) -> f64 {
    let mut b = y + 1.0 - a;
    let (mut c, mut d) = (1.0 / f64::MIN_POSITIVE, 1.0 / b);
    let mut value = d;
    for n in 1..most_terms(a) {
        let n = n as f64;
        let numerator = -n * (n - a);
        b += 2.0;
        d = 1.0 / away_from_zero(numerator * d + b);
        c = away_from_zero(b + numerator / c);
        value *= d * c;
        if (d * c - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

fn away_from_zero(x: f64) -> f64 {
    if x.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { x }
}

/// Where Stirling's series is exact to rounding.
const LARGE: f64 = 16.0;

/// y^a e^-y / Γ(a + 1). For large a the three are huge and nearly cancel, so that their logarithms' difference is written as
/// a deviance and Stirling's error (Loader 2000, "Fast and accurate computation of binomial probabilities").
fn term(a: f64, y: f64) -> f64 {
    if a >= LARGE {
        return (-a * log_gap((y - a) / a) - stirling_error(a)).exp() / (TAU * a).sqrt();
    }
    // Γ(a + 1) = Γ(a + n + 1) / ((a + 1) … (a + n))
    let n = (LARGE - a).ceil();
    let (large, product) = (a + n, (1..=n as u32).map(|i| a + f64::from(i)).product::<f64>());
    let log_gamma = stirling_error(large) + 0.5 * (TAU * large).ln() + large * large.ln() - large - product.ln();
    (a * y.ln() - y - log_gamma).exp()
}

/// log Γ(a + 1) - (½ log(2πa) + a log a - a), for a >= [`LARGE`].
fn stirling_error(a: f64) -> f64 {
    let r = 1.0 / (a * a);
    (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r * (1.0 / 1188.0 - r * 691.0 / 360_360.0))))) / a
}

/// u - log(1 + u) for u > -1, without cancellation near 0: log(1 + u) = 2 artanh v with v = u / (2 + u), and u - 2v = u v.
fn log_gap(u: f64) -> f64 {
    if u.abs() > 0.5 {
        return u - u.ln_1p();
    }
    let v = u / (2.0 + u);
    let (mut sum, mut power) = (0.0, v);
    for n in 1..20 {
        power *= v * v;
        sum += power / f64::from(2 * n + 1);
    }
    u * v - 2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From mpmath 1.3.0 with 40 digits: gammainc(k / 2, x / 2, inf, regularized=True). (x, k, p).
    const KNOWN: [(f64, f64, f64); 25] = [
        (0.001, 1.0, 0.974_772_879_369_960_4),
        (3.841_458_820_694_124, 1.0, 0.05),
        (30.0, 1.0, 4.320_463_057_827_497e-8),
        (1000.0, 1.0, 1.795_832_784_800_726_2e-219),
        (1400.0, 1.0, 2.101_014_516_264_217_5e-306),
        (0.5, 3.0, 0.918_891_411_654_675_9),
        (20.0, 3.0, 0.000_169_742_435_552_826_43),
        (5.0, 5.5, 0.480_715_150_262_814_8),
        (50.0, 10.0, 2.669_083_424_904_495_6e-7),
        (300.0, 10.0, 1.554_674_754_380_318e-58),
        (9.0, 20.0, 0.982_907_267_100_621_5),
        (31.0, 31.0, 0.466_212_506_217_508_3),
        (32.0, 32.0, 0.466_744_891_387_720_75),
        (33.0, 32.0, 0.418_019_500_607_875_4),
        (511.0, 511.0, 0.491_680_394_766_307_4),
        (656.0, 511.0, 1.416_205_218_140_610_8e-5),
        (900.0, 511.0, 7.041_154_097_922_461e-24),
        (2500.0, 511.0, 1.181_901_676_405_357_6e-258),
        (4095.0, 4095.0, 0.497_061_145_852_534_7),
        (4600.0, 4095.0, 3.865_184_897_812_776e-8),
        (7000.0, 4095.0, 1.069_792_217_995_787e-156),
        (3500.0, 4095.0, 0.999_999_999_997_672_5),
        (1e-8, 0.5, 0.990_722_703_923_487_3),
        (60.0, 0.1, 1.842_464_973_413_104_3e-16),
        (1.01e6, 1e6, 9.068_528_823_262_077e-13),
    ];

    #[test]
    fn known_values_to_eleven_digits() {
        for (x, dof, p) in KNOWN {
            let got = chi_square_survival(x, dof);
            assert!((got / p - 1.0).abs() < 1e-11, "x {x}, {dof} degrees of freedom: {got:e}, should be {p:e}");
        }
    }

    /// With two degrees of freedom it is exp(-x/2), with four (1 + x/2) exp(-x/2).
    #[test]
    fn even_degrees_have_closed_forms() {
        for x in [0.01, 0.5, 2.0, 3.99, 4.01, 40.0, 600.0, 1300.0] {
            let (two, four) = (f64::exp(-x / 2.0), (1.0 + x / 2.0) * f64::exp(-x / 2.0));
            assert!((chi_square_survival(x, 2.0) / two - 1.0).abs() < 1e-12, "{x}");
            assert!((chi_square_survival(x, 4.0) / four - 1.0).abs() < 1e-12, "{x}");
        }
    }

    /// The two ways meet at y = a + 1, and the whole falls.
    #[test]
    fn it_falls_without_a_step() {
        for dof in [0.3, 1.0, 7.0, 31.9, 32.1, 511.0, 20_000.0] {
            let edge = dof + 2.0;
            let (below, above) = (chi_square_survival(edge * (1.0 - 1e-13), dof), chi_square_survival(edge, dof));
            assert!((below - above).abs() < 1e-10 * above, "{dof}: {below} and {above}");
            let values: Vec<f64> = (0..400).map(|i| chi_square_survival(3.0 * dof * f64::from(i) / 400.0, dof)).collect();
            assert!(values.windows(2).all(|w| w[1] <= w[0] + 1e-13), "{dof}");
        }
    }

    #[test]
    fn edges() {
        assert_eq!([-1.0, 0.0].map(|x| chi_square_survival(x, 3.0)), [1.0, 1.0]);
        assert_eq!(chi_square_survival(f64::INFINITY, 3.0), 0.0);
        assert_eq!(chi_square_survival(1e5, 1.0), 0.0, "below the smallest f64");
        assert_eq!([0.0, 1e-9].map(|x| chi_square_survival(x, 0.0)), [1.0, 0.0]);
        for (x, dof) in [(f64::NAN, 1.0), (1.0, f64::NAN), (1.0, -1.0), (1.0, f64::INFINITY)] {
            assert!(chi_square_survival(x, dof).is_nan());
        }
        assert!((chi_square_survival(1e8 + 1e5, 1e8) / 7.816_251_316_889_721e-13 - 1.0).abs() < 1e-6, "a hundred million");
    }
}
