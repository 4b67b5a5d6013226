//! Decoded images, kept for the next time: `decoded/KEY.rows` in the cache folder, KEY by what the files hold and how they are read.
//!
//! A file is a line of JSON, the facts, then the values. What is damaged or of another version is as if it were not there.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::facts::{Facts, Rows};
use super::tree::{Entry, Tree};
use crate::cache::cache_folder;
use crate::format::decode::MOST_FILE_BYTES;
use crate::hex::hex;
use crate::options::Options;

/// Counts up when images are decoded or resized to other values.
const VERSION: u32 = 1;
/// Fewer images are decoded sooner than they are looked up.
const LEAST_FILES: usize = 1000;
/// One entry, and all of them.
const MOST_ENTRY_BYTES: usize = 2 << 30;
const MOST_BYTES: u64 = 8 << 30;
/// A file that is still being written is younger.
const OLD: Duration = Duration::from_secs(24 * 3600);

static OFF: AtomicBool = AtomicBool::new(false);

/// From now on this process decodes all images, and keeps none for the next time.
pub fn without_cache() {
    OFF.store(true, Ordering::Relaxed);
}

/// Where the rows of some files are kept.
pub(super) struct Place {
    folder: PathBuf,
    /// Of what the files hold.
    content: String,
    n_files: usize,
}

#[derive(Serialize, Deserialize)]
struct Header {
    facts: Facts,
    levels: bool,
    /// Of the facts and the values.
    sha256: String,
}

impl Header {
    fn sha256(facts: &Facts, levels: bool, bytes: &[u8]) -> Option<String> {
        let mut sha = Sha256::new();
        sha.update(serde_json::to_string(facts).ok()?);
        sha.update([u8::from(levels)]);
        sha.update(bytes);
        Some(hex(&sha.finalize()))
    }
}

impl Place {
    /// None for few files, or without a cache. Reads all files: what they hold is what counts.
    pub(super) fn of(tree: &Tree, files: &[Entry], options: &Options) -> Option<Self> {
        if OFF.load(Ordering::Relaxed) || files.len() < LEAST_FILES {
            return None;
        }
        let folder = cache_folder(options).ok()?.join("decoded");
        let digests = files.par_iter().map(|file| {
            let mut sha = Sha256::new();
            sha.update((file.name.len() as u64).to_le_bytes());
            sha.update(file.name.as_bytes());
            // What cannot be read is decoded, which says why.
            tree.read(file, MOST_FILE_BYTES).ok().map(|bytes| {
                sha.update(bytes);
                sha.finalize()
            })
        });
        let digests: Vec<_> = digests.collect::<Option<_>>()?;
        let mut sha = Sha256::new();
        digests.iter().for_each(|digest| sha.update(digest));
        Some(Place { folder, content: hex(&sha.finalize()), n_files: files.len() })
    }

    /// The file of rows that were read so.
    fn file(&self, options: &Options) -> PathBuf {
        let Options { size, channels, range, max_bytes, .. } = options;
        let read = format!("{VERSION} {size:?} {channels:?} {range:?} {max_bytes} {}\n", self.content);
        self.folder.join(format!("{}.rows", hex(&Sha256::digest(read))))
    }

    /// What was kept; none if there is nothing, or nothing good.
    pub(super) fn read(&self, options: &Options) -> Option<(Facts, Rows)> {
        let path = self.file(options);
        let mut file = BufReader::new(File::open(&path).ok()?);
        let mut line = String::new();
        file.read_line(&mut line).ok()?;
        let Header { facts, levels, sha256 } = serde_json::from_str(&line).ok()?;
        let n_values = facts.shape.iter().chain([&facts.kept.len()]).try_fold(1_usize, |n, &d| n.checked_mul(d))?;
        let n_bytes = n_values.checked_mul(if levels { 1 } else { 4 })?;
        if n_bytes as u64 > options.max_bytes || n_bytes > MOST_ENTRY_BYTES {
            return None;
        }
        // Of as many as are there, whatever the header claims.
        let left_bytes = file.get_ref().metadata().ok()?.len();
        let mut bytes = Vec::with_capacity(n_bytes.min(left_bytes as usize));
        file.take(n_bytes as u64 + 1).read_to_end(&mut bytes).ok()?;
        let sound = facts.kept.iter().all(|&file| (file as usize) < self.n_files);
        if bytes.len() != n_bytes || !sound || Header::sha256(&facts, levels, &bytes)? != sha256 {
            return None;
        }
        let rows = match levels {
            true => Rows::Levels(bytes),
            false => Rows::Continuous(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        };
        // The last used is the last to go.
        let _ = File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some((facts.taken_from_cache(), rows))
    }

    /// Keeps rows. That they cannot be kept is no reason to stop, and is logged.
    pub(super) fn write(&self, facts: &Facts, rows: &Rows, options: &Options) {
        if let Err(error) = self.try_write(facts, rows, options) {
            log::warn!("decoded images are not kept for the next time: {}: {error}", self.folder.display());
        }
        make_room(&self.folder);
    }

    fn try_write(&self, facts: &Facts, rows: &Rows, options: &Options) -> std::io::Result<()> {
        let bytes: std::borrow::Cow<[u8]> = match rows {
            Rows::Levels(data) => data.into(),
            Rows::Continuous(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into(),
        };
        if bytes.len() > MOST_ENTRY_BYTES {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let levels = matches!(rows, Rows::Levels(_));
        let Some(sha256) = Header::sha256(facts, levels, &bytes) else { return Ok(()) };
        let header = Header { facts: facts.clone(), levels, sha256 };
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        writeln!(file, "{}", serde_json::to_string(&header)?)?;
        file.write_all(&bytes)?;
        let path = self.file(options);
        file.persist(&path).map_err(|e| e.error)?;
        // A run asks for what it found: the same rows under another name.
        let [height, width, channels] = facts.shape;
        let size = if height == width { Some(height) } else { options.size };
        let found =
            self.file(&Options { size, channels: Some(channels), range: facts.range().or(options.range), ..options.clone() });
        if found != path {
            let _ = fs::remove_file(&found);
            let _ = fs::hard_link(&path, &found);
        }
        Ok(())
    }
}

/// Removes what was used longest ago, until the rest is within bounds.
fn make_room(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let entries: Vec<_> = entries.flatten().collect();
    // What killed processes left.
    let is_old = |path: &Path| {
        let changed = fs::metadata(path).and_then(|meta| meta.modified());
        changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > OLD))
    };
    let left = entries.iter().map(fs::DirEntry::path).filter(|path| path.extension().is_none_or(|e| e != "rows") && is_old(path));
    left.for_each(|path| drop(fs::remove_file(path)));
    let mut kept: Vec<(SystemTime, u64, PathBuf)> = (entries.iter())
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "rows"))
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            Some((meta.modified().ok()?, meta.len(), entry.path()))
        })
        .collect();
    kept.sort();
    let mut total: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in kept {
        if total <= MOST_BYTES {
            return;
        }
        if fs::remove_file(path).is_ok() {
            total -= bytes;
        }
    }
}
