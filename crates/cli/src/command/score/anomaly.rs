//! Anomaly detection: AUROC, thresholds and alarms.

use std::fmt::{self, Formatter};

use calotype_data::Evaluation;
use calotype_training::Examined;
use calotype_training::anomaly::{auroc, rate_above, threshold};
use serde::Serialize;

use super::{Scores, Sets};
use crate::mean::Mean;
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

/// How well anomalous rows are told by their scores.
#[derive(Serialize)]
pub(super) struct Anomalies {
    by: By,
    false_alarm_rate: f64,
    /// The score that so many of the training rows lie above; none where there are none.
    threshold_nats: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded_class: Option<Excluded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
}

#[derive(Clone, Copy, Serialize)]
enum By {
    #[serde(rename = "nats")]
    Nats,
    #[serde(rename = "nats above the background")]
    Excess,
}

/// The class that was excluded from training, against the others.
#[derive(Serialize)]
struct Excluded {
    class: String,
    auroc: f64,
    alarm_rate: Option<f64>,
    alarm_rate_of_others: Option<f64>,
}

/// The data of `--against`.
#[derive(Serialize)]
struct Against {
    data: String,
    nats: Mean,
    /// By -log p alone, where there is a background.
    #[serde(skip_serializing_if = "Option::is_none")]
    auroc_without_background: Option<f64>,
    auroc: f64,
    alarm_rate: Option<f64>,
    alarm_rate_of_own: Option<f64>,
}

impl Anomalies {
    /// None where nothing is anomalous.
    pub(super) fn new(
        false_alarms: Option<f64>,
        sets: &Sets<Scores>,
        novel: Option<&Novel>,
        against: Option<&Examined>,
    ) -> Option<Self> {
        let training = sets.training.as_ref()?;
        let false_alarm_rate = false_alarms.unwrap_or(FALSE_ALARMS);
        let threshold_nats = threshold(&training.surprise(), false_alarm_rate);
        let alarm_rate = |scores: &[f64]| threshold_nats.map(|limit| rate_above(scores, limit));
        let own = sets.scored.surprise();
        let excluded_class = novel.map(|Novel { class, of_row }| {
            let part = |wanted: bool| -> Vec<f64> {
                own.iter().zip(of_row).filter(|(_, novel)| **novel == wanted).map(|(score, _)| *score).collect()
            };
            let (known, new) = (part(false), part(true));
            Excluded {
                class: class.clone(),
                auroc: auroc(&known, &new),
                alarm_rate: alarm_rate(&new),
                alarm_rate_of_others: alarm_rate(&known),
            }
        });
        let against = sets.against.as_ref().zip(against).map(|(scores, examined)| {
            let other = scores.surprise();
            Against {
                data: examined.dataset.name().to_owned(),
                nats: Mean::of(&scores.nats),
                auroc_without_background: scores.background.is_some().then(|| auroc(&sets.scored.nats, &scores.nats)),
                auroc: auroc(&own, &other),
                alarm_rate: alarm_rate(&other),
                alarm_rate_of_own: alarm_rate(&own),
            }
        });
        let by = if sets.scored.background.is_some() { By::Excess } else { By::Nats };
        Some(Anomalies { by, false_alarm_rate, threshold_nats, excluded_class, against })
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            By::Nats => "-log p",
            By::Excess => "-log p + log p of the background",
        })
    }
}

impl fmt::Display for Anomalies {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let by = self.by;
        let percent = |rate: f64| format!("{:.1} %", 100.0 * rate);
        let alarms = |rate: Option<f64>| rate.map_or_else(String::new, |rate| format!("{} alarms", percent(rate)));
        writeln!(f, "\nanomalies by {by}")?;
        if let Some(limit) = self.threshold_nats {
            writeln!(f, "threshold   {limit:.3} nats: {} of the training rows lie above", percent(self.false_alarm_rate))?;
        }
        if let Some(Excluded { class, auroc, alarm_rate, alarm_rate_of_others }) = &self.excluded_class {
            writeln!(f, "class {class}: excluded from training: AUROC {auroc:.3} against the other classes")?;
            writeln!(f, "            {} on it, {} on the others", alarms(*alarm_rate), alarms(*alarm_rate_of_others))?;
        }
        if let Some(Against { data, nats, auroc_without_background, auroc, alarm_rate, alarm_rate_of_own }) = &self.against {
            writeln!(f, "{data:<11} {nats:.3} nats")?;
            if let Some(raw) = auroc_without_background {
                writeln!(f, "AUROC       {raw:.3} by -log p alone{}", told_the_wrong_way(*raw))?;
            }
            writeln!(f, "AUROC       {auroc:.3} by {by}{}", told_the_wrong_way(*auroc))?;
            let (other, own) = (alarms(*alarm_rate), alarms(*alarm_rate_of_own));
            writeln!(f, "            {other} on {data}, {own} on the run's own data")?;
        }
        Ok(())
    }
}

fn told_the_wrong_way(area: f64) -> &'static str {
    if area < 0.5 {
        ": the other data are likelier than the run's own, a known failure of raw likelihood (try --background RUN)"
    } else {
        ""
    }
}
