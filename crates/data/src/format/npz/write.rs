//! Writing `.npz`: a zip of one array, as `numpy.savez` writes an array without a name.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error::{DataError, Result};
use crate::format::npy::{NpyElement, npy_header};

/// What NumPy calls an array without a name.
const NAME: &str = "arr_0.npy";

/// Writes one array of any shape, row-major. Errors: `data` is not of `shape`; what the system says.
pub fn write_npz<T: NpyElement>(path: &Path, shape: &[usize], data: &[T]) -> Result<()> {
    let expected = shape.iter().product::<usize>();
    if expected != data.len() {
        let wanted = format!("{expected} values for shape {shape:?}");
        return Err(DataError::format(path.display().to_string(), wanted, data.len().to_string()));
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(size_of_val(data) >= u32::MAX as usize);
    let write = || {
        let mut zip = ZipWriter::new(Remembering { file: BufWriter::new(File::create(path)?), at: 0, end: 0, failed: None });
        zip.start_file(NAME, options)?;
        zip.write_all(&npy_header::<T>(shape))?;
        data.iter().try_for_each(|v| v.put(&mut zip))?;
        zip.finish()?.done()
    };
    write().map_err(|e| DataError::io(path, e))
}

/// A file that remembers why it could not be written, and takes all that follows as if it could: a zip whose file fails would say so on
/// standard error, too, when it is dropped.
struct Remembering {
    file: BufWriter<File>,
    at: u64,
    end: u64,
    failed: Option<io::Error>,
}

impl Remembering {
    /// That all of it was written. Errors: what the system said first.
    fn done(mut self) -> io::Result<()> {
        self.flush()?;
        self.failed.map_or(Ok(()), Err)
    }

    fn unless_failed<T>(&mut self, otherwise: T, what: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
        if self.failed.is_none() {
            match what(&mut self.file) {
                Err(e) if e.kind() != io::ErrorKind::Interrupted => self.failed = Some(e),
                other => return other,
            }
        }
        Ok(otherwise)
    }
}

impl Write for Remembering {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.unless_failed(bytes.len(), |file| file.write(bytes))?;
        self.at += n as u64;
        self.end = self.end.max(self.at);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_failed((), Write::flush)
    }
}

impl Seek for Remembering {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let place = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.at = self.unless_failed(place, |file| file.seek(SeekFrom::Start(place)))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    /// What is written is read again; NumPy reads it too.
    #[test]
    fn an_array_comes_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.npz");
        let values: Vec<f32> = (0..60).map(|i| i as f32 * 0.25).collect();
        write_npz(&path, &[20, 3], &values).expect("it is written");
        let back = crate::open(path.to_str().expect("a path"), &Options::default()).expect("it is read");
        assert_eq!((back.n_rows(), back.shape()), (20, &[3_usize][..]));
        assert!((0..60).all(|i| back.values().get(i) == f64::from(values[i])));
        assert!(write_npz(&path, &[20, 4], &values).is_err());
    }
}
