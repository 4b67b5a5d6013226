//! A folder of images, decoded in parallel: as they are, or their middle squares resized. Sub-folders are classes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::DynamicImage;
use rayon::prelude::*;

use super::decode::{decode_file, on_white};
use super::source::name_of;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::Values;
use crate::resample::{Resampler, middle_square};

pub(super) const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "webp", "bmp"];
/// Where no size is asked for, images of one size keep it if no side is longer.
const MOST_KEPT_SIDE: u32 = 256;

/// Opens a folder as images [H, W, 3] of 256 levels, in the order of their paths. H = W = `options.size` if there is one. If there
/// is none, images that all have one size, of at most 256 a side, keep it; others become 64x64, and a note says so. With sub-folders
/// that hold images, each is a class; images beside them are then an error.
///
/// Errors: no image in it; an image that cannot be decoded, by path; more bytes in all than `options.max_bytes`.
pub(super) fn open(folder: &Path, options: &Options) -> Result<Dataset> {
    let loose = images_in(folder)?;
    let mut classes = Vec::new();
    for sub in sorted_entries(folder)?.into_iter().filter(|p| p.is_dir()) {
        let files = images_in(&sub)?;
        if !files.is_empty() {
            classes.push((name_of(&sub), files));
        }
    }
    if !loose.is_empty() && !classes.is_empty() {
        let found = format!("{} images beside {} folders of images", loose.len(), classes.len());
        return Err(DataError::format(folder.display().to_string(), "images, or one folder a class", found));
    }
    let mut labels = Vec::new();
    for (class, (_, files)) in classes.iter().enumerate() {
        labels.extend(std::iter::repeat_n(class as u32, files.len()));
    }
    let (names, files): (Vec<_>, Vec<_>) = classes.into_iter().unzip();
    let files: Vec<PathBuf> = loose.into_iter().chain(files.into_iter().flatten()).collect();
    if files.is_empty() {
        let what = format!("images ({})", EXTENSIONS.join(", "));
        return Err(DataError::Empty { origin: folder.display().to_string(), what });
    }
    let dataset = load(&name_of(folder), &files, options)?;
    if names.is_empty() { Ok(dataset) } else { dataset.with_labels(labels, names, &folder.display().to_string()) }
}

/// Decodes `files`, in order, as [`open`] does.
pub(super) fn load(name: &str, files: &[PathBuf], options: &Options) -> Result<Dataset> {
    let kept = if options.size.is_none() { as_they_are(name, files, options)? } else { None };
    kept.map_or_else(|| squares(name, files, options), Ok)
}

/// Images of one size in that size; `None` where they have several, or where it is too large to be kept.
fn as_they_are(name: &str, files: &[PathBuf], options: &Options) -> Result<Option<Dataset>> {
    let Some(first) = files.first() else { return Ok(None) };
    let first = decode_file(first)?;
    let (w, h) = (first.width(), first.height());
    let row_bytes = h as usize * w as usize * 3;
    if w.max(h) > MOST_KEPT_SIDE || options.check_total(name, files.len(), row_bytes).is_err() {
        return Ok(None);
    }
    let mut data = vec![0; files.len() * row_bytes];
    let kept = data.par_chunks_exact_mut(row_bytes).zip(files).try_for_each(|(row, path)| {
        let picture = decode_file(path).map_err(Some)?;
        if (picture.width(), picture.height()) != (w, h) {
            return Err(None);
        }
        row.copy_from_slice(on_white(&picture).as_raw());
        Ok(())
    });
    match kept {
        Err(Some(error)) => Err(error),
        Err(None) => Ok(None),
        Ok(()) => {
            let values = Values::Levels { data: Arc::new(data), levels: 256 };
            Dataset::new(name, &[h as usize, w as usize, 3], values).map(Some)
        }
    }
}

/// Decodes `files`, in order, to squares of `options.size`; without one to squares of 64, with a note.
pub(super) fn squares(name: &str, files: &[PathBuf], options: &Options) -> Result<Dataset> {
    let side = options.image_size()?;
    let row_bytes = side * side * 3;
    options.check_total(name, files.len(), row_bytes)?;
    let mut data = vec![0; files.len() * row_bytes];
    let rows = data.par_chunks_exact_mut(row_bytes).zip(files).map(|(row, path)| {
        let picture = decode_file(path)?;
        row.copy_from_slice(&to_square_rgb(&picture, side));
        Ok((picture.width(), picture.height()))
    });
    let sizes = rows.collect::<Result<BTreeSet<_>>>()?;
    let dataset = Dataset::new(name, &[side, side, 3], Values::Levels { data: Arc::new(data), levels: 256 })?;
    Ok(if options.size.is_none() { dataset.with_note(resized(&sizes, side)) } else { dataset })
}

/// `images of 3 sizes, 1x1 to 200x300, brought to 64x64`: height x width
fn resized(sizes: &BTreeSet<(u32, u32)>, side: usize) -> String {
    let area = |&(w, h): &(u32, u32)| u64::from(w) * u64::from(h);
    let shown = |size: Option<(u32, u32)>| size.map_or_else(String::new, |(w, h)| format!("{h}x{w}"));
    let (least, most) = (sizes.iter().copied().min_by_key(area), sizes.iter().copied().max_by_key(area));
    let from = match sizes.len() {
        1 => shown(least),
        n => format!("{n} sizes, {} to {}", shown(least), shown(most)),
    };
    format!("images of {from}, resized to {side}x{side} from the middle square of each; use --set size=… for another size")
}

/// The middle square of a picture, on white where it is transparent, resized to `side`: [side, side, 3] row-major.
fn to_square_rgb(picture: &DynamicImage, side: usize) -> Vec<u8> {
    let rgb = on_white(picture);
    let (h, w) = (rgb.height() as usize, rgb.width() as usize);
    let square = middle_square(rgb.as_raw(), [h, w, 3]);
    if h.min(w) == side {
        return square;
    }
    let square: Vec<f32> = square.into_iter().map(f32::from).collect();
    let resized = Resampler::new(h.min(w), side).apply(&square, 3);
    resized.into_iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect()
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(sorted_entries(folder)?.into_iter().filter(|path| is_picture(path)).collect())
}

/// Whether a file is a picture, by its name.
pub fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    path.is_file() && extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let wrap = |e| DataError::io(folder, e);
    let entries = fs::read_dir(folder).map_err(wrap)?;
    let mut paths = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(wrap)?;
    paths.sort();
    Ok(paths)
}
