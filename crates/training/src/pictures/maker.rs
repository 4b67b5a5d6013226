//! The rows of a picture of samples: made at every step from the same latents or random numbers.

use calotype_graph::Device;
use calotype_models::latent::{self, Sheet};
use calotype_models::{Model, init};

use crate::error::Result;
use crate::rows::RowProgram;
use crate::sampler::{Drawer, Sampler};

#[derive(Debug)]
pub(super) enum Maker {
    /// `columns`: of a sheet with a column for each category of the latents.
    Latent {
        program: RowProgram,
        latents: Vec<f32>,
        columns: Option<usize>,
    },
    Drawing {
        drawer: Drawer,
        noise: Vec<f32>,
    },
}

impl Maker {
    /// Of `count` rows; none for a model that makes none.
    pub fn new(model: &dyn Model, sampler: &Sampler, (count, seed): (usize, u64)) -> Option<Self> {
        let floats = |t: calotype_graph::HostTensor| t.as_f32().unwrap_or_default().to_vec();
        match sampler {
            Sampler::Latent(program) => {
                let parts = model.latent()?.parts();
                let (latents, columns) = match latent::by_category(&parts, count, seed) {
                    Some((sheet, columns)) => (sheet, Some(columns)),
                    None => (latent::latents(&parts, count, seed), None),
                };
                Some(Maker::Latent { program: program.clone(), latents: floats(latents), columns })
            }
            Sampler::Drawing(drawer) => {
                let n_values = model.shape().iter().product();
                let noise = init::noise(count, n_values, model.density()?.conditional().n_noise(), seed);
                Some(Maker::Drawing { drawer: drawer.clone(), noise: floats(noise) })
            }
            Sampler::None => None,
        }
    }

    /// Of the model's codes one after the other, with the same program; none for a model without codes.
    pub fn of_codes(&self, model: &dyn Model, seed: u64) -> Option<Self> {
        let (Maker::Latent { program, .. }, Some(latent)) = (self, model.latent()) else { return None };
        let Sheet { latents, columns } = latent::code_sheet(latent, latent::CODE_DRAWS, seed)?;
        Some(Maker::Latent { program: program.clone(), latents, columns: Some(columns) })
    }

    /// Images beside each other, where their order asks for it.
    pub fn columns(&self) -> Option<usize> {
        match self {
            Maker::Latent { columns, .. } => *columns,
            Maker::Drawing { .. } => None,
        }
    }

    /// The rows [N, D]: from latents as [`calotype_models::Latent::sampling`] has them, drawn ones as the model has them.
    ///
    /// # Errors
    /// What the device says.
    pub fn rows(&self, device: &mut dyn Device) -> Result<Vec<f32>> {
        match self {
            Maker::Latent { program, latents, .. } => program.all(device, latents),
            Maker::Drawing { drawer, noise } => drawer.draw(device, noise, None),
        }
    }

    /// Whether its rows are in the model's own range, in which images need not be brightness.
    pub fn in_own_range(&self) -> bool {
        matches!(self, Maker::Drawing { .. })
    }
}
