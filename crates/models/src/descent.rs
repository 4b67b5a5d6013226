//! Settings that models with one loss share: the optimiser, the held-out set, early stopping and the learning rate schedule.

use crate::model::{Measure, Validation};
use crate::optimisers::{Clip, Optimiser, Rule};
use crate::settings::{Setting, Settings, Value};

/// Defaults of the settings that [`settings`] lists.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub batch: u64,
    pub steps: u64,
    pub optimiser: &'static str,
    pub lr: f64,
    pub lr_min: f64,
    pub decay: f64,
    pub clip: f64,
}

/// `batch`, `steps`, `optimiser`, `lr`, `lr_min`, `decay`, `l2`, `clip`, `validation`, `validate_every`, `patience`, `plateau`.
pub fn settings(d: Defaults) -> Vec<Setting> {
    vec![
        Setting::integer("batch", d.batch, (1, 65_536), "batch size"),
        Setting::integer("steps", d.steps, (1, 1_000_000_000), "maximum number of steps; early stopping may end training before"),
        Setting::word("optimiser", d.optimiser, &["adam", "rmsprop"], "optimiser"),
        Setting::number("lr", d.lr, (0.0, 1.0), "initial learning rate"),
        Setting::number(
            "lr_min",
            d.lr_min,
            (0.0, 1.0),
            "final learning rate of the schedule: it falls while the held-out set does not improve",
        ),
        Setting::number("decay", d.decay, (0.0, 10.0), "decoupled weight decay (AdamW); not of biases"),
        Setting::number("l2", 0.0, (0.0, 10.0), "L2 penalty: λ of λ/2 |w|², added to the loss; not of biases"),
        Setting::number("clip", d.clip, (0.0, 1e6), "clip each element of the gradients to +- this; 0: no clipping"),
        Setting::number(
            "validation",
            0.1,
            (0.0, 0.5),
            "held-out set: its part of the training rows, for early stopping; 0: none",
        ),
        Setting::integer(
            "validate_every",
            0,
            (0, 1_000_000_000),
            "steps from one evaluation of the held-out set to the next; 0: an epoch, at least 10",
        ),
        Setting::integer("patience", 10, (1, 1_000_000), "early stopping: evaluations without improvement before training ends"),
        Setting::integer(
            "plateau",
            4,
            (1, 1_000_000),
            "learning rate schedule: evaluations without improvement before lr falls by √10",
        ),
    ]
}

/// As [`settings`], with other defaults for some numbers.
pub fn settings_with(d: Defaults, others: &[(&str, f64)]) -> Vec<Setting> {
    let mut all = settings(d);
    for setting in &mut all {
        if let Some(&(_, value)) = others.iter().find(|(key, _)| *key == setting.key) {
            setting.default = Value::Number(value);
        }
    }
    all
}

/// The optimiser that the settings of [`settings`] describe.
pub fn optimiser(s: &Settings) -> Optimiser {
    optimiser_with(s, 1e-8)
}

/// The same with another ε.
pub fn optimiser_with(s: &Settings, eps: f64) -> Optimiser {
    let rule = match s.word("optimiser") {
        "rmsprop" => Rule::RmsProp { alpha: 0.99, eps },
        _ => Rule::Adam { beta1: 0.9, beta2: 0.999, eps },
    };
    let clip = s.number("clip");
    let clip = if clip > 0.0 { Clip::Element(clip) } else { Clip::Off };
    Optimiser::new("", rule, s.number("lr")).with_clip(clip).with_decay(s.number("decay")).with_l2(s.number("l2"))
}

/// The held-out set that the settings of [`settings`] describe; none if there is none.
pub fn validation(s: &Settings) -> Option<Validation> {
    let (lr, least) = (s.number("lr"), s.number("lr_min"));
    (s.number("validation") > 0.0).then(|| Validation {
        measure: Measure::Loss,
        fraction: s.number("validation"),
        every: s.integer("validate_every"),
        patience: s.integer("patience") as u32,
        plateau: s.integer("plateau") as u32,
        least_lr: if lr > 0.0 { (least / lr).min(1.0) } else { 1.0 },
    })
}
