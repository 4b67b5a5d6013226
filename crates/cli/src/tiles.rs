//! The file of tuned tiles, in the cache folder: one for each adapter, driver and version of the tile table.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use calotype_gpu_kernels::{AdapterDescription, TILE_TABLE, TileTable};
use calotype_training::write_atomically;

use crate::output::note;

/// Where an adapter's tiles are kept.
fn path(adapter: &AdapterDescription) -> Result<PathBuf> {
    let name = format!("{}-{}", adapter.backend, adapter.name);
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(calotype_data::cache_folder(&calotype_data::Options::default())?.join(format!("tiles-{name}.txt")))
}

/// Ahead of the table: what it was measured with. A file of anything else is not used.
fn head(adapter: &AdapterDescription) -> String {
    let AdapterDescription { backend, name, driver, .. } = adapter;
    format!("# tile table {TILE_TABLE}\n# {backend} {name}\n# {}\n", driver.replace('\n', " "))
}

/// The tiles tuned for an adapter; none where none were, or for another driver or version.
pub fn known(adapter: &AdapterDescription) -> Option<TileTable> {
    let path = path(adapter).ok()?;
    let text = fs::read_to_string(&path).ok()?;
    let Some(table) = text.strip_prefix(&head(adapter)) else {
        note(&format!(
            "{} was tuned for another driver or version and is ignored: `calotype bench tune` tunes again, `calotype bench tune --reset` deletes it",
            path.display()
        ));
        return None;
    };
    match TileTable::parse(table) {
        Ok(table) => Some(table),
        Err(e) => {
            note(&format!("{} is damaged and ignored: {e}; `calotype bench tune --reset` deletes it", path.display()));
            None
        }
    }
}

/// # Errors
/// The file cannot be written.
pub fn keep(adapter: &AdapterDescription, table: &TileTable) -> Result<PathBuf> {
    let path = path(adapter)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    write_atomically(&path, format!("{}{table}", head(adapter)).as_bytes())?;
    Ok(path)
}

/// Removes an adapter's tiles; the file that was there.
///
/// # Errors
/// It cannot be removed.
pub fn forget(adapter: &AdapterDescription) -> Result<Option<PathBuf>> {
    let path = path(adapter)?;
    match fs::remove_file(&path) {
        Ok(()) => Ok(Some(path)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| path.display().to_string()),
    }
}
