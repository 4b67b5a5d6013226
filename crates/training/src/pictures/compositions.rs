//! Sheets of compositions: the same images at every step, and what is made of their key patches.

use calotype_data::picture::RgbImage;
use calotype_data::{Evaluation, KeyPatches};
use calotype_graph::Device;
use calotype_models::{Composer, latent};

use super::Show;
use super::grid::sheet;
use crate::compose::{Composition, Compositions};
use crate::error::Result;

/// A line an image: its patches, the mask and the image that are made of them, the image itself.
#[derive(Debug)]
pub(super) struct Puzzles {
    programs: Compositions,
    images: Vec<Vec<f32>>,
    /// Of each image, [n, H, W, C].
    patches: Vec<Vec<f32>>,
    /// Of each image, [Z].
    latents: Vec<Vec<f32>>,
    /// [H, W, C].
    shape: [usize; 3],
}

impl Puzzles {
    /// Of rows of a model's data, with latents by a seed.
    pub fn new(programs: Compositions, composer: &dyn Composer, rows: &Evaluation, shape: [usize; 3], seed: u64) -> Self {
        let images: Vec<Vec<f32>> = rows.rows().iter().map(|&row| rows.row(row)).collect();
        let patches = images.iter().map(|image| KeyPatches::of(image, shape, composer.n_patches()).patches).collect();
        let parts = composer.latents();
        let draws = latent::Draws::new(&parts, seed);
        let latents = (0..images.len()).map(|row| draws.row(row)).collect();
        Puzzles { programs, images, patches, latents, shape }
    }
}

impl Show for Puzzles {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let given = self.patches.iter().map(Vec::as_slice).zip(self.latents.iter().map(Vec::as_slice));
        let made = self.programs.compose(device, given)?;
        let [h, w, c] = self.shape;
        let mut tiles = vec![];
        for ((image, patches), Composition { image: result, mask }) in self.images.iter().zip(&self.patches).zip(made) {
            tiles.extend(unit(patches));
            tiles.extend(mask.iter().flat_map(|&v| std::iter::repeat_n(v, c)));
            tiles.extend(result);
            tiles.extend(unit(image));
        }
        let n_patches = self.patches.first().map_or(0, |patches| patches.len() / (h * w * c));
        sheet(&tiles, self.shape, Some(n_patches + 3))
    }
}

/// -1 to 1 becomes 0 to 1.
fn unit(values: &[f32]) -> impl Iterator<Item = f32> {
    values.iter().map(|v| 0.5 * v + 0.5)
}
