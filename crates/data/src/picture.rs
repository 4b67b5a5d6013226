//! Pictures out: tiles of images as one PNG, frames as a GIF; and which pixels of one can be seen.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

pub use image::RgbImage;
use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::png::PngEncoder;
use image::{Delay, Frame, Rgb, imageops};

use crate::error::{DataError, Result};
use crate::format::decode_file;

/// Colour of values that are no numbers: a fault that should be seen.
const NOT_A_NUMBER: Rgb<u8> = Rgb([255, 0, 255]);
/// Colour between tiles.
const MARGIN: Rgb<u8> = Rgb([128, 128, 128]);
/// A tiling larger than this is refused.
const MOST_SIDE: usize = 1 << 15;

/// Tiles images [N, H, W, C], f32 in 0..1 (clamped), C = 1 or 3, into one picture of `columns` columns, with `margin` grey pixels
/// between and around them. None for `columns` makes it about square. NaN is painted magenta.
///
/// Errors: a length other than N H W C; other channels; no image; a picture over 32,768 pixels a side.
pub fn grid(images: &[f32], shape: [usize; 4], columns: Option<usize>, margin: usize) -> Result<RgbImage> {
    tiled(images, shape, columns, margin, 1)
}

/// [`grid`] with every pixel, and the margin, `factor` times as high and wide. Errors: as [`grid`].
pub fn tiled(images: &[f32], [n, h, w, c]: [usize; 4], columns: Option<usize>, margin: usize, factor: usize) -> Result<RgbImage> {
    let wrong = |expected: String, found: String| DataError::format("a grid of images", expected, found);
    let expected = [n, h, w, c].iter().try_fold(1_usize, |all, &d| all.checked_mul(d));
    if expected != Some(images.len()) || images.is_empty() || !matches!(c, 1 | 3) {
        let expected = "N H W C values, none of them 0, C = 1 or 3".to_owned();
        return Err(wrong(expected, format!("{} values for {:?}", images.len(), [n, h, w, c])));
    }
    let (columns, factor) = (columns.unwrap_or_else(|| about_square(n)).clamp(1, n), factor.max(1));
    let side = |tiles: usize, tile: usize| tiles.checked_mul(tile.checked_add(margin)?)?.checked_add(margin)?.checked_mul(factor);
    let (width, height) = (side(columns, w), side(n.div_ceil(columns), h));
    let (Some(width @ ..=MOST_SIDE), Some(height @ ..=MOST_SIDE)) = (width, height) else {
        let times = if factor == 1 { String::new() } else { format!(", {factor} times enlarged") };
        return Err(wrong(format!("at most {MOST_SIDE} pixels a side"), format!("{n} images of {h}x{w}{times}")));
    };
    let mut picture = RgbImage::from_pixel(width as u32, height as u32, MARGIN);
    for (nth, image) in images.chunks_exact(h * w * c).enumerate() {
        let (left, top) = (margin + nth % columns * (w + margin), margin + nth / columns * (h + margin));
        for (at, pixel) in image.chunks_exact(c).enumerate() {
            let (x, y, colour) = (factor * (left + at % w), factor * (top + at / w), colour(pixel));
            for place in 0..factor * factor {
                picture.put_pixel((x + place % factor) as u32, (y + place / factor) as u32, colour);
            }
        }
    }
    Ok(picture)
}

/// Columns of a grid of `n` images, where nothing else is asked for.
pub fn about_square(n: usize) -> usize {
    (n as f64).sqrt().ceil() as usize
}

/// [`grid`] with a margin of 1, enlarged by a whole factor where it would be smaller than a person likes to look at: to
/// `about_pixels` wide, or less by a part of the factor. Errors: as [`grid`].
pub fn sheet(images: &[f32], [n, h, w, c]: [usize; 4], columns: Option<usize>, about_pixels: usize) -> Result<RgbImage> {
    let factor = sheet_factor(columns.unwrap_or_else(|| about_square(n)).clamp(1, n.max(1)), w, about_pixels);
    tiled(images, [n, h, w, c], columns, 1, factor)
}

/// By how much a [`sheet`] enlarges its images; as wide are its margins.
fn sheet_factor(columns: usize, w: usize, about_pixels: usize) -> usize {
    (about_pixels / (columns * (w + 1) + 1)).max(1)
}

/// Image `n` of a [`sheet`] of images of [h, w] in so many columns, as it is in the sheet; none where the sheet has no place for it.
pub fn image_of_sheet(sheet: &RgbImage, [h, w]: [usize; 2], columns: usize, about_pixels: usize, n: usize) -> Option<RgbImage> {
    let (columns, factor) = (columns.max(1), sheet_factor(columns.max(1), w, about_pixels));
    let (left, top) = (factor + n % columns * (w + 1) * factor, factor + n / columns * (h + 1) * factor);
    let (width, height) = (w * factor, h * factor);
    let fits = left + width <= sheet.width() as usize && top + height <= sheet.height() as usize;
    fits.then(|| imageops::crop_imm(sheet, left as u32, top as u32, width as u32, height as u32).to_image())
}

/// A picture with every pixel as many times as high and wide as fits about so many pixels of width.
pub fn enlarged_to(picture: &RgbImage, about_pixels: usize) -> RgbImage {
    let (w, h) = picture.dimensions();
    let factor = (about_pixels as u32 / w.max(1)).max(1);
    imageops::resize(picture, w * factor, h * factor, imageops::FilterType::Nearest)
}

/// Columns of images beside each other, with grey pixels between and around them. None where there are no images, or not all of one
/// size.
pub fn columns(columns: &[Vec<RgbImage>]) -> Option<RgbImage> {
    let (w, h) = columns.first()?.first()?.dimensions();
    let tallest = columns.iter().map(Vec::len).max()? as u32;
    if columns.iter().flatten().any(|image| image.dimensions() != (w, h)) {
        return None;
    }
    let mut picture = RgbImage::from_pixel(columns.len() as u32 * (w + 1) + 1, tallest * (h + 1) + 1, MARGIN);
    for (x, column) in columns.iter().enumerate() {
        for (y, image) in column.iter().enumerate() {
            imageops::replace(&mut picture, image, (x as u32 * (w + 1) + 1).into(), (y as u32 * (h + 1) + 1).into());
        }
    }
    Some(picture)
}

/// Images of two sets in lines of `line` values, each line of the one above the same line of the other, so that images of one place
/// are a pair. A last line that is not whole is filled with grey.
pub fn pairs(above: &[f32], below: &[f32], line: usize) -> Vec<f32> {
    let line = line.max(1);
    let whole = |part: &[f32]| part.iter().copied().chain(std::iter::repeat(0.5)).take(line).collect::<Vec<f32>>();
    above.chunks(line).zip(below.chunks(line)).flat_map(|(a, b)| [whole(a), whole(b)].concat()).collect()
}

/// An image [H, W, C] with every pixel `factor` times as high and wide.
pub fn enlarged(image: &[f32], [h, w, c]: [usize; 3], factor: usize) -> Vec<f32> {
    let pixel = |i: usize, j: usize| &image[(i / factor * w + j / factor) * c..][..c];
    (0..h * factor).flat_map(|i| (0..w * factor).flat_map(move |j| pixel(i, j).iter().copied())).collect()
}

fn colour(pixel: &[f32]) -> Rgb<u8> {
    if pixel.iter().any(|v| v.is_nan()) {
        return NOT_A_NUMBER;
    }
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    match pixel {
        &[r, g, b] => Rgb([byte(r), byte(g), byte(b)]),
        _ => Rgb([byte(pixel[0]); 3]),
    }
}

/// A picture as PNG. Errors: what the encoder refuses; nothing that [`grid`] makes.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(PngEncoder::new(&mut bytes)).map_err(|e| written(Path::new("a PNG"), e))?;
    Ok(bytes)
}

/// Writes a picture as PNG, whatever the file's name. Errors: what the system says.
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<()> {
    // `save_with_format` does not see what its last flush says: on a full disk it leaves an empty file and no error.
    fs::write(path, png(picture)?).map_err(|e| DataError::io(path, e))
}

/// Writes frames of equal size as an endless GIF, `frame_ms` milliseconds each. Errors: no frames; unequal sizes; what the system says.
pub fn write_gif(path: &Path, frames: &[RgbImage], frame_ms: u32) -> Result<()> {
    let sizes: Vec<_> = frames.iter().map(RgbImage::dimensions).collect();
    if sizes.is_empty() || sizes.iter().any(|s| *s != sizes[0]) || sizes[0].0.max(sizes[0].1) > u32::from(u16::MAX) {
        let expected = "frames of one size, at most 65535 pixels a side";
        return Err(DataError::format(path.display().to_string(), expected, format!("{sizes:?}")));
    }
    let file = File::create(path).map_err(|e| DataError::io(path, e))?;
    let mut out = BufWriter::new(file);
    let mut encoder = GifEncoder::new(&mut out);
    encoder.set_repeat(Repeat::Infinite).map_err(|e| written(path, e))?;
    for frame in frames {
        let rgba = image::DynamicImage::from(frame.clone()).into_rgba8();
        let delay = Delay::from_numer_denom_ms(frame_ms, 1);
        encoder.encode_frame(Frame::from_parts(rgba, 0, 0, delay)).map_err(|e| written(path, e))?;
    }
    drop(encoder);
    out.flush().map_err(|e| DataError::io(path, e))
}

/// A picture as it is in a file. Errors: not a picture, a damaged one, or one too large.
pub fn read_png(path: &Path) -> Result<RgbImage> {
    Ok(decode_file(path)?.into_rgb8())
}

/// Which pixels of a picture can be seen, [H, W] after its middle square is brought to that size; none where all can. A pixel
/// is seen whose centre falls on one that is at least half opaque. Errors: not a picture, a damaged one, or one too large.
pub fn opaque(path: &Path, height: usize, width: usize) -> Result<Option<Vec<bool>>> {
    let picture = decode_file(path)?.into_rgba8();
    if picture.pixels().all(|p| p.0[3] >= 128) {
        return Ok(None);
    }
    let (w, h) = picture.dimensions();
    let side = w.min(h);
    let from = |out: usize, n: usize, all: u32| (all - side) / 2 + ((out as f64 + 0.5) * f64::from(side) / n as f64) as u32;
    let seen = |at: usize| picture.get_pixel(from(at % width, width, w), from(at / width, height, h)).0[3] >= 128;
    Ok(Some((0..height * width).map(seen).collect()))
}

fn written(path: &Path, error: image::ImageError) -> DataError {
    match error {
        image::ImageError::IoError(e) => DataError::io(path, e),
        other => DataError::io(path, std::io::Error::other(other)),
    }
}
