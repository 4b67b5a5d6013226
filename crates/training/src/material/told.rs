//! What a model is told of the rows of its data set beside the rows themselves.

use std::sync::Arc;

use calotype_data::Dataset;
use calotype_models::attributes::Attributes;
use calotype_models::{Model, Setting, Settings};

use crate::attributes::{self, Attributed};
use crate::captions::{self, Captioned};
use crate::config::RunConfig;
use crate::error::Result;
use crate::progress::grouped;

/// Their attributes, or their captions; most models are told neither.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub attributes: Option<Arc<Attributed>>,
    pub captions: Option<Arc<Captioned>>,
}

impl Told {
    /// Whether a model with these settings is told captions: they are read with the data.
    pub(super) fn reads_captions(own: &[Setting]) -> bool {
        has(own, captions::SETTING)
    }

    /// What a model asks for by its own settings, of which `all` has the values.
    ///
    /// # Errors
    /// Data that have it not.
    pub(super) fn wanted(dataset: &Dataset, model: &'static str, own: &[Setting], all: &Settings) -> Result<Self> {
        let attributes = match has(own, attributes::SETTING) {
            true => Some(Arc::new(Attributed::new(dataset, all.word(attributes::SETTING))?)),
            false => None,
        };
        let captions = match has(own, captions::SETTING) {
            true => Some(Arc::new(Captioned::new(dataset, model, all.size(captions::SETTING))?)),
            false => None,
        };
        Ok(Told { attributes, captions })
    }

    /// What the model of a run was told.
    ///
    /// # Errors
    /// It is not what it was when the run began.
    pub(super) fn of_run(config: &RunConfig, model: &dyn Model, dataset: &Dataset) -> Result<Self> {
        let name = model.info().name;
        let same = |what: &str, known: &str, found: String| match found == known {
            true => Ok(()),
            false => Err(config.data.changed(name, what, known, &found)),
        };
        let attributes = match &config.data.attributes {
            Some(known) => {
                let told = Attributed::new(dataset, model.settings().word(attributes::SETTING))?;
                same(" of the attributes", &known.sha256, told.hash())?;
                Some(Arc::new(told))
            }
            None => None,
        };
        let captions = match &config.data.captions_sha256 {
            Some(known) => {
                let told = Captioned::new(dataset, name, model.settings().size(captions::SETTING))?;
                same(" of the captions", known, told.hash())?;
                Some(Arc::new(told))
            }
            None => None,
        };
        Ok(Told { attributes, captions })
    }

    /// Whether all that the model is told is known of a row.
    pub fn has(&self, row: u32) -> bool {
        self.attributes.as_ref().is_none_or(|told| told.of_row(row).is_some())
            && self.captions.as_ref().is_none_or(|told| told.has(row))
    }

    /// The attributes that it is told of, and of what each is one.
    pub(super) fn list(&self) -> Attributes {
        self.attributes.as_ref().map_or_else(Attributes::default, |told| told.attributes.clone())
    }

    /// What a person should know about it.
    pub(super) fn notes(&self) -> Vec<String> {
        let without = self.attributes.as_ref().map_or(0, |told| told.n_without());
        let without = (without > 0)
            .then(|| format!("left out: {} rows that have none of exclusive attributes, or several", grouped(without as u64)));
        without.into_iter().chain(self.captions.iter().flat_map(|told| told.notes().to_vec())).collect()
    }
}

fn has(own: &[Setting], key: &str) -> bool {
    own.iter().any(|setting| setting.key == key)
}
