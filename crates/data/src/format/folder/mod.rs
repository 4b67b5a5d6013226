//! Images of a folder or an archive, decoded in parallel: as they are, or their middle squares resized. Folders are classes and splits.

mod arrange;
mod cache;
pub(crate) mod domains;
mod facts;
mod read;
mod rows;
mod survey;
pub(super) mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrange::{Arranged, arrange};
pub use cache::without_cache;
use facts::{Facts, Rows};
pub(crate) use rows::luma;
pub(super) use survey::survey;
use tree::{Entry, Tree};

use super::captions;
use super::source::name_of;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::LeftOut;

pub(super) const EXTENSIONS: [&str; 10] = ["png", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "tif", "tiff"];
/// Names of archives that are looked into.
pub(super) const ARCHIVES: [&str; 4] = [".zip", ".tar", ".tar.gz", ".tgz"];
/// Endings of data that are not images: what a folder without images may hold instead.
const OTHER_DATA: [&str; 4] = ["npy", "npz", "csv", "tsv"];
/// Endings of images that are not read.
pub(super) const UNREAD: [&str; 4] = ["heic", "heif", "avif", "jxl"];

/// Opens a folder, a zip or a tar as images [H, W, C] of 256 levels, by split, class and name. H = W = `options.size` if there is one. If
/// there is none, images that all have one size, of at most 256 a side, keep it; others become 64x64, and a note says so. C is
/// `options.channels`; without it 1 if all images are grey, else 3. Images of 16 bits make all of them f32 in 0..1.
///
/// Errors: no image in it; images that cannot be decoded, by path, unless `options.broken` leaves them out; images beside class folders;
/// more bytes in all than `options.max_bytes`.
pub(super) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let (tree, arranged) = look(path, options)?;
    let read = read::all(&name_of(path), &tree, &arranged.files, options)?;
    finish(path, arranged, read)
}

/// The error that a folder holds two data sets, of which one is to be named.
pub(super) fn two(path: &Path) -> DataError {
    let name = path.display();
    let expected = format!("one data set: {name}:A or {name}:B, or a model that learns from both, such as cyclegan");
    DataError::format(name.to_string(), expected, "trainA and trainB")
}

/// What is in a folder or an archive, and how its images are rows.
fn look(path: &Path, options: &Options) -> Result<(Tree, Arranged)> {
    let tree = tree_of(path, options)?;
    let images: Vec<Entry> = tree.files.iter().filter(|f| is_image(f)).cloned().collect();
    if images.is_empty() {
        return Err(nothing(path, &tree));
    }
    let bare = without_images(&tree, &images);
    let stems = captions::stems(&images);
    let is_caption = |file: &Entry| options.captions && captions::is_caption_file(file, &stems);
    let is_other = |file: &&Entry| !is_image(file) && !file.is_dangling() && !is_caption(file);
    let others: Vec<String> = tree.files.iter().filter(is_other).map(|f| f.name.clone()).collect();
    let is_lost = |file: &&Entry| !is_image(file) && file.is_dangling();
    let lost: Vec<String> = tree.files.iter().filter(is_lost).map(|f| f.name.clone()).collect();
    let of_others = format!("files that are no images ({})", tree.kinds(|f| is_other(&f)));
    let mut arranged = arrange(&name_of(path), images)?;
    arranged.left_out.extend([
        LeftOut::new("hidden files and folders", &tree.hidden),
        LeftOut::new("folders without images", &bare),
        LeftOut::new("links whose target is missing", &lost),
        LeftOut::new("links to what is read anyway, or links of an archive", &tree.links),
        LeftOut::new(of_others, &others),
    ]);
    Ok((tree, arranged))
}

/// Everything in a folder, in one of two domains of a folder, or in an archive.
pub(super) fn tree_of(path: &Path, options: &Options) -> Result<Tree> {
    match domains::member(path) {
        Some((folder, side)) => {
            let mut tree = Tree::of_folder(&folder)?;
            tree.files.retain(|file| domains::part_of(file, side).is_some());
            Ok(tree)
        }
        None if path.is_dir() => Tree::of_folder(path),
        None => Tree::of_archive(path, options),
    }
}

/// The topmost folders that hold no image, at any depth.
fn without_images(tree: &Tree, images: &[Entry]) -> Vec<String> {
    let ancestors = |name: &str| name.match_indices('/').map(|(at, _)| name[..at].to_owned()).collect::<Vec<_>>();
    let with: BTreeSet<String> = images.iter().flat_map(|file| ancestors(&file.name)).collect();
    let others = tree.files.iter().filter(|f| !is_image(f)).map(|f| f.name.clone());
    let empty = tree.empty.iter().map(|folder| format!("{folder}/"));
    let topmost = others.chain(empty).filter_map(|name| ancestors(&name).into_iter().find(|folder| !with.contains(folder)));
    topmost.collect::<BTreeSet<String>>().into_iter().collect()
}

/// The names of all images below a folder, in order. Errors: there are none.
pub(crate) fn images_below(folder: &Path) -> Result<Vec<String>> {
    let tree = Tree::of_folder(folder)?;
    let names: Vec<String> = tree.files.iter().filter(|file| is_image(file)).map(|file| file.name.clone()).collect();
    if names.is_empty() { Err(nothing(folder, &tree)) } else { Ok(names) }
}

/// The error that there is no image: says what was found, and what would be right.
fn nothing(path: &Path, tree: &Tree) -> DataError {
    let found = match tree.kinds(|_| true) {
        kinds if kinds.is_empty() => "nothing".to_owned(),
        kinds => kinds,
    };
    let data = tree.files.iter().find(|f| OTHER_DATA.contains(&f.extension().as_str()));
    let archive = tree.files.iter().find(|f| is_archive(Path::new(&f.name)));
    let hint = match (data.or(archive), path.is_dir()) {
        (Some(file), true) => format!("; to use a file of it, give its path: {}", path.join(&file.name).display()),
        (Some(file), false) => format!("; unpack it, and name a file of it, such as {}", file.name),
        (None, _) if tree.files.iter().any(|f| UNREAD.contains(&f.extension().as_str())) => {
            "; HEIC, AVIF and JPEG XL are not read: save them as JPEG or PNG".to_owned()
        }
        (None, _) => String::new(),
    };
    let hidden = match tree.hidden.len() {
        0 => String::new(),
        n => format!(" and {n} hidden"),
    };
    let expected = format!("images ({})", EXTENSIONS.join(", "));
    DataError::format(path.display().to_string(), expected, format!("{found}{hidden}{hint}"))
}

/// Decodes `files`, in order, as [`open`] does.
pub(super) fn load(name: &str, files: &[PathBuf], options: &Options) -> Result<Dataset> {
    let entries: Vec<Entry> = files.iter().map(|path| Entry::file(path, path.display().to_string())).collect();
    let read = read::all(name, &Tree::of_files(vec![]), &entries, options)?;
    finish(Path::new(name), Arranged { files: entries, ..Arranged::default() }, read)
}

/// Rows with what is known of each.
fn finish(path: &Path, arranged: Arranged, (facts, rows): (Facts, Rows)) -> Result<Dataset> {
    let (kept, range) = (|n: &u32| *n as usize, facts.range());
    let files = facts.kept.iter().map(|n| arranged.files[kept(n)].name.clone()).collect();
    let mut dataset = Dataset::new(name_of(path), &facts.shape, rows.into_values())?.with_files(files)?;
    if let Some((of_row, names)) = arranged.classes {
        let labels = facts.kept.iter().map(|n| of_row[kept(n)]).collect();
        dataset = dataset.with_labels(labels, names, &path.display().to_string())?;
    }
    if let Some(parts) = arranged.parts {
        dataset = dataset.with_parts(facts.kept.iter().map(|n| parts[kept(n)]).collect())?;
    }
    let notes = arranged.notes.into_iter().chain(facts.notes());
    let dataset = dataset.with_range(range);
    Ok(notes.fold(dataset, Dataset::with_note).with_left_out(arranged.left_out).with_left_out(facts.broken()))
}

/// Whether a file is a picture, by its name.
pub fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    path.is_file() && extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

pub(super) fn is_image(file: &Entry) -> bool {
    EXTENSIONS.contains(&file.extension().as_str())
}

/// Whether a file is an archive, by its name.
pub(super) fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ARCHIVES.iter().any(|ending| name.ends_with(ending))
}
