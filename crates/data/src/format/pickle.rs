//! Python's pickles, which are never read: reading one runs what it says. They are told apart, with the way out.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::DataError;

/// Files of CIFAR's Python versions, the folders that their archives unpack to, and what is to be fetched instead.
const CIFAR: [(&[&str], &str, &str, &str); 2] = [
    (
        &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch", "batches.meta"],
        "cifar-10-batches-py",
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
    ),
    (
        &["train", "test", "meta"],
        "cifar-100-python",
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        "cifar-100-binary",
    ),
];

/// Whether a file is a pickle: protocol 2 to 5, and `.` at its end.
fn is_pickle(path: &Path) -> bool {
    let ends = || -> std::io::Result<([u8; 2], [u8; 1])> {
        let (mut file, mut first, mut last) = (File::open(path)?, [0; 2], [0; 1]);
        file.read_exact(&mut first)?;
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok((first, last))
    };
    matches!(ends(), Ok(([0x80, 2..=5], [b'.'])))
}

/// The error that a file is a pickle, or a tensor file, which holds one; none if it is not.
pub(super) fn refused_file(path: &Path) -> Option<DataError> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let origin = path.display().to_string();
    match extension.as_str() {
        "pt" | "pth" => {
            let found = "PyTorch's format, which holds a pickle; in Python: numpy.save('data.npy', torch.load(PATH).numpy())";
            Some(DataError::format(origin, "an array", found))
        }
        "pkl" | "pickle" => Some(pickled(origin)),
        _ if !is_pickle(path) => None,
        _ => {
            let name = path.file_name().unwrap_or_default();
            let known = CIFAR.iter().find(|(files, ..)| files.iter().any(|&file| file == name));
            Some(match known {
                Some(&(_, _, url, folder)) => of_cifar(origin, url, folder),
                None => pickled(origin),
            })
        }
    }
}

/// The error that a folder holds CIFAR's pickles, itself or in the folder of an official archive; none if it does not.
pub(super) fn refused_folder(folder: &Path) -> Option<DataError> {
    CIFAR.iter().find_map(|&(files, archive, url, instead)| {
        let holds = |folder: &Path| is_pickle(&folder.join(files[0])) && is_pickle(&folder.join(files[1]));
        let found = [folder.to_owned(), folder.join(archive)].into_iter().find(|folder| holds(folder))?;
        Some(of_cifar(found.display().to_string(), url, instead))
    })
}

fn of_cifar(origin: String, url: &str, folder: &str) -> DataError {
    let found = format!("its Python version, which is pickled; fetch {url}, unpack it and give its folder {folder}");
    DataError::format(origin, "CIFAR's binary version", found)
}

fn pickled(origin: String) -> DataError {
    let found = "a Python pickle; in Python: numpy.save('data.npy', numpy.asarray(pickle.load(open(PATH, 'rb'))))";
    DataError::format(origin, "an array", found)
}
