//! What lies in a folder or an archive: names, and where the bytes of each are.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{DataError, Result};
use crate::format::source::Source;
use crate::options::Options;

/// Folders below folders that are looked into.
const MOST_DEPTH: usize = 32;
/// Files of a tree.
const MOST_FILES: usize = 20_000_000;
/// What no program should take for data: what systems leave behind.
const NEVER_DATA: [&str; 4] = ["__MACOSX", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN"];

/// Files of a folder or an archive, in the order of their names.
pub(in crate::format) struct Tree {
    root: Root,
    pub(in crate::format) files: Vec<Entry>,
    /// Hidden files and folders, and those that systems leave behind: they were not looked into.
    pub(in crate::format) hidden: Vec<String>,
    /// Folders that hold nothing.
    pub(in crate::format) empty: Vec<String>,
    /// Links to folders that are read anyway, and links of archives.
    pub(in crate::format) links: Vec<String>,
}

/// A file of a [`Tree`].
#[derive(Clone, Debug)]
pub(in crate::format) struct Entry {
    /// Below the root, with `/` between folders.
    pub(in crate::format) name: String,
    place: Place,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Zip(usize),
    /// Offset and length.
    Tar(u64, u64),
    /// A link to nothing.
    Dangling,
}

#[derive(Clone)]
enum Root {
    Files,
    Zip(Box<ZipArchive<Positioned>>),
    Tar(Positioned),
}

impl Entry {
    /// A file by its path, under a name of its own.
    pub(in crate::format) fn file(path: &Path, name: String) -> Self {
        Entry { name, place: Place::File(path.to_owned()) }
    }

    /// Its last part.
    pub(in crate::format) fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is a link to nothing.
    pub(in crate::format) fn is_dangling(&self) -> bool {
        matches!(self.place, Place::Dangling)
    }

    /// In small letters, without the dot; empty where there is none.
    pub(in crate::format) fn extension(&self) -> String {
        self.file_name().rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_ascii_lowercase())
    }
}

impl Tree {
    /// Everything below a folder.
    pub(in crate::format) fn of_folder(folder: &Path) -> Result<Self> {
        let mut tree = Tree::new(Root::Files);
        let real = fs::canonicalize(folder).map_err(|e| DataError::io(folder, e))?;
        tree.walk(folder, ("", 0), &mut HashSet::from([real]))?;
        Ok(tree.sorted())
    }

    /// Single files, in their order.
    pub(in crate::format) fn of_files(files: Vec<Entry>) -> Self {
        Tree { files, ..Tree::new(Root::Files) }
    }

    fn new(root: Root) -> Self {
        Tree { root, files: vec![], hidden: vec![], empty: vec![], links: vec![] }
    }

    /// Everything in a zip, or in a tar, plain or gzipped; what a gzipped one unpacks to is bounded by `options.max_bytes`.
    pub(in crate::format) fn of_archive(path: &Path, options: &Options) -> Result<Self> {
        let wrap = |e| DataError::io(path, e);
        let mut magic = Vec::new();
        File::open(path).and_then(|file| file.take(4).read_to_end(&mut magic)).map_err(wrap)?;
        match magic.as_slice() {
            [b'P', b'K', ..] => Self::of_zip(path),
            [0x1f, 0x8b, ..] => Self::of_tar(path, &unpacked(path, options)?),
            _ => Self::of_tar(path, &Positioned::of(File::open(path).map_err(wrap)?)),
        }
    }

    fn of_zip(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| DataError::io(path, e))?;
        let corrupt = |e: ZipError| DataError::Corrupt { origin: path.display().to_string(), reason: e.to_string() };
        let archive = ZipArchive::new(Positioned::of(file)).map_err(corrupt)?;
        let mut names = vec![];
        for n in 0..archive.len() {
            names.extend(archive.name_for_index(n).transpose().map_err(corrupt)?.map(|name| (n, name.into_owned())));
        }
        let mut tree = Tree::new(Root::Zip(Box::new(archive)));
        names.into_iter().filter(|(_, name)| !name.ends_with(['/', '\\'])).for_each(|(n, name)| tree.add(&name, Place::Zip(n)));
        Ok(tree.sorted())
    }

    fn of_tar(path: &Path, file: &Positioned) -> Result<Self> {
        let corrupt = |e: io::Error| DataError::Corrupt { origin: path.display().to_string(), reason: e.to_string() };
        let mut tree = Tree::new(Root::Tar(file.clone()));
        let mut archive = tar::Archive::new(file.clone());
        for entry in archive.entries_with_seek().map_err(corrupt)? {
            let entry = entry.map_err(corrupt)?;
            let (kind, name) = (entry.header().entry_type(), String::from_utf8_lossy(&entry.path_bytes()).into_owned());
            if kind.is_symlink() || kind.is_hard_link() {
                tree.links.push(name);
            } else if kind.is_file() {
                tree.add(&name, Place::Tar(entry.raw_file_position(), entry.size()));
            }
        }
        Ok(tree.sorted())
    }

    /// Adds a file of an archive, by the name that it has there.
    fn add(&mut self, name: &str, place: Place) {
        let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
        let name = parts.join("/");
        match parts.iter().position(|part| is_hidden(part)) {
            Some(at) => {
                let top = parts[..=at].join("/");
                if self.hidden.last() != Some(&top) {
                    self.hidden.push(top);
                }
            }
            None => self.files.push(Entry { name, place }),
        }
    }

    /// `below`: the name of the folder in the tree, and how deep it is.
    fn walk(&mut self, folder: &Path, (below, depth): (&str, usize), seen: &mut HashSet<PathBuf>) -> Result<()> {
        let wrap = |e| DataError::io(folder, e);
        let mut n = 0;
        for entry in fs::read_dir(folder).map_err(wrap)? {
            let entry = entry.map_err(wrap)?;
            let (path, last) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let name = if below.is_empty() { last.clone() } else { format!("{below}/{last}") };
            n += 1;
            if is_hidden(&last) {
                self.hidden.push(name);
                continue;
            }
            let of = entry.file_type().map_err(wrap)?;
            let of = if of.is_symlink() {
                match fs::metadata(&path) {
                    Ok(meta) => meta.file_type(),
                    Err(_) => {
                        self.files.push(Entry { name, place: Place::Dangling });
                        continue;
                    }
                }
            } else {
                of
            };
            if of.is_dir() {
                self.enter(&path, (&name, depth + 1), seen)?;
            } else if of.is_file() {
                self.files.push(Entry { name, place: Place::File(path) });
            }
            if self.files.len() > MOST_FILES {
                return Err(DataError::format(folder.display().to_string(), format!("at most {MOST_FILES} files"), "more"));
            }
        }
        if n == 0 && !below.is_empty() {
            self.empty.push(below.to_owned());
        }
        Ok(())
    }

    /// Goes into a folder, unless it was read before: by a link, or because a link led there.
    fn enter(&mut self, path: &Path, (name, depth): (&str, usize), seen: &mut HashSet<PathBuf>) -> Result<()> {
        if depth > MOST_DEPTH {
            let expected = format!("at most {MOST_DEPTH} folders below each other");
            return Err(DataError::format(path.display().to_string(), expected, "more"));
        }
        match seen.insert(fs::canonicalize(path).map_err(|e| DataError::io(path, e))?) {
            true => self.walk(path, (name, depth), seen),
            false => {
                self.links.push(name.to_owned());
                Ok(())
            }
        }
    }

    /// In the order of names; of several files of one name in an archive the last, as when it is unpacked.
    fn sorted(mut self) -> Self {
        self.files.reverse();
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        self.files.dedup_by(|a, b| a.name == b.name);
        for names in [&mut self.hidden, &mut self.empty, &mut self.links] {
            names.sort();
            names.dedup();
        }
        self
    }

    /// The bytes of a file, at most `limit_bytes`. Errors: more than that; what the system says; damaged archives.
    pub(in crate::format) fn read(&self, entry: &Entry, limit_bytes: u64) -> Result<Vec<u8>> {
        let origin = || entry.name.clone();
        let corrupt = |reason: String| DataError::Corrupt { origin: origin(), reason };
        match (&entry.place, &self.root) {
            (Place::File(path), _) => Source::file(path, limit_bytes)?.all("a file"),
            (Place::Zip(n), Root::Zip(archive)) => {
                let mut archive = archive.clone();
                let file = archive.by_index(*n).map_err(|e| match e {
                    ZipError::Io(_) | ZipError::InvalidArchive(_) => corrupt(e.to_string()),
                    // Encrypted, or packed as is not read here.
                    other => DataError::NotImage {
                        origin: origin(),
                        what: format!("an entry that cannot be unpacked ({other})"),
                        remedy: "unpack the archive, and give the folder",
                    },
                })?;
                let claimed = file.size();
                bounded(file, claimed, limit_bytes, &origin())
            }
            (&Place::Tar(offset, n), Root::Tar(file)) => {
                let mut file = file.clone();
                file.seek(SeekFrom::Start(offset)).map_err(|e| corrupt(e.to_string()))?;
                bounded(file.take(n), n, limit_bytes, &origin())
            }
            (Place::Dangling, _) => {
                let what = "a link whose target is missing".into();
                Err(DataError::NotImage { origin: origin(), what, remedy: "mend or remove it" })
            }
            _ => Err(corrupt("of another archive".into())),
        }
    }

    /// `12 .csv, 3 .txt, 1 without ending`: what the files are that a filter takes, the most common first.
    pub(in crate::format) fn kinds(&self, taken: impl Fn(&Entry) -> bool) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        self.files.iter().filter(|f| taken(f)).for_each(|f| *counts.entry(f.extension()).or_default() += 1);
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let word = |(extension, n): (String, usize)| match extension.as_str() {
            "" => format!("{n} without an ending"),
            extension => format!("{n} .{extension}"),
        };
        counts.into_iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

/// Reads no more than was claimed and than is allowed; memory grows as bytes arrive.
fn bounded(file: impl Read, claimed_bytes: u64, limit_bytes: u64, origin: &str) -> Result<Vec<u8>> {
    if claimed_bytes > limit_bytes {
        let (origin, what) = (origin.to_owned(), "a file of an archive".to_owned());
        return Err(DataError::TooLarge { origin, what, claimed_bytes, limit_bytes });
    }
    let mut bytes = Vec::new();
    let corrupt = |reason: String| DataError::Corrupt { origin: origin.to_owned(), reason };
    file.take(claimed_bytes + 1).read_to_end(&mut bytes).map_err(|e| corrupt(e.to_string()))?;
    match bytes.len() as u64 == claimed_bytes {
        true => Ok(bytes),
        false => Err(corrupt(format!("{claimed_bytes} bytes claimed, {} found", bytes.len()))),
    }
}

/// A gzipped file, unpacked to one that is gone when it is closed.
fn unpacked(path: &Path, options: &Options) -> Result<Positioned> {
    let wrap = |e| DataError::io(path, e);
    let mut file = tempfile::tempfile().map_err(wrap)?;
    let mut reader = flate2::read::MultiGzDecoder::new(io::BufReader::new(File::open(path).map_err(wrap)?));
    let corrupt = |e: io::Error| DataError::Corrupt { origin: path.display().to_string(), reason: e.to_string() };
    let mut chunk = vec![0; 1 << 18];
    let mut n_bytes = 0_u64;
    loop {
        let n = reader.read(&mut chunk).map_err(corrupt)?;
        if n == 0 {
            return Ok(Positioned::of(file));
        }
        n_bytes += n as u64;
        if n_bytes > options.max_bytes {
            return Err(DataError::TooLarge {
                origin: path.display().to_string(),
                what: "what it unpacks to".into(),
                claimed_bytes: n_bytes,
                limit_bytes: options.max_bytes,
            });
        }
        file.write_all(&chunk[..n]).map_err(wrap)?;
    }
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || NEVER_DATA.contains(&name)
}

/// A file that many threads read, each from a place of its own.
#[derive(Clone)]
struct Positioned {
    file: Arc<File>,
    at: u64,
}

impl Positioned {
    fn of(file: File) -> Self {
        Positioned { file: Arc::new(file), at: 0 }
    }
}

impl Read for Positioned {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let n = std::os::unix::fs::FileExt::read_at(&*self.file, out, self.at)?;
        #[cfg(windows)]
        let n = std::os::windows::fs::FileExt::seek_read(&*self.file, out, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = || self.file.metadata().map(|meta| meta.len());
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => end()?.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
