//! The folder that keeps what is fetched, decoded or measured.

use std::path::PathBuf;

use crate::error::{DataError, Result};
use crate::options::Options;

/// Where fetched data lie: `options.cache`, else CALOTYPE_DATA, else `calotype` in the platform's cache folder.
pub fn cache_folder(options: &Options) -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = |below: &str| variable("HOME").map(|h| h.join(below));
    let platform = || match std::env::consts::OS {
        "windows" => variable("LOCALAPPDATA"),
        "macos" => home("Library/Caches"),
        _ => variable("XDG_CACHE_HOME").or_else(|| home(".cache")),
    };
    let chosen = options.cache.clone().or_else(|| variable("CALOTYPE_DATA"));
    chosen.or_else(|| platform().map(|p| p.join("calotype"))).ok_or(DataError::NoCache)
}
