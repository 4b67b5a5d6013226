//! Sample grids of a run, from the same latents or random numbers at every step.

use std::path::Path;

use calotype_data::picture;
use calotype_graph::Device;
use calotype_models::{Model, Values, init, latent};

use crate::error::Result;
use crate::load::Loader;
use crate::replace::write_atomically;
use crate::rows::RowProgram;
use crate::sampler::{Drawer, SAMPLE_BATCH, SamplingPlans, brightness};

/// Grids of small images are enlarged to about this many pixels on the screen.
const ABOUT_PIXELS: usize = 320;

/// Makes sample grids.
#[derive(Debug)]
pub(crate) struct Grid {
    maker: Maker,
    /// [H, W, C].
    shape: [usize; 3],
    values: Values,
}

#[derive(Debug)]
enum Maker {
    Latent { program: RowProgram, latents: Vec<f32> },
    Drawing { drawer: Drawer, noise: Vec<f32> },
}

impl Grid {
    /// None for a model that makes no pictures.
    ///
    /// # Errors
    /// The device cannot load a plan.
    pub fn load(
        model: &dyn Model,
        device: &mut dyn Device,
        plans: &SamplingPlans,
        loader: Loader,
        seed: u64,
    ) -> Result<Option<Self>> {
        let &[h, w, c @ (1 | 3)] = model.shape() else { return Ok(None) };
        let floats = |t: calotype_graph::HostTensor| t.as_f32().unwrap_or_default().to_vec();
        let maker = match (plans, model.latent(), model.density()) {
            (SamplingPlans::Latent(plan), Some(latent), _) => Maker::Latent {
                program: RowProgram::load(device, plan, loader, seed)?,
                latents: floats(latent::latents(&latent.parts(), SAMPLE_BATCH, seed)),
            },
            (_, _, Some(density)) => {
                let Some(drawer) = Drawer::load(density, device, plans, loader)? else { return Ok(None) };
                let noise = init::noise(SAMPLE_BATCH, h * w * c, density.conditional().n_noise(), seed);
                Maker::Drawing { drawer, noise: floats(noise) }
            }
            _ => return Ok(None),
        };
        Ok(Some(Grid { maker, shape: [h, w, c], values: model.values() }))
    }

    /// Writes a grid, in one go.
    ///
    /// # Errors
    /// What the device or the system says.
    pub fn write(&self, device: &mut dyn Device, path: &Path) -> Result<()> {
        let images = match &self.maker {
            Maker::Latent { program, latents } => program.all(device, latents)?,
            Maker::Drawing { drawer, noise } => brightness(self.values, &drawer.draw(device, noise, None)?),
        };
        let [h, w, c] = self.shape;
        let picture = picture::sheet(&images, [SAMPLE_BATCH, h, w, c], None, ABOUT_PIXELS)?;
        write_atomically(path, &picture::png(&picture)?)
    }
}
