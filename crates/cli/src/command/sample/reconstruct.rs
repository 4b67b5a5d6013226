//! Rows of the data beside what an auto-encoder makes of their codes.

use anyhow::Result;
use calotype_data::picture;
use calotype_training::{Examined, SAMPLE_BATCH, Which, brightness};

use super::{ABOUT_PIXELS, Form, Size, done, save_array, save_png, target};
use crate::args::SampleArgs;
use crate::command::Ending;
use crate::fault::WrongUse;
use crate::output::{note, writable};
use crate::used::Used;

/// Rows unless said otherwise.
const COUNT: u64 = 32;
/// Pairs beside each other.
const COLUMNS: usize = 8;

/// A picture of originals, each above its reconstruction; or numbers f32 [N, 2, ..shape].
pub fn run(args: &SampleArgs, used: Used, threads: usize) -> Result<Ending> {
    let Some(autoencoder) = used.model.autoencoder() else {
        return Err(used.cannot("has no encoder, so it reconstructs no rows"));
    };
    let name = used.model.info().name;
    let shape = used.model.shape().to_vec();
    let is_picture = matches!(*shape, [_, _, 1 | 3]);
    let out = target(args, &used, "reconstructions", "test", if is_picture { "png" } else { "npy" });
    match (Form::of(&out)?, is_picture) {
        (Form::Npy | Form::Npz, _) | (Form::Png, true) => {}
        (_, false) => {
            let message =
                format!("--out {}: {name} makes vectors {shape:?}; use a file name that ends in .npy or .npz", out.display());
            return Err(WrongUse(message).into());
        }
        (Form::Gif | Form::Folder, true) => {
            return Err(WrongUse(format!("--out {}: --reconstruct needs .png, .npy or .npz", out.display())).into());
        }
    }
    writable(&out)?;
    let program = autoencoder.reconstruction(SAMPLE_BATCH)?;
    let examined = Examined::open(&used.config, used.model.as_ref(), &Which::default())?;
    let n = (args.count.unwrap_or(COUNT) as usize).min(examined.rows.rows().len());
    let rows: Vec<f32> = examined.rows.rows()[..n].iter().flat_map(|&row| examined.rows.row(row)).collect();

    let mut session = used.on(args.device.as_deref(), threads)?;
    let program = session.row_program(&program, args.seed)?;
    let made = session.run(&program, &rows)?;
    session.opened.keep_pipelines();
    let n_values = program.n_out();
    note(&format!("originals: rows 0 to {} of {} ({})", n.saturating_sub(1), examined.dataset.name(), examined.split));
    match (Form::of(&out)?, &*shape) {
        (Form::Png, &[h, w, c]) => {
            let originals = brightness(session.used.model.values(), &rows);
            let images = picture::pairs(&originals, &made, COLUMNS * n_values);
            save_png(&out, &images, [images.len() / n_values, h, w, c], Some(COLUMNS), Size::of(args, ABOUT_PIXELS))?;
        }
        _ => {
            let images = is_picture.then(|| brightness(session.used.model.values(), &rows));
            let pairs = picture::pairs(&images.unwrap_or(rows), &made, n_values);
            save_array(&out, &[&[n, 2], &*shape].concat(), &session.used, &pairs)?;
        }
    }
    done(n, "reconstructions", &session.used.restored, &out)
}
