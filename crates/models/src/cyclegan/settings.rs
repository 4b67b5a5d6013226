//! Settings, and what they say of steps.

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
    vec![
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
        Setting::integer("steps", steps, (1, 1_000_000_000), "number of steps; each updates all four networks"),
        Setting::integer(
            "constant_steps",
            steps / 2,
            (0, 1_000_000_000),
            "first steps, of a constant learning rate; if not given: half of steps, or what decay_steps leaves",
        ),
        Setting::integer(
            "decay_steps",
            steps - steps / 2,
            (0, 1_000_000_000),
            "steps after them, in which it falls along a line to 0; if not given: the rest of steps",
        ),
        Setting::number("lr", 2e-4, (0.0, 1.0), "learning rate of Adam, for all networks"),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.999, (0.0, 0.999_999_9), "β2 of Adam"),
    ]
}

/// With every number that follows from others.
///
/// # Errors
/// A size that is no multiple of 4 or above `load_size`; steps in which nothing would be learned.
pub fn resolved(settings: Settings) -> Result<Settings, SettingError> {
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
    let [steps, constant, decay] = lengths(&settings);
    let rated = constant.saturating_add(decay);
    if rated == 0 {
        let expected = "1 or more where constant_steps=0: else the learning rate is 0 from the first step".to_owned();
        return wrong("decay_steps", 0, expected);
    }
    if steps > rated {
        let expected = format!("at most {rated}, constant_steps + decay_steps: after them the learning rate is 0");
        return wrong("steps", steps, expected);
    }
    let blocks = match settings.integer("blocks") {
        0 if size >= LARGE => 9,
        0 => 6,
        blocks => blocks,
    };
    let numbers = [("blocks", blocks), ("steps", steps), ("constant_steps", constant), ("decay_steps", decay)];
    Ok(numbers.into_iter().fold(settings, |all, (key, value)| all.with(key, Value::Integer(value))))
}

/// `steps`, `constant_steps` and `decay_steps`: what is not given follows from what is.
fn lengths(settings: &Settings) -> [u64; 3] {
    let number = |key: &str| settings.integer(key);
    let (constant, decay) = (number("constant_steps"), number("decay_steps"));
    let given = ["steps", "constant_steps", "decay_steps"].map(|key| settings.is_given(key));
    let steps = if given == [false, true, true] { constant.saturating_add(decay) } else { number("steps") };
    match given {
        [_, true, true] => [steps, constant, decay],
        [_, true, false] => [steps, constant, steps.saturating_sub(constant)],
        [_, false, true] => [steps, steps.saturating_sub(decay), decay],
        [_, false, false] => [steps, steps / 2, steps - steps / 2],
    }
}

/// The learning rate's, of resolved settings.
pub fn schedule(settings: &Settings) -> Schedule {
    let from = settings.integer("constant_steps");
    Schedule::LinearToZero { from, until: from + settings.integer("decay_steps") }
}

/// The adversarial loss that is asked for.
pub fn loss(settings: &Settings) -> Adversarial {
    LOSSES.iter().find(|(word, _)| *word == settings.word("loss")).map_or(Adversarial::LeastSquares, |l| l.1)
}
