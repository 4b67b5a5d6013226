//! The record of the held-out set: its best value, early stopping, and the learning rate schedule. It is part of a checkpoint, so
//! that a resumed run decides as one that never stopped.

use calotype_models::Validation;
use serde::{Deserialize, Serialize};

/// After some looks at the held-out rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Least value so far: a mean loss in nats, or a distance of samples.
    pub best: f32,
    /// Steps done when it was found: the checkpoint of that step is the best.
    pub best_step: u64,
    /// How often the learning rate has fallen.
    pub falls: u32,
    /// Looks since the best.
    pub since_best: u32,
    /// Looks since the best, or since the learning rate fell.
    pub since_fall: u32,
}

impl Record {
    /// With another look, after `step` steps.
    #[must_use]
    pub fn after(before: Option<Record>, value: f32, step: u64, rules: &Validation) -> Record {
        match before {
            Some(r) if value < r.best => Record { best: value, best_step: step, since_best: 0, since_fall: 0, ..r },
            Some(r) => {
                let (since_best, since_fall) = (r.since_best + 1, r.since_fall + 1);
                match since_fall >= rules.plateau && r.lr_scale(rules) > rules.least_lr {
                    // A lower rate gets all the patience there is.
                    true => Record { falls: r.falls + 1, since_best: 0, since_fall: 0, ..r },
                    false => Record { since_best, since_fall, ..r },
                }
            }
            None => Record { best: value, best_step: step, falls: 0, since_best: 0, since_fall: 0 },
        }
    }

    /// What the learning rate is multiplied by.
    pub fn lr_scale(&self, rules: &Validation) -> f64 {
        0.1f64.powf(0.5 * f64::from(self.falls)).max(rules.least_lr)
    }

    /// Whether training has ended: nothing has improved for as long as patience lasts.
    pub fn is_over(&self, rules: &Validation) -> bool {
        self.since_best >= rules.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_models::Measure;

    const RULES: Validation =
        Validation { measure: Measure::Loss, fraction: 0.1, every: 0, patience: 3, plateau: 2, least_lr: 0.2 };

    #[test]
    fn the_learning_rate_falls_and_then_patience_ends() {
        let mut record = None;
        let mut seen = Vec::new();
        for (step, value) in [5.0, 4.0, 4.5, 4.0, 3.9, 3.9, 3.9, 4.0, 4.0, 4.0].into_iter().enumerate() {
            let r = Record::after(record, value, step as u64, &RULES);
            seen.push((r.best_step, r.falls, r.is_over(&RULES)));
            record = Some(r);
        }
        let want = [
            (0, 0, false),
            (1, 0, false),
            (1, 0, false),
            (1, 1, false),
            (4, 1, false),
            (4, 1, false),
            (4, 2, false), // to the least
            (4, 2, false),
            (4, 2, false),
            (4, 2, true),
        ];
        assert_eq!(seen, want);
        assert_eq!(record.expect("a record").lr_scale(&RULES), 0.2);
    }

    #[test]
    fn what_is_not_a_number_is_never_the_best() {
        let first = Record::after(None, 1.0, 1, &RULES);
        assert_eq!(Record::after(Some(first), f32::NAN, 2, &RULES).best_step, 1);
    }
}
