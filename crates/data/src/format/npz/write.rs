//! Writing `.npz`: a zip of one array, as `numpy.savez` writes an array without a name.

use std::fs::File;
use std::io::{BufWriter, Write};
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
        let mut zip = ZipWriter::new(BufWriter::new(File::create(path)?));
        zip.start_file(NAME, options)?;
        zip.write_all(&npy_header::<T>(shape))?;
        data.iter().try_for_each(|v| v.put(&mut zip))?;
        zip.finish()?.flush()
    };
    write().map_err(|e| DataError::io(path, e))
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
