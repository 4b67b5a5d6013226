//! Rows drawn dimension by dimension, by models with a density.

use std::path::Path;

use anyhow::Result;
use calotype_data::{is_picture, picture};
use calotype_models::init;
use calotype_training::{Examined, Known, TrainingError, Which, brightness};

use super::{ABOUT_PIXELS, COUNT, Form, Size, can_write, done, save_array, save_folder, save_gif, save_png, target, test_row};
use crate::args::{Half, SampleArgs};
use crate::command::Ending;
use crate::fault::WrongUse;
use crate::used::Used;

/// Frames of a film, about, and how long each is seen; the last one stays longer.
const FRAMES: usize = 100;
const FRAME_MS: u32 = 60;
const LAST_FRAMES: usize = 15;
/// What is not drawn yet.
const UNDRAWN: f32 = 0.35;

pub fn run(args: &SampleArgs, used: Used, threads: usize) -> Result<Ending> {
    let name = used.model.info().name;
    if args.interpolate || args.latents.is_some() || args.traverse.is_some() || args.manifold {
        let message = format!(
            "{name} has no latents, so --latents, --interpolate, --traverse and --manifold do not apply; use --count, --seed or \
             --complete"
        );
        return Err(WrongUse(message).into());
    }
    if !args.condition.is_empty() || args.truncation.is_some() {
        let message = format!("{name} has no latents, so --condition and --truncation do not apply; leave them out");
        return Err(WrongUse(message).into());
    }
    let shape = used.model.shape().to_vec();
    let picture = matches!(*shape, [_, _, 1 | 3]);
    let kind = if args.complete.is_some() { "completion" } else { "sample" };
    let out = target(args, &used, kind, &args.of_seed(), if picture { "png" } else { "npy" });
    let form = Form::of(&out)?;
    if !picture && !form.is_array() {
        return Err(WrongUse(format!(
            "--out {}: {name} generates vectors {shape:?}; use a file name that ends in .npy or .npz",
            out.display()
        ))
        .into());
    }
    can_write(form, &out)?;
    let chosen = args.chosen(COUNT);
    let count = chosen.len();
    let known = args.complete.as_deref().map(|from| known(from, args.keep, &used)).transpose()?;

    let mut session = used.on(args.device.as_deref(), threads)?;
    let n_values: usize = shape.iter().product();
    let n_noise = session.used.density()?.conditional().n_noise();
    let noise: Vec<f32> = chosen.iter().flat_map(|&row| init::noise_of_row(row, n_values, n_noise, args.seed)).collect();
    let repeated = known.as_ref().map(|(values, mask)| (values.repeat(count), mask.repeat(count)));
    let known_rows = repeated.as_ref().map(|(values, mask)| Known { values, mask });
    let rows = session.draw(args.batch as usize, &noise, known_rows)?;
    session.opened.keep_pipelines();

    let values = session.used.model.values();
    let size = Size::of(args, ABOUT_PIXELS);
    match (form, &*shape) {
        (Form::Npy | Form::Npz, _) => save_array(&out, &[&[count], &*shape].concat(), &session.used, &rows)?,
        (Form::Png, &[h, w, c]) => {
            let mut images = brightness(values, &rows);
            let mut n = count;
            if let Some((whole, mask)) = &known {
                // What was given comes first, then what was kept of it.
                let whole = brightness(values, whole);
                images = [whole.clone(), kept(&whole, mask), images].concat();
                n += 2;
            }
            save_png(&out, &images, [n, h, w, c], None, size)?;
        }
        (Form::Folder, &[h, w, c]) => save_folder(&out, &brightness(values, &rows), [count, h, w, c], args.scale)?,
        (Form::Gif, &[h, w, c]) => {
            let images = brightness(values, &rows);
            let order = session.used.density()?.order();
            let mask = known.as_ref().map(|(_, mask)| mask.as_slice());
            let frames = developing(&images, n_values, &order, mask);
            let frames = frames.iter().map(|frame| size.sheet(frame, [count, h, w, c], None)).collect();
            save_gif(&out, frames, FRAME_MS)?;
        }
        _ => {
            return Err(WrongUse(format!(
                "--out {}: {name} generates vectors; use a file name that ends in .npy or .npz",
                out.display()
            ))
            .into());
        }
    }
    done(count, if picture { "images" } else { "rows" }, &session.used.restored, &out)
}

/// A row as the model takes it, and which of its values are kept (1, else 0): both [D].
fn known(from: &str, keep: Half, used: &Used) -> Result<(Vec<f32>, Vec<f32>)> {
    let model = used.model.as_ref();
    let &[h, w, c] = model.shape() else {
        return Err(
            WrongUse(format!("{} generates vectors, and --complete is for images; leave it out", model.info().name)).into()
        );
    };
    if from.starts_with("test:") {
        return Ok((test_row("--complete", from, used)?, keep.mask([h, w, c])));
    }
    let which = Which { data: Some(from.to_owned()), ..Which::default() };
    let row = Examined::open(&used.config, model, &which)?.row(0)?;
    let path = Path::new(from);
    let seen = if is_picture(path) { picture::opaque(path, h, w).map_err(TrainingError::from)? } else { None };
    let mask = match seen {
        Some(seen) => seen.iter().flat_map(|&s| std::iter::repeat_n(f32::from(s), c)).collect(),
        None => keep.mask([h, w, c]),
    };
    Ok((row, mask))
}

/// Brightness of images with what is not kept in grey: both [.., D], the mask over again for each image.
pub(in crate::command) fn kept(images: &[f32], mask: &[f32]) -> Vec<f32> {
    images.iter().zip(mask.iter().cycle()).map(|(&v, &m)| if m == 0.0 { UNDRAWN } else { v }).collect()
}

/// Frames in which images [N, D] appear in the order of their dimensions; of what is known, everything is there from the first.
fn developing(images: &[f32], n_values: usize, order: &[usize], known: Option<&[f32]>) -> Vec<Vec<f32>> {
    let drawn: Vec<usize> = order.iter().copied().filter(|&d| known.is_none_or(|mask| mask[d] == 0.0)).collect();
    let per_frame = drawn.len().div_ceil(FRAMES).max(1);
    let mut frame = images.to_vec();
    for row in frame.chunks_exact_mut(n_values) {
        drawn.iter().for_each(|&d| row[d] = UNDRAWN);
    }
    let mut frames = vec![frame.clone()];
    for dims in drawn.chunks(per_frame) {
        for (row, image) in frame.chunks_exact_mut(n_values).zip(images.chunks_exact(n_values)) {
            dims.iter().for_each(|&d| row[d] = image[d]);
        }
        frames.push(frame.clone());
    }
    frames.extend(std::iter::repeat_n(frame, LAST_FRAMES));
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_ends_in_the_images_and_begins_with_what_is_known() {
        let images = [0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        let frames = developing(&images, 4, &[3, 2, 1, 0], Some(&[1.0, 0.0, 0.0, 0.0]));
        assert_eq!(frames[0], [0.0, UNDRAWN, UNDRAWN, UNDRAWN, 1.0, UNDRAWN, UNDRAWN, UNDRAWN]);
        assert_eq!(frames[1], [0.0, UNDRAWN, UNDRAWN, 1.0, 1.0, UNDRAWN, UNDRAWN, 0.0]);
        assert_eq!(frames.last().expect("frames"), &images);
    }
}
