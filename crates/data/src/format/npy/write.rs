//! Writing `.npy`, version 1.0, little-endian, in C order.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::header::MAGIC;
use crate::error::{DataError, Result};

/// A number that can be written: f32 or f64.
pub trait NpyElement: Copy {
    /// As a header says it.
    const DESCR: &'static str;
    /// Writes its bytes.
    fn put(self, file: &mut impl Write) -> io::Result<()>;
}

impl NpyElement for f32 {
    const DESCR: &'static str = "<f4";
    fn put(self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&self.to_le_bytes())
    }
}

impl NpyElement for f64 {
    const DESCR: &'static str = "<f8";
    fn put(self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&self.to_le_bytes())
    }
}

/// Writes f32 of any shape, row-major. Errors: `data` is not of `shape`; what the system says.
pub fn write_npy(path: &Path, shape: &[usize], data: &[f32]) -> Result<()> {
    written(path, shape, data)
}

/// Writes f64 of any shape, row-major. Errors as [`write_npy`].
pub fn write_npy_f64(path: &Path, shape: &[usize], data: &[f64]) -> Result<()> {
    written(path, shape, data)
}

/// What stands before the numbers.
pub(crate) fn npy_header<T: NpyElement>(shape: &[usize]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|d| format!("{d}, ")).collect();
    let sizes = if shape.len() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sizes}), }}", T::DESCR);
    let padding = 64 - (MAGIC.len() + 4 + header.len() + 1) % 64;
    header.extend(std::iter::repeat_n(' ', padding % 64));
    header.push('\n');
    [&MAGIC[..], &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat()
}

fn written<T: NpyElement>(path: &Path, shape: &[usize], data: &[T]) -> Result<()> {
    let mut file = NpyWriter::create(path, shape)?;
    file.write(data)?;
    file.finish()
}

/// A file of numbers of a known shape that is written part by part, row-major.
#[derive(Debug)]
pub struct NpyWriter<T = f32> {
    path: PathBuf,
    file: BufWriter<File>,
    shape: Vec<usize>,
    written: usize,
    element: PhantomData<T>,
}

impl<T: NpyElement> NpyWriter<T> {
    /// Begins a file, over one that is there. Errors: what the system says.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self> {
        let begin = || {
            let mut file = BufWriter::new(File::create(path)?);
            file.write_all(&npy_header::<T>(shape))?;
            Ok(file)
        };
        let file = begin().map_err(|e| DataError::io(path, e))?;
        Ok(NpyWriter { path: path.to_owned(), file, shape: shape.to_vec(), written: 0, element: PhantomData })
    }

    /// Adds numbers. Errors: what the system says.
    pub fn write(&mut self, data: &[T]) -> Result<()> {
        self.written += data.len();
        data.iter().try_for_each(|v| v.put(&mut self.file)).map_err(|e| DataError::io(&self.path, e))
    }

    /// Ends the file. Errors: what was written is not of the shape; what the system says.
    pub fn finish(mut self) -> Result<()> {
        let expected = self.shape.iter().product::<usize>();
        if expected != self.written {
            let origin = self.path.display().to_string();
            let wanted = format!("{expected} values for shape {:?}", self.shape);
            return Err(DataError::format(origin, wanted, self.written.to_string()));
        }
        self.file.flush().map_err(|e| DataError::io(&self.path, e))
    }
}
