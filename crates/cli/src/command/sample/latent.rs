//! Images from latents.

use anyhow::Result;
use calotype_data::{picture, read_npy};
use calotype_graph::Program;
use calotype_models::latent::{between, by_category, latents, n_latents};
use calotype_models::{Latent, LatentPart};
use calotype_training::{TrainingError, sample_batch};

use super::lattice::{MOST_ROWS, SIDE, STEPS, manifold, middle, traversal};
use super::{ABOUT_PIXELS, COUNT, Form, done, save_gif, save_npy, save_png, target, test_row};
use crate::args::SampleArgs;
use crate::command::Ending;
use crate::fault::WrongUse;
use crate::output::{replace, writable};
use crate::used::Used;

/// Latents that an interpolation passes through unless said otherwise.
const WAYPOINTS: u64 = 5;
/// Images from one waypoint to before the next: in a strip, and in a film, which should move smoothly.
const STRIP_STEPS: usize = 8;
const FILM_STEPS: usize = 24;
const FRAME_MS: u32 = 50;
/// A manifold has many images a side.
const ABOUT_MANIFOLD_PIXELS: usize = 800;
const LATENTS_LIMIT_BYTES: u64 = 1 << 30;

pub fn run(args: &SampleArgs, used: Used, threads: usize) -> Result<Ending> {
    let Some(latent) = used.model.latent() else { return Err(used.cannot("has no latents")) };
    let name = used.model.info().name;
    if args.complete.is_some() {
        return Err(WrongUse(format!(
            "{name} has no density, so it cannot complete an image; use a run of a model with one, such as pixelcnn"
        ))
        .into());
    }
    let shape = used.model.shape().to_vec();
    let picture = matches!(*shape, [_, _, 1 | 3]);
    let kind = match () {
        () if args.interpolate => "interpolation",
        () if args.traverse.is_some() => "traversal",
        () if args.manifold => "manifold",
        () => "sample",
    };
    let from = match &args.latents {
        Some(path) => path.file_stem().map_or("latents".into(), |s| s.to_string_lossy().into_owned()),
        None => match &args.traverse {
            Some(around) => around.replace(':', "-"),
            None if args.manifold => "quantiles".to_owned(),
            None => format!("seed-{}", args.seed),
        },
    };
    let out = target(args, &used, kind, &from, if picture { "png" } else { "npy" });
    let form = Form::of(&out)?;
    if !picture && form != Form::Npy {
        return Err(WrongUse(format!(
            "--out {}: {name} generates vectors {shape:?}; use a file name that ends in .npy",
            out.display()
        ))
        .into());
    }
    if form == Form::Gif && !args.interpolate {
        let message =
            format!("--out {}: {name} needs --interpolate for an animation; for images use .png or .npy", out.display());
        return Err(WrongUse(message).into());
    }
    let parts = latent.parts();
    let encoded =
        args.traverse.as_deref().filter(|around| *around != MIDDLE).map(|around| to_encode(around, &used)).transpose()?;
    let (latents, columns) = match &args.traverse {
        Some(_) => (vec![], Some(STEPS)),
        None if args.manifold => (manifold(&parts, name)?, Some(SIDE)),
        None => wanted(args, form, latent)?,
    };
    writable(&out)?;
    let program = latent.sampling(sample_batch(&shape))?;
    let mut session = used.on(args.device.as_deref(), threads)?;
    let latents = match &args.traverse {
        None => latents,
        Some(_) => {
            let around = match encoded {
                None => middle(&parts),
                Some((program, row)) => {
                    let encoder = session.row_program(&program, args.seed)?;
                    session.run(&encoder, &row)?
                }
            };
            traversal(&parts, &around, args.count.map_or(MOST_ROWS, |n| n as usize))
        }
    };
    let sampler = session.row_program(&program, args.seed)?;
    let rows = session.run(&sampler, &latents)?;
    session.opened.keep_pipelines();
    let per_row = sampler.n_out();
    let n = rows.len() / per_row.max(1);
    match (form, &*shape) {
        (Form::Png, &[h, w, c]) if args.interpolate => {
            let rows = strip(&rows, per_row);
            save_png(&out, &rows, [rows.len() / per_row, h, w, c], Some(STRIP_STEPS + 1))?;
        }
        (Form::Png, &[h, w, c]) => {
            let about = if args.manifold { ABOUT_MANIFOLD_PIXELS } else { ABOUT_PIXELS };
            replace(&out, |file| picture::sheet(&rows, [n, h, w, c], columns, about).and_then(|p| picture::write_png(file, &p)))?;
        }
        (Form::Gif, &[h, w, c]) => {
            let frames = rows.chunks_exact(per_row).map(|image| picture::grid(image, [1, h, w, c], None, 0));
            save_gif(&out, frames.collect(), FRAME_MS)?;
        }
        _ => save_npy(&out, &[&[n], &*shape].concat(), &session.used, &rows)?,
    }
    done(n, if picture { "images" } else { "rows" }, &session.used.restored, &out)
}

/// `--traverse` without a row: around the middle of the prior.
pub const MIDDLE: &str = "middle";

/// The program that gives the code to traverse around, and the row whose code that is.
fn to_encode(around: &str, used: &Used) -> Result<(Program, Vec<f32>)> {
    let Some(autoencoder) = used.model.autoencoder() else {
        return Err(used.cannot("has no encoder, so it can be traversed around the middle of its prior only: --traverse"));
    };
    Ok((autoencoder.encoding(1)?, test_row("--traverse", around, used)?))
}

/// Latents [N, z] of all images to make, and the columns of a grid of them, where one column is a category.
fn wanted(args: &SampleArgs, form: Form, latent: &dyn Latent) -> Result<(Vec<f32>, Option<usize>)> {
    let parts = latent.parts();
    let z = n_latents(&parts);
    let rows = match &args.latents {
        Some(path) => {
            let npy = read_npy(path, LATENTS_LIMIT_BYTES).map_err(TrainingError::from)?;
            match npy.shape.as_slice() {
                &[n, size] if n > 0 && size == z => npy.data,
                other => {
                    let message = format!(
                        "{}: shape mismatch: expected latents [N, {z}] with N of 1 or more, found {other:?}",
                        path.display()
                    );
                    return Err(WrongUse(message).into());
                }
            }
        }
        None => {
            let count = args.count.unwrap_or(if args.interpolate { WAYPOINTS } else { COUNT });
            let sheet = (form == Form::Png && !args.interpolate).then(|| by_category(&parts, count as usize, args.seed));
            if let Some((sheet, columns)) = sheet.flatten() {
                return Ok((sheet.as_f32().unwrap_or_default().to_vec(), Some(columns)));
            }
            latents(&parts, count as usize, args.seed).as_f32().unwrap_or_default().to_vec()
        }
    };
    if !args.interpolate {
        return Ok((rows, None));
    }
    if rows.len() < 2 * z {
        return Err(WrongUse(
            "--interpolate needs at least two latents; use --count 2 or more, or a --latents file of two rows".into(),
        )
        .into());
    }
    let steps = if form == Form::Gif { FILM_STEPS } else { STRIP_STEPS };
    Ok((walk(&parts, &rows, steps), None))
}

/// From each row to the next in `steps` steps, the last row included.
fn walk(parts: &[LatentPart], rows: &[f32], steps: usize) -> Vec<f32> {
    let points: Vec<&[f32]> = rows.chunks_exact(n_latents(parts)).collect();
    let at = |pair: &[&[f32]], i: usize| between(parts, pair[0], pair[1], i as f64 / steps as f64);
    let stretches = points.windows(2).flat_map(|pair| (0..steps).flat_map(move |i| at(pair, i)));
    stretches.chain(points.last().into_iter().flat_map(|last| last.iter().copied())).collect()
}

/// A row of images for each stretch of a walk: from one latent to the next, both shown.
fn strip(images: &[f32], per_image: usize) -> Vec<f32> {
    let n_rows = (images.len() / per_image).saturating_sub(1) / STRIP_STEPS;
    let row = |n: usize| &images[n * STRIP_STEPS * per_image..][..(STRIP_STEPS + 1) * per_image];
    (0..n_rows).flat_map(row).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_models::LatentKind;

    #[test]
    fn a_strip_shows_both_ends_of_each_stretch() {
        let images: Vec<f32> = (0..=2 * STRIP_STEPS).map(|i| i as f32).collect();
        let rows = strip(&images, 1);
        assert_eq!(rows.len(), 2 * (STRIP_STEPS + 1));
        let s = STRIP_STEPS as f32;
        assert_eq!([rows[0], rows[STRIP_STEPS], rows[STRIP_STEPS + 1], rows[rows.len() - 1]], [0.0, s, s, 2.0 * s]);
    }

    #[test]
    fn a_walk_begins_and_ends_at_its_rows() {
        let rows = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0];
        let parts = [LatentPart { name: "z", kind: LatentKind::Normal, size: 2 }];
        let path = walk(&parts, &rows, 4);
        assert_eq!(path.len(), (2 * 4 + 1) * 2);
        for (at, row) in [(0, &rows[0..2]), (4, &rows[2..4]), (8, &rows[4..6])] {
            assert!(path[2 * at..][..2].iter().zip(row).all(|(p, r)| (p - r).abs() < 1e-6), "{path:?}");
        }
    }
}
