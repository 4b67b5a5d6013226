//! Anomaly detection: AUROC, thresholds and alarms.

use std::fmt::Write as _;

use calotype_data::Evaluation;
use calotype_training::anomaly::{auroc, rate_above, threshold};
use calotype_training::{Examined, mean_and_error};

use super::{Scores, Sets};
use crate::args::ScoreArgs;
use crate::used::Used;

/// Default of `--false-alarms`.
const FALSE_ALARMS: f64 = 0.05;

/// Which of the scored rows belong to the class that was excluded from training.
pub(super) struct Novel {
    /// By name, where it is known.
    class: String,
    of_row: Vec<bool>,
}

/// None unless a class was excluded from training and the run's own data are scored.
pub(super) fn novel(used: &Used, examined: &Examined, rows: &Evaluation) -> Option<Novel> {
    let class = used.config.data.exclude?;
    let labels = examined.dataset.labels().filter(|_| examined.dataset.is_content(&used.config.data.sha256))?;
    let name = used.config.data.excluded();
    Some(Novel { class: name, of_row: rows.rows().iter().map(|&row| labels[row as usize] == class).collect() })
}

pub(super) fn text(text: &mut String, args: &ScoreArgs, sets: &Sets<Scores>, novel: Option<&Novel>, against: Option<&Examined>) {
    let Some(training) = &sets.training else { return };
    let false_alarms = args.false_alarms.unwrap_or(FALSE_ALARMS);
    let limit = threshold(&training.surprise(), false_alarms);
    let percent = |rate: f64| format!("{:.1} %", 100.0 * rate);
    let what = if sets.scored.background.is_some() { "-log p + log p of the background" } else { "-log p" };
    let _ = writeln!(text, "\nanomalies by {what}");
    let alarms = |scores: &[f64]| limit.map_or_else(String::new, |t| format!("{} alarms", percent(rate_above(scores, t))));
    if let Some(t) = limit {
        let _ = writeln!(text, "threshold   {t:.3} nats: {} of the training rows lie above", percent(false_alarms));
    }
    if let Some(Novel { class, of_row }) = novel {
        let part = |wanted: bool| -> Vec<f64> {
            sets.scored.surprise().into_iter().zip(of_row).filter(|(_, n)| **n == wanted).map(|(s, _)| s).collect()
        };
        let (known, new) = (part(false), part(true));
        let _ =
            writeln!(text, "class {class}: excluded from training: AUROC {:.3} against the other classes", auroc(&known, &new));
        let _ = writeln!(text, "            {} on it, {} on the others", alarms(&new), alarms(&known));
    }
    if let (Some(scores), Some(examined)) = (&sets.against, against) {
        let (own, other) = (sets.scored.surprise(), scores.surprise());
        let (mean, error) = mean_and_error(&scores.nats);
        let _ = writeln!(text, "{:<11} {mean:.3} +- {error:.3} nats", examined.dataset.name());
        if sets.scored.background.is_some() {
            let raw = auroc(&sets.scored.nats, &scores.nats);
            let _ = writeln!(text, "AUROC       {raw:.3} by -log p alone{}", told_the_wrong_way(raw));
        }
        let area = auroc(&own, &other);
        let _ = writeln!(text, "AUROC       {area:.3} by {what}{}", told_the_wrong_way(area));
        let _ = writeln!(
            text,
            "            {} on {}, {} on the run's own data",
            alarms(&other),
            examined.dataset.name(),
            alarms(&own)
        );
    }
}

fn told_the_wrong_way(area: f64) -> &'static str {
    if area < 0.5 {
        ": the other data are likelier than the run's own, a known failure of raw likelihood (try --background RUN)"
    } else {
        ""
    }
}
