//! What is composed: patches of files, or those of an image.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use calotype_data::{KeyBox, KeyPatches, Photo, enlarged, photos, picture, with_channels};
use calotype_training::{Examined, Which};

use crate::command::sample::test_row;
use crate::fault::WrongUse;
use crate::output::replace;
use crate::used::Used;

/// Patches of an image.
pub(super) struct Puzzle {
    /// [n, H, W, C], -1 to 1, each as large as an image of the model.
    pub patches: Vec<f32>,
    pub n: usize,
    pub original: Option<Original>,
    /// The files that they were read from.
    pub files: Vec<PathBuf>,
}

/// The image that patches were taken from.
pub(super) struct Original {
    /// [H, W, C], -1 to 1.
    pub image: Vec<f32>,
    boxes: Vec<KeyBox>,
}

impl Original {
    /// Writes the patches into a folder, as large as they are in the image.
    ///
    /// # Errors
    /// What the system says.
    pub fn cut(&self, shape @ [_, _, c]: [usize; 3], folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("--cut {}", folder.display()))?;
        for (nth, key) in self.boxes.iter().enumerate() {
            let unit: Vec<f32> = key.cut(&self.image, shape).iter().map(|v| 0.5 * v + 0.5).collect();
            let drawn = picture::grid(&unit, [1, key.side, key.side, c], None, 0)?;
            replace(&folder.join(format!("patch-{}.png", nth + 1)), |file| picture::write_png(file, &drawn))?;
        }
        Ok(())
    }
}

/// Patches of at least this part of an image's side: half of the smallest that training shows.
const LEAST_PART: usize = 8;

/// The patches of files and folders, for images [H, W, C].
///
/// # Errors
/// A path that is not there; a file that is no picture; a patch that is too small or too large, or coloured where images are grey.
pub(super) fn of_files(paths: &[PathBuf], shape @ [h, w, c]: [usize; 3]) -> Result<Puzzle> {
    let found = paths.iter().map(|path| photos(path)).collect::<Result<Vec<_>, _>>()?.concat();
    // All sizes are looked at before any pixel is.
    found.iter().try_for_each(|photo| check_size(photo, [h, w]))?;
    let mut patches = vec![];
    for photo in &found {
        let pixels = photo.read(3, None)?;
        let is_grey = pixels.values.chunks_exact(3).all(|pixel| pixel.iter().all(|v| *v == pixel[0]));
        let [own_h, own_w] = pixels.size;
        let values = match (c, is_grey) {
            (1, false) => return Err(refused(photo, "is in colour, and the run learned from grey images; make it grey first")),
            (1, true) => pixels.values.iter().step_by(3).copied().collect(),
            _ => with_channels(&pixels.values, 3, c),
        };
        let signed: Vec<f32> = values.iter().map(|v| 2.0 * v - 1.0).collect();
        patches.extend(enlarged(&signed, [own_h, own_w, shape[2]], [h, w]));
    }
    let n = found.len();
    Ok(Puzzle { patches, n, original: None, files: found.into_iter().map(|photo| photo.path).collect() })
}

fn refused(photo: &Photo, why: &str) -> anyhow::Error {
    WrongUse(format!("{} {why}", photo.path.display())).into()
}

fn check_size(photo: &Photo, [h, w]: [usize; 2]) -> Result<()> {
    let [own_h, own_w] = photo.size(None)?;
    let side = h.min(w);
    let least = side.div_ceil(LEAST_PART);
    if own_h > h || own_w > w {
        let why = format!(
            "has {own_h}x{own_w} pixels, more than an image of the run, which has {h}x{w}; a patch is a part of one: cut it out at that scale, or \
             take patches from a whole image with --from"
        );
        return Err(refused(photo, &why));
    }
    if own_h.min(own_w) < least {
        let why = format!(
            "has {own_h}x{own_w} pixels, too few to see what it is a part of: expected {least} to {side} a side; the run learned from patches of \
             {} to {}",
            side / 4,
            side / 2
        );
        return Err(refused(photo, &why));
    }
    Ok(())
}

/// The `n` key patches of an image: a file, or `test:N`.
///
/// # Errors
/// No such file or row; a file that is no picture.
pub(super) fn of_image(from: &str, used: &Used, n: usize, shape: [usize; 3]) -> Result<Puzzle> {
    let (image, files) = match from.starts_with("test:") {
        true => (test_row("--from", from, used)?, vec![]),
        false => {
            let path = PathBuf::from(from);
            if path.is_dir() {
                return Err(WrongUse(format!("--from {from}: expected an image file, or test:N; it is a folder")).into());
            }
            let which = Which { data: Some(from.to_owned()), ..Which::default() };
            (Examined::open(&used.config, used.model.as_ref(), &which)?.row(0)?, vec![path])
        }
    };
    let KeyPatches { patches, boxes, .. } = KeyPatches::of(&image, shape, n);
    Ok(Puzzle { patches, n: boxes.len(), original: Some(Original { image, boxes }), files })
}
