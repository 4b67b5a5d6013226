//! File formats, each bounded before memory is taken, and the choice between them.

mod array;
mod attributes;
mod cifar;
mod csv;
mod decode;
mod folder;
pub(crate) mod idx;
pub(crate) mod kinds;
pub(crate) mod npy;
pub(crate) mod npz;
mod pickle;
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
pub use kinds::{KINDS, Kind, Refused};
pub use records::{Records, read_records};
pub(crate) use source::{Source, name_of};

const ACCEPTED: &str = "IDX (plain or .gz), CIFAR binary (.bin), .npy, .npz, .csv, or a folder of images";

/// What a path was found to be.
enum Found {
    Table,
    Npy,
    /// The file, and the array that is named.
    Npz(PathBuf, Option<String>),
    Idx,
    IdxFolder(idx::Family),
    Cifar(cifar::Files),
    Attributes(attributes::Found),
    Images,
}

impl Found {
    /// Looks at names and first bytes. Errors: none of the kinds; what the system says.
    fn at(path: &Path) -> Result<Self> {
        if let Some((file, array)) = npz::member(path) {
            return Ok(Found::Npz(file, Some(array)));
        }
        let meta = fs::metadata(path).map_err(|e| DataError::io(path, e))?;
        if meta.is_dir() { Self::in_folder(path) } else { Self::in_file(path) }
    }

    fn in_folder(path: &Path) -> Result<Self> {
        if let Some(files) = idx::family_near(path)? {
            return Ok(Found::IdxFolder(files));
        }
        if let Some(files) = cifar::files_near(path)? {
            return Ok(Found::Cifar(files));
        }
        if let Some(error) = pickle::refused_folder(path) {
            return Err(error);
        }
        Ok(attributes::list_in(path)?.map_or(Found::Images, Found::Attributes))
    }

    fn in_file(path: &Path) -> Result<Self> {
        if let Some(error) = pickle::refused_file(path) {
            return Err(error);
        }
        let mut magic = Vec::new();
        File::open(path).and_then(|f| f.take(6).read_to_end(&mut magic)).map_err(|e| DataError::io(path, e))?;
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        match (extension.as_str(), magic.as_slice()) {
            (_, b"\x93NUMPY") | ("npy", _) => Ok(Found::Npy),
            ("npz", _) => Ok(Found::Npz(path.to_owned(), None)),
            ("csv" | "tsv" | "txt", _) => Ok(Found::Table),
            ("bin", _) => Ok(Found::Cifar(cifar::Files::one(path))),
            ("gz", _) if npy::is_npy(&path.with_extension("")) => Ok(Found::Npy),
            ("gz", _) | (_, [0x1f, 0x8b, ..]) => Ok(Found::Idx),
            (_, magic) if idx::is_magic(magic) => Ok(Found::Idx),
            (other, _) if folder::EXTENSIONS.contains(&other) => {
                Err(DataError::format(path.display().to_string(), "a folder of images", "one image"))
            }
            _ => Err(DataError::format(path.display().to_string(), ACCEPTED, "none of them")),
        }
    }

    fn kind(&self) -> &'static Kind {
        match self {
            Found::Table => &kinds::TABLE,
            Found::Npy => &kinds::NPY,
            Found::Npz(..) => &kinds::NPZ,
            Found::Idx => &kinds::IDX,
            Found::IdxFolder(_) => &kinds::IDX_FOLDER,
            Found::Cifar(_) => &kinds::CIFAR,
            Found::Attributes(found) if found.celeba => &kinds::CELEBA,
            Found::Attributes(_) => &kinds::ATTRIBUTES,
            Found::Images => &kinds::IMAGES,
        }
    }

    fn open(&self, path: &Path, options: &Options) -> Result<Dataset> {
        match self {
            Found::Table => csv::open(path, options),
            Found::Npy => npy::open(path, options),
            Found::Npz(file, array) => npz::open(file, array.as_deref(), options),
            Found::Idx => idx::open(path, options),
            Found::IdxFolder(files) => idx::open_family(files, &name_of(path), options),
            Found::Cifar(files) => cifar::open(files, &name_of(path), options),
            Found::Attributes(found) => attributes::open(path, found, options),
            Found::Images => folder::open(path, options),
        }
    }
}

/// What kind of data a file or folder holds, by names and first bytes.
pub(crate) fn kind_of(path: &Path) -> Result<&'static Kind> {
    Found::at(path).map(|found| found.kind())
}

/// Opens a file or folder by what is in it.
pub(crate) fn open_path(path: &Path, options: &Options) -> Result<Dataset> {
    let dataset = Found::at(path)?.open(path, options)?;
    match options.test_every {
        None => Ok(dataset),
        Some(every @ 2..) => {
            let test = (1..=dataset.n_rows() as u32).map(|nth| nth % every == 0).collect();
            dataset.with_test_rows(test)
        }
        Some(every) => Err(DataError::Setting { key: "test_every", expected: "2 or more".into(), found: every.to_string() }),
    }
}

/// Opens single images, in order, as one data set [N, H, W, 3], as a folder of images is: the middle squares resized to
/// `options.size`; without one as they are if they have one size of at most 256 a side, else 64x64. Errors: no image; one that cannot be read.
pub fn open_images(files: &[PathBuf], options: &Options) -> Result<Dataset> {
    folder::load("images", files, options)
}
