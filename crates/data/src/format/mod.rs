//! File formats, each bounded before memory is taken, and the choice between them.

mod celeba;
mod cifar;
mod csv;
mod decode;
mod folder;
pub(crate) mod idx;
pub(crate) mod npy;
mod records;
mod source;
mod table;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;

pub(crate) use decode::{decode_file, decode_image, over_white};
pub use folder::is_picture;
pub use records::{Records, read_records};
pub(crate) use source::{Source, name_of};

const ACCEPTED: &str = "IDX (plain or .gz), CIFAR-10 binary (.bin), .npy, .csv, or a folder of images";

/// Opens a file or folder by what is in it.
pub(crate) fn open_path(path: &Path, options: &Options) -> Result<Dataset> {
    let meta = fs::metadata(path).map_err(|e| DataError::io(path, e))?;
    let dataset = if meta.is_dir() { open_folder(path, options)? } else { open_file(path, options)? };
    match options.test_every {
        None => Ok(dataset),
        Some(every @ 2..) => {
            let test = (1..=dataset.n_rows() as u32).map(|nth| nth % every == 0).collect();
            dataset.with_test_rows(test)
        }
        Some(every) => Err(DataError::Setting { key: "test_every", expected: "2 or more".into(), found: every.to_string() }),
    }
}

fn open_folder(path: &Path, options: &Options) -> Result<Dataset> {
    if let Some(files) = idx::family_in(path) {
        return idx::open_family(&files, &name_of(path), options);
    }
    if path.join("list_attr_celeba.txt").is_file() {
        return celeba::open(path, options);
    }
    match cifar::files_in(path)? {
        Some(files) => cifar::open(&files, &name_of(path), options),
        None => folder::open(path, options),
    }
}

fn open_file(path: &Path, options: &Options) -> Result<Dataset> {
    let mut magic = Vec::new();
    File::open(path).and_then(|f| f.take(6).read_to_end(&mut magic)).map_err(|e| DataError::io(path, e))?;
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match (extension.as_str(), magic.as_slice()) {
        (_, b"\x93NUMPY") | ("npy", _) => npy::open(path, options),
        ("csv" | "tsv" | "txt", _) => csv::open(path, options),
        ("bin", _) => cifar::open(&cifar::Files::one(path), &name_of(path), options),
        ("gz", _) | (_, [0x1f, 0x8b, ..] | [0, 0, 8, ..]) => idx::open(path, options),
        (other, _) if folder::EXTENSIONS.contains(&other) => {
            Err(DataError::format(path.display().to_string(), "a folder of images", "one image"))
        }
        _ => Err(DataError::format(path.display().to_string(), ACCEPTED, "none of them")),
    }
}

/// Opens single images, in order, as one data set [N, H, W, 3], as a folder of images is: the middle squares resized to
/// `options.size`; without one as they are if they have one size of at most 256 a side, else 64x64. Errors: no image; one that cannot be read.
pub fn open_images(files: &[PathBuf], options: &Options) -> Result<Dataset> {
    folder::load("images", files, options)
}
