//! Images from latents.

use anyhow::Result;
use calotype_data::DataError;
use calotype_data::picture::{self, RgbImage};
use calotype_graph::Program;
use calotype_models::Latent;
use calotype_models::latent::{CODE_DRAWS, Condition, STEPS, code_sheet, middle, traversal};
use calotype_training::sample_batch;

use super::arrange::{Arranged, arranged};
use super::lattice::{SIDE, manifold};
use super::{ABOUT_PIXELS, Form, Size, can_write, done, save_array, save_folder, save_gif, save_png, target, test_row};
use crate::args::SampleArgs;
use crate::command::Ending;
use crate::fault::WrongUse;
use crate::used::Used;

/// A manifold has many images a side.
const ABOUT_MANIFOLD_PIXELS: usize = 800;
/// Rows of a traversal unless said otherwise, at most.
const MOST_ROWS: usize = 32;

pub fn run(args: &SampleArgs, used: Used, threads: usize) -> Result<Ending> {
    let Some(latent) = used.model.latent() else { return Err(used.cannot("has no latents")) };
    let name = used.model.info().name;
    if args.complete.is_some() {
        return Err(WrongUse(format!(
            "{name} has no density, so it cannot complete an image; use a run of a model with one, such as pixelcnn"
        ))
        .into());
    }
    let conditions = conditions(args, latent, &used)?;
    let shape = used.model.shape().to_vec();
    let picture = matches!(*shape, [_, _, 1 | 3]);
    let kind = match () {
        () if args.interpolate => "interpolation",
        () if args.traverse.is_some() => "traversal",
        () if args.manifold => "manifold",
        () if !args.condition.is_empty() => "condition",
        () => "sample",
    };
    let out = target(args, &used, kind, &from(args, latent), if picture { "png" } else { "npy" });
    let form = Form::of(&out)?;
    if !picture && !form.is_array() {
        return Err(WrongUse(format!(
            "--out {}: {name} generates vectors {shape:?}; use a file name that ends in .npy or .npz",
            out.display()
        ))
        .into());
    }
    if form == Form::Gif && (args.traverse.is_some() || args.manifold) {
        return Err(WrongUse(format!("--out {}: --traverse and --manifold need .png, .npy or .npz", out.display())).into());
    }
    let encoded =
        args.traverse.as_deref().filter(|around| *around != MIDDLE).map(|around| to_encode(around, &used)).transpose()?;
    let mut shown = match &args.traverse {
        Some(_) => traversed(args, latent),
        None if args.manifold => Arranged::grid(manifold(&latent.parts(), name)?, Some(SIDE)),
        None => arranged(args, form, latent, &conditions)?,
    };
    can_write(form, &out)?;
    let (program, parts) = (latent.sampling(sample_batch(&shape))?, latent.parts());
    let mut session = used.on(args.device.as_deref(), threads)?;
    if let Some((program, row)) = encoded {
        let encoder = session.row_program(&program, args.seed)?;
        let around = session.run(&encoder, &row)?;
        shown = Arranged::grid(traversal(&parts, &around, args.count.map_or(MOST_ROWS, |n| n as usize)), Some(STEPS));
    }
    let sampler = session.row_program(&program, args.seed)?;
    let rows = session.run(&sampler, &shown.latents)?;
    session.opened.keep_pipelines();
    let n = rows.len() / sampler.n_out().max(1);
    match (form, &*shape) {
        (Form::Png, &[h, w, c]) => {
            let size = Size::of(args, if args.manifold { ABOUT_MANIFOLD_PIXELS } else { ABOUT_PIXELS });
            save_png(&out, &rows, [n, h, w, c], shown.columns, size)?;
        }
        (Form::Folder, &[h, w, c]) => save_folder(&out, &rows, [n, h, w, c], args.scale)?,
        (Form::Gif, &[h, w, c]) => {
            fits_in_memory(args, n * h * w)?;
            save_gif(&out, film(args, &rows, [h, w, c], &shown), shown.frame_ms)?;
        }
        _ => save_array(&out, &[&[n], &*shape].concat(), &session.used, &rows)?,
    }
    done(n, if picture { "images" } else { "rows" }, &session.used.restored, &out)
}

/// Of all frames of a film together.
const MOST_FILM_BYTES: usize = 1 << 29;

/// `--traverse` without a row: around the middle of the prior.
pub const MIDDLE: &str = "middle";

fn conditions(args: &SampleArgs, latent: &dyn Latent, used: &Used) -> Result<Vec<Condition>> {
    let parsed = Condition::parse_all(latent, &used.config.data.class_names, &args.condition);
    parsed.map_err(|(text, e)| WrongUse(format!("--condition {text}: {e}")).into())
}

/// For a file's name: what is shown.
fn from(args: &SampleArgs, latent: &dyn Latent) -> String {
    match (&args.traverse, &args.latents) {
        (Some(around), _) if around == MIDDLE && !latent.codes().is_empty() => format!("codes-seed-{}", args.seed),
        (Some(around), _) => around.replace(':', "-"),
        (None, _) if args.manifold => "quantiles".to_owned(),
        (None, latents) => {
            let of = latents.as_ref().map_or_else(
                || args.of_seed(),
                |path| path.file_stem().map_or("latents".into(), |s| s.to_string_lossy().into_owned()),
            );
            if args.condition.is_empty() { of } else { format!("{}-{of}", in_a_name(&args.condition)) }
        }
    }
}

/// Conditions as a part of a file's name. Where they are too long they are cut, and a hash of all of them tells them apart.
fn in_a_name(conditions: &[String]) -> String {
    const MOST_CHARACTERS: usize = 80;
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' };
    let whole: String = conditions.join("-").replace("..", "to").chars().map(plain).collect();
    match whole.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}-{:016x}", &whole[..end], fnv_1a(conditions.join("\n").as_bytes())),
        None => whole,
    }
}

/// FNV-1a, of 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The program that gives the code to traverse around, and the row whose code that is.
fn to_encode(around: &str, used: &Used) -> Result<(Program, Vec<f32>)> {
    let Some(autoencoder) = used.model.autoencoder() else {
        return Err(used.cannot("has no encoder, so it can be traversed around the middle of its prior only: --traverse"));
    };
    Ok((autoencoder.encoding(1)?, test_row("--traverse", around, used)?))
}

/// The codes of a model that learns their meaning; of others every latent, around the middle.
fn traversed(args: &SampleArgs, latent: &dyn Latent) -> Arranged {
    let count = args.count.map(|n| n as usize);
    match code_sheet(latent, count.unwrap_or(CODE_DRAWS), args.seed) {
        Some(sheet) => Arranged::grid(sheet.latents, Some(sheet.columns)),
        None => {
            let parts = latent.parts();
            Arranged::grid(traversal(&parts, &middle(&parts), count.unwrap_or(MOST_ROWS)), Some(STEPS))
        }
    }
}

/// # Errors
/// An animation whose frames, enlarged, take too much memory: of so many pixels as the images have.
fn fits_in_memory(args: &SampleArgs, n_pixels: usize) -> Result<()> {
    let scale = args.scale.unwrap_or(1) as usize;
    match n_pixels.saturating_mul(3 * scale * scale) {
        ..=MOST_FILM_BYTES => Ok(()),
        bytes => Err(WrongUse(format!(
            "the frames of this animation take {} MB, more than {}: use a smaller --scale or --count, or .png",
            bytes >> 20,
            MOST_FILM_BYTES >> 20
        ))
        .into()),
    }
}

/// Frames: of one image each without a margin, of several as grids.
fn film(args: &SampleArgs, rows: &[f32], [h, w, c]: [usize; 3], shown: &Arranged) -> Result<Vec<RgbImage>, DataError> {
    let per_frame = shown.per_frame.max(1);
    let frame = |images: &[f32]| match per_frame {
        1 => picture::tiled(images, [1, h, w, c], None, 0, args.scale.unwrap_or(1) as usize),
        n => Size::of(args, ABOUT_PIXELS).sheet(images, [n, h, w, c], shown.columns),
    };
    let frames: Result<Vec<_>, _> = rows.chunks_exact(per_frame * h * w * c).map(frame).collect();
    let mut frames = frames?;
    if shown.returns {
        let back: Vec<_> = frames.iter().skip(1).rev().skip(1).cloned().collect();
        frames.extend(back);
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_long_conditions_are_cut_and_differ() {
        let name = |n: usize, last: &str| {
            let all = (0..n).map(|i| format!("z.{i}=0.5")).chain([last.to_owned()]);
            in_a_name(&all.collect::<Vec<_>>())
        };
        assert_eq!(name(1, "c1=-2..2"), "z.0-0.5-c1--2to2", "short ones are whole");
        let of_80 = "a".repeat(80);
        assert_eq!(in_a_name(std::slice::from_ref(&of_80)), of_80);
        let (one, other) = (name(12, "c1=1"), name(12, "c1=2"));
        assert_eq!((one.len(), &one[..80]), (80 + 1 + 16, &other[..80]));
        assert_ne!(one, other);
        assert_eq!(one, name(12, "c1=1"), "the same again");
        let of_81 = "é".repeat(81);
        assert!(in_a_name(&[of_81]).starts_with(&format!("{}-", "é".repeat(80))), "cut between characters");
    }

    /// Outside vectors, of the page that is named above.
    #[test]
    fn the_hash_is_fnv_1a() {
        for (text, hash) in [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] {
            assert_eq!(fnv_1a(text.as_bytes()), hash, "{text}");
        }
    }
}
