//! What can be set, and what each preset sets.

use crate::adversarial;
use crate::settings::{Preset, Setting, SettingError, Settings, Value};

/// Continuous codes by the names that a person types.
pub(super) const CODE_NAMES: [&str; 8] = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];
/// Of the bound of each, in nats, among the losses.
pub(super) const BOUND_NAMES: [&str; 8] = ["mi_c1", "mi_c2", "mi_c3", "mi_c4", "mi_c5", "mi_c6", "mi_c7", "mi_c8"];

pub(super) fn settings(preset: Preset) -> Vec<Setting> {
    let (width, hidden, steps) = match preset {
        Preset::PAPER => (64, 1024, 20_000),
        _ => (32, 512, 3_000),
    };
    let own = vec![
        Setting::integer("categories", 10, (0, 1000), "K: categories of the categorical code; 0: no such code"),
        Setting::integer("codes", 2, (0, 8), "number of continuous codes, uniform in (-1, 1): c1, c2, …"),
        Setting::integer("latents", 62, (0, 4096), "number of latents besides the codes: the length of z"),
        Setting::number("lambda", 1.0, (0.0, 1e3), "λ: weight of the categorical code's mutual information"),
        Setting::number("lambda_codes", 1.0, (0.0, 1e3), "weight of the continuous codes' mutual information"),
        Setting::word(
            "sigma",
            "fixed",
            &["fixed", "learned"],
            "deviation of q(c|x) of a continuous code: fixed at 1, or learned for each row",
        ),
        Setting::number(
            "sigma_floor",
            0.1,
            (1e-4, 0.99),
            "sigma=learned: smallest deviation; without one the bound would grow without limit",
        ),
        Setting::integer("size", 28, (8, 128), "height and width of the images: a multiple of 4"),
        Setting::integer("width", width, (1, 512), "f: filters of the layer next to the image; the layer behind it has 2f"),
        Setting::integer("hidden", hidden, (1, 65_536), "units of the dense hidden layer of each network"),
        Setting::integer("hidden_q", 128, (1, 65_536), "units of Q's own hidden layer"),
        Setting::integer("batch", 128, (2, 65_536), "batch size"),
        Setting::integer("steps", steps, (1, 1_000_000_000), "number of steps; each updates all networks"),
        Setting::number("lr_d", 2e-4, (0.0, 1.0), "learning rate of Adam, for the discriminator and Q"),
        Setting::number("lr_g", 1e-3, (0.0, 1.0), "learning rate of Adam, for the generator"),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.999, (0.0, 0.999_999_9), "β2 of Adam"),
    ];
    // With few images D knows them by heart before the codes have their meaning.
    let augment = |setting: Setting| match setting.key {
        "augment" if preset != Preset::PAPER => Setting { default: Value::Word("translation".into()), ..setting },
        _ => setting,
    };
    own.into_iter().chain(adversarial::settings(0.0, adversarial::EVERY).into_iter().map(augment)).collect()
}

/// Settings that contradict each other.
pub(super) fn check(s: &Settings) -> Result<(), SettingError> {
    let wrong = |key: &str, expected: &str| {
        let text = s.integer(key).to_string();
        Err(SettingError::Value { key: key.into(), text, expected: expected.into() })
    };
    if !s.size("size").is_multiple_of(4) {
        return wrong("size", "a multiple of 4, such as 28 or 32");
    }
    if s.integer("categories") == 1 {
        return wrong("categories", "0 (no categorical code) or 2 or more: one category tells nothing");
    }
    if s.integer("categories") + s.integer("codes") == 0 {
        return wrong("codes", "1 or more where categories=0: InfoGAN without codes is a GAN");
    }
    Ok(())
}
