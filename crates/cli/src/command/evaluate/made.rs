//! The rows that are evaluated: the model's samples, or others.

use std::sync::Arc;

use anyhow::Result;
use calotype_data::{Captions, Split};
use calotype_models::latent::Draws;
use calotype_models::{init, latent};
use calotype_training::evaluate::{Puzzled, makes_rows, mixed};
use calotype_training::{Composition, Examined, SAMPLE_BATCH, Which, brightness, sample_batch};

use crate::command::draw::has_learned;
use crate::fault::WrongUse;
use crate::session::Session;
use crate::used::Used;

/// That there will be samples.
///
/// # Errors
/// A model that makes no rows, or not yet.
pub fn check(used: &Used, given: bool) -> Result<()> {
    let model = used.model.as_ref();
    if let Some(text) = model.text().filter(|_| !given) {
        has_learned(used, text)?;
    }
    match given || makes_rows(model) {
        true => Ok(()),
        false => Err(used.cannot("makes no rows, so there are no samples to evaluate: give rows that it made as --samples")),
    }
}

/// `n` samples of a model that makes rows from nothing, [n, ..shape]: images from 0 to 1, or vectors.
///
/// # Errors
/// What the device says.
pub fn from_nothing(session: &mut Session, n: usize, seed: u64) -> Result<Vec<f32>> {
    let model = Arc::clone(&session.used.model);
    let shape = model.shape();
    if let Some(latent) = model.latent() {
        let sampler = session.row_program(&latent.sampling(sample_batch(shape))?, seed)?;
        let latents = latent::latents(&latent.parts(), n, seed);
        return session.run(&sampler, latents.as_f32().unwrap_or_default());
    }
    let (n_values, n_noise) = (shape.iter().product(), session.used.density()?.conditional().n_noise());
    let noise: Vec<f32> = (0..n).flat_map(|row| init::noise_of_row(row, n_values, n_noise, seed)).collect();
    Ok(brightness(model.values(), &session.draw(SAMPLE_BATCH, &noise, None)?))
}

/// Drawings [n, ..shape], from 0 to 1, of a caption of each of `rows`: each phrase in its turn.
///
/// # Errors
/// What the device says.
pub fn drawn(session: &mut Session, captions: &Captions, rows: &[u32], seed: u64) -> Result<Vec<f32>> {
    let model = Arc::clone(&session.used.model);
    let Some(text) = model.text() else { return Err(session.used.cannot("draws nothing from text")) };
    let sentences: Vec<&str> = rows.iter().enumerate().map(|(nth, &row)| phrase(captions, row, nth)).collect();
    let programs = session.drawings(sample_batch(model.shape()))?;
    let read = programs.read(session.opened.device(), &sentences)?;
    let z = latent::latents(&text.parts(), rows.len(), seed);
    Ok(programs.draw(session.opened.device(), &read, z.as_f32().unwrap_or_default(), rows.len())?)
}

/// A caption of a row, the `nth` in turn.
pub fn phrase(captions: &Captions, row: u32, nth: usize) -> &str {
    let count = captions.numbers(row).len();
    captions.of(row).nth(nth % count.max(1)).unwrap_or_default()
}

/// Images that are composed of the patches of others.
///
/// # Errors
/// What the device says.
pub fn composed(session: &mut Session, of: &[Puzzled], n_patches: usize, seed: u64) -> Result<Vec<Composition>> {
    let model = Arc::clone(&session.used.model);
    let Some(composer) = model.composer() else { return Err(session.used.cannot("composes no images")) };
    let parts = composer.latents();
    let latents: Vec<Vec<f32>> = (0..of.len()).map(|row| Draws::new(&parts, seed).row(row)).collect();
    let programs = session.compositions(n_patches, sample_batch(model.shape()))?;
    let given = of.iter().zip(&latents).map(|(of, z)| (of.keys.patches.as_slice(), z.as_slice()));
    Ok(programs.compose(session.opened.device(), given)?)
}

/// `n` rows that were given as a file or a folder.
///
/// # Errors
/// They cannot be read, or are no rows as of the run; too few.
pub fn given(used: &Used, from: &str, n: usize, seed: u64) -> Result<Vec<f32>> {
    let which = Which { data: Some(from.to_owned()), split: Some(Split::All), ..Which::default() };
    let examined = Examined::open(&used.config, used.model.as_ref(), &which)?;
    let found = examined.rows.rows().len();
    if found < n {
        let message =
            format!("--samples {from}: it has {found} rows, and {n} are held against as many of the data; use --count {found}");
        return Err(WrongUse(message).into());
    }
    let rows = mixed(examined.rows.spaced(n), seed);
    Ok(brightness(used.model.values(), &rows.iter().flat_map(|&row| examined.rows.row(row)).collect::<Vec<f32>>()))
}
