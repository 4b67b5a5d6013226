//! Grids of images: samples, and reconstructions beside their originals.

use calotype_data::picture::{self, RgbImage};
use calotype_graph::Device;
use calotype_models::Values;

use super::Show;
use super::maker::Maker;
use crate::error::Result;
use crate::rows::RowProgram;
use crate::sampler::brightness;

/// Grids of small images are enlarged to about this many pixels on the screen.
pub(super) const ABOUT_PIXELS: usize = 320;

/// Samples, from the same latents or random numbers at every step.
#[derive(Debug)]
pub(super) struct Samples {
    pub maker: Maker,
    /// [H, W, C].
    pub shape: [usize; 3],
    pub values: Values,
}

impl Show for Samples {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let rows = self.maker.rows(device)?;
        let images = if self.maker.in_own_range() { brightness(self.values, &rows) } else { rows };
        sheet(&images, self.shape, self.maker.columns())
    }
}

/// The same rows of the data at every step, each above its reconstruction.
#[derive(Debug)]
pub(super) struct Reconstructions {
    pub program: RowProgram,
    /// [N, D], as the model takes them.
    pub rows: Vec<f32>,
    /// [H, W, C].
    pub shape: [usize; 3],
    pub values: Values,
}

/// Pairs beside each other.
const COLUMNS: usize = 16;

impl Show for Reconstructions {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let made = self.program.all(device, &self.rows)?;
        let line = COLUMNS * self.shape.iter().product::<usize>();
        let images = picture::pairs(&brightness(self.values, &self.rows), &made, line);
        sheet(&images, self.shape, Some(COLUMNS))
    }
}

pub(super) fn sheet(images: &[f32], [h, w, c]: [usize; 3], columns: Option<usize>) -> Result<RgbImage> {
    Ok(picture::sheet(images, [images.len() / (h * w * c), h, w, c], columns, ABOUT_PIXELS)?)
}
