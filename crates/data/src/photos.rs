//! Pictures one by one, each at its own size: what a network that takes any size is given.

use std::path::{Path, PathBuf};

use image::DynamicImage;
use image::imageops::FilterType;

use crate::error::{DataError, Result};
use crate::format::{decode_file, dimensions, images_below, luma, over_white};

/// A picture that was found, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    pub path: PathBuf,
    /// Its path below the folder that was named, with `/` between folders; its file name where it was named itself.
    pub name: String,
}

/// A picture's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// [H, W, C], 0 to 1; what is transparent lies over white.
    pub values: Vec<f32>,
    /// H and W.
    pub size: [usize; 2],
}

/// The picture at a path, or all pictures below a folder, in the order of their names. Errors: a path that is not there; a folder
/// without pictures.
pub fn photos(path: &Path) -> Result<Vec<Photo>> {
    if !path.exists() {
        return Err(DataError::NotFound { path: path.to_owned() });
    }
    if path.is_dir() {
        let names = images_below(path)?;
        return Ok(names.into_iter().map(|name| Photo { path: path.join(&name), name }).collect());
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(vec![Photo { path: path.to_owned(), name }])
}

impl Photo {
    /// H and W as [`Photo::read`] gives them, by the file's header. Errors: no picture.
    pub fn size(&self, shorter: Option<usize>) -> Result<[usize; 2]> {
        Ok(resized(dimensions(&self.path)?, shorter))
    }

    /// Reads it, grey (`channels` 1) or RGB (3). `shorter`: it is resized first, so that its shorter side has so many pixels. Errors: a
    /// damaged file, or none that is a picture.
    pub fn read(&self, channels: usize, shorter: Option<usize>) -> Result<Pixels> {
        let picture = decode_file(&self.path)?;
        let own = [picture.height() as usize, picture.width() as usize];
        let size @ [h, w] = resized(own, shorter);
        let picture = match size == own {
            true => picture,
            false => picture.resize_exact(w as u32, h as u32, FilterType::CatmullRom),
        };
        Ok(Pixels { values: with_channels(&rgb(&picture), 3, channels), size })
    }
}

/// H and W of a picture whose shorter side is to have `shorter` pixels.
fn resized([h, w]: [usize; 2], shorter: Option<usize>) -> [usize; 2] {
    let Some(side) = shorter else { return [h, w] };
    let scale = side as f64 / h.min(w).max(1) as f64;
    [h, w].map(|n| if n == h.min(w) { side } else { (n as f64 * scale).round() as usize })
}

/// [H, W, 3], 0 to 1, over white.
fn rgb(picture: &DynamicImage) -> Vec<f32> {
    let byte = |v: u8| f32::from(v) / 255.0;
    match picture.color().has_alpha() {
        true => picture.to_rgba8().pixels().flat_map(|p| [0, 1, 2].map(|c| byte(over_white(p.0[c], p.0[3])))).collect(),
        false => picture.to_rgb8().as_raw().iter().map(|&v| byte(v)).collect(),
    }
}

/// Pixels [.., `from`] as [.., `to`]: grey by BT.601, or three times the grey. `from` and `to` are 1 or 3.
pub fn with_channels(values: &[f32], from: usize, to: usize) -> Vec<f32> {
    match (from, to) {
        (3, 1) => values.chunks_exact(3).map(luma).collect(),
        (1, 3) => values.iter().flat_map(|&v| [v; 3]).collect(),
        _ => values.to_vec(),
    }
}
