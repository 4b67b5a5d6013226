//! Codes of rows over draws of the prior that they should follow, in the plane of the first two latents.

use calotype_data::canvas::{Canvas, Ink, PALETTE, View};
use calotype_data::picture::RgbImage;
use calotype_graph::Device;
use calotype_models::Codes as Facet;

use super::{Show, Studio};
use crate::error::Result;
use crate::rows::RowProgram;
use crate::two_sample::drawn;

/// Rows whose codes are shown, and draws of the prior, at most.
pub(super) const ROWS: usize = 2000;

const SIDE: u32 = 480;
/// The view is so much larger than what the prior fills.
const ROOM: f32 = 1.25;
const PRIOR: Ink = ([60, 60, 60], 0.25);
const OPACITY: f32 = 0.75;

#[derive(Debug)]
pub(super) struct Codes {
    program: RowProgram,
    /// [N, D].
    rows: Vec<f32>,
    /// `[N]`, or none.
    classes: Vec<u32>,
    prior: Vec<[f32; 2]>,
    /// Of the prior.
    view: View,
}

impl Codes {
    /// `program` gives the features that `facet` describes; classes are those of the rows, or none.
    pub fn new(studio: &Studio, facet: &Facet, program: RowProgram, rows: Vec<f32>, classes: Vec<u32>) -> Self {
        let prior = plane(&drawn(&facet.prior, ROWS, facet.z, studio.seed, 0), facet.z);
        let around = View::around(&prior);
        let view = View { half: around.half.map(|half| ROOM * half), ..around };
        Codes { program, rows, classes, prior, view }
    }
}

impl Show for Codes {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let codes = plane(&self.program.all(device, &self.rows)?, self.program.n_out());
        let mut canvas = Canvas::new(SIDE, self.view);
        self.prior.iter().for_each(|&p| canvas.dot(p, 1.2, PRIOR));
        for (n, &code) in codes.iter().enumerate() {
            let class = self.classes.get(n).copied().unwrap_or(0);
            canvas.dot(code, 2.0, (PALETTE[class as usize % PALETTE.len()].1, OPACITY));
        }
        Ok(canvas.into_picture())
    }
}

/// The first two of `width` numbers; one, and 0.
fn plane(rows: &[f32], width: usize) -> Vec<[f32; 2]> {
    rows.chunks_exact(width.max(1)).map(|row| [row[0], if width > 1 { row[1] } else { 0.0 }]).collect()
}
