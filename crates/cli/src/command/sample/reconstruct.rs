//! Rows of the data beside what an auto-encoder makes of their codes.

use anyhow::Result;
use calotype_training::{Examined, SAMPLE_BATCH, Which, brightness};

use super::{Form, done, in_own_range, save_npy, save_png, target};
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
    let picture = matches!(*shape, [_, _, 1 | 3]);
    let out = target(args, &used, "reconstructions", "test", if picture { "png" } else { "npy" });
    match (Form::of(&out)?, picture) {
        (Form::Npy, _) | (Form::Png, true) => {}
        (_, false) => {
            let message = format!("--out {}: {name} makes vectors {shape:?}; use a file name that ends in .npy", out.display());
            return Err(WrongUse(message).into());
        }
        (Form::Gif, true) => {
            return Err(WrongUse(format!("--out {}: --reconstruct needs .png or .npy", out.display())).into());
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
            let images = lines(&originals, &made, COLUMNS * n_values);
            save_png(&out, &images, [images.len() / n_values, h, w, c], Some(COLUMNS))?;
        }
        _ => {
            let images = picture.then(|| brightness(session.used.model.values(), &rows));
            let of_model = lines(&images.unwrap_or(rows), &made, n_values);
            let pairs = if picture { of_model } else { in_own_range(&session.used, of_model) };
            save_npy(&out, &[&[n, 2], &*shape].concat(), &pairs)?;
        }
    }
    done(n, "reconstructions", &session.used.restored.path, &out)
}

/// Lines of `line` values of the one, each before the same line of the other; a last line that is not whole is filled with grey.
fn lines(originals: &[f32], made: &[f32], line: usize) -> Vec<f32> {
    let n_lines = originals.len().div_ceil(line.max(1));
    let whole = |values: &[f32], nth: usize| {
        let mut part = values[nth * line..].iter().take(line).copied().collect::<Vec<f32>>();
        part.resize(line, 0.5);
        part
    };
    (0..n_lines).flat_map(|nth| [whole(originals, nth), whole(made, nth)].concat()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_short_last_line_stays_under_its_originals() {
        let lines = super::lines(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 2);
        assert_eq!(lines, [1.0, 2.0, 4.0, 5.0, 3.0, 0.5, 6.0, 0.5]);
    }
}
