//! Files in a folder, and what they hold when they are opened.

#![allow(dead_code, reason = "each test uses some of it")]

use std::fs;
use std::path::{Path, PathBuf};

use calotype_data::{DataError, Dataset, Options, Result, Values, open};
use image::{ImageFormat, RgbImage};
use tempfile::TempDir;

/// A folder that is gone after the test.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

pub fn open_path(path: &Path) -> Result<Dataset> {
    open(path.to_str().unwrap(), &Options::default())
}

pub fn fails(path: &Path) -> DataError {
    match open_path(path) {
        Ok(data) => panic!("{} opened: {}", path.display(), data.summary()),
        Err(e) => e,
    }
}

/// Continuous values, f32 or f64.
pub fn continuous(data: &Dataset) -> Vec<f64> {
    match data.values() {
        Values::Continuous(data) => data.iter().map(|&v| v.into()).collect(),
        Values::Double(data) => data.to_vec(),
        Values::Levels { .. } => panic!("levels"),
    }
}

/// All values, as f64.
pub fn values(data: &Dataset) -> Vec<f64> {
    (0..data.values().len()).map(|at| data.values().get(at)).collect()
}

/// One of the notes says this.
pub fn said(data: &Dataset, words: &str) {
    assert!(data.notes().iter().any(|note| note.contains(words)), "{words}: {:?}", data.notes());
}

pub fn with(path: &Path, options: &Options) -> Result<Dataset> {
    open(path.to_str().unwrap(), options)
}

/// 20 high, 40 wide, in colours.
pub fn picture() -> RgbImage {
    RgbImage::from_fn(40, 20, |x, y| image::Rgb([(6 * x) as u8, (12 * y) as u8, ((x * y) % 251) as u8]))
}

pub fn picture_bytes(format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    picture().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
