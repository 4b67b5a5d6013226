//! Pictures, each bounded before memory is taken, whatever its header claims.

use std::io::Cursor;
use std::path::Path;

use image::error::UnsupportedErrorKind;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::sniff::no_image;
use super::source::Source;
use super::tiff::holds_its_values;
use crate::error::{DataError, Result};

pub(super) const MOST_FILE_BYTES: u64 = 256 << 20;
const MOST_DECODED_BYTES: u64 = 512 << 20;
/// So many of any file; of larger ones as many as they may hold: deflate packs to a 1,032nd, of pixels that may have a bit alone.
const ALWAYS_DECODED_BYTES: u64 = 32 << 20;
const MOST_PER_BYTE: u64 = 8 * 1032;
const MOST_SIDE: u32 = 1 << 15;

/// A picture, and what a person should know of its file.
pub(crate) struct Decoded {
    pub(crate) picture: DynamicImage,
    /// A JPEG whose pixels are all there, but whose end marker is not: the file may have been cut off.
    pub(crate) no_end: bool,
}

/// Reads one file, of at most 256 MiB, and decodes it as [`decode_image`].
pub(crate) fn decode_file(path: &Path) -> Result<DynamicImage> {
    decode_image(&path.display().to_string(), &Source::file(path, MOST_FILE_BYTES)?.all("an image file")?)
}

/// Height and width of a picture, turned upright, by its header. Errors: as [`decode_file`].
pub(crate) fn dimensions(path: &Path) -> Result<[usize; 2]> {
    let header = || {
        let reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
        // What a TIFF's header claims is not believed before the whole file is there.
        let mut decoder =
            reader.format().filter(|format| *format != ImageFormat::Tiff).and_then(|_| reader.into_decoder().ok())?;
        let ((width, height), orientation) = (decoder.dimensions(), decoder.orientation().ok()?);
        let turned = matches!(
            orientation,
            Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
        );
        let size = [height as usize, width as usize];
        (width > 0 && height > 0).then_some(if turned { [size[1], size[0]] } else { size })
    };
    match header() {
        Some(size) => Ok(size),
        // It says what is wrong.
        None => decode_file(path).map(|picture| [picture.height() as usize, picture.width() as usize]),
    }
}

/// What a file of so many bytes is decoded to at most, whatever its header claims.
fn most_decoded(file_bytes: usize) -> u64 {
    MOST_DECODED_BYTES.min(ALWAYS_DECODED_BYTES.saturating_add(MOST_PER_BYTE.saturating_mul(file_bytes as u64)))
}

/// Decodes a picture of bounded size, turned upright as its metadata says.
pub(crate) fn decode_image(origin: &str, bytes: &[u8]) -> Result<DynamicImage> {
    decode(origin, bytes).map(|decoded| decoded.picture)
}

/// The same, with remarks. Errors: no picture (says what it is), a damaged one, one too large.
pub(super) fn decode(origin: &str, bytes: &[u8]) -> Result<Decoded> {
    decode_known(origin, bytes).map_err(|error| match no_image(bytes) {
        Some((what, remedy)) => DataError::NotImage { origin: origin.to_owned(), what: what.to_owned(), remedy },
        None => error,
    })
}

fn decode_known(origin: &str, bytes: &[u8]) -> Result<Decoded> {
    let corrupt = |reason: String| DataError::Corrupt { origin: origin.to_owned(), reason };
    let no_end = bytes.starts_with(&[0xff, 0xd8]) && !jpeg_ends(bytes);
    if no_end && !jpeg_is_whole(bytes) {
        return Err(corrupt("a JPEG that ends before its pixels do".into()));
    }
    if !holds_its_values(bytes) {
        return Err(corrupt("a TIFF whose header claims more values than the file has bytes".into()));
    }
    let most_bytes = most_decoded(bytes.len());
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(most_bytes);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| corrupt(e.to_string()))?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| undecoded(origin, e, most_bytes))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(corrupt(format!("{height}x{width} pixels")));
    }
    if decoder.total_bytes() > most_bytes {
        return Err(too_large(origin, format!("an image of {height}x{width} pixels"), most_bytes));
    }
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        let (what, remedy) = ("an image of floating-point numbers".into(), "save it with 16 bits, or as .npy");
        return Err(DataError::NotImage { origin: origin.to_owned(), what, remedy });
    }
    let orientation = decoder.orientation().map_err(|e| corrupt(e.to_string()))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| undecoded(origin, e, most_bytes))?;
    picture.apply_orientation(orientation);
    Ok(Decoded { picture, no_end })
}

/// What a decoder says: damaged, of a kind that it does not read, or larger than may be.
fn undecoded(origin: &str, error: ImageError, most_bytes: u64) -> DataError {
    match error {
        ImageError::Unsupported(why) if !matches!(why.kind(), UnsupportedErrorKind::Format(_)) => DataError::NotImage {
            origin: origin.to_owned(),
            what: format!("an image of a kind that is not read ({why})"),
            remedy: "save it as PNG or JPEG",
        },
        ImageError::Limits(_) => too_large(origin, "an image".into(), most_bytes),
        other => DataError::Corrupt { origin: origin.to_owned(), reason: other.to_string() },
    }
}

fn too_large(origin: &str, what: String, most_bytes: u64) -> DataError {
    let most = most_bytes >> 20;
    let few = if most_bytes < MOST_DECODED_BYTES { ", which so small a file cannot hold," } else { "" };
    let what = format!("{what} of more than {most} MB decoded{few} or more than {MOST_SIDE} pixels a side");
    DataError::NotImage { origin: origin.to_owned(), what, remedy: "make it smaller, or remove it" }
}

/// Whether all pixels of a JPEG without an end marker are there: then what follows changes none. The decoder fills what is missing
/// by what follows, or with grey, and says nothing.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let followed_by = |more: &[u8]| decoded_jpeg(&[bytes, more, &[0xff, 0xd9]].concat());
    let ended = followed_by(&[]);
    ended.is_some() && ended == followed_by(&[0xa6; 256])
}

fn decoded_jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let side = MOST_SIDE as usize;
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let n_bytes = decoder.output_buffer_size().filter(|&n| n as u64 <= most_decoded(bytes.len()))?;
    let mut pixels = vec![0; n_bytes];
    decoder.decode_into(&mut pixels).ok()?;
    Some(pixels)
}

/// Whether a JPEG reaches its end marker. Walks the segments, so that the end of a thumbnail inside one is not taken for it.
/// Source: ITU-T T.81, B.1.
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
pub(super) fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
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
