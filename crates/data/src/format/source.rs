//! Bytes from a file or from the binary itself, unpacked if they are gzipped, never more of them than was agreed on.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{DataError, Result};

/// A byte of deflate unpacks to at most 1,032 bytes (zlib's documentation, "Maximum Compression Factor").
const MOST_BYTES_PER_DEFLATED_BYTE: u64 = 1032;

/// A bounded stream of bytes that knows its name, and how many bytes it can give at most.
pub(crate) struct Source<'a> {
    name: String,
    reader: Box<dyn Read + 'a>,
    taken_bytes: u64,
    most_bytes: u64,
    limit_bytes: u64,
}

/// How many bytes are read at once where they are worked on as they come. A multiple of every element's size.
const PART_BYTES: usize = 1 << 16;

impl<'a> Source<'a> {
    /// Opens a file, plain or gzipped; no more than `limit_bytes` are ever held.
    pub(crate) fn file(path: &Path, limit_bytes: u64) -> Result<Self> {
        let wrap = |e| DataError::io(path, e);
        let file = File::open(path).map_err(wrap)?;
        let stored_bytes = file.metadata().map_err(wrap)?.len();
        let mut reader = BufReader::new(file);
        let mut magic = Vec::new();
        reader.by_ref().take(2).read_to_end(&mut magic).map_err(wrap)?;
        let is_gzip = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(reader);
        Ok(Self::new(path.display().to_string(), whole, stored_bytes, is_gzip, limit_bytes))
    }

    /// Data carried in the binary, plain or gzipped.
    pub(crate) fn bundled(name: &str, bytes: &'static [u8], limit_bytes: u64) -> Self {
        Self::new(name.to_owned(), bytes, bytes.len() as u64, bytes.starts_with(&[0x1f, 0x8b]), limit_bytes)
    }

    /// A file in an archive, unpacked by `raw`: of `stored_bytes` there it becomes `claimed_bytes`, as the archive says.
    pub(crate) fn member(name: String, raw: impl Read + 'a, stored_bytes: u64, claimed_bytes: u64, limit_bytes: u64) -> Self {
        let most_bytes = stored_bytes.saturating_mul(MOST_BYTES_PER_DEFLATED_BYTE).min(claimed_bytes);
        Source { name, reader: Box::new(raw), taken_bytes: 0, most_bytes, limit_bytes }
    }

    fn new(name: String, raw: impl Read + 'a, stored_bytes: u64, is_gzip: bool, limit_bytes: u64) -> Self {
        let (reader, most_bytes): (Box<dyn Read + 'a>, _) = match is_gzip {
            true => (Box::new(MultiGzDecoder::new(raw)), stored_bytes.saturating_mul(MOST_BYTES_PER_DEFLATED_BYTE)),
            false => (Box::new(raw), stored_bytes),
        };
        Source { name, reader, taken_bytes: 0, most_bytes, limit_bytes }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes are left at most: exact for a plain file, a bound for a gzipped one.
    pub(crate) fn most_left(&self) -> u64 {
        self.most_bytes.saturating_sub(self.taken_bytes)
    }

    /// How many bytes of it may be held.
    pub(crate) fn limit(&self) -> u64 {
        self.limit_bytes
    }

    /// Refuses a claim that the source cannot hold, before memory is taken.
    pub(crate) fn holds(&self, n_bytes: u64, what: &str) -> Result<()> {
        let (found_bytes, origin) = (self.most_left(), self.name.clone());
        match n_bytes <= found_bytes {
            true => Ok(()),
            false => Err(DataError::Truncated { origin, what: what.to_owned(), expected_bytes: n_bytes, found_bytes }),
        }
    }

    /// Reads exactly `n_bytes` and gives them away part by part: each is of 64 KiB but for the last. Nothing else is held, so the
    /// limit is the caller's to keep.
    pub(crate) fn parts(&mut self, n_bytes: u64, what: &str, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.holds(n_bytes, what)?;
        let (mut part, mut left) = (Vec::with_capacity(PART_BYTES.min(n_bytes as usize)), n_bytes);
        while left > 0 {
            let wanted = left.min(PART_BYTES as u64);
            part.clear();
            match self.reader.by_ref().take(wanted).read_to_end(&mut part) {
                Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => return Err(self.corrupt(&e)),
                _ if (part.len() as u64) < wanted => {
                    let (origin, found_bytes) = (self.name.clone(), n_bytes - left + part.len() as u64);
                    return Err(DataError::Truncated { origin, what: what.to_owned(), expected_bytes: n_bytes, found_bytes });
                }
                _ => each(&part)?,
            }
            left -= wanted;
            self.taken_bytes += wanted;
        }
        Ok(())
    }

    /// Reads exactly `n_bytes`. What the source cannot hold, or what passes the limit, is refused before memory is taken; after
    /// that, memory grows as bytes arrive.
    pub(crate) fn exact(&mut self, n_bytes: u64, what: &str) -> Result<Vec<u8>> {
        let truncated = |name: &str, found_bytes| DataError::Truncated {
            origin: name.to_owned(),
            what: what.to_owned(),
            expected_bytes: n_bytes,
            found_bytes,
        };
        if n_bytes > self.most_left() {
            return Err(truncated(&self.name, self.most_left()));
        }
        if n_bytes > self.limit_bytes {
            return Err(DataError::TooLarge {
                origin: self.name.clone(),
                what: what.to_owned(),
                claimed_bytes: n_bytes,
                limit_bytes: self.limit_bytes,
            });
        }
        let mut bytes = Vec::new();
        match self.reader.by_ref().take(n_bytes).read_to_end(&mut bytes) {
            Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(self.corrupt(&e)),
            _ if (bytes.len() as u64) < n_bytes => Err(truncated(&self.name, bytes.len() as u64)),
            _ => {
                self.taken_bytes += n_bytes;
                bytes.shrink_to_fit();
                Ok(bytes)
            }
        }
    }

    /// Reads all of it, up to the limit.
    pub(crate) fn all(mut self, what: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(self.limit_bytes.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|e| self.corrupt(&e))?;
        if bytes.len() as u64 > self.limit_bytes {
            return Err(DataError::TooLarge {
                origin: self.name,
                what: what.to_owned(),
                claimed_bytes: self.most_bytes.max(bytes.len() as u64),
                limit_bytes: self.limit_bytes,
            });
        }
        Ok(bytes)
    }

    /// Reads all of it, up to the limit, as text without a byte order mark.
    pub(crate) fn text(self, what: &str) -> Result<String> {
        let origin = self.name.clone();
        let mut text = String::from_utf8(self.all(what)?).map_err(|e| {
            let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            DataError::NotText { origin, line }
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Ok(text)
    }

    /// Asserts that nothing is left: this reads one byte more, however much a .gz would unpack to, and checks its checksum.
    pub(crate) fn end(mut self) -> Result<()> {
        let mut one = [0];
        match self.reader.read(&mut one) {
            Ok(0) => Ok(()),
            Ok(_) => Err(DataError::Trailing { origin: self.name, expected_bytes: self.taken_bytes }),
            Err(e) => Err(self.corrupt(&e)),
        }
    }

    fn corrupt(&self, error: &io::Error) -> DataError {
        DataError::Corrupt { origin: self.name.clone(), reason: error.to_string() }
    }
}

/// What a data set at `path` is called: the last part of it.
pub(crate) fn name_of(path: &Path) -> String {
    let full = || path.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
    path.file_name().map(|n| n.to_string_lossy().into_owned()).or_else(full).unwrap_or_else(|| "data".into())
}
