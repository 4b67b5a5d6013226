//! What may be set, and what follows from it.

use super::Networks;
use crate::model::DataShape;
use crate::settings::{Preset, Setting, SettingError, Settings};

/// Sides of images that there are networks for.
const SIZES: [usize; 4] = [16, 32, 64, 128];
/// Patches of an image at most: so many of the smallest fit without overlapping.
const MOST_PATCHES: u64 = 16;

/// The paper's spatial loss.
pub(super) const L1: &str = "l1";

pub(super) fn settings(preset: Preset) -> Vec<Setting> {
    let small = preset != Preset::PAPER;
    let (size, width, embedding, batch) = if small { (32, 16, 64, 32) } else { (64, 64, 128, 64) };
    // The small one has to find places in few steps.
    let (steps, lr, spatial, lambda, fall) =
        if small { (4_000, 1e-3, "bce", 5e-2, 1.0) } else { (100_000, 2e-4, L1, 1e-2, 1e-2) };
    vec![
        Setting::integer("size", size, (16, 128), "height and width of the images: 16, 32, 64 or 128"),
        Setting::flag("flips", true, "mirror training images left to right, half of them by chance"),
        Setting::integer("patches", 3, (1, MOST_PATCHES), "key patches that a step shows of an image"),
        Setting::integer(
            "width",
            width,
            (1, 512),
            "f: filters of the layer next to an image; each further one has twice as many",
        ),
        Setting::integer("embedding", embedding, (1, 4096), "numbers that the encoder makes of a patch"),
        Setting::integer("latents", embedding, (1, 4096), "number of latents: the length of z"),
        Setting::integer("batch", batch, (2, 65_536), "batch size"),
        Setting::integer("steps", steps, (1, 1_000_000_000), "number of steps; each updates the discriminator"),
        Setting::integer("n_critic", 2, (1, 1000), "updates of the discriminator for one of the generator"),
        Setting::number("lr", lr, (0.0, 1.0), "learning rate of Adam, for both networks"),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.999, (0.0, 0.999_999_9), "β2 of Adam"),
        Setting::word(
            "spatial",
            spatial,
            &[L1, "bce"],
            "spatial loss, summed over an image: l1, |mask - true mask|, as the paper; bce, binary cross-entropy, which moves a mask \
             that is 0 everywhere, too",
        ),
        Setting::number("lambda_spatial", lambda, (0.0, 1e6), "weight of the spatial loss at first"),
        Setting::number(
            "lambda_appearance",
            lambda,
            (0.0, 1e6),
            "weight of the appearance loss at first: |image * mask - true image * true mask|, summed over an image",
        ),
        Setting::number(
            "lambda_fall",
            fall,
            (1e-9, 1.0),
            "factor to which both weights fall, geometrically, in lambda_steps; 1: they stay",
        ),
        Setting::integer("lambda_steps", steps, (1, 1_000_000_000), "steps in which they fall to it; they stay there"),
    ]
}

/// The networks that settings and data ask for.
///
/// # Errors
/// Another size than those that there are networks for; data that are no pictures.
pub(super) fn networks(settings: &Settings, data: &DataShape) -> Result<Networks, SettingError> {
    let [_, _, channels] = data.picture()?;
    let size = settings.size("size");
    if !SIZES.contains(&size) {
        let expected = "16, 32, 64 or 128".to_owned();
        return Err(SettingError::Value { key: "size".into(), text: size.to_string(), expected });
    }
    Ok(Networks { size, channels, width: settings.size("width"), embedding: settings.size("embedding") })
}
