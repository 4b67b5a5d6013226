//! Features of a network that the user brings: `--features NET.onnx`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use calotype_data::{enlarged, hex};
use calotype_formats::onnx::{Loaded, Network};
use calotype_graph::{PlanOptions, plan};
use calotype_training::evaluate::FeaturesOf;
use calotype_training::{RowProgram, planning_profile};
use sha2::{Digest, Sha256};

use crate::args::Span;
use crate::fault::WrongUse;
use crate::session::Session;

/// Images at once, where the file leaves it open.
const BATCH: usize = 16;
/// Images that are held at the size of the network.
const MOST_HELD: usize = 64;

/// A network on a device.
pub struct Brought {
    program: RowProgram,
    /// Of its images: [H, W, C].
    takes: [usize; 3],
    /// Of the images that it is shown.
    given: [usize; 3],
    /// What its numbers are for black and for white.
    span: Span,
    /// What figures are called after.
    pub name: String,
    /// Numbers of a row.
    pub d: usize,
    sha256: String,
}

impl Brought {
    /// Loaded beside a run whose rows are images [H, W, C].
    ///
    /// # Errors
    /// A file that cannot be read, or is no network of images; rows that are none; what the device says.
    pub fn load(session: &mut Session, path: &Path, span: Span) -> Result<Self> {
        let shown = path.display();
        let &[h, w, c @ (1 | 3)] = session.used.model.shape() else {
            return Err(WrongUse(format!("--features {shown}: networks take images, and rows of this run are none")).into());
        };
        let bytes = fs::read(path).map_err(|e| WrongUse(format!("--features {shown}: {e}")))?;
        let wrong = |e: calotype_formats::onnx::ReadError| WrongUse(format!("--features {shown}: {e}"));
        let network = Network::read(&bytes).map_err(wrong)?;
        let [channels, height, width] = network.image();
        let takes = [height.unwrap_or(h), width.unwrap_or(w), channels.unwrap_or(c)];
        if takes[2] == 1 && c == 3 {
            return Err(WrongUse(format!("--features {shown}: it takes grey images, and those of this run have colours")).into());
        }
        let Loaded { program, states } = network.program(BATCH, takes).map_err(wrong)?;
        let device = session.opened.device();
        let planned = Arc::new(plan(&program, &planning_profile(device.profile()), PlanOptions::default())?);
        let d = planned.outputs.first().map_or(0, |output| output.ty.shape.last());
        let program = RowProgram::load(device, &planned, session.loader, 0)?;
        for (name, value) in &states {
            device.write_state(name, value)?;
        }
        let name = path.file_stem().map_or_else(|| "network".into(), |stem| stem.to_string_lossy().into_owned());
        Ok(Brought { program, takes, given: [h, w, c], span, name, d, sha256: hex(&Sha256::digest(&bytes)) })
    }

    /// Features [n, D] of images [n, H, W, C] from 0 to 1.
    ///
    /// # Errors
    /// What the device says; a feature that is not finite.
    pub fn of(&self, session: &mut Session, images: &[f32]) -> Result<Vec<f32>> {
        let [h, w, c] = self.given;
        let image = |image: &[f32]| -> Vec<f32> {
            let sized = match [h, w] == self.takes[..2] {
                true => image.to_vec(),
                false => enlarged(image, self.given, [self.takes[0], self.takes[1]]),
            };
            let Span { low, high } = self.span;
            let value = |v: f32| low + (high - low) * v.clamp(0.0, 1.0);
            sized.into_iter().flat_map(|v| std::iter::repeat_n(value(v), self.takes[2] / c)).collect()
        };
        let mut features = vec![];
        for some in images.chunks(MOST_HELD * h * w * c) {
            let rows: Vec<f32> = some.chunks_exact(h * w * c).flat_map(image).collect();
            features.extend(self.program.all(session.opened.device(), &rows)?);
        }
        match features.iter().all(|v| v.is_finite()) {
            true => Ok(features),
            false => {
                Err(anyhow::anyhow!("--features: the network makes features that are not finite; try another --features-range"))
            }
        }
    }

    pub fn described(&self) -> FeaturesOf {
        FeaturesOf { network: format!("{}.onnx", self.name), sha256: self.sha256.clone(), accuracy: None }
    }
}
