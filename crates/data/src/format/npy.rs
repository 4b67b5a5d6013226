//! NumPy's `.npy`, versions 1 to 3, u8 and little-endian f32 in C order.
//!
//! Source: numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Read here and not by a crate so that a header's sizes are
//! held against the file before memory is taken, and no nesting in it can exhaust the stack.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::{Source, name_of};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::Values;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
const MOST_HEADER_BYTES: u64 = 1 << 16;

/// An array of f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Npy {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

struct Header {
    shape: Vec<usize>,
    /// `u1` or `f4`.
    kind: &'static str,
}

/// Reads f32 of any shape. No more than `limit_bytes` are taken.
///
/// Errors: another type or order; sizes that the file does not hold; NaN or infinity (row and column are those of [N, rest]).
pub fn read_npy(path: &Path, limit_bytes: u64) -> Result<Npy> {
    let mut source = Source::file(path, limit_bytes)?;
    let header = read_header(&mut source)?;
    let origin = source.name().to_owned();
    if header.kind != "f4" {
        return Err(DataError::format(origin, "float32", "uint8"));
    }
    let data = read_f32(source, &header.shape)?;
    let per_row = header.shape.iter().skip(1).product::<usize>().max(1);
    match data.iter().position(|v| !v.is_finite()) {
        None => Ok(Npy { shape: header.shape, data }),
        Some(at) => Err(DataError::Value {
            origin,
            row: at / per_row,
            column: at % per_row,
            expected: "a finite number".into(),
            found: data[at].to_string(),
        }),
    }
}

/// Writes f32 of any shape, row-major, version 1.0. Errors: `data` is not of `shape`; what the system says.
pub fn write_npy(path: &Path, shape: &[usize], data: &[f32]) -> Result<()> {
    let mut file = NpyWriter::create(path, shape)?;
    file.write(data)?;
    file.finish()
}

/// A file of f32 of a known shape that is written part by part, row-major, version 1.0.
#[derive(Debug)]
pub struct NpyWriter {
    path: PathBuf,
    file: BufWriter<File>,
    shape: Vec<usize>,
    written: usize,
}

impl NpyWriter {
    /// Begins a file, over one that is there. Errors: what the system says.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self> {
        let sizes: String = shape.iter().map(|d| format!("{d}, ")).collect();
        let sizes = if shape.len() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}");
        let padding = 64 - (MAGIC.len() + 4 + header.len() + 1) % 64;
        header.extend(std::iter::repeat_n(' ', padding % 64));
        header.push('\n');
        let begin = || {
            let mut file = BufWriter::new(File::create(path)?);
            file.write_all(MAGIC)?;
            file.write_all(&[1, 0])?;
            file.write_all(&(header.len() as u16).to_le_bytes())?;
            file.write_all(header.as_bytes())?;
            Ok(file)
        };
        let file = begin().map_err(|e| DataError::io(path, e))?;
        Ok(NpyWriter { path: path.to_owned(), file, shape: shape.to_vec(), written: 0 })
    }

    /// Adds numbers. Errors: what the system says.
    pub fn write(&mut self, data: &[f32]) -> Result<()> {
        self.written += data.len();
        data.iter().try_for_each(|v| self.file.write_all(&v.to_le_bytes())).map_err(|e| DataError::io(&self.path, e))
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

/// Opens [N, H, W, C], [N, H, W] or [N, D] as a data set: u8 holds levels (`options.levels` of them, else the maximum + 1, at
/// least 2), f32 continuous values.
pub(super) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let mut source = Source::file(path, options.max_bytes)?;
    let header = read_header(&mut source)?;
    let shape = match header.shape.as_slice() {
        &[_, h, w, c] => vec![h, w, c],
        &[_, h, w] => vec![h, w, 1],
        &[_, d] => vec![d],
        other => {
            return Err(DataError::format(source.name(), "shape [N, H, W, C], [N, H, W] or [N, D]", format!("{other:?}")));
        }
    };
    let values = if header.kind == "u1" {
        let n_bytes = header.shape.iter().product::<usize>() as u64;
        let data = source.exact(n_bytes, &format!("uint8 of shape {:?}", header.shape))?;
        source.end()?;
        let found = || data.iter().map(|&v| u32::from(v) + 1).max().unwrap_or(2).max(2);
        let levels = options.levels.unwrap_or_else(found);
        Values::Levels { data: Arc::new(data), levels }
    } else {
        Values::Continuous(Arc::new(read_f32(source, &header.shape)?))
    };
    Dataset::new(name_of(path), &shape, values)
}

fn read_f32(mut source: Source, shape: &[usize]) -> Result<Vec<f32>> {
    let n_bytes = 4 * shape.iter().product::<usize>() as u64;
    let bytes = source.exact(n_bytes, &format!("float32 of shape {shape:?}"))?;
    source.end()?;
    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

fn read_header(source: &mut Source) -> Result<Header> {
    let name = source.name().to_owned();
    let magic = source.exact(8, "the .npy magic number")?;
    if !magic.starts_with(MAGIC) || !(1..=3).contains(&magic[6]) {
        return Err(DataError::format(name, "the magic number of .npy, version 1 to 3", format!("{magic:02x?}")));
    }
    let mut n_bytes = source.exact(if magic[6] == 1 { 2 } else { 4 }, "the .npy header's length")?;
    n_bytes.resize(8, 0);
    let n_bytes = n_bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    if n_bytes > MOST_HEADER_BYTES {
        let expected = format!("a header of at most {MOST_HEADER_BYTES} bytes");
        return Err(DataError::format(name, expected, n_bytes.to_string()));
    }
    let text = String::from_utf8_lossy(&source.exact(n_bytes, "the .npy header")?).into_owned();
    let malformed = |expected: &str| DataError::format(&name, expected, format!("`{}`", text.trim()));
    let kind = match field(&text, "descr").unwrap_or_default().trim_matches(['\'', '"']) {
        "|u1" | "<u1" | "u1" => "u1",
        "<f4" => "f4",
        _ => return Err(malformed("uint8 or float32, little-endian (`a.astype('float32')` makes it so)")),
    };
    if field(&text, "fortran_order") != Some("False") {
        return Err(malformed("C order (`numpy.ascontiguousarray(a)` makes it so)"));
    }
    let sizes = field(&text, "shape").ok_or_else(|| malformed("a shape"))?;
    let sizes = sizes.split(',').map(str::trim).filter(|s| !s.is_empty()).map(|s| s.parse::<usize>());
    let shape = sizes.collect::<Result<Vec<_>, _>>().map_err(|_| malformed("a shape of whole numbers"))?;
    let within = shape.iter().try_fold(4_usize, |n, &d| n.checked_mul(d));
    within.ok_or_else(|| malformed("a shape whose size is below 2^64 bytes"))?;
    Ok(Header { shape, kind })
}

/// The value of a key in the header's dictionary: a quoted string or word up to the comma, or what stands in brackets.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = [format!("'{key}'"), format!("\"{key}\"")].iter().find_map(|k| text.find(k.as_str()).map(|at| at + k.len()))?;
    let value = text[at..].trim_start().strip_prefix(':')?.trim_start();
    match value.strip_prefix('(') {
        Some(inside) => inside.split_once(')').map(|(sizes, _)| sizes),
        None => value.split([',', '}']).next().map(str::trim),
    }
}
