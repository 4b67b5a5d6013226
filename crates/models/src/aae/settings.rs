//! Settings, and what they ask for together.

use std::sync::Arc;

use super::Classes;
use crate::feeds::Known;
use crate::model::DataShape;
use crate::priors::{MOST_SAMPLES, Prior};
use crate::settings::{Preset, Setting, SettingError, Settings};

pub(super) fn settings(preset: Preset) -> Vec<Setting> {
    let joint = preset != Preset::PAPER;
    let (hidden, steps, drop, gamma, clip, lr_class) = match preset {
        Preset::PAPER => (1000, 100_000, 30_000, 0.0, 0.0, 0.1),
        _ => (256, 6_000, 4_000, 0.3, 1.0, 0.02),
    };
    vec![
        Setting::integer(
            "hidden",
            hidden,
            (1, 65_536),
            "hidden units of each of the two layers of encoder, decoder and discriminators",
        ),
        Setting::integer(
            "latents",
            8,
            (1, 4096),
            "width of the code; if it is not given, that of a prior that has its own: 2 for ring and swiss-roll. Beside a class or cluster few \
             are enough, such as 3: many hold the class once more",
        ),
        Setting::word(
            "prior",
            "gaussian",
            &["gaussian", "ring", "swiss-roll", "FILE.npy"],
            "distribution that codes are made to follow: N(0, deviation²); ten Gaussians on a ring; a swiss roll; or that of the rows of a \
             file, float32 [N, latents]",
        ),
        Setting::number("deviation", 1.0, (1e-3, 1e3), "standard deviation of the Gaussian prior"),
        Setting::word(
            "labels",
            "none",
            &["none", "prior", "decoder", "NUMBER"],
            "what classes are used for: none; each has a part of the prior (ring, swiss-roll); the decoder is told them, so that codes are \
             styles; or semi-supervised learning with this number of labelled training rows",
        ),
        Setting::integer("clusters", 0, (0, 4096), "unsupervised clustering: number of categories of the code; 0: none"),
        Setting::flag(
            "joint",
            joint,
            "tell the discriminator of z the class of labels=decoder or NUMBER, so that z is independent of it (style)",
        ),
        Setting::number(
            "adversarial",
            1.0,
            (0.0, 1e3),
            "weight of the adversarial loss of the encoder; 0: codes follow no prior",
        ),
        Setting::number(
            "gamma",
            gamma,
            (0.0, 1e3),
            "weight of R1, the penalty on the discriminators' gradients at draws of the prior",
        ),
        Setting::number(
            "clip",
            clip,
            (0.0, 1e6),
            "clip the gradients of the adversarial phase, and of vectors those of every phase, to this norm; 0: no clipping",
        ),
        Setting::number("noise", 0.3, (0.0, 10.0), "standard deviation of the noise on rows to be reconstructed"),
        Setting::integer("batch", 100, (1, 65_536), "batch size"),
        Setting::integer("steps", steps, (1, 1_000_000_000), "number of steps, each of all phases"),
        Setting::number("lr", 0.01, (0.0, 10.0), "learning rate of the reconstruction, by SGD with momentum 0.9"),
        Setting::number(
            "lr_adversarial",
            0.1,
            (0.0, 10.0),
            "learning rate of discriminators and encoder against each other, momentum 0.1",
        ),
        Setting::number(
            "lr_class",
            lr_class,
            (0.0, 10.0),
            "learning rate of the classifier of semi-supervised learning, momentum 0.9",
        ),
        Setting::integer(
            "lr_drop",
            drop,
            (1, 1_000_000_000),
            "number of steps after which all learning rates fall by a factor of 10; and again after 20 times as many",
        ),
    ]
}

fn value(settings: &Settings, key: &str, expected: impl Into<String>) -> SettingError {
    let text = settings.iter().find(|(k, _)| *k == key).map_or_else(String::new, |(_, v)| v.to_string());
    SettingError::Value { key: key.to_owned(), text, expected: expected.into() }
}

/// The prior and the width of the code.
pub(super) fn prior(settings: &Settings) -> Result<(Prior, usize), SettingError> {
    let prior = match settings.word("prior") {
        "gaussian" => Prior::Gaussian { deviation: settings.number("deviation") as f32 },
        "ring" => Prior::Ring,
        "swiss-roll" => Prior::SwissRoll,
        _ => match settings.table("prior") {
            Some(table) if (2..=MOST_SAMPLES).contains(&table.n_rows()) => Prior::Samples(Arc::clone(table)),
            Some(table) => {
                let expected = format!("2 to {MOST_SAMPLES} samples, and it has {}", table.n_rows());
                return Err(value(settings, "prior", expected));
            }
            None => return Err(value(settings, "prior", "a file that was read")),
        },
    };
    if settings.is_given("deviation") && !matches!(prior, Prior::Gaussian { .. }) && settings.number("deviation") != 1.0 {
        return Err(value(settings, "deviation", "prior=gaussian with it; leave it out"));
    }
    let latents = settings.size("latents");
    match prior.width() {
        Some(width) if settings.is_given("latents") && width != latents => {
            let expected = format!("{width}, the width of prior={}; leave latents out", settings.word("prior"));
            Err(value(settings, "latents", expected))
        }
        width => Ok((prior, width.unwrap_or(latents))),
    }
}

/// What classes are used for.
pub(super) fn classes(settings: &Settings, data: &DataShape, prior: &Prior) -> Result<Classes, SettingError> {
    let (labels, clusters, n_classes) = (settings.word("labels"), settings.size("clusters"), data.n_classes);
    match (labels, clusters) {
        ("none", 0) => return Ok(Classes::Unused),
        ("none", 1) => return Err(value(settings, "clusters", "0, or 2 and more")),
        ("none", _) if settings.is_given("joint") && settings.flag("joint") => {
            return Err(value(settings, "joint", "false with clusters"));
        }
        ("none", clusters) => return Ok(Classes::Clusters(clusters)),
        (_, 0) => {}
        _ => return Err(value(settings, "clusters", format!("0 with labels={labels}: clusters are found without classes"))),
    }
    if n_classes < 2 {
        return Err(SettingError::Unfit(format!(
            "labels={labels} needs rows with classes, and these have none; leave labels out, or give other data (one folder a class, or IDX \
             with labels)"
        )));
    }
    match labels {
        "decoder" => Ok(Classes::OfDecoder),
        "prior" => match prior.n_components() {
            0 => Err(value(settings, "labels", "a prior of parts with it: prior=ring or prior=swiss-roll")),
            n if n_classes as usize > n => {
                Err(SettingError::Unfit(format!("it has {n_classes} classes, and the prior has {n} components")))
            }
            _ => Ok(Classes::OfPrior),
        },
        number => {
            let of: usize = number.parse().unwrap_or(0);
            if of < n_classes as usize || of > data.n_train {
                let expected = format!(
                    "{n_classes} to {}: a row of each class or more, and not more than there are training rows",
                    data.n_train
                );
                return Err(value(settings, "labels", expected));
            }
            Ok(Classes::Few(Known { of, batch: of.min(settings.size("batch")), n_classes }))
        }
    }
}
