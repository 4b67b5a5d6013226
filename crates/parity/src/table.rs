//! Results by op, for a person to read.

use std::collections::BTreeMap;

use calotype_graph::Device;

use crate::case::{Check, CheckKind};
use crate::compare::Worst;

/// All checks of one op.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub n_cases: usize,
    pub n_gradients: usize,
    /// The element nearest to its tolerance, and the check that it is of.
    pub worst: Option<(String, Worst)>,
    /// Checks that failed, each with its reason.
    pub faults: Vec<String>,
}

/// Results by stem, sorted.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub rows: BTreeMap<&'static str, Row>,
}

impl Table {
    /// Runs checks one after another; `progress` is called after each.
    pub fn run(checks: &[Check], got: &mut dyn Device, want: &mut dyn Device, mut progress: impl FnMut(&Check)) -> Table {
        let mut table = Table::default();
        for check in checks {
            table.add(check, check.run(got, want).map_err(|fault| fault.to_string()));
            progress(check);
        }
        table
    }

    /// Takes in one result.
    pub fn add(&mut self, check: &Check, result: Result<Option<Worst>, String>) {
        let row = self.rows.entry(check.case.stem).or_default();
        match check.kind {
            CheckKind::Forward => row.n_cases += 1,
            CheckKind::Gradient => row.n_gradients += 1,
        }
        match result {
            Ok(None) => {}
            Ok(Some(worst)) => {
                if row.worst.as_ref().is_none_or(|(_, before)| worst.ratio > before.ratio) {
                    row.worst = Some((check.name(), worst));
                }
            }
            Err(why) => row.faults.push(format!("{}: {why}", check.name())),
        }
    }

    /// Whether every check passed, and there was one.
    pub fn passed(&self) -> bool {
        !self.rows.is_empty() && self.rows.values().all(|r| r.faults.is_empty())
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:<20} {:>5} {:>9} {:>10}  worst error, as a part of what is allowed",
            "op", "cases", "gradients", "failed"
        )?;
        for (stem, row) in &self.rows {
            write!(f, "{stem:<20} {:>5} {:>9} {:>10}", row.n_cases, row.n_gradients, row.faults.len())?;
            match &row.worst {
                Some((name, w)) => writeln!(f, "  {:.3} ({:.2e} in {name})", w.ratio, w.error)?,
                None => writeln!(f)?,
            }
        }
        self.rows.values().flat_map(|r| &r.faults).try_for_each(|fault| writeln!(f, "FAILED {fault}"))
    }
}
