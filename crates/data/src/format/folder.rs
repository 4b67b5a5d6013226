//! A folder of images, decoded in parallel: as they are, or their middle squares resized. Sub-folders are classes.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use rayon::prelude::*;

use super::{Source, name_of};
use crate::dataset::{Dataset, Values};
use crate::error::{DataError, Result};
use crate::resample::{Resampler, middle_square};
use crate::spec::Options;

pub(super) const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "webp", "bmp"];
/// Bounds for one picture, whatever its header claims.
const MOST_FILE_BYTES: u64 = 256 << 20;
const MOST_DECODED_BYTES: u64 = 512 << 20;
const MOST_SIDE: u32 = 1 << 15;
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
    if w.max(h) > MOST_KEPT_SIDE || check_total(name, files.len(), row_bytes, options).is_err() {
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
    check_total(name, files.len(), row_bytes, options)?;
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

/// `images of 3 sizes, 1x1 to 300x200, brought to 64x64`
fn resized(sizes: &BTreeSet<(u32, u32)>, side: usize) -> String {
    let area = |&(w, h): &(u32, u32)| u64::from(w) * u64::from(h);
    let shown = |size: Option<(u32, u32)>| size.map_or_else(String::new, |(w, h)| format!("{w}x{h}"));
    let (least, most) = (sizes.iter().copied().min_by_key(area), sizes.iter().copied().max_by_key(area));
    let from = match sizes.len() {
        1 => shown(least),
        n => format!("{n} sizes, {} to {}", shown(least), shown(most)),
    };
    format!("images of {from}, brought to {side}x{side}: the middle square of each; `--set size=…` asks for another size")
}

fn decode_file(path: &Path) -> Result<DynamicImage> {
    decode_image(&path.display().to_string(), &read_picture_bytes(path)?)
}

/// The bytes of one picture's file, of at most 256 MiB.
pub(crate) fn read_picture_bytes(path: &Path) -> Result<Vec<u8>> {
    Source::file(path, MOST_FILE_BYTES)?.all("an image file")
}

/// Refuses what would take more than `options.max_bytes` in all.
pub(crate) fn check_total(name: &str, n_rows: usize, row_bytes: usize, options: &Options) -> Result<()> {
    let claimed_bytes = (n_rows as u64).saturating_mul(row_bytes as u64);
    if claimed_bytes <= options.max_bytes && usize::try_from(claimed_bytes).is_ok() {
        return Ok(());
    }
    let what = format!("{n_rows} rows of {row_bytes} bytes");
    Err(DataError::TooLarge { origin: name.to_owned(), what, claimed_bytes, limit_bytes: options.max_bytes })
}

/// Decodes a picture of bounded size, turned upright as its metadata says.
pub(crate) fn decode_image(origin: &str, bytes: &[u8]) -> Result<DynamicImage> {
    let corrupt = |reason: String| DataError::Corrupt { origin: origin.to_owned(), reason };
    if bytes.starts_with(&[0xff, 0xd8]) && !jpeg_ends(bytes) {
        return Err(corrupt("a JPEG without its end marker".into()));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_DECODED_BYTES);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| corrupt(e.to_string()))?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| corrupt(e.to_string()))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(corrupt(format!("{width}x{height} pixels")));
    }
    if decoder.total_bytes() > MOST_DECODED_BYTES {
        let what = format!("an image of {width}x{height} pixels");
        let (claimed_bytes, limit_bytes) = (decoder.total_bytes(), MOST_DECODED_BYTES);
        return Err(DataError::TooLarge { origin: origin.to_owned(), what, claimed_bytes, limit_bytes });
    }
    let orientation = decoder.orientation().map_err(|e| corrupt(e.to_string()))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| corrupt(e.to_string()))?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Whether a JPEG reaches its end marker; the decoder fills what is missing with grey and says nothing. Walks the segments, so that
/// the end of a thumbnail inside one is not taken for it. Source: ITU-T T.81, B.1.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&marker) = bytes.get(at + 1) {
        match (bytes[at], marker) {
            (0xff, 0xd9) => return true,
            // Fill bytes, markers without a segment, and what entropy-coded data holds.
            (0xff, 0xff) => at += 1,
            (0xff, 0x00 | 0x01 | 0xd0..=0xd7) => at += 2,
            (0xff, _) => match bytes.get(at + 2..at + 4) {
                Some(length) => at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])),
                None => return false,
            },
            _ => at += 1,
        }
    }
    false
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

/// RGB, composited on white: c = (a c + (255 - a) 255) / 255, rounded.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        image::Rgb([r, g, b].map(|c| over_white(c, a)))
    })
}

/// One value over white, rounded to nearest.
pub(crate) fn over_white(c: u8, a: u8) -> u8 {
    let (c, a) = (u32::from(c), u32::from(a));
    ((a * c + (255 - a) * 255 + 127) / 255) as u8
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
