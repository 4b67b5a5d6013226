//! How models with one loss are trained: the optimiser and what validation does to it, by settings that all of them share.

use crate::model::Validation;
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
        Setting::integer("batch", d.batch, (1, 65_536), "rows a step"),
        Setting::integer("steps", d.steps, (1, 1_000_000_000), "steps at most; validation may end training before"),
        Setting::word("optimiser", d.optimiser, &["adam", "rmsprop"], "which one"),
        Setting::number("lr", d.lr, (0.0, 1.0), "learning rate at first"),
        Setting::number("lr_min", d.lr_min, (0.0, 1.0), "learning rate at last: it falls where validation no longer improves"),
        Setting::number("decay", d.decay, (0.0, 10.0), "weight decay, apart from the gradient (AdamW); not of biases"),
        Setting::number("l2", 0.0, (0.0, 10.0), "λ of the penalty λ/2 |w|² that is added to the loss; not of biases"),
        Setting::number("clip", d.clip, (0.0, 1e6), "gradients' elements are clipped to +- this; 0 leaves them"),
        Setting::number("validation", 0.1, (0.0, 0.5), "part of the training rows held out to see when to stop; 0 for none"),
        Setting::integer(
            "validate_every",
            0,
            (0, 1_000_000_000),
            "steps from one validation to the next; 0 is an epoch, 10 at least",
        ),
        Setting::integer("patience", 10, (1, 1_000_000), "validations without a better value after which training ends"),
        Setting::integer("plateau", 4, (1, 1_000_000), "validations without a better value after which lr falls by √10"),
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
    let rule = match s.word("optimiser") {
        "rmsprop" => Rule::RmsProp { alpha: 0.99, eps: 1e-8 },
        _ => Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    };
    let clip = s.number("clip");
    let clip = if clip > 0.0 { Clip::Element(clip) } else { Clip::Off };
    Optimiser::new("", rule, s.number("lr")).with_clip(clip).with_decay(s.number("decay")).with_l2(s.number("l2"))
}

/// What the settings of [`settings`] say of validation; none where no rows are held out.
pub fn validation(s: &Settings) -> Option<Validation> {
    let (lr, least) = (s.number("lr"), s.number("lr_min"));
    (s.number("validation") > 0.0).then(|| Validation {
        fraction: s.number("validation"),
        every: s.integer("validate_every"),
        patience: s.integer("patience") as u32,
        plateau: s.integer("plateau") as u32,
        least_lr: if lr > 0.0 { (least / lr).min(1.0) } else { 1.0 },
    })
}
