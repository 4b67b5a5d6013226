//! `score --heatmaps`: -log p of each pixel, as images.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use calotype_data::picture;
use calotype_models::{Model, Values};
use calotype_training::brightness;

use crate::fault::WrongUse;
use crate::output::replace;

/// Nats of a pixel from which on it is as bright as can be.
const MOST_NATS: f32 = 5.0;
/// Side of a pixel on the screen, at least: pictures are enlarged to about this many pixels.
const ABOUT_PIXELS: usize = 256;

/// A folder of pictures: each row beside its surprise, -log p of each pixel (all colours together), black to red to yellow to
/// white from 0 to 5 nats.
#[derive(Debug)]
pub struct Heatmaps {
    folder: PathBuf,
    /// [H, W, C].
    shape: [usize; 3],
    values: Values,
}

impl Heatmaps {
    /// Makes the folder.
    ///
    /// # Errors
    /// A model of vectors; a folder that cannot be made.
    pub fn new(folder: &Path, model: &dyn Model) -> Result<Self> {
        let &[h, w, c @ (1 | 3)] = model.shape() else {
            return Err(WrongUse(format!(
                "--heatmaps: {} scores vectors, and heatmaps are for images; use --pixels FILE.npy",
                model.info().name
            ))
            .into());
        };
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        Ok(Heatmaps { folder: folder.to_owned(), shape: [h, w, c], values: model.values() })
    }

    /// Writes `row-NNNNN.png`, by the row's number among those that are scored: x and log p, both [H, W, C].
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, row: usize, x: &[f32], log_p: &[f32]) -> Result<()> {
        let [h, w, c] = self.shape;
        let image = brightness(self.values, x);
        let grey = |p: &[f32]| if c == 3 { [p[0], p[1], p[2]] } else { [p[0]; 3] };
        let left: Vec<f32> = image.chunks_exact(c).flat_map(grey).collect();
        let right: Vec<f32> = log_p.chunks_exact(c).flat_map(|p| heat(-p.iter().sum::<f32>() / MOST_NATS)).collect();
        let factor = (ABOUT_PIXELS / h.max(w)).max(1);
        let both = [&left, &right].map(|image| picture::enlarged(image, [h, w, 3], factor)).concat();
        let picture = picture::grid(&both, [2, h * factor, w * factor, 3], Some(2), 4)?;
        replace(&self.folder.join(format!("row-{row:05}.png")), |file| picture::write_png(file, &picture))
    }
}

/// 0 is black, then red, yellow, white at 1.
fn heat(v: f32) -> [f32; 3] {
    let part = |n: f32| (3.0 * v - n).clamp(0.0, 1.0);
    [part(0.0), part(1.0), part(2.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_rises_from_black_to_white() {
        assert_eq!([0.0, 1.0 / 3.0, 1.0, 9.0].map(heat), [[0.0; 3], [1.0, 0.0, 0.0], [1.0; 3], [1.0; 3]]);
    }
}
