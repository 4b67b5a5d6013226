//! What can be wrong with a distribution's numbers.

/// An error that names the number, what was expected and what came.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DistributionError {
    #[error("{what}: expected {expected}, got {got}")]
    Number { what: &'static str, expected: &'static str, got: f64 },

    #[error("{what}: expected {expected} numbers, got {got}")]
    Length { what: &'static str, expected: usize, got: usize },

    #[error("probabilities sum to {sum}, not to 1")]
    Sum { sum: f64 },

    #[error("there are no {what}")]
    Empty { what: &'static str },

    #[error("all counts are zero; count at least one value, or smooth with an alpha above 0")]
    NothingCounted,
}

/// How far a sum of probabilities that a person typed may be from 1.
pub(super) const SUM_TOLERANCE: f64 = 1e-6;

/// Probabilities as they are meant: divided by their sum, which must be 1 but for the digits that were left out.
pub(super) fn normalised(mut p: Vec<f64>) -> Result<Vec<f64>, DistributionError> {
    for &got in &p {
        expect(got >= 0.0 && got.is_finite(), "probability", "a number of 0 or more", got)?;
    }
    let sum: f64 = p.iter().sum();
    if (sum - 1.0).abs() <= SUM_TOLERANCE {
        p.iter_mut().for_each(|p| *p /= sum);
        Ok(p)
    } else {
        Err(DistributionError::Sum { sum })
    }
}

/// Maximum likelihood from counts, each raised by alpha: `(n_i + α) / (n + α · cells)`. α = 1 is Laplace's rule.
pub(super) fn fitted(counts: &[f64], alpha: f64) -> Result<Vec<f64>, DistributionError> {
    expect(alpha >= 0.0 && alpha.is_finite(), "smoothing alpha", "a number of 0 or more", alpha)?;
    for &got in counts {
        expect(got >= 0.0 && got.is_finite(), "count", "a number of 0 or more", got)?;
    }
    let total = counts.iter().sum::<f64>() + alpha * counts.len() as f64;
    if total > 0.0 && total.is_finite() {
        Ok(counts.iter().map(|n| (n + alpha) / total).collect())
    } else {
        Err(DistributionError::NothingCounted)
    }
}

pub(super) fn expect(holds: bool, what: &'static str, expected: &'static str, got: f64) -> Result<(), DistributionError> {
    if holds { Ok(()) } else { Err(DistributionError::Number { what, expected, got }) }
}
