//! The zip of a `.npz`, array by array.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{DataError, Result};
use crate::format::array::{Array, Claim, Element, Wide};
use crate::format::npy::read_claim;
use crate::format::source::Source;

/// Files in a zip at most.
const MOST_FILES: usize = 1 << 16;

/// Arrays by their names, which are those of files without `.npy`.
pub(super) struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    names: Vec<(String, usize)>,
    limit_bytes: u64,
}

impl Archive {
    /// How many arrays are named in a message.
    pub(super) const MOST_LISTED: usize = 20;

    /// Reads the list of files. Errors: no zip.
    pub(super) fn open(path: &Path, limit_bytes: u64) -> Result<Self> {
        let file = File::open(path).map_err(|e| DataError::io(path, e))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| wrapped(path.display().to_string(), e))?;
        if zip.len() > MOST_FILES {
            let expected = format!("a zip of at most {MOST_FILES} files");
            return Err(DataError::format(path.display().to_string(), expected, zip.len().to_string()));
        }
        let mut names = vec![];
        for index in 0..zip.len() {
            let Some(file) = zip.name_for_index(index) else { continue };
            let file = file.map_err(|e| wrapped(path.display().to_string(), e))?;
            names.extend(file.strip_suffix(".npy").map(|name| (name.to_owned(), index)));
        }
        Ok(Archive { path: path.to_owned(), zip, names, limit_bytes })
    }

    /// Names of arrays, in the order of the file.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// What the header of an array says.
    pub(super) fn claim(&mut self, name: &str) -> Result<Claim> {
        read_claim(&mut self.source(name)?)
    }

    /// Reads an array; `wide` says in what form, by its type and shape. What is read counts against the limit of the whole.
    pub(super) fn read(&mut self, name: &str, wide: impl Fn(Element, &[usize]) -> Wide) -> Result<Array> {
        let mut source = self.source(name)?;
        let claim = read_claim(&mut source)?;
        let wide = wide(claim.element, &claim.shape);
        let array = Array::read(source, claim, wide)?;
        self.limit_bytes = self.limit_bytes.saturating_sub(array.n_bytes());
        Ok(array)
    }

    fn source(&mut self, name: &str) -> Result<Source<'_>> {
        let origin = format!("{}:{name}", self.path.display());
        let Some(&(_, index)) = self.names.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = self.names().take(Self::MOST_LISTED).collect();
            return Err(DataError::format(origin, "the name of an array of the file", format!("arrays {}", known.join(", "))));
        };
        let limit_bytes = self.limit_bytes;
        let file = self.zip.by_index(index).map_err(|e| wrapped(origin.clone(), e))?;
        let (stored, claimed) = (file.compressed_size(), file.size());
        Ok(Source::member(origin, file, stored, claimed, limit_bytes))
    }
}

fn wrapped(origin: String, error: ZipError) -> DataError {
    match error {
        ZipError::UnsupportedArchive(reason) => {
            DataError::format(origin, "a zip that is stored or deflated, as numpy.savez_compressed writes it", reason.to_string())
        }
        other => DataError::Corrupt { origin, reason: other.to_string() },
    }
}
