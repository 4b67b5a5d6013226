//! Official files from the network: length and SHA-256 known beforehand, downloads that resume.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::bundled::fashion_mnist_test_file;
use crate::cache::cache_folder;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::format::{Source, idx};
use crate::hex::hex;
use crate::options::Options;

/// The only set that is fetched, by its name.
pub(crate) const FASHION_60K: &str = "fashion-mnist-60k";

/// One official file.
struct Official {
    file: &'static str,
    n_bytes: u64,
    sha256: &'static str,
}

const FASHION_URL: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com";
const FASHION_TRAIN: [Official; 2] = [
    Official {
        file: "train-images-idx3-ubyte.gz",
        n_bytes: 26_421_856,
        sha256: "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    },
    Official {
        file: "train-labels-idx1-ubyte.gz",
        n_bytes: 29_491,
        sha256: "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    },
];

/// Downloads what `name` needs and is not there yet; returns its folder. `progress` gets a file's name, the bytes present and the bytes
/// of all of it. An interrupted download is continued by the next call.
///
/// Errors: data that are not fetched; what the network says; another length or SHA-256 than the official file's.
pub fn fetch(name: &str, options: &Options, progress: &mut dyn FnMut(&str, u64, u64)) -> Result<PathBuf> {
    if name != FASHION_60K {
        return Err(DataError::NotFetchable { name: name.to_owned(), valid: FASHION_60K.into() });
    }
    let folder = cache_folder(options)?.join(FASHION_60K);
    fs::create_dir_all(&folder).map_err(|e| DataError::io(&folder, e))?;
    for official in &FASHION_TRAIN {
        download(FASHION_URL, official, &folder, progress)?;
    }
    Ok(folder)
}

/// The official 60,000 training images, fetched before, and the bundled 10,000 test images.
pub(crate) fn fashion_mnist_60k(options: &Options) -> Result<Dataset> {
    let cache = cache_folder(options)?.join(FASHION_60K);
    let [images, labels] = FASHION_TRAIN.each_ref().map(|official| cache.join(official.file));
    if !images.is_file() || !labels.is_file() {
        return Err(DataError::NotFetched { name: FASHION_60K.into(), cache });
    }
    let file = |path: &Path| Source::file(path, options.max_bytes);
    let (train, test) = ([file(&images)?, file(&labels)?], fashion_mnist_test_file(FASHION_60K, options));
    idx::pairs(FASHION_60K, train, Some(test), Some(&crate::bundled::GARMENTS), &Options::default())
}

/// Brings one file into `folder`, by way of `FILE.part`.
fn download(base_url: &str, official: &Official, folder: &Path, progress: &mut dyn FnMut(&str, u64, u64)) -> Result<()> {
    let (path, part) = (folder.join(official.file), folder.join(format!("{}.part", official.file)));
    if path.is_file() {
        return check_hash(&path, official);
    }
    let have = fs::metadata(&part).map(|m| m.len()).unwrap_or(0);
    if have < official.n_bytes {
        receive(&format!("{base_url}/{}", official.file), official, &part, have, progress)?;
    }
    if let Err(e) = check_hash(&part, official) {
        fs::remove_file(&part).map_err(|e| DataError::io(&part, e))?;
        return Err(e);
    }
    fs::rename(&part, &path).map_err(|e| DataError::io(&path, e))
}

/// Appends to `part` what it lacks; starts over where the server does not continue.
fn receive(url: &str, official: &Official, part: &Path, have: u64, progress: &mut dyn FnMut(&str, u64, u64)) -> Result<()> {
    let failed = |reason: String| DataError::Fetch { url: url.to_owned(), reason };
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .build();
    let request = ureq::Agent::new_with_config(config).get(url).header("Accept-Encoding", "identity");
    let request = if have > 0 { request.header("Range", format!("bytes={have}-")) } else { request };
    let response = request.call().map_err(|e| failed(e.to_string()))?;
    let range = response.headers().get("content-range").and_then(|v| v.to_str().ok());
    let continues = response.status() == 206 && range.is_some_and(|r| r.starts_with(&format!("bytes {have}-")));
    let mut have = if continues { have } else { 0 };
    let mut file = OpenOptions::new().create(true).write(true).append(continues).truncate(!continues).open(part);
    let file = file.as_mut().map_err(|e| DataError::io(part, io::Error::from(e.kind())))?;
    let mut body = response.into_body().into_reader().take(official.n_bytes - have + 1);
    let mut chunk = vec![0; 1 << 16];
    loop {
        let n = body.read(&mut chunk).map_err(|e| failed(format!("{e}; run it again to continue")))?;
        if n == 0 {
            break;
        }
        file.write_all(&chunk[..n]).map_err(|e| DataError::io(part, e))?;
        have += n as u64;
        progress(official.file, have, official.n_bytes);
    }
    match have == official.n_bytes {
        true => Ok(()),
        false if have < official.n_bytes => {
            Err(failed(format!("ended after {have} of {} bytes; run it again to continue", official.n_bytes)))
        }
        false => {
            fs::remove_file(part).map_err(|e| DataError::io(part, e))?;
            Err(failed(format!("sent more than the official {} bytes", official.n_bytes)))
        }
    }
}

fn check_hash(path: &Path, official: &Official) -> Result<()> {
    let wrap = |e| DataError::io(path, e);
    let mut file = File::open(path).map_err(wrap)?;
    let mut sha = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut chunk).map_err(wrap)?;
        if n == 0 {
            break;
        }
        sha.update(&chunk[..n]);
    }
    let (found, expected) = (hex(&sha.finalize()), official.sha256.to_owned());
    let origin = path.display().to_string();
    if found == expected { Ok(()) } else { Err(DataError::Hash { origin, expected, found }) }
}

#[cfg(test)]
mod tests;
