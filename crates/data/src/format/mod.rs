//! File formats, each bounded before memory is taken, and the choice between them.

mod array;
mod attributes;
mod captions;
mod cifar;
mod decode;
mod folder;
pub(crate) mod idx;
pub(crate) mod kinds;
pub(crate) mod npy;
pub(crate) mod npz;
mod pickle;
mod records;
mod sniff;
mod source;
mod table;
mod tiff;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::summary::{Said, Survey};

pub(crate) use decode::{decode_file, decode_image, dimensions, over_white};
pub(crate) use folder::{domains, images_below, luma};
pub use folder::{is_picture, without_cache};
pub use kinds::{KINDS, Kind, Refused};
pub use records::{Records, read_records};
pub(crate) use source::{Source, name_of};

const ACCEPTED: &str = "IDX (plain or .gz), CIFAR binary (.bin), .npy, .npz, a table (.csv, .tsv, .txt, .data), an image, or a folder or archive of images";

/// What tables of numbers end in, before `.gz` if that is there.
const TABLES: [&str; 6] = ["csv", "tsv", "tab", "txt", "data", "dat"];

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
    Image,
}

impl Found {
    /// Looks at names and first bytes. Errors: none of the kinds; what the system says.
    fn at(path: &Path) -> Result<Self> {
        if let Some((file, array)) = npz::member(path) {
            return Ok(Found::Npz(file, Some(array)));
        }
        if folder::domains::member(path).is_some() {
            return Ok(Found::Images);
        }
        let meta = fs::metadata(path).map_err(|e| DataError::io(path, e))?;
        if meta.is_dir() { Self::in_folder(path) } else { Self::in_file(path) }
    }

    fn in_folder(path: &Path) -> Result<Self> {
        if folder::domains::holds_two(path) {
            return Err(folder::two(path));
        }
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
        let extension = extension_of(path);
        let unpacked =
            if extension == "gz" { extension_of(Path::new(path.file_stem().unwrap_or_default())) } else { String::new() };
        match (extension.as_str(), magic.as_slice()) {
            (_, b"\x93NUMPY") | ("npy", _) => Ok(Found::Npy),
            ("npz", _) => Ok(Found::Npz(path.to_owned(), None)),
            ("bin", _) => Ok(Found::Cifar(cifar::Files::one(path))),
            ("gz", _) if npy::is_npy(&path.with_extension("")) => Ok(Found::Npy),
            (_, magic) if idx::is_magic(magic) => Ok(Found::Idx),
            _ if folder::is_archive(path) => Ok(Found::Images),
            (name, _) if TABLES.contains(&name) || TABLES.contains(&unpacked.as_str()) => Ok(Found::Table),
            ("gz", _) | (_, [0x1f, 0x8b, ..]) if table::is_table(path) => Ok(Found::Table),
            ("gz", _) | (_, [0x1f, 0x8b, ..]) => Ok(Found::Idx),
            (other, _) if folder::EXTENSIONS.contains(&other) || folder::UNREAD.contains(&other) => Ok(Found::Image),
            _ if table::is_table(path) => Ok(Found::Table),
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
            Found::Image => &kinds::IMAGE,
        }
    }

    fn may_have_captions(&self, options: &Options) -> bool {
        options.captions && matches!(self, Found::Images | Found::Attributes(_))
    }

    fn open(&self, path: &Path, options: &Options) -> Result<Dataset> {
        match self {
            Found::Table => table::open(path, options),
            Found::Npy => npy::open(path, options),
            Found::Npz(file, array) => npz::open(file, array.as_deref(), options),
            Found::Idx => idx::open(path, options),
            Found::IdxFolder(files) => idx::open_family(files, &name_of(path), options),
            Found::Cifar(files) => cifar::open(files, &name_of(path), options),
            Found::Attributes(found) => attributes::open(path, found, options),
            Found::Images => folder::open(path, options),
            Found::Image => folder::load(&name_of(path), &[path.to_owned()], options),
        }
    }
}

/// What a name ends in, in lower case.
fn extension_of(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// What kind of data a file or folder holds, by names and first bytes.
pub(crate) fn kind_of(path: &Path) -> Result<&'static Kind> {
    Found::at(path).map(|found| found.kind())
}

/// Opens a file or folder by what is in it.
pub(crate) fn open_path(path: &Path, options: &Options) -> Result<Dataset> {
    let found = Found::at(path)?;
    let dataset = found.open(path, options)?;
    let captions = match dataset.files().filter(|_| found.may_have_captions(options)) {
        Some(files) => captions::of(&folder::tree_of(path, options)?, files)?,
        None => None,
    };
    let dataset = match captions {
        Some(captions) => dataset.with_captions(captions)?,
        None => dataset,
    };
    let n_rows = dataset.n_rows();
    match options.test_every {
        None => Ok(dataset),
        Some(_) if dataset.parts().is_some() => {
            Ok(dataset.with_note("test_every has no effect: the data have splits of their own".into()))
        }
        Some(every @ 2..) if every as usize > n_rows => {
            Ok(dataset.with_note(format!("test_every={every} leaves no test rows of {n_rows}")))
        }
        Some(every @ 2..) => {
            let test = (1..=n_rows as u32).map(|nth| nth % every == 0).collect();
            dataset.with_test_rows(test)
        }
        Some(every) => Err(DataError::Setting { key: "test_every", expected: "2 or more".into(), found: every.to_string() }),
    }
}

/// What training will see of a file or folder, and `n_shown` of its rows; of images no more than these are in memory at once.
pub(crate) fn survey(path: &Path, options: &Options, n_shown: usize) -> Result<Survey> {
    match Found::at(path)? {
        Found::Images if options.test_every.is_none() => {
            let mut survey = folder::survey(path, options, n_shown)?;
            if options.captions {
                let tree = folder::tree_of(path, options)?;
                let images: Vec<String> = tree.files.iter().filter(|f| folder::is_image(f)).map(|f| f.name.clone()).collect();
                survey.summary.captions = captions::of(&tree, &images)?.as_ref().map(Said::of);
            }
            Ok(survey)
        }
        _ => Survey::of(&open_path(path, options)?, n_shown),
    }
}
