//! How many free parameters a distribution over N values of L levels has, by what is assumed of it.
//!
//! | assumption | parameters |
//! |---|---|
//! | full joint table | L^N - 1 |
//! | chain rule, no assumption | Σ_i L^i (L - 1) over i < N: each term is L^(i+1) - L^i, so that the sum is L^N - 1 again |
//! | Markov of order K | Σ_i L^min(i, K) (L - 1) over i < N |
//! | independent | N (L - 1) |

use std::fmt;

use super::error::{DistributionError, expect};

/// Values at most: so far the digits of a number that is not exact are right.
pub const MOST_VALUES: u64 = 1_000_000_000;

/// A number of parameters: how it comes about, and how much it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Such as `2^784 - 1`.
    pub formula: String,
    /// The number where it is below 2^128.
    pub exact: Option<u128>,
    /// Its decimal logarithm; -∞ for 0.
    pub log10: f64,
}

impl Parameters {
    fn new(formula: String, exact: Option<u128>, log10: f64) -> Self {
        Parameters { formula, exact, log10: exact.map_or(log10, |n| (n as f64).log10()) }
    }
}

/// `16,777,215` where it is exact, else `1.02e236`.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(n) = self.exact else {
            let (exponent, mantissa) = (self.log10.floor(), 10f64.powf(self.log10 - self.log10.floor()));
            // 9.995 and more would be written as 10.00.
            let (exponent, mantissa) = if mantissa < 9.995 { (exponent, mantissa) } else { (exponent + 1.0, mantissa / 10.0) };
            return write!(f, "{mantissa:.2}e{exponent}");
        };
        let digits = n.to_string();
        for (i, digit) in digits.chars().enumerate() {
            let comma = if i > 0 && (digits.len() - i) % 3 == 0 { "," } else { "" };
            write!(f, "{comma}{digit}")?;
        }
        Ok(())
    }
}

/// N values of L levels each: the pixels of an image, or their channels, in a fixed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    n: u64,
    levels: u64,
}

impl Values {
    /// # Errors
    /// No values or more than [`MOST_VALUES`]; fewer than two levels or more than 2^32.
    pub fn new(n: u64, levels: u64) -> Result<Self, DistributionError> {
        expect((1..=MOST_VALUES).contains(&n), "values", "a whole number from 1 to 1,000,000,000", n as f64)?;
        expect((2..=1 << 32).contains(&levels), "levels", "a whole number from 2 to 2^32", levels as f64)?;
        Ok(Values { n, levels })
    }

    /// L^k, if it is below 2^128.
    fn power(self, k: u64) -> Option<u128> {
        u128::from(self.levels).checked_pow(u32::try_from(k).ok()?)
    }

    fn log10_power(self, k: u64) -> f64 {
        k as f64 * (self.levels as f64).log10()
    }

    /// L^N: how many images there are.
    pub fn images(self) -> Parameters {
        Parameters::new(power(self.levels, self.n), self.power(self.n), self.log10_power(self.n))
    }

    /// A probability for each image; the last follows from the others.
    pub fn full_joint(self) -> Parameters {
        // L^N - 1 may have room where L^N has none.
        let before = self.power(self.n - 1).map(|n| n - 1);
        let exact = before.and_then(|n| n.checked_mul(self.levels.into())?.checked_add(self.rest()));
        Parameters::new(format!("{} - 1", power(self.levels, self.n)), exact, self.log10_power(self.n))
    }

    /// p(x_1) p(x_2 | x_1) … p(x_N | x_<N): L - 1 for each value in each of its contexts, added up term by term.
    pub fn chain_rule(self) -> Parameters {
        let term = |i: u64| match (i, self.levels - 1) {
            (0, rest) => rest.to_string(),
            (i, 1) => power(2, i),
            (i, rest) => format!("{}*{rest}", power(self.levels, i)),
        };
        let formula = match self.n {
            n @ 0..=4 => (0..n).map(term).collect::<Vec<_>>().join(" + "),
            n => format!("{} + {} + {} + ... + {}", term(0), term(1), term(2), term(n - 1)),
        };
        // Beyond 128 terms of two levels there is no room for the sum, which ends the adding.
        let exact = (0..self.n).try_fold(0u128, |sum, i| sum.checked_add(self.power(i)?.checked_mul(self.rest())?));
        Parameters::new(formula, exact, self.log10_power(self.n))
    }

    /// Each value given the K before it, or all where there are fewer.
    pub fn markov(self, order: u64) -> Parameters {
        let k = order.min(self.n - 1);
        // The first K: as the full joint of K values. Then N - K times L^K contexts.
        let exact = || {
            let contexts = self.power(k)?;
            let rest = u128::from(self.n - k).checked_mul(contexts)?.checked_mul(self.rest())?;
            (contexts - 1).checked_add(rest)
        };
        let log10 = self.log10_power(k) + (1.0 + (self.n - k) as f64 * (self.levels - 1) as f64).log10();
        let rest = match self.levels - 1 {
            1 => String::new(),
            rest => format!("*{rest}"),
        };
        let formula = match k {
            0 => format!("{}{rest}", self.n),
            k => format!("{first} - 1 + {}*{first}{rest}", self.n - k, first = power(self.levels, k)),
        };
        Parameters::new(formula, exact(), log10)
    }

    /// Each value by itself.
    pub fn independent(self) -> Parameters {
        let exact = u128::from(self.n).checked_mul(self.rest());
        Parameters::new(format!("{}*{}", self.n, self.levels - 1), exact, ((self.n * (self.levels - 1)) as f64).log10())
    }

    /// L - 1
    fn rest(self) -> u128 {
        u128::from(self.levels - 1)
    }
}

/// `L^k` as a person writes it.
fn power(levels: u64, k: u64) -> String {
    if k == 1 { levels.to_string() } else { format!("{levels}^{k}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: u64, levels: u64) -> Values {
        Values::new(n, levels).expect("sizes")
    }

    fn full(p: &Parameters) -> String {
        format!("{} = {p}", p.formula)
    }

    #[test]
    fn the_lectures_numbers() {
        let mnist = values(784, 2);
        assert_eq!(full(&mnist.full_joint()), "2^784 - 1 = 1.02e236");
        assert_eq!(full(&mnist.chain_rule()), "1 + 2 + 2^2 + ... + 2^783 = 1.02e236");
        assert_eq!(full(&mnist.markov(1)), "2 - 1 + 783*2 = 1,567");
        assert_eq!(mnist.markov(0).exact, Some(784));
        assert_eq!(mnist.independent().exact, Some(784));
        let rgb = values(3, 256);
        assert_eq!(full(&rgb.full_joint()), "256^3 - 1 = 16,777,215");
        assert_eq!(full(&rgb.chain_rule()), "255 + 256*255 + 256^2*255 = 16,777,215");
        assert_eq!(full(&rgb.independent()), "3*255 = 765");
        assert_eq!(rgb.images().to_string(), "16,777,216");
    }

    /// 2^D - 1, D and 2D - 1 for D bits; and the chain rule's sum is the joint's number, whatever N and L.
    #[test]
    fn the_chain_rule_assumes_nothing() {
        for (levels, most) in [(2, 128), (3, 80), (17, 31), (256, 16), (1 << 32, 4)] {
            for n in 1..=most {
                let v = values(n, levels);
                assert!(v.full_joint().exact.is_some());
                assert_eq!(v.chain_rule().exact, v.full_joint().exact, "{n} of {levels} levels");
                assert_eq!(v.markov(n - 1).exact, v.full_joint().exact, "all that came before");
                assert_eq!(v.markov(u64::MAX).exact, v.full_joint().exact);
                assert_eq!(v.markov(0).exact, v.independent().exact);
                if levels == 2 {
                    assert_eq!(v.independent().exact, Some(n.into()));
                    assert_eq!(v.markov(1).exact, Some(u128::from(2 * n - 1)));
                }
            }
        }
    }

    /// An order's number is the sum over the values of L^min(i, K) (L - 1), exactly and as a logarithm.
    #[test]
    fn markov_adds_up() {
        for (n, levels, k) in [(10, 2, 3), (9, 5, 2), (4, 256, 1), (12, 3, 11), (30, 4, 29)] {
            let sum: u128 = (0..n).map(|i: u64| u128::from(levels).pow(i.min(k) as u32) * u128::from(levels - 1)).sum();
            let p = values(n, levels).markov(k);
            assert_eq!(p.exact, Some(sum));
            let without = Parameters { exact: None, ..p };
            assert!((without.log10 - (sum as f64).log10()).abs() < 1e-12);
        }
        let large = values(784, 2).markov(200);
        assert_eq!(full(&large), "2^200 - 1 + 584*2^200 = 9.40e62");
    }

    #[test]
    fn large_numbers_read_well() {
        assert_eq!(values(128, 2).full_joint().to_string(), "340,282,366,920,938,463,463,374,607,431,768,211,455");
        assert_eq!(values(129, 2).full_joint().to_string(), "6.81e38");
        assert_eq!(values(1, 1 << 32).full_joint().to_string(), "4,294,967,295");
        assert_eq!(values(MOST_VALUES, 256).full_joint().formula, "256^1000000000 - 1");
        let nearly = Parameters { formula: String::new(), exact: None, log10: 236.999_999 };
        assert_eq!(nearly.to_string(), "1.00e237");
        assert_eq!(Parameters { log10: 236.999, ..nearly }.to_string(), "9.98e236");
    }

    #[test]
    fn sizes_are_bounded() {
        for (n, levels) in [(0, 2), (MOST_VALUES + 1, 2), (3, 1), (3, 0), (3, (1 << 32) + 1)] {
            assert!(Values::new(n, levels).is_err(), "{n} of {levels}");
        }
    }
}
