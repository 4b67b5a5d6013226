//! A bench against an earlier one.

use serde::Serialize;

use super::measure::{Measured, Times};
use super::report::Report;
use super::table::seconds;

/// Times that a kernel which seems slower is measured once more.
pub const AGAIN: usize = 2;
/// A change by less is noise, whatever the quartiles say.
const NOISE: f64 = 0.10;

/// What became of the kernels that both have.
#[derive(Serialize)]
pub struct Comparison {
    /// Why times cannot be compared, if they cannot: then only parts of the roof are.
    pub differs: Option<String>,
    pub kernels: Vec<Line>,
    /// Kernels that only one has, or that failed.
    pub n_alone: usize,
}

#[derive(Serialize)]
pub struct Line {
    pub kernel: String,
    #[serde(flatten)]
    pub change: Change,
    /// New seconds in old ones, or parts of the roof.
    pub ratio: f64,
    /// None where times cannot be compared.
    pub verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Change {
    /// New and old seconds.
    Time { now: Times, before: Times },
    /// New and old part of the roof, of different devices.
    PartOfRoof {
        #[serde(rename = "part_of_roof")]
        now: f64,
        #[serde(rename = "part_of_roof_before")]
        before: f64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Slower,
    Faster,
    Same,
}

impl Comparison {
    pub fn new(before: &Report, now: &Report) -> Self {
        let differs = differs(before, now);
        let pair = |n: &Measured| {
            let b = before.kernels.iter().find(|b| b.kernel == n.kernel)?;
            let change = match &differs {
                None => Change::Time { now: n.times?, before: b.times? },
                Some(_) => Change::PartOfRoof { now: n.part_of_roof?, before: b.part_of_roof? },
            };
            Some(Line { kernel: n.kernel.clone(), change, ratio: change.ratio(), verdict: change.verdict() })
        };
        let kernels: Vec<Line> = now.kernels.iter().filter_map(pair).collect();
        let n_alone = now.kernels.len() + before.kernels.len() - 2 * kernels.len();
        Comparison { differs, kernels, n_alone }
    }

    /// Kernels that are slower beyond noise.
    pub fn slower(&self) -> Vec<String> {
        self.kernels.iter().filter(|l| l.verdict == Some(Verdict::Slower)).map(|l| l.kernel.clone()).collect()
    }
}

fn differs(before: &Report, now: &Report) -> Option<String> {
    let (b, n) = (&before.machine, &now.machine);
    let pairs = [("device", &b.device, &n.device), ("system", &b.system, &n.system)];
    let (what, b, n) = pairs.into_iter().find(|(_, b, n)| b != n)?;
    Some(format!("another {what} ({b}, now {n})"))
}

impl Change {
    fn ratio(&self) -> f64 {
        match self {
            Change::Time { now, before } => now.median_s / before.median_s,
            Change::PartOfRoof { now, before } => now / before,
        }
    }

    /// Beyond noise: by more than a tenth, and each median outside the other's quartiles.
    fn verdict(&self) -> Option<Verdict> {
        match self {
            Change::Time { now, before } if beyond(now, before) => Some(Verdict::Slower),
            Change::Time { now, before } if beyond(before, now) => Some(Verdict::Faster),
            Change::Time { .. } => Some(Verdict::Same),
            Change::PartOfRoof { .. } => None,
        }
    }
}

fn beyond(slow: &Times, fast: &Times) -> bool {
    slow.median_s > (1.0 + NOISE) * fast.median_s && slow.median_s > fast.quartile_3_s && fast.median_s < slow.quartile_1_s
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(why) = &self.differs {
            writeln!(f, "warning: {why}: only shares of the roof are compared, and no kernel fails")?;
        }
        writeln!(f, "{:<58} {:>10} {:>10} {:>8}", "against", "before", "now", "now/then")?;
        for Line { kernel, change, ratio, verdict } in &self.kernels {
            let [before, now] = match change {
                Change::Time { now, before } => [before, now].map(|times| seconds(times.median_s)),
                Change::PartOfRoof { now, before } => [before, now].map(|part| format!("{:.0} %", 100.0 * part)),
            };
            let verdict = match verdict {
                Some(Verdict::Slower) => "SLOWER",
                Some(Verdict::Faster) => "faster",
                Some(Verdict::Same) | None => "",
            };
            writeln!(f, "{kernel:<58} {before:>10} {now:>10} {ratio:>8.2}  {verdict}")?;
        }
        match self.n_alone {
            0 => Ok(()),
            n => writeln!(f, "{n} kernels are in only one of the two, or failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(samples: &[f64]) -> Times {
        Times::of(samples.to_vec(), 1)
    }

    fn verdict(now: &[f64], before: &[f64]) -> Option<Verdict> {
        Change::Time { now: times(now), before: times(before) }.verdict()
    }

    #[test]
    fn a_regression_is_beyond_a_tenth_and_beyond_the_quartiles() {
        let steady = [1.0, 1.01, 1.02, 1.03, 1.04];
        assert_eq!(verdict(&steady, &steady), Some(Verdict::Same));
        assert_eq!(verdict(&[1.09; 5], &[1.0; 5]), Some(Verdict::Same), "less than a tenth");
        assert_eq!(verdict(&[1.2; 5], &[1.0; 5]), Some(Verdict::Slower));
        assert_eq!(verdict(&[0.8; 5], &[1.0; 5]), Some(Verdict::Faster));
        assert_eq!(
            verdict(&[0.9, 1.0, 1.3, 1.4, 1.5], &steady),
            Some(Verdict::Same),
            "the old median is inside the new quartiles"
        );
        assert_eq!(
            verdict(&[1.3; 5], &[0.9, 1.0, 1.1, 1.4, 1.5]),
            Some(Verdict::Same),
            "the new median is inside the old quartiles"
        );
    }
}
