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
const ABOUT_PIXELS: usize = 320;

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
        let images = paired(&brightness(self.values, &self.rows), &made, COLUMNS * self.shape.iter().product::<usize>());
        sheet(&images, self.shape, Some(COLUMNS))
    }
}

/// Lines of `line` values of the one, each above the same line of the other.
fn paired(above: &[f32], below: &[f32], line: usize) -> Vec<f32> {
    above.chunks(line).zip(below.chunks(line)).flat_map(|(a, b)| [a, b].concat()).collect()
}

fn sheet(images: &[f32], [h, w, c]: [usize; 3], columns: Option<usize>) -> Result<RgbImage> {
    Ok(picture::sheet(images, [images.len() / (h * w * c), h, w, c], columns, ABOUT_PIXELS)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_line_is_above_its_pair() {
        assert_eq!(super::paired(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], 2), [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
    }
}
