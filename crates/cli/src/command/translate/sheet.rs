//! A sheet of images beside their translations.

use anyhow::Result;
use calotype_data::picture::{self, RgbImage};

use super::inputs::Padded;
use super::targets::Target;

/// Images of it at most: the first ones.
const ROWS: usize = 64;
/// It is about so many pixels wide.
const ABOUT_PIXELS: usize = 320;

/// A line an image: itself, and a column for each target. All of the model's size: others are shrunk or enlarged to it.
pub(super) struct Sheet {
    /// [H, W, C] of a tile.
    tile: [usize; 3],
    columns: usize,
    /// White where nothing was put.
    tiles: Vec<Vec<f32>>,
}

impl Sheet {
    pub fn new(shape: &[usize], n: usize, targets: &[Target]) -> Self {
        let tile = match *shape {
            [h, w, c] => [h, w, c],
            _ => [1; 3],
        };
        let columns = 1 + targets.len();
        Sheet { tile, columns, tiles: vec![vec![1.0; tile.iter().product()]; n.min(ROWS) * columns] }
    }

    /// Puts an image into line `n`, if the sheet has so many.
    pub fn put(&mut self, n: usize, column: usize, image: &Padded) {
        let ([height, width, _], [h, w]) = (self.tile, image.size);
        let Some(tile) = self.tiles.get_mut(n * self.columns + column) else { return };
        // The mean of what a pixel of the tile covers, or the nearest pixel of a smaller image.
        let span = |at: usize, of: usize, own: usize| {
            let (from, to) = (at * own / of, ((at + 1) * own).div_ceil(of));
            from..to.max(from + 1).min(own)
        };
        let mut values = vec![];
        for y in 0..height {
            for x in 0..width {
                let (ys, xs) = (span(y, height, h), span(x, width, w));
                let n = (ys.len() * xs.len()) as f32;
                let sum = |c: usize| ys.clone().flat_map(|y| xs.clone().map(move |x| image.pixel(y, x)[c])).sum::<f32>() / n;
                values.extend((0..image.channels).map(sum));
            }
        }
        *tile = values;
    }

    /// # Errors
    /// A picture that is too large.
    pub fn picture(&self) -> Result<RgbImage> {
        let [h, w, c] = self.tile;
        Ok(picture::sheet(&self.tiles.concat(), [self.tiles.len(), h, w, c], Some(self.columns), ABOUT_PIXELS)?)
    }
}
