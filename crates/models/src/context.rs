//! A table over causal neighbours in the image, fitted by counting, as bi-level image coders have it (Langdon and Rissanen 1981,
//! "Compression of Black-White Images with Arithmetic Coding"; JBIG's template has ten pixels too). The baseline that a pixel
//! model must beat.
//!
//! Departures: add-one smoothing where coders adapt; a table over all places or one a place; a colour sees its neighbours' values of
//! that colour and the colours before it in its own pixel.

use std::sync::Arc;

use crate::counting::{self, Context, Table};
use crate::model::ModelInfo;
use crate::settings::{Preset, Setting, Settings};

pub static INFO: ModelInfo = ModelInfo {
    name: "context",
    title: "Table over causal neighbours, by counting",
    paper: "Langdon and Rissanen 1981; maximum likelihood with add-one smoothing",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings: |_| {
        counting::settings(vec![
            Setting::integer(
                "neighbours",
                0,
                (0, 10),
                "number of nearest earlier pixels that each pixel depends on; 0: 10 for bits, else 2",
            ),
            Setting::flag("shared", true, "share one table among all positions, else one table a position"),
        ])
    },
    configure: |settings, data| Ok(Arc::new(Table::new(&INFO, settings, data, context)?)),
};

fn context(settings: &Settings, levels: u32) -> (Context, bool) {
    let n = match (settings.size("neighbours"), levels) {
        (0, 2) => 10,
        (0, _) => 2,
        (n, _) => n,
    };
    (Context::Neighbours(n), settings.flag("shared"))
}
