//! What may be set, and what follows from it.

use super::Networks;
use crate::attributes::Attributes;
use crate::decay;
use crate::model::DataShape;
use crate::settings::{Preset, Setting, SettingError, Settings, Value};

/// Smallest and largest images.
const SIZES: (u64, u64) = (32, 256);

pub(super) fn settings(preset: Preset) -> Vec<Setting> {
    // The small one has fewer and faster updates of D, and as many of G.
    let (size, width, blocks, batch, n_critic, lr, lambda_id, steps) = match preset {
        Preset::PAPER => (128, 64, 6, 16, 5, 1e-4, 0.0, 200_000),
        _ => (32, 32, 3, 8, 2, 2e-4, 10.0, 8_000),
    };
    let mut all = vec![
        Setting::integer("size", size, SIZES, "height and width of the images that it learns from: 32, 64, 128 or 256"),
        Setting::integer(
            "load_size",
            0,
            (0, 1024),
            "height and width to which training images are resized before a square of `size` is cut out at random; 0: no cut",
        ),
        Setting::flag("flips", true, "mirror training images left to right, half of them by chance"),
        Setting::word(
            "attributes",
            "auto",
            &["auto", "<A,B/C,…>"],
            "what to translate between: names of attributes or factors of the data, with commas; A/B/C: attributes of which each row has \
             exactly one; auto: the classes",
        ),
        Setting::integer("width", width, (1, 512), "filters of the generator's first layer; the paper has 64"),
        Setting::integer(
            "width_d",
            width,
            (1, 512),
            "filters of the discriminator's first layer; each further one has twice as many",
        ),
        Setting::integer("blocks", blocks, (0, 64), "residual blocks of the generator"),
        Setting::integer("batch", batch, (1, 65_536), "batch size"),
        Setting::integer("n_critic", n_critic, (1, 1000), "updates of the discriminator for one of the generator"),
        Setting::number("lr", lr, (0.0, 1.0), "learning rate of Adam, for both networks"),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.999, (0.0, 0.999_999_9), "β2 of Adam"),
        Setting::number("lambda_cls", 1.0, (0.0, 1e6), "weight of the classification loss, of both networks"),
        Setting::number("lambda_rec", 10.0, (0.0, 1e6), "weight of the reconstruction loss: |x - G(G(x, target), own)|"),
        Setting::number(
            "lambda_id",
            lambda_id,
            (0.0, 1e6),
            "weight of the identity loss, |x - G(x, target)| of images whose target is what they have already; the paper has none",
        )
        .before(Value::Number(0.0)),
        Setting::number("lambda_gp", 10.0, (0.0, 1e6), "weight of the gradient penalty of WGAN-GP"),
    ];
    all.extend(decay::settings(steps, "number of steps; each updates the discriminator"));
    all
}

/// The networks that settings and data ask for.
///
/// # Errors
/// Sizes that are no powers of two, or larger than the images they are cut from; data that are no pictures.
pub(super) fn networks(settings: &Settings, data: &DataShape) -> Result<Networks, SettingError> {
    let [_, _, channels] = data.picture()?;
    let (size, load_size) = (settings.size("size"), settings.size("load_size"));
    let refused =
        |key: &str, value: usize, expected: String| SettingError::Value { key: key.into(), text: value.to_string(), expected };
    if !size.is_power_of_two() {
        return Err(refused("size", size, "32, 64, 128 or 256".into()));
    }
    if load_size > 0 && load_size < size {
        return Err(refused("load_size", load_size, format!("at least size={size}, which is cut from it, or 0")));
    }
    let of = |key: &str| settings.size(key);
    let (width, width_d, blocks) = (of("width"), of("width_d"), of("blocks"));
    Ok(Networks { channels, domain: domains(&data.attributes)?.width(), size, width, width_d, blocks })
}

/// # Errors
/// Data whose rows cannot be told apart.
pub(super) fn domains(attributes: &Attributes) -> Result<&Attributes, SettingError> {
    let unfit = |reason: String| Err(SettingError::Unfit(reason));
    if attributes.is_empty() {
        return unfit(
            "its rows have neither classes nor attributes to translate between; use data with classes, such as a folder with one folder \
             a class, or with a list of attributes"
                .into(),
        );
    }
    match attributes.0.iter().find(|attribute| attribute.values.len() == 1) {
        Some(one) => {
            unfit(format!("all its rows have one value of {one}, and a translation needs two; leave it out of `attributes`"))
        }
        None => Ok(attributes),
    }
}
