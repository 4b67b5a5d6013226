//! Sheets of drawings: what becomes of the captions of the same rows, by the same latents at every step.

use calotype_data::lettering::captioned;
use calotype_data::picture::{self, RgbImage};
use calotype_graph::Device;
use calotype_models::{Text, latent};

use super::Show;
use crate::draw::Drawings;
use crate::error::Result;
use crate::material::ShownRows;

/// Drawings of a caption.
const DRAWN: usize = 7;
/// Sheets are about so many pixels wide, so that a caption has room.
const ABOUT_PIXELS: usize = 560;

/// A line a row of the data: itself, then drawings of its caption, which stands below.
#[derive(Debug)]
pub(super) struct Sentences {
    programs: Drawings,
    /// Of each row, itself [D] of 0 to 1, and its caption.
    rows: Vec<(Vec<f32>, String)>,
    /// [DRAWN, Z], the same for every caption.
    latents: Vec<f32>,
    /// [H, W, C].
    shape: [usize; 3],
}

impl Sentences {
    /// Of rows of a model's data; none where they have no captions.
    pub fn new(programs: Drawings, model: &dyn Text, shown: &ShownRows, shape: [usize; 3], seed: u64) -> Option<Self> {
        let captions = shown.captions.as_ref()?;
        let unit = |row: u32| shown.rows.row(row).iter().map(|v| 0.5 * v + 0.5).collect();
        let rows = shown.rows.rows().iter().map(|&row| (unit(row), captions.first(row).to_owned())).collect();
        let latents = latent::latents(&model.parts(), DRAWN, seed);
        Some(Sentences { programs, rows, latents: latents.as_f32().unwrap_or_default().to_vec(), shape })
    }
}

impl Show for Sentences {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let sentences: Vec<&str> = self.rows.iter().map(|(_, caption)| caption.as_str()).collect();
        let read = self.programs.read(device, &sentences)?;
        let e = read.len() / sentences.len().max(1);
        let embeddings: Vec<f32> = read.chunks_exact(e.max(1)).flat_map(|one| one.repeat(DRAWN)).collect();
        let n = sentences.len() * DRAWN;
        let made = self.programs.draw(device, &embeddings, &self.latents.repeat(sentences.len()), n)?;
        let [h, w, c] = self.shape;
        let line = |((row, caption), made): (&(Vec<f32>, String), &[f32])| {
            let images = [row, made].concat();
            Ok((picture::sheet(&images, [1 + DRAWN, h, w, c], Some(1 + DRAWN), ABOUT_PIXELS)?, caption.clone()))
        };
        let lines = self.rows.iter().zip(made.chunks_exact((DRAWN * h * w * c).max(1))).map(line);
        let lines = lines.collect::<Result<Vec<_>>>()?;
        Ok(captioned(&lines).unwrap_or_default())
    }
}
