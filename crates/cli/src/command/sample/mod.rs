//! `calotype sample`.

mod arrange;
pub(super) mod drawing;
mod latent;
mod lattice;
mod reconstruct;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use calotype_data::picture::RgbImage;
use calotype_data::{DataError, Standard, picture, write_npy, write_npy_f64, write_npz};
use calotype_models::Values;
use calotype_training::{Choice, Examined, Restored, Which, grouped};

use super::Ending;
use crate::args::SampleArgs;
use crate::fault::WrongUse;
use crate::output::{note, print, replace, writable};
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
    /// A `.png` an image, in a folder.
    Folder,
    Npy,
    Npz,
    Gif,
}

impl Form {
    /// By a file's name, which ends in a slash if it is a folder's, as does that of a folder that is there.
    fn of(out: &Path) -> Result<Self> {
        if out.is_dir() || out.as_os_str().as_encoded_bytes().last().is_some_and(|&end| std::path::is_separator(end.into())) {
            return Ok(Form::Folder);
        }
        match out.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
            Some("png") => Ok(Form::Png),
            Some("npy") => Ok(Form::Npy),
            Some("npz") => Ok(Form::Npz),
            Some("gif") => Ok(Form::Gif),
            _ => Err(WrongUse(format!(
                "--out {}: expected a file name that ends in .png, .npy, .npz or .gif, or a folder's that ends in /",
                out.display()
            ))
            .into()),
        }
    }

    fn is_array(self) -> bool {
        matches!(self, Form::Npy | Form::Npz)
    }
}

pub fn run(args: &SampleArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.choice())?;
    let is_array = args.out.as_deref().is_some_and(|out| Form::of(out).is_ok_and(Form::is_array));
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

/// Images [N, H, W, C] from 0 to 1, each in a file by its number, as large as they are unless `--scale` says otherwise.
fn save_folder(out: &Path, images: &[f32], [n, h, w, c]: [usize; 4], scale: Option<u32>) -> Result<()> {
    let digits = n.saturating_sub(1).to_string().len().max(4);
    for (number, image) in images.chunks_exact((h * w * c).max(1)).enumerate() {
        let picture = picture::tiled(image, [1, h, w, c], None, 0, scale.unwrap_or(1) as usize)?;
        replace(&out.join(format!("{number:0digits$}.png")), |file| picture::write_png(file, &picture))?;
    }
    Ok(())
}

/// That files can be written; of a folder, that it is empty or not there yet: then it is made.
fn can_write(form: Form, out: &Path) -> Result<()> {
    if form != Form::Folder {
        return writable(out);
    }
    match fs::read_dir(out).map(|mut entries| entries.next().is_some()) {
        Ok(true) => {
            Err(WrongUse(format!("--out {}: the folder is not empty; name one that is not there yet", out.display())).into())
        }
        _ => {
            fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
            writable(&out.join("0000.png"))
        }
    }
}

/// Rows [shape]: levels as they are; what was standardised, in the units of the data, as f64 where f32 would lose their digits.
fn save_array(out: &Path, shape: &[usize], used: &Used, rows: &[f32]) -> Result<()> {
    let zipped = Form::of(out)? == Form::Npz;
    let standard = used.config.data.standard.as_ref().filter(|_| used.model.values() == Values::Standardised);
    let put =
        |rows: &[f32]| replace(out, |file| if zipped { write_npz(file, shape, rows) } else { write_npy(file, shape, rows) });
    let Some(Standard { mean, deviation }) = standard else { return put(rows) };
    let columns = mean.iter().zip(deviation).cycle();
    let rows: Vec<f64> = rows.iter().zip(columns).map(|(v, (mean, deviation))| f64::from(*v) * deviation + mean).collect();
    let is_far = mean.iter().zip(deviation).any(|(mean, deviation)| mean.abs() > MOST_DEVIATIONS * deviation);
    match is_far {
        true => replace(out, |file| if zipped { write_npz(file, shape, &rows) } else { write_npy_f64(file, shape, &rows) }),
        false => put(&rows.iter().map(|&v| v as f32).collect::<Vec<f32>>()),
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
