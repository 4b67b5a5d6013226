//! Inputs as they are damaged: files, some of which are packed. Damage is done to what is inside, which is packed again, or to
//! the packed bytes themselves.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::mutate::{Random, damage};

/// The files of a case, by their paths below its folder.
pub type Files = BTreeMap<String, Content>;

#[derive(Clone, Debug)]
pub enum Content {
    Plain(Vec<u8>),
    Gz(Box<Content>),
    /// Deflated, or stored.
    Zip(Vec<(String, Content)>, bool),
    Tar(Vec<(String, Content)>),
    /// Its checksums are those of the damaged chunks.
    Png(Vec<u8>),
    /// A header as text, with its length before it, and what follows.
    Safetensors(Box<Content>, Box<Content>),
}

impl Content {
    pub fn plain(bytes: impl AsRef<[u8]>) -> Self {
        Content::Plain(bytes.as_ref().to_vec())
    }

    pub fn gz(bytes: impl AsRef<[u8]>) -> Self {
        Content::Gz(Box::new(Content::plain(bytes)))
    }

    /// A safetensors file, taken apart.
    pub fn safetensors(bytes: &[u8]) -> Self {
        let n = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let (header, data) = bytes[8..].split_at(n);
        Content::Safetensors(Box::new(Content::plain(header)), Box::new(Content::plain(data)))
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Content::Plain(bytes) => bytes.clone(),
            Content::Gz(inside) => {
                let mut packed = GzEncoder::new(vec![], Compression::fast());
                packed.write_all(&inside.bytes()).expect("in memory");
                packed.finish().expect("in memory")
            }
            Content::Zip(files, deflated) => zipped(files, *deflated),
            Content::Tar(files) => tarred(files),
            Content::Png(bytes) => with_checksums(bytes.clone()),
            Content::Safetensors(header, data) => {
                let header = header.bytes();
                [(header.len() as u64).to_le_bytes().as_slice(), &header, &data.bytes()].concat()
            }
        }
    }

    fn damage(&mut self, random: &mut Random) {
        // The package itself.
        if !matches!(self, Content::Plain(_)) && random.one_in(3) {
            *self = Content::Plain(self.bytes());
        }
        match self {
            Content::Plain(bytes) | Content::Png(bytes) => damage(bytes, random),
            Content::Gz(inside) => inside.damage(random),
            Content::Zip(files, _) | Content::Tar(files) => {
                let at = random.below(files.len());
                if random.one_in(8) {
                    // Entries of strange names, or of one name.
                    let mut name = files[at].0.clone().into_bytes();
                    damage(&mut name, random);
                    name.truncate(200);
                    files[at].0 = String::from_utf8_lossy(&name).into_owned();
                } else {
                    files[at].1.damage(random);
                }
            }
            Content::Safetensors(header, data) => if random.one_in(4) { data } else { header }.damage(random),
        }
    }
}

/// Damages a case in one to four ways.
pub fn damaged(seed: &Files, random: &mut Random) -> Files {
    let mut files = seed.clone();
    for _ in 0..1 + random.below(4) {
        let names: Vec<String> = files.keys().cloned().collect();
        let name = random.of(&names).clone();
        match files.get_mut(&name) {
            // A file is missing, but for the last one.
            Some(_) if names.len() > 1 && random.one_in(40) => drop(files.remove(&name)),
            Some(content) => content.damage(random),
            None => {}
        }
    }
    files
}

/// Writes a case into an empty folder; how many bytes there are.
pub fn put(files: &Files, folder: &Path) -> usize {
    let mut n_bytes = 0;
    for (name, content) in files {
        let (path, bytes) = (folder.join(name), content.bytes());
        fs::create_dir_all(path.parent().expect("below a folder")).expect("a folder");
        fs::write(&path, &bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        n_bytes += bytes.len();
    }
    n_bytes
}

fn zipped(files: &[(String, Content)], deflated: bool) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    for (name, content) in files {
        // Two of one name are refused here, and left out.
        if zip.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).is_ok() {
            zip.write_all(&content.bytes()).expect("in memory");
        }
    }
    zip.finish().expect("in memory").into_inner()
}

fn tarred(files: &[(String, Content)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    for (name, content) in files {
        let bytes = content.bytes();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // A name that a tar cannot have is left out.
        let _ = tar.append_data(&mut header, name, bytes.as_slice());
    }
    tar.into_inner().expect("in memory")
}

/// A PNG whose chunks have the checksums of what is in them, as far as they are chunks.
fn with_checksums(mut png: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let n = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let end = at.saturating_add(8).saturating_add(n);
        if end.saturating_add(4) > png.len() {
            break;
        }
        let mut crc = flate2::Crc::new();
        crc.update(&png[at + 4..end]);
        png[end..end + 4].copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
    png
}
