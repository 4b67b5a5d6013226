//! What models have in common that learn from a discriminator: settings, the measure that their best checkpoint is chosen by, and the
//! signs that their training fails.

use crate::augment::Augment;
use crate::averages::Average;
use crate::losses::Adversarial;
use crate::model::{Measure, Validation};
use crate::settings::{Setting, Settings, Value};
use crate::stages::Sign;

/// Steps from one measurement of samples to the next, of most models.
pub const EVERY: u64 = 500;

/// `ema`, `validation`, `validate_every`, and those of [`Augment`]; what runs from before them have is none of it. `ema`: the default decay;
/// `every`: the default steps from one measurement to the next.
pub fn settings(ema: f64, every: u64) -> Vec<Setting> {
    let own = vec![
        Setting::number(
            "ema",
            ema,
            (0.0, 0.999_999),
            "moving average of the generator, which samples come from: its decay; 0: none",
        )
        .before(Value::Number(0.0)),
        Setting::number(
            "validation",
            0.1,
            (0.0, 0.5),
            "held-out set: its part of the training rows, to measure samples by and keep the best checkpoint; 0: none",
        )
        .before(Value::Number(0.0)),
        Setting::integer(
            "validate_every",
            every,
            (1, 1_000_000_000),
            "steps from one measurement of samples against the held-out set to the next",
        ),
    ];
    own.into_iter().chain(Augment::settings()).collect()
}

/// The moving average that `ema` asks for.
pub fn average(s: &Settings) -> Average {
    Average::new(s.number("ema"))
}

/// The held-out set that samples are measured by. It ends no training and lowers no learning rate: samples of such models get better
/// and worse all along.
pub fn validation(s: &Settings) -> Option<Validation> {
    (s.number("validation") > 0.0).then(|| Validation {
        measure: Measure::Samples,
        fraction: s.number("validation"),
        every: s.integer("validate_every"),
        patience: u32::MAX,
        plateau: u32::MAX,
        least_lr: 1.0,
    })
}

/// Steps after which a discriminator that is sure of itself is reported.
const SATURATED_STEPS: u64 = 500;

/// That the discriminator tells real from made rows without effort, by its loss `loss_d`: then the generator learns nothing from it. Of a
/// critic whose scores have no bound there is no such sign.
pub fn saturation(loss: Adversarial) -> Option<Sign> {
    let below = match loss {
        // Both probabilities of an error at about 1 %.
        Adversarial::Minimax | Adversarial::NonSaturating => 0.02,
        Adversarial::LeastSquares => 0.001,
        Adversarial::Hinge => 0.02,
        Adversarial::Wasserstein => return None,
    };
    Some(Sign {
        name: "saturated discriminator",
        loss: "loss_d",
        below,
        steps: SATURATED_STEPS,
        remedy: "the generator learns nothing from a discriminator that is never wrong; try a lower --set lr (or \
                 lr_d), --set augment=translation+cutout, or more data",
    })
}
