//! The table of figures.

use std::fmt;
use std::path::Path;

use calotype_training::evaluate::{Baseline, Findings};
use calotype_training::{Against, HeldBack, grouped};
use serde::Serialize;

use crate::args::EvaluateArgs;
use crate::used::Used;

/// Nothing found yet: `n` samples of a run, or of another place, held against its rows.
pub fn begun(used: &Used, against: &Against, n: usize, args: &EvaluateArgs) -> Findings {
    Findings {
        run: args.run.display().to_string(),
        model: used.config.model.clone(),
        data: used.config.data.name.clone(),
        step: used.restored.checkpoint.step,
        samples_from: args.samples.clone(),
        n,
        held_out: match against.which {
            HeldBack::Test => "test rows",
            HeldBack::Validation => "rows that the run held out",
            HeldBack::Nothing => "training rows: none were held out, so that what was learned by heart cannot be told",
        }
        .into(),
        seed: args.seed,
        features: None,
        figures: vec![],
        likelihood: None,
        verdicts: vec![],
    }
}

/// What was found, and the file that holds it.
#[derive(Serialize)]
pub struct Table<'a> {
    #[serde(flatten)]
    pub found: &'a Findings,
    #[serde(skip)]
    pub file: &'a Path,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table { found, file } = self;
        let n = grouped(found.n as u64);
        match &found.samples_from {
            None => writeln!(f, "{} on {}, step {}: {n} samples", found.model, found.data, found.step)?,
            Some(from) => writeln!(f, "{n} rows of {from}, beside {}", found.data)?,
        }
        writeln!(f, "held against {n} {}; floor: {n} training rows in the samples' place", found.held_out)?;
        if let Some(of) = &found.features {
            writeln!(f, "features: {of}")?;
        }
        let wide = |name: &str| name.chars().count();
        let names = found
            .figures
            .iter()
            .flat_map(|of| [wide(&of.name)].into_iter().chain(of.baselines.iter().map(|b| 2 + wide(&b.name))));
        let wide = names.fold(wide("figure"), usize::max);
        writeln!(f, "\n{:<wide$}  {:>17}  {:>17}  better", "figure", "samples", "floor")?;
        for figure in &found.figures {
            let floor = figure.floor.map_or_else(|| "-".to_owned(), |floor| floor.to_string());
            let better = figure.better.word();
            writeln!(f, "{:<wide$}  {:>17}  {floor:>17}  {better}", figure.name, figure.samples.to_string())?;
            for Baseline { name, figure } in &figure.baselines {
                writeln!(f, "{:<wide$}  {:>17}", format!("  {name}"), figure.to_string())?;
            }
        }
        if let Some(of) = &found.likelihood {
            writeln!(f, "\n{of}")?;
        }
        writeln!(f)?;
        found.verdicts.iter().try_for_each(|verdict| writeln!(f, "{verdict}"))?;
        write!(f, "{}", file.display())
    }
}
