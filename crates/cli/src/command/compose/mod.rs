//! `calotype compose`.

mod inputs;

use std::path::Path;

use anyhow::Result;
use calotype_data::{picture, write_npy};
use calotype_models::latent::Draws;
use calotype_training::Composition;

use super::Ending;
use crate::args::ComposeArgs;
use crate::fault::WrongUse;
use crate::output::{counted, has_folder, note, print, replace, writable};
use crate::used::Used;

use inputs::Puzzle;

/// Images that are composed at once.
const BATCH: usize = 16;
/// Sheets of small images are enlarged to about this many pixels on the screen.
const ABOUT_PIXELS: usize = 320;

pub fn run(args: &ComposeArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let (Some(composer), &[h, w, c]) = (used.model.composer(), used.model.shape()) else {
        return Err(used.cannot("composes no images"));
    };
    let (shape, n_usual) = ([h, w, c], composer.n_patches());
    let is_array = is_array(&args.out)?;
    has_folder("--out", Some(&args.out))?;
    has_folder("--cut", args.cut.as_deref())?;
    if args.cut.is_some() && args.from.is_none() {
        return Err(WrongUse("--cut writes the patches that --from IMAGE takes; leave it out, or give --from".into()).into());
    }
    let puzzle = match &args.from {
        Some(from) => inputs::of_image(from, &used, n_usual, shape)?,
        None if args.patches.is_empty() => {
            return Err(WrongUse(format!(
                "no patches: give image files, parts of an image at the scale of the run's {h}x{w} images, or an image to take them from: --from \
                 IMAGE"
            ))
            .into());
        }
        None => inputs::of_files(&args.patches, shape)?,
    };
    overwrites_none(&args.out, &puzzle)?;
    writable(&args.out)?;
    if let (Some(original), Some(folder)) = (&puzzle.original, &args.cut) {
        original.cut(shape, folder)?;
    }
    if puzzle.n != n_usual {
        let (given, usual) = (patches(puzzle.n), patches(n_usual));
        note(&format!("{given}, and the run learned from {usual} of an image: what it makes may be less like its images"));
    }
    let parts = composer.latents();
    let latents: Vec<Vec<f32>> = (0..usize::from(args.count)).map(|row| Draws::new(&parts, args.seed).row(row)).collect();

    let mut session = used.on(args.device.as_deref(), threads)?;
    let programs = session.compositions(puzzle.n, BATCH.min(latents.len()))?;
    let given = latents.iter().map(|z| (puzzle.patches.as_slice(), z.as_slice()));
    let made = programs.compose(session.opened.device(), given)?;
    session.opened.keep_pipelines();
    match is_array {
        true => {
            let images: Vec<f32> = made.iter().flat_map(|composition| &composition.image).copied().collect();
            replace(&args.out, |file| write_npy(file, &[made.len(), h, w, c], &images))?;
        }
        false => save_png(&args.out, &puzzle, &made, shape)?,
    }
    let which = session.used.restored.which().map_or(String::new(), |which| format!(", {which}"));
    let from = session.used.restored.path.display();
    note(&format!("{} of {} from {from}{which}", counted(made.len() as u64, "image"), patches(puzzle.n)));
    print(&args.out.display().to_string())?;
    Ok(Ending::Done)
}

/// `1 patch`, `3 patches`.
fn patches(n: usize) -> String {
    if n == 1 { "1 patch".to_owned() } else { format!("{n} patches") }
}

/// Whether numbers are asked for, and not a picture.
///
/// # Errors
/// A name that ends in neither.
fn is_array(out: &Path) -> Result<bool> {
    match out.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("png") => Ok(false),
        Some("npy") => Ok(true),
        _ => Err(WrongUse(format!("--out {}: expected a file name that ends in .png or .npy", out.display())).into()),
    }
}

/// # Errors
/// The output would replace what was given.
fn overwrites_none(out: &Path, puzzle: &Puzzle) -> Result<()> {
    let same = |file: &Path| file.canonicalize().ok().is_some_and(|file| out.canonicalize().is_ok_and(|out| out == file));
    match puzzle.files.iter().any(|file| same(file)) {
        true => Err(WrongUse(format!("--out {}: it is one of the images given; choose another name", out.display())).into()),
        false => Ok(()),
    }
}

/// Of patches of files the images alone, one of them at its own size; of an image its patches, the mask, the images, and itself.
fn save_png(out: &Path, puzzle: &Puzzle, made: &[Composition], [h, w, c]: [usize; 3]) -> Result<()> {
    let mut tiles: Vec<f32> = vec![];
    let unit = |values: &[f32]| values.iter().map(|v| 0.5 * v + 0.5).collect::<Vec<f32>>();
    if let Some(first) = made.first().filter(|_| puzzle.original.is_some()) {
        tiles.extend(unit(&puzzle.patches));
        // The mask does not depend on latents.
        tiles.extend(first.mask.iter().flat_map(|&v| std::iter::repeat_n(v, c)));
    }
    made.iter().for_each(|composition| tiles.extend(&composition.image));
    puzzle.original.iter().for_each(|original| tiles.extend(unit(&original.image)));
    let n = tiles.len() / (h * w * c);
    let drawn = match (n, &puzzle.original) {
        (1, None) => picture::grid(&tiles, [1, h, w, c], None, 0)?,
        (_, None) => picture::sheet(&tiles, [n, h, w, c], None, ABOUT_PIXELS)?,
        (_, Some(_)) => picture::sheet(&tiles, [n, h, w, c], Some(n.min(puzzle.n + 8)), ABOUT_PIXELS)?,
    };
    replace(out, |file| picture::write_png(file, &drawn))
}
