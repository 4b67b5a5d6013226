//! Drawing from sentences: the programs of a model that does, on a device.

use std::sync::Arc;

use calotype_graph::{Device, GraphError, HostTensor, Plan, PlanId, Program};
use calotype_models::{Text, text};

use crate::error::Result;
use crate::load::Loader;
use crate::rows::RowProgram;
use crate::wait;

/// Sentences that are read at once.
const READ_AT_ONCE: usize = 16;

/// What reads sentences and what draws, planned.
#[derive(Clone, Debug)]
pub struct DrawingPlans {
    reading: Arc<Plan>,
    drawing: Arc<Plan>,
    /// Characters of a sentence.
    length: usize,
}

impl DrawingPlans {
    /// For `batch` pictures at once, planned by `plan`.
    ///
    /// # Errors
    /// What `plan` says; a mistake in the model.
    pub fn new<E: From<GraphError>>(
        model: &dyn Text,
        batch: usize,
        mut plan: impl FnMut(&Program) -> Result<Arc<Plan>, E>,
    ) -> Result<Self, E> {
        Ok(DrawingPlans {
            reading: plan(&model.reading(READ_AT_ONCE)?)?,
            drawing: plan(&model.drawing(batch)?)?,
            length: model.length(),
        })
    }

    /// Both.
    pub fn all(&self) -> [&Arc<Plan>; 2] {
        [&self.reading, &self.drawing]
    }
}

/// What reads sentences and what draws, loaded.
#[derive(Clone, Debug)]
pub struct Drawings {
    reading: PlanId,
    drawing: RowProgram,
    length: usize,
}

impl Drawings {
    /// # Errors
    /// What the device says.
    pub fn load(device: &mut dyn Device, plans: &DrawingPlans, loader: Loader) -> Result<Self> {
        let drawing = RowProgram::load(device, &plans.drawing, loader, 0)?;
        Ok(Drawings { reading: loader.load(device, &plans.reading)?, drawing, length: plans.length })
    }

    /// The embeddings of sentences, [N, E].
    ///
    /// # Errors
    /// What the device says.
    pub fn read<S: AsRef<str>>(&self, device: &mut dyn Device, sentences: &[S]) -> Result<Vec<f32>> {
        let mut all = vec![];
        for part in sentences.chunks(READ_AT_ONCE) {
            let characters = part.iter().flat_map(|sentence| text::read(sentence.as_ref(), self.length).characters);
            let mut characters: Vec<u32> = characters.collect();
            characters.resize(READ_AT_ONCE * self.length, text::END);
            let characters = HostTensor::u32([READ_AT_ONCE, self.length], characters);
            let ticket = device.submit(self.reading, &[("text", &characters)])?;
            let read = wait::only_output(device, ticket)?;
            let read = read.as_f32().unwrap_or_default();
            all.extend_from_slice(&read[..read.len() / READ_AT_ONCE * part.len()]);
        }
        Ok(all)
    }

    /// Rows [N, D] of 0 to 1, from embeddings [N, E] and latents [N, Z].
    ///
    /// # Errors
    /// What the device says.
    pub fn draw(&self, device: &mut dyn Device, embeddings: &[f32], latents: &[f32], n: usize) -> Result<Vec<f32>> {
        let (e, z) = (embeddings.len() / n.max(1), latents.len() / n.max(1));
        let rows = embeddings.chunks_exact(e.max(1)).zip(latents.chunks_exact(z.max(1)));
        self.drawing.all(device, &rows.flat_map(|(embedding, z)| embedding.iter().chain(z)).copied().collect::<Vec<_>>())
    }
}
