//! A Markov chain of order k over the values in raster order, fitted by counting: `p(x) = Π p_d(x_d | x_{d-k}, …, x_{d-1})`
//! (Shannon 1948, "A Mathematical Theory of Communication", §3, who took letters for pixels).
//!
//! Departures: each place has a table of its own; the chain runs on over the ends of rows and through the colours of a pixel; what
//! lies before the first value is 0; add-one smoothing.

use std::sync::Arc;

use crate::counting::{self, Context, Table};
use crate::model::ModelInfo;
use crate::settings::{Preset, Setting};

pub static INFO: ModelInfo = ModelInfo {
    name: "markov",
    title: "Markov chain over raster order, by counting",
    paper: "Shannon 1948; maximum likelihood with add-one smoothing",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings: |_| {
        counting::settings(vec![Setting::integer(
            "order",
            1,
            (1, 23),
            "k: number of preceding values that each value depends on",
        )])
    },
    configure: |settings, data| {
        let context = |s: &crate::settings::Settings, _levels| (Context::Previous(s.size("order")), false);
        Ok(Arc::new(Table::new(&INFO, settings, data, context)?))
    },
};
