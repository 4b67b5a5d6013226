//! The result of a check: a value and its bound.

use serde::Serialize;

/// What is claimed of a density.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// Probabilities of everything that can be are 1 together.
    SumsToOne,
    /// The same for a density, by numeric integration.
    IntegratesToOne,
    /// It is no table of equal probabilities, of which the others would hold as well.
    NotUniform,
    /// No conditional depends on its own dimension or a later one.
    NoLookAhead,
    /// A conditional depends on what its architecture says, and on nothing else.
    Reach,
    /// Rows are drawn as often as their probability says.
    SamplesAreScores,
    /// Each drawn value is the one that its own random number picks from the conditional that scoring gives.
    DrawnAsScored,
}

impl Claim {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Claim::SumsToOne => "sums to one",
            Claim::IntegratesToOne => "integrates to one",
            Claim::NotUniform => "not uniform",
            Claim::NoLookAhead => "no look ahead",
            Claim::Reach => "reach",
            Claim::SamplesAreScores => "sample frequencies",
            Claim::DrawnAsScored => "inverse CDF",
        }
    }
}

/// What a figure is held against. A figure that is no number is never within.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Off 1 by at most this.
    AroundOne(f64),
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    pub fn holds(self, figure: f64) -> bool {
        match self {
            Bound::AroundOne(by) => (figure - 1.0).abs() <= by,
            Bound::AtMost(most) => figure <= most,
            Bound::AtLeast(least) => figure >= least,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::AroundOne(by) => write!(f, "1 ± {by}"),
            Bound::AtMost(most) if *most == 0.0 => f.write_str("none"),
            Bound::AtMost(most) => write!(f, "at most {most}"),
            Bound::AtLeast(least) if *least < 1e-3 => write!(f, "at least {least:e}"),
            Bound::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

/// One claim, looked at in one way.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub claim: Claim,
    /// What was looked at.
    pub subject: String,
    pub figure: f64,
    pub bound: Bound,
    pub passed: bool,
    /// What else there is to know; empty for nothing.
    pub remark: String,
}

impl Finding {
    pub(super) fn new(claim: Claim, subject: String, figure: f64, bound: Bound, remark: String) -> Self {
        Finding { claim, subject, figure, bound, passed: bound.holds(figure), remark }
    }

    /// The figure with the digits that its bound asks for.
    pub fn figure_text(&self) -> String {
        match self.bound {
            Bound::AroundOne(_) => format!("{:.7}", self.figure),
            Bound::AtMost(_) if self.figure.fract() == 0.0 => format!("{}", self.figure),
            _ if (0.01..10_000.0).contains(&self.figure) => format!("{:.3}", self.figure),
            _ => format!("{:.2e}", self.figure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_within_no_bound() {
        for bound in [Bound::AroundOne(1e-4), Bound::AtMost(0.0), Bound::AtLeast(1e-6)] {
            assert!(!bound.holds(f64::NAN), "{bound}");
        }
        assert!(Bound::AroundOne(1e-4).holds(0.99995));
        assert!(![0.9, 0.9998, 1.0002].iter().any(|&sum| Bound::AroundOne(1e-4).holds(sum)));
        assert!(Bound::AtLeast(1e-6).holds(1e-6) && !Bound::AtLeast(1e-6).holds(9e-7));
        assert!(Bound::AtMost(0.0).holds(0.0) && !Bound::AtMost(0.0).holds(1.0));
    }
}
