//! What may be set, and what follows from it.

use super::{Networks, embedding};
use crate::model::DataShape;
use crate::settings::{Preset, Setting, SettingError, Settings, Value};

/// Characters of a sentence: of fewer, two convolutions and poolings leave the third convolution nothing.
const LENGTHS: (u64, u64) = (48, 4096);
const STEPS: (u64, u64) = (1, 1_000_000_000);
const HINGE: &str = embedding::Loss::NAMES[0];
/// One of so many steps is the encoder's where nothing else is said.
const ENCODER_PART: u64 = 4;

pub(super) fn settings(preset: Preset) -> Vec<Setting> {
    let paper = preset == Preset::PAPER;
    let (size, width, width_d, text_width, embedding, projection, length) =
        if paper { (64, 128, 64, 256, 1024, 128, 201) } else { (32, 32, 32, 64, 128, 64, 80) };
    let (encoder_steps, steps, halve_every, lr_d, ema) =
        if paper { (20_000, 100_000, 13_800, 2e-4, 0.0) } else { (4_000, 16_000, 0, 1e-4, 0.995) };
    let (encoder_lr, encoder_loss, near_misses, noise) = if paper { (1e-3, HINGE, 1, 0.0) } else { (3e-3, "softmax", 64, 0.3) };
    vec![
        Setting::integer("size", size, (32, 128), "height and width of the images: 32, 64 or 128"),
        Setting::integer(
            "rows",
            40_500,
            (0, u64::from(u32::MAX)),
            "generated data, such as shapes: number of rows; of few the discriminator learns each by heart, and the generator little; 0: their default",
        )
        .before(Value::Integer(0)),
        Setting::integer("width", width, (1, 512), "f: filters of the generator's layer next to the image"),
        Setting::integer("width_d", width_d, (1, 512), "filters of the discriminator's first layer, and of the image encoder's"),
        Setting::integer("latents", 100, (1, 4096), "number of latents: the length of z"),
        Setting::integer(
            "text_width",
            text_width,
            (2, 4096),
            "units of the text encoder's LSTM; its convolutions have 1.5, 2 and 1 times as many filters",
        ),
        Setting::integer("text_length", length, LENGTHS, "characters of a caption that are read; those behind are cut off"),
        Setting::integer("embedding", embedding, (1, 65_536), "numbers of an embedding of a caption, and of an image"),
        Setting::integer("projection", projection, (1, 65_536), "numbers that generator and discriminator make of an embedding"),
        Setting::flag(
            "text_norm",
            !paper,
            "batch norm of what the generator takes of an embedding, which is small beside its latents at first; not in the paper",
        )
        .before(Value::Flag(false)),
        Setting::integer("batch", 64, (2, 65_536), "batch size"),
        Setting::integer(
            "encoder_steps",
            encoder_steps,
            (0, STEPS.1),
            "first steps, which train the text encoder; if not given: a quarter of steps",
        ),
        Setting::integer(
            "steps",
            steps,
            STEPS,
            "number of steps, those of the text encoder included; the others update generator and discriminator",
        ),
        Setting::number("encoder_lr", encoder_lr, (0.0, 1.0), "learning rate of Adam for the text encoder"),
        Setting::word(
            "encoder_loss",
            encoder_loss,
            &embedding::Loss::NAMES,
            "loss of the text encoder: hinge, the mean over all wrong pairs of a batch, as the paper; softmax, the cross-entropy of the right \
             one of a batch, which also learns what few captions differ in",
        )
        .before(Value::Word(HINGE.into())),
        Setting::number("lr", 2e-4, (0.0, 1.0), "learning rate of Adam, for the generator"),
        Setting::number("lr_d", lr_d, (0.0, 1.0), "learning rate of Adam, for the discriminator"),
        Setting::integer(
            "halve_every",
            halve_every,
            (0, STEPS.1),
            "steps after which lr and lr_d are halved, again and again; 0: never",
        ),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.999, (0.0, 0.999_999_9), "β2 of Adam"),
        Setting::flag("cls", true, "GAN-CLS: the discriminator also learns that real images with wrong captions are not right"),
        Setting::integer(
            "near_misses",
            near_misses,
            (1, 65_536),
            "wrong captions: of so many rows, drawn at random, the one whose captions share most words with the right ones; 1: any row",
        )
        .before(Value::Integer(1)),
        Setting::number(
            "noise",
            noise,
            (0.0, 1.0),
            "standard deviation of normal noise on all images that the discriminator sees, whose values are from -1 to 1; 0: none",
        )
        .before(Value::Number(0.0)),
        Setting::flag("int", true, "GAN-INT: the generator also learns from captions half-way between two"),
        Setting::number(
            "ema",
            ema,
            (0.0, 0.999_999),
            "moving average of the generator, which pictures are drawn with: its decay; 0: none",
        ),
        Setting::flag(
            "flips",
            false,
            "mirror training images left to right, half of them by chance; not where captions tell left from right",
        ),
    ]
}

/// With the encoder's steps, where they are not given.
///
/// # Errors
/// No step is left for the generator.
pub(super) fn resolved(settings: Settings) -> Result<Settings, SettingError> {
    let steps = settings.integer("steps");
    let settings = match settings.is_given("steps") && !settings.is_given("encoder_steps") {
        true => settings.with("encoder_steps", Value::Integer(steps / ENCODER_PART)),
        false => settings,
    };
    let encoder = settings.integer("encoder_steps");
    match encoder < steps {
        true => Ok(settings),
        false => Err(SettingError::Value {
            key: "steps".into(),
            text: steps.to_string(),
            expected: format!(
                "more than encoder_steps={encoder}, after which generator and discriminator begin; give more steps, or fewer encoder_steps"
            ),
        }),
    }
}

/// # Errors
/// Sizes that do not fit each other; data that are no pictures.
pub(super) fn networks(settings: &Settings, data: &DataShape) -> Result<Networks, SettingError> {
    let [_, _, channels] = data.picture()?;
    let of = |key: &str| settings.size(key);
    let refused = |key: &str, expected: &str| {
        Err(SettingError::Value { key: key.into(), text: of(key).to_string(), expected: expected.into() })
    };
    if ![32, 64, 128].contains(&of("size")) {
        return refused("size", "32, 64 or 128");
    }
    Ok(Networks {
        size: of("size"),
        channels,
        f: of("width"),
        f_d: of("width_d"),
        latents: of("latents"),
        embedding: of("embedding"),
        projection: of("projection"),
        text_norm: settings.flag("text_norm"),
        text_width: of("text_width"),
        length: of("text_length"),
    })
}
