//! What a classifier learns from samples whose class was chosen: Ravuri, Vinyals 2019, "Classification Accuracy Score for Conditional
//! Generative Models", arXiv:1905.10887.

use anyhow::Result;
use calotype_data::Dataset;
use calotype_models::{Model, latent};
use calotype_training::evaluate::{Figure, by_samples, part};

use super::judge::Judge;
use super::rows::Rows;

/// Of a model whose samples have the class that is chosen; none of others. `samples` are those of [`latent::latents`] of this seed.
///
/// # Errors
/// What the device says.
pub fn figure(
    model: &dyn Model,
    dataset: &Dataset,
    (rows, samples): (&Rows, &[f32]),
    (seed, threads): (u64, usize),
) -> Result<Option<Figure>> {
    let Some(latent) = model.latent() else { return Ok(None) };
    let parts = latent.parts();
    let at = latent.class_part().and_then(|name| parts.iter().position(|part| part.name == name));
    let (Some(at), Some(labels), &[_, _, 1 | 3]) = (at, dataset.labels(), model.shape()) else { return Ok(None) };
    let names = dataset.class_names();
    let (first, n) = (parts[..at].iter().map(|part| part.size).sum::<usize>(), rows.shown.len());
    if parts[at].size != names.len() {
        return Ok(None);
    }
    let z = latent::latents(&parts, n, seed);
    let z = z.as_f32().unwrap_or_default();
    let chosen = |z: &[f32]| z[first..first + names.len()].iter().position(|v| *v == 1.0).unwrap_or_default() as u32;
    let of_samples: Vec<u32> = z.chunks_exact(z.len() / n.max(1)).map(chosen).collect();
    let of = |rows: &[u32]| rows.iter().map(|&row| labels[row as usize]).collect::<Vec<u32>>();
    let truth = of(&rows.shown);
    let right = |images: &[f32], labels: Vec<u32>| -> Result<_> {
        let Some(mut judge) = Judge::of_images(model.shape(), images, (labels, names), threads)? else { return Ok(None) };
        let seen = judge.says(&rows.held_out)?.classes;
        Ok(Some(part(seen.iter().zip(&truth).map(|(seen, truth)| seen == truth))))
    };
    let of_learned = of(&rows.learned_numbers);
    Ok(right(samples, of_samples)?.zip(right(&rows.learned, of_learned)?).map(|(samples, floor)| by_samples(samples, floor)))
}
