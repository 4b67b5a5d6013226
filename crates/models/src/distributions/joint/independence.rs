//! Independence of A and B given C, exact on a table; and for tables from data, whether chance alone explains what is missing.

use super::{JointTable, TableError};
use crate::distributions::special::chi_square_survival;

/// How far A and B are from independent given C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Independence {
    /// The greatest |p(a, b | c) - p(a | c) p(b | c)| over all values, contexts c that cannot be left out.
    pub gap: f64,
    /// I(A; B | C) = Σ p(a, b, c) log (p(a, b | c) / (p(a | c) p(b | c))) in nats: what B tells about A where C is known.
    pub mutual_information: f64,
    /// For tables from data.
    pub test: Option<GTest>,
}

/// The likelihood-ratio test of independence: on the counts themselves, without smoothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GTest {
    /// G = 2 Σ n(a, b, c) log (n(a, b, c) n(c) / (n(a, c) n(b, c))).
    pub statistic: f64,
    /// Σ_c (A's values seen with c - 1) (B's values seen with c - 1).
    pub dof: u64,
    /// Probability of this G or a greater one if A and B are independent given C; 1 with no degree of freedom. Rough where
    /// `least_expected` is below 5.
    pub p_value: f64,
    /// The smallest n(a, c) n(b, c) / n(c), of values that were seen with c.
    pub least_expected: f64,
}

impl JointTable {
    /// A and B given C: sets of variables, C may be empty.
    ///
    /// # Errors
    /// A or B is empty; a variable that is not there, or is in two of the sets.
    pub fn independence(&self, a: &[&str], b: &[&str], given: &[&str]) -> Result<Independence, TableError> {
        for (which, set) in [("the first", a), ("the second", b)] {
            if set.is_empty() {
                return Err(TableError::NothingToTest { which });
            }
        }
        let table = self.project(&self.places(&[given, a, b].concat())?, &[]);
        let size = |from: usize, n: usize| table.variables[from..from + n].iter().map(|v| v.values.len()).product::<usize>();
        let (n_a, n_b) = (size(given.len(), a.len()), size(given.len() + a.len(), b.len()));
        let (mut gap, mut mutual_information) = (0.0f64, 0.0);
        for stratum in table.p.chunks_exact(n_a * n_b) {
            let margins = Margins::of(stratum, n_b);
            if margins.total > 0.0 {
                for (joint, product) in margins.pairs(stratum) {
                    gap = gap.max((joint - product).abs() / margins.total);
                }
                mutual_information += margins.information(stratum);
            }
        }
        let test = table.counts.as_ref().map(|counts| GTest::of(counts, n_a, n_b));
        // Rounding may end a little below 0, which no information does.
        Ok(Independence { gap, mutual_information: mutual_information.max(0.0), test })
    }
}

impl GTest {
    /// counts [C, A, B].
    fn of(counts: &[f64], n_a: usize, n_b: usize) -> Self {
        let (mut statistic, mut dof, mut least_expected) = (0.0, 0, f64::INFINITY);
        for stratum in counts.chunks_exact(n_a * n_b) {
            let margins = Margins::of(stratum, n_b);
            let seen = |margin: &[f64]| margin.iter().filter(|&&n| n > 0.0).count() as u64;
            dof += seen(&margins.a).saturating_sub(1) * seen(&margins.b).saturating_sub(1);
            statistic += 2.0 * margins.information(stratum);
            let expected = margins.pairs(stratum).map(|(_, product)| product).filter(|&n| n > 0.0);
            least_expected = expected.fold(least_expected, f64::min);
        }
        let statistic = f64::max(statistic, 0.0);
        let p_value = if dof == 0 { 1.0 } else { chi_square_survival(statistic, dof as f64) };
        GTest { statistic, dof, p_value, least_expected }
    }
}

/// Sums of a stratum [A, B] over B and over A.
struct Margins {
    a: Vec<f64>,
    b: Vec<f64>,
    total: f64,
}

impl Margins {
    fn of(stratum: &[f64], n_b: usize) -> Self {
        let a: Vec<f64> = stratum.chunks_exact(n_b).map(|row| row.iter().sum()).collect();
        let mut b = vec![0.0; n_b];
        stratum.iter().enumerate().for_each(|(cell, p)| b[cell % n_b] += p);
        let total = a.iter().sum();
        Margins { a, b, total }
    }

    /// Each cell, beside what it would be if the two were independent: NaN where nothing is in the stratum.
    fn pairs(&self, stratum: &[f64]) -> impl Iterator<Item = (f64, f64)> {
        let product = |cell: usize| self.a[cell / self.b.len()] * (self.b[cell % self.b.len()] / self.total);
        stratum.iter().enumerate().map(move |(cell, &joint)| (joint, product(cell)))
    }

    /// Σ joint log (joint / product).
    fn information(&self, stratum: &[f64]) -> f64 {
        self.pairs(stratum).filter(|&(joint, _)| joint > 0.0).map(|(joint, product)| joint * (joint / product).ln()).sum()
    }
}
