//! The rows that are evaluated: the model's samples, or others.

use std::sync::Arc;

use anyhow::Result;
use calotype_data::{Dataset, Split};
use calotype_models::{init, latent};
use calotype_training::evaluate::mixed;
use calotype_training::{Examined, SAMPLE_BATCH, Which, brightness, sample_batch};

use crate::command::draw::has_learned;
use crate::fault::WrongUse;
use crate::session::Session;
use crate::used::Used;

/// That there will be samples.
///
/// # Errors
/// A model that makes no rows by itself, or not yet.
pub fn check(used: &Used, given: bool) -> Result<()> {
    let model = used.model.as_ref();
    if let Some(text) = model.text().filter(|_| !given) {
        has_learned(used, text)?;
    }
    match given || model.latent().is_some() || model.density().is_some() || model.text().is_some() {
        true => Ok(()),
        false => {
            Err(used.cannot("makes no rows by itself, so there are no samples to evaluate: give rows that it made as --samples"))
        }
    }
}

/// As many samples as `shown` has rows, [n, ..shape]: images from 0 to 1, or vectors. A model that draws from text is given the first
/// caption of each of these rows.
///
/// # Errors
/// What the device says.
pub fn by_the_model(session: &mut Session, dataset: &Dataset, shown: &[u32], seed: u64) -> Result<Vec<f32>> {
    let model = Arc::clone(&session.used.model);
    let (n, shape) = (shown.len(), model.shape());
    let latents = |parts: &[_]| latent::latents(parts, n, seed).as_f32().unwrap_or_default().to_vec();
    if let Some(latent) = model.latent() {
        let sampler = session.row_program(&latent.sampling(sample_batch(shape))?, seed)?;
        return session.run(&sampler, &latents(&latent.parts()));
    }
    if let (Some(text), Some(captions)) = (model.text(), dataset.captions()) {
        let sentences: Vec<&str> = shown.iter().map(|&row| captions.first(row)).collect();
        let programs = session.drawings(sample_batch(shape))?;
        let read = programs.read(session.opened.device(), &sentences)?;
        return Ok(programs.draw(session.opened.device(), &read, &latents(&text.parts()), n)?);
    }
    let (n_values, n_noise) = (shape.iter().product(), session.used.density()?.conditional().n_noise());
    let noise: Vec<f32> = (0..n).flat_map(|row| init::noise_of_row(row, n_values, n_noise, seed)).collect();
    Ok(brightness(model.values(), &session.draw(SAMPLE_BATCH, &noise, None)?))
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
