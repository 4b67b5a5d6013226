//! Pictures, each bounded before memory is taken, whatever its header claims.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use super::source::Source;
use crate::error::{DataError, Result};

const MOST_FILE_BYTES: u64 = 256 << 20;
const MOST_DECODED_BYTES: u64 = 512 << 20;
const MOST_SIDE: u32 = 1 << 15;

/// Reads one file, of at most 256 MiB, and decodes it as [`decode_image`].
pub(crate) fn decode_file(path: &Path) -> Result<DynamicImage> {
    decode_image(&path.display().to_string(), &Source::file(path, MOST_FILE_BYTES)?.all("an image file")?)
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
        return Err(corrupt(format!("{height}x{width} pixels")));
    }
    if decoder.total_bytes() > MOST_DECODED_BYTES {
        let what = format!("an image of {height}x{width} pixels");
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

/// RGB, composited on white: c = (a c + (255 - a) 255) / 255, rounded.
pub(super) fn on_white(picture: &DynamicImage) -> RgbImage {
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
