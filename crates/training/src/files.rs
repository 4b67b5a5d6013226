//! Files of numbers that settings name: read and checked before any work, and kept in the run folder, so that a run can be resumed and
//! used when the file is gone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calotype_data::{hex, read_npy, write_npy};
use calotype_models::{Setting, Table, Tables};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Result, TrainingError};
use crate::replace::replace;

/// Of a file, in memory.
const LIMIT_BYTES: u64 = 256 << 20;

/// A file of a run, in `run.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// In the run folder.
    pub name: String,
    /// SHA-256 of its shape and numbers.
    pub sha256: String,
}

/// The tables of the files that `given` names.
///
/// # Errors
/// A file that is not there, is no float32 [N, W] of N and W of 1 or more, or is too large; a number that is not finite, by row and column.
pub(crate) fn read_given(settings: &[Setting], given: &BTreeMap<String, String>) -> Result<Tables> {
    let named = given.iter().filter(|(key, text)| settings.iter().any(|s| s.key == key.as_str() && s.names_file(text)));
    named.map(|(key, path)| Ok((key.clone(), Arc::new(read(key, Path::new(path))?)))).collect()
}

/// What `run.toml` says of the tables of a new run.
pub(crate) fn described(tables: &Tables) -> BTreeMap<String, FileConfig> {
    let file =
        |(key, table): (&String, &Arc<Table>)| (key.clone(), FileConfig { name: format!("{key}.npy"), sha256: hash(table) });
    tables.iter().map(file).collect()
}

/// Writes the files of a new run.
///
/// # Errors
/// What the system says.
pub(crate) fn save(folder: &Path, tables: &Tables, files: &BTreeMap<String, FileConfig>) -> Result<()> {
    for (file, table) in files.iter().filter_map(|(key, file)| Some((file, tables.get(key)?))) {
        let (path, shape) = (folder.join(&file.name), [table.n_rows(), table.width()]);
        let write = |path: &Path| write_npy(path, &shape, table.data()).map_err(io::Error::other);
        replace(&path, write).map_err(TrainingError::io(&path))?;
    }
    Ok(())
}

/// The tables of a run that exists.
///
/// # Errors
/// A file that is missing, or has other numbers than the run began with.
pub(crate) fn load(folder: &Path, files: &BTreeMap<String, FileConfig>) -> Result<Tables> {
    let table = |(key, file): (&String, &FileConfig)| {
        let path = inside(folder, &file.name)?;
        let table = read(key, &path)?;
        match hash(&table) {
            found if found == file.sha256 => Ok((key.clone(), Arc::new(table))),
            found => Err(TrainingError::Damaged {
                path,
                reason: format!(
                    "SHA-256 mismatch: expected {} as in run.toml, found {found}: restore the file or train a new run",
                    file.sha256
                ),
            }),
        }
    };
    files.iter().map(table).collect()
}

/// A file of the folder by its name alone.
fn inside(folder: &Path, name: &str) -> Result<PathBuf> {
    match Path::new(name).file_name() {
        Some(only) if only == name => Ok(folder.join(only)),
        _ => {
            let reason = format!("`{name}`: expected the name of a file in the run folder");
            Err(TrainingError::Config { path: folder.join("run.toml"), reason })
        }
    }
}

fn read(key: &str, path: &Path) -> Result<Table> {
    let array = read_npy(path, LIMIT_BYTES)?;
    let table = match array.shape.as_slice() {
        &[n, width] if n > 0 => Table::new(width, array.data),
        _ => None,
    };
    table.ok_or_else(|| {
        let found = format!("{:?}", array.shape);
        let path = path.display();
        TrainingError::Contradiction(format!("`{key}={path}`: shape mismatch: expected float32 [N, latents], found {found}"))
    })
}

/// Of the width and all numbers, little-endian.
fn hash(table: &Table) -> String {
    let mut hasher = Sha256::new();
    hasher.update((table.width() as u64).to_le_bytes());
    table.data().iter().for_each(|v| hasher.update(v.to_le_bytes()));
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(data: &[f32]) -> Tables {
        Tables::from([("prior".to_owned(), Arc::new(Table::new(2, data.to_vec()).expect("whole rows")))])
    }

    #[test]
    fn files_of_a_run_come_back_and_changed_ones_do_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = tables(&[1.0, -2.5, 3.0e-9, 4.0]);
        let files = described(&all);
        save(dir.path(), &all, &files).expect("it is written");
        assert_eq!(load(dir.path(), &files).expect("it is read"), all);
        for other in [tables(&[1.0, -2.5, 3.1e-9, 4.0]), tables(&[1.0, -2.5])] {
            save(dir.path(), &other, &files).expect("it is written");
            let message = load(dir.path(), &files).expect_err("another file").to_string();
            assert!(message.contains("prior.npy") && message.contains("SHA-256 mismatch"), "{message}");
        }
        std::fs::remove_file(dir.path().join("prior.npy")).expect("it is there");
        assert!(load(dir.path(), &files).expect_err("no file").to_string().contains("prior.npy"));
    }

    #[test]
    fn a_file_outside_the_run_folder_is_not_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let files = [("prior".to_owned(), FileConfig { name: "../prior.npy".into(), sha256: String::new() })].into();
        assert!(load(dir.path(), &files).expect_err("outside").to_string().contains("in the run folder"));
    }
}
