//! `calotype sample`.

mod arrange;
pub(super) mod drawing;
mod latent;
mod lattice;
mod reconstruct;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use calotype_data::picture::RgbImage;
use calotype_data::{DataError, Standard, picture, write_npy, write_npy_f64};
use calotype_models::Values;
use calotype_training::{Choice, Examined, Restored, Which, grouped};

use super::Ending;
use crate::args::SampleArgs;
use crate::fault::WrongUse;
use crate::output::{note, print, replace};
use crate::used::Used;

/// Images unless said otherwise.
const COUNT: u64 = 64;

/// Pictures of small images are enlarged to about this many pixels on the screen.
const ABOUT_PIXELS: usize = 320;

/// Numbers further from 0 than so many deviations lose digits as f32, which keeps 24 bits.
const MOST_DEVIATIONS: f64 = 1024.0;

/// How large pictures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// About so many pixels wide.
    About(usize),
    /// Every pixel of an image so many times.
    Times(usize),
}

impl Size {
    /// As `--scale` says, or about so many pixels.
    fn of(args: &SampleArgs, about: usize) -> Self {
        args.scale.map_or(Size::About(about), |scale| Size::Times(scale as usize))
    }

    /// A grid of images [N, H, W, C] from 0 to 1.
    fn sheet(self, images: &[f32], shape: [usize; 4], columns: Option<usize>) -> Result<RgbImage, DataError> {
        match self {
            Size::About(about) => picture::sheet(images, shape, columns, about),
            Size::Times(factor) => picture::tiled(images, shape, columns, 1, factor),
        }
    }
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Png,
    Npy,
    Gif,
}

impl Form {
    /// By a file's name.
    fn of(out: &Path) -> Result<Self> {
        match out.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
            Some("png") => Ok(Form::Png),
            Some("npy") => Ok(Form::Npy),
            Some("gif") => Ok(Form::Gif),
            _ => Err(WrongUse(format!("--out {}: expected a file name that ends in .png, .npy or .gif", out.display())).into()),
        }
    }
}

pub fn run(args: &SampleArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.choice())?;
    let is_array = args.out.as_deref().is_some_and(|out| Form::of(out).is_ok_and(|form| form == Form::Npy));
    if args.scale.is_some() && (is_array || !matches!(used.model.shape(), [_, _, 1 | 3])) {
        return Err(WrongUse("--scale is for pictures, .png and .gif; leave it out for arrays".into()).into());
    }
    match (used.model.latent(), used.model.density()) {
        _ if args.reconstruct => reconstruct::run(args, used, threads),
        (Some(_), _) => latent::run(args, used, threads),
        (None, Some(_)) => drawing::run(args, used, threads),
        (None, None) => Err(used.cannot("generates no rows")),
    }
}

/// A row [..shape] of the run's test data, given as `test:N`.
pub(super) fn test_row(flag: &str, from: &str, used: &Used) -> Result<Vec<f32>> {
    let wrong = || WrongUse(format!("{flag} {from}: expected a row number, such as test:12"));
    let index = from.strip_prefix("test:").and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    Ok(Examined::open(&used.config, used.model.as_ref(), &Which::default())?.row(index)?)
}

/// Where the result goes: in the run folder, unless said otherwise, by a name that another seed does not overwrite.
fn target(args: &SampleArgs, used: &Used, kind: &str, from: &str, ending: &str) -> PathBuf {
    let which = match args.choice() {
        Choice::Step(step) => format!("step-{step:07}-"),
        _ => String::new(),
    };
    args.out.clone().unwrap_or_else(|| used.folder.path().join(format!("{kind}-{which}{from}.{ending}")))
}

/// Images [N, H, W, C] from 0 to 1, `columns` in a row.
fn save_png(out: &Path, images: &[f32], shape: [usize; 4], columns: Option<usize>, size: Size) -> Result<()> {
    replace(out, |file| size.sheet(images, shape, columns).and_then(|p| picture::write_png(file, &p)))
}

/// Rows [shape]: levels as they are; what was standardised, in the units of the data, as f64 where f32 would lose their digits.
fn save_npy(out: &Path, shape: &[usize], used: &Used, rows: &[f32]) -> Result<()> {
    let standard = used.config.data.standard.as_ref().filter(|_| used.model.values() == Values::Standardised);
    let Some(Standard { mean, deviation }) = standard else { return replace(out, |file| write_npy(file, shape, rows)) };
    let columns = mean.iter().zip(deviation).cycle();
    let rows: Vec<f64> = rows.iter().zip(columns).map(|(v, (mean, deviation))| f64::from(*v) * deviation + mean).collect();
    let is_far = mean.iter().zip(deviation).any(|(mean, deviation)| mean.abs() > MOST_DEVIATIONS * deviation);
    match is_far {
        true => replace(out, |file| write_npy_f64(file, shape, &rows)),
        false => replace(out, |file| write_npy(file, shape, &rows.iter().map(|&v| v as f32).collect::<Vec<f32>>())),
    }
}

fn save_gif(out: &Path, frames: Result<Vec<RgbImage>, DataError>, frame_ms: u32) -> Result<()> {
    let frames = frames.map_err(|e| anyhow!(e))?;
    replace(out, |file| picture::write_gif(file, &frames, frame_ms))
}

/// Says what was made, and where it is.
fn done(n: usize, what: &str, from: &Restored, out: &Path) -> Result<Ending> {
    let which = from.which().map_or(String::new(), |which| format!(", {which}"));
    note(&format!("{} {what} from {}{which}", grouped(n as u64), from.path.display()));
    print(&out.display().to_string())?;
    Ok(Ending::Done)
}
