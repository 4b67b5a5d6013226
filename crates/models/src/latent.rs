//! Models that make images from latent vectors.

use calotype_graph::{GraphError, Program};

/// Images from latents.
pub trait Latent {
    /// Length of a latent vector: standard normal for `sample`.
    fn latents(&self) -> usize;

    /// Images from latents, with running statistics. Input `z` f32 [B, latents]; output `images` f32 [B, H, W, C] in [0, 1].
    fn sampling(&self, batch: usize) -> Result<Program, GraphError>;
}
