//! `calotype sample`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use calotype_data::{picture, read_npy, write_npy};
use calotype_graph::{PlanOptions, plan};
use calotype_models::{Model, init};
use calotype_training::{Choice, Loader, RunFolder, SAMPLE_BATCH, Sampler, TrainingError, choose, planning_profile, slerp};

use super::Ending;
use crate::args::SampleArgs;
use crate::device;
use crate::fault::WrongUse;
use crate::output::{grouped, note, print};

const COUNT: u64 = 64;
/// Latents that an interpolation passes through unless said otherwise.
const WAYPOINTS: u64 = 5;
/// Images from one waypoint to before the next: in a strip, and in a film, which should move smoothly.
const STRIP_STEPS: usize = 8;
const FILM_STEPS: usize = 24;
const FRAME_MS: u32 = 50;
const LATENTS_LIMIT_BYTES: u64 = 1 << 30;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Png,
    Npy,
    Gif,
}

pub fn run(args: &SampleArgs, threads: usize) -> Result<Ending> {
    let (folder, config) = RunFolder::open(&args.run)?;
    let model = config.model()?;
    let out = args.out.clone().unwrap_or_else(|| folder.path().join(default_name(args)));
    let form = form(&out, args.interpolate)?;
    let latents = latents(args, form, model.as_ref())?;
    writable(&out)?;
    let restored = choose(&folder, &config.identity(), args.checkpoint)?;
    for (path, reason) in &restored.damaged {
        note(&format!("{} is damaged ({reason}); the one before is used", path.display()));
    }
    let mut opened = device::open(args.device.as_deref(), threads)?;
    let plan =
        Arc::new(plan(&model.sampling(SAMPLE_BATCH)?, &planning_profile(opened.device().profile()), PlanOptions::default())?);
    let sampler = Sampler::load(model.as_ref(), opened.device(), &plan, Loader { threads })?;
    for spec in &plan.states {
        let path = restored.path.clone();
        let value = restored.checkpoint.state(spec).map_err(|reason| TrainingError::Damaged { path, reason })?;
        opened.device().write_state(&spec.name, &value)?;
    }
    let images = sampler.images(opened.device(), &latents)?;
    opened.keep_pipelines();
    let [h, w, c] = sampler.image();
    let n = images.len() / (h * w * c);
    save(&out, form, &images, [n, h, w, c], args.interpolate)?;
    note(&format!("{} images by {}", grouped(n as u64), restored.path.display()));
    print(&out.display().to_string())?;
    Ok(Ending::Done)
}

/// In the run folder, so that another seed does not overwrite what was there.
fn default_name(args: &SampleArgs) -> String {
    let kind = if args.interpolate { "interpolation" } else { "sample" };
    let from = match &args.latents {
        Some(path) => path.file_stem().map_or("latents".into(), |s| s.to_string_lossy().into_owned()),
        None => format!("seed-{}", args.seed),
    };
    let which = match args.checkpoint {
        Choice::Step(step) => format!("step-{step:07}-"),
        _ => String::new(),
    };
    format!("{kind}-{which}{from}.png")
}

fn form(out: &Path, interpolate: bool) -> Result<Form> {
    match out.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("png") => Ok(Form::Png),
        Some("npy") => Ok(Form::Npy),
        Some("gif") if interpolate => Ok(Form::Gif),
        Some("gif") => Err(WrongUse(format!("{}: a film needs --interpolate; pictures are .png or .npy", out.display())).into()),
        _ => Err(WrongUse(format!("{}: expected a name that ends in .png, .npy or .gif", out.display())).into()),
    }
}

/// Latents [N, z] of all images to make.
fn latents(args: &SampleArgs, form: Form, model: &dyn Model) -> Result<Vec<f32>> {
    let z = model.latents();
    let rows = match &args.latents {
        Some(path) => {
            let npy = read_npy(path, LATENTS_LIMIT_BYTES).map_err(TrainingError::from)?;
            match npy.shape.as_slice() {
                &[n, size] if n > 0 && size == z => npy.data,
                other => {
                    let message = format!("{}: expected latents [N, {z}] with N of 1 or more, found {other:?}", path.display());
                    return Err(WrongUse(message).into());
                }
            }
        }
        None => {
            let count = args.count.unwrap_or(if args.interpolate { WAYPOINTS } else { COUNT });
            init::latents(count as usize, z, args.seed).as_f32().unwrap_or_default().to_vec()
        }
    };
    if !args.interpolate {
        return Ok(rows);
    }
    if rows.len() < 2 * z {
        return Err(WrongUse("an interpolation needs at least two latents; use --count 2 or more".into()).into());
    }
    let steps = if form == Form::Gif { FILM_STEPS } else { STRIP_STEPS };
    Ok(walk(&rows, z, steps))
}

/// From each row to the next in `steps` steps, the last row included.
fn walk(rows: &[f32], z: usize, steps: usize) -> Vec<f32> {
    let points: Vec<&[f32]> = rows.chunks_exact(z).collect();
    let between = points.windows(2).flat_map(|pair| (0..steps).flat_map(|i| slerp(pair[0], pair[1], i as f64 / steps as f64)));
    between.chain(points.last().into_iter().flat_map(|last| last.iter().copied())).collect()
}

/// Before any work: whether the file can be written.
fn writable(out: &Path) -> Result<()> {
    let temporary = temporary(out);
    fs::File::create(&temporary).with_context(|| format!("{} cannot be written", out.display()))?;
    fs::remove_file(&temporary).with_context(|| temporary.display().to_string())
}

/// A file beside it, renamed when it is whole.
fn temporary(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    out.with_file_name(name)
}

fn save(out: &Path, form: Form, images: &[f32], shape: [usize; 4], interpolate: bool) -> Result<()> {
    let [_, h, w, c] = shape;
    let temporary = temporary(out);
    let written = match form {
        Form::Png if interpolate => {
            let rows = strip(images, h * w * c);
            let shape = [rows.len() / (h * w * c), h, w, c];
            picture::grid(&rows, shape, Some(STRIP_STEPS + 1), 1).and_then(|p| picture::write_png(&temporary, &p))
        }
        Form::Png => picture::grid(images, shape, None, 1).and_then(|p| picture::write_png(&temporary, &p)),
        Form::Npy => write_npy(&temporary, &shape, images),
        Form::Gif => {
            let frames = images.chunks_exact(h * w * c).map(|image| picture::grid(image, [1, h, w, c], None, 0));
            frames.collect::<Result<Vec<_>, _>>().and_then(|frames| picture::write_gif(&temporary, &frames, FRAME_MS))
        }
    };
    let renamed = written.map_err(|e| anyhow!(e)).and_then(|()| Ok(fs::rename(&temporary, out)?));
    renamed.map_err(|e| {
        // What is half there helps nobody; if it cannot be removed either, the error is told all the same.
        let _ = fs::remove_file(&temporary);
        e.context(format!("{} cannot be written", out.display()))
    })
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
        let path = walk(&rows, 2, 4);
        assert_eq!(path.len(), (2 * 4 + 1) * 2);
        for (at, row) in [(0, &rows[0..2]), (4, &rows[2..4]), (8, &rows[4..6])] {
            assert!(path[2 * at..][..2].iter().zip(row).all(|(p, r)| (p - r).abs() < 1e-6), "{path:?}");
        }
    }
}
