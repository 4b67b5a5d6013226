//! Independent dimensions, fitted by counting: `p(x) = Π p_d(x_d)`, D (L - 1) parameters. The weakest baseline of every table.
//!
//! Departures: add-one smoothing (Laplace 1814), where maximum likelihood would give what was never seen no probability.

use std::sync::Arc;

use crate::counting::{self, Context, Table};
use crate::model::ModelInfo;
use crate::settings::Preset;

pub static INFO: ModelInfo = ModelInfo {
    name: "independent",
    title: "Independent pixels, by counting",
    paper: "maximum likelihood with add-one smoothing",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings: |_| counting::settings(vec![]),
    configure: |settings, data| Ok(Arc::new(Table::new(&INFO, settings, data, |_, _| (Context::Previous(0), false))?)),
};
