//! Settings, and what they say of steps.

use crate::decay;
use crate::losses::Adversarial;
use crate::optimisers::Schedule;
use crate::settings::{Preset, Setting, SettingError, Settings, Value};

const LOSSES: &[(&str, Adversarial)] =
    &[("lsgan", Adversarial::LeastSquares), ("hinge", Adversarial::Hinge), ("wgan-gp", Adversarial::Wasserstein)];
pub const LOSS_WORDS: &[&str] = &["lsgan", "hinge", "wgan-gp"];

/// Of the paper's preset: 200 epochs (§7.1) of the 1,334 images of the larger domain of horse2zebra, as it was published with the code.
const EPOCHS: u64 = 200;
const IMAGES: u64 = 1334;
/// An image of this size or more has blocks as the paper's of 256 pixels, else as those of 128 (§7.2).
const LARGE: usize = 256;

pub fn settings(preset: Preset) -> Vec<Setting> {
    let (size, load_size, width, steps) = match preset {
        Preset::PAPER => (256, 286, 64, EPOCHS * IMAGES),
        _ => (64, 0, 32, 4_000),
    };
    let mut all = vec![
        // The discriminator has no score for less.
        Setting::integer("size", size, (24, 1024), "height and width of the images: a multiple of 4"),
        Setting::integer(
            "load_size",
            load_size,
            (0, 2048),
            "pixels a side to which a training image is resized before a random square of size is cut from it; 0: not cut",
        ),
        Setting::flag("flips", true, "mirror training images left to right, half of them by chance"),
        Setting::integer("width", width, (1, 512), "f of the generators: filters of the layer next to the image"),
        Setting::integer("width_d", width, (1, 512), "f of the discriminators: filters of the layer next to the image"),
        Setting::integer("blocks", 0, (0, 64), "residual blocks of a generator; 0: 9 from 256 pixels on, else 6"),
        Setting::word("loss", "lsgan", LOSS_WORDS, "adversarial loss; lsgan: least squares"),
        Setting::number("lambda", 10.0, (0.0, 1e6), "wgan-gp: weight of its gradient penalty"),
        Setting::number("cycle", 10.0, (0.0, 1e6), "λ: weight of the distance from a row to its translation there and back"),
        Setting::number(
            "identity",
            0.5,
            (0.0, 1e6),
            "weight, times λ, of the distance from a row to what the generator of its own domain makes of it; 0: none",
        ),
        Setting::integer(
            "pool",
            50,
            (0, 100_000),
            "made rows of each domain that are kept, to show the discriminator some of them instead of the newest; 0: none",
        ),
        Setting::integer("batch", 1, (1, 65_536), "batch size: rows of each domain"),
        Setting::number("lr", 2e-4, (0.0, 1.0), "learning rate of Adam, for all networks"),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.999, (0.0, 0.999_999_9), "β2 of Adam"),
    ];
    all.extend(decay::settings(steps, "number of steps; each updates all four networks"));
    all
}

/// With every number that follows from others, and the schedule of the learning rate.
///
/// # Errors
/// A size that is no multiple of 4 or above `load_size`; steps in which nothing would be learned.
pub fn resolved(settings: Settings) -> Result<(Settings, Schedule), SettingError> {
    let wrong = |key: &str, value: u64, expected: String| {
        Err(SettingError::Value { key: key.to_owned(), text: value.to_string(), expected })
    };
    let (size, load_size) = (settings.size("size"), settings.size("load_size"));
    if !size.is_multiple_of(4) {
        return wrong("size", size as u64, format!("a multiple of 4, such as {} or {}", size / 4 * 4, size.next_multiple_of(4)));
    }
    if load_size != 0 && load_size < size {
        return wrong("load_size", load_size as u64, format!("0 (not cut), or at least size={size}"));
    }
    let blocks = match settings.integer("blocks") {
        0 if size >= LARGE => 9,
        0 => 6,
        blocks => blocks,
    };
    decay::resolved(settings.with("blocks", Value::Integer(blocks)))
}

/// The adversarial loss that is asked for.
pub fn loss(settings: &Settings) -> Adversarial {
    LOSSES.iter().find(|(word, _)| *word == settings.word("loss")).map_or(Adversarial::LeastSquares, |l| l.1)
}
