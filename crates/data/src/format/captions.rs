//! Captions of a folder or an archive of images: a table `captions.csv` of their names and captions, several a name where there are
//! several; or a text file beside each image, of its name but for the ending, with a caption a line.

use std::collections::{HashMap, HashSet};

use super::folder::is_image;
use super::folder::tree::{Entry, Tree};
use super::table::decode_text;
use crate::captions::Captions;
use crate::error::{DataError, Result};
use crate::parts::LeftOut;

/// The table, without its ending, and the endings that it may have, with what separates the fields.
const STEM: &str = "captions";
const ENDINGS: [(&str, u8); 2] = [("csv", b','), ("tsv", b'\t')];
/// What its columns may be called, in small letters; others are not read.
const FILE: [&str; 4] = ["file", "file_name", "filename", "image"];
const CAPTION: [&str; 3] = ["caption", "captions", "text"];
/// What a text file beside an image ends in.
const TEXT: &str = "txt";

const MOST_BYTES: u64 = 1 << 30;

/// What separates the fields of a file that is such a table; none of another.
pub(super) fn separator(file_name: &str) -> Option<u8> {
    let name = file_name.to_ascii_lowercase();
    let (stem, ending) = name.rsplit_once('.')?;
    ENDINGS.iter().find(|(known, _)| stem == STEM && ending == *known).map(|(_, separator)| *separator)
}

/// What is said of images, which are rows in this order, by the names that they have in the tree. None where there are no captions.
///
/// Errors: no UTF-8; a table without one of the columns, with lines of unequal length, or that names an image which is not there, or
/// which several are called.
pub(super) fn of(tree: &Tree, images: &[String]) -> Result<Option<Captions>> {
    let tables: Vec<(&Entry, u8)> = tree.files.iter().filter_map(|file| Some((file, separator(file.file_name())?))).collect();
    match tables.as_slice() {
        [] => beside(tree, images),
        [(table, separator)] => of_table(tree, table, *separator, images).map(Some),
        [(a, _), (b, _), ..] => Err(DataError::format(&a.name, "one table of captions", format!("{} too", b.name))),
    }
}

/// Whether a file holds all captions, or those of an image whose name is among `images`, without its ending.
pub(super) fn is_caption_file(file: &Entry, images: &HashSet<&str>) -> bool {
    separator(file.file_name()).is_some() || (file.extension() == TEXT && images.contains(stem(&file.name)))
}

/// The names of images without their endings.
pub(super) fn stems<'a>(images: impl IntoIterator<Item = &'a Entry>) -> HashSet<&'a str> {
    images.into_iter().map(|image| stem(&image.name)).collect()
}

/// A name without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn text_of(tree: &Tree, file: &Entry) -> Result<String> {
    let text = decode_text(&file.name, tree.read(file, MOST_BYTES)?)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn beside(tree: &Tree, images: &[String]) -> Result<Option<Captions>> {
    let texts = tree.files.iter().filter(|file| file.extension() == TEXT).map(|file| (stem(&file.name), file));
    let texts: HashMap<&str, &Entry> = texts.collect();
    if !images.iter().any(|image| texts.contains_key(stem(image))) {
        return Ok(None);
    }
    let lines = |image: &String| match texts.get(stem(image)) {
        Some(file) => Ok(text_of(tree, file)?.lines().map(str::to_owned).collect()),
        None => Ok(vec![]),
    };
    Ok(Some(Captions::new(images.iter().map(lines).collect::<Result<Vec<Vec<String>>>>()?)))
}

fn of_table(tree: &Tree, table: &Entry, separator: u8, images: &[String]) -> Result<Captions> {
    let text = text_of(tree, table)?;
    let origin = &table.name;
    let unreadable = |e: csv::Error| {
        let line = e.position().map_or_else(String::new, |at| format!("line {}: ", at.line()));
        let found = match e.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{line}{len} fields, and the first line has {expected_len}; a caption with commas goes between quotes")
            }
            _ => format!("{line}{e}"),
        };
        DataError::format(origin, "a table of captions", found)
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_lowercase).collect();
    let column = |names: &[&str]| {
        header.iter().position(|name| names.contains(&name.as_str())).ok_or_else(|| {
            let expected = format!("a first line with the columns {} and {}", FILE[0], CAPTION[0]);
            DataError::format(origin, expected, format!("no `{}`: {}", names[0], header.join(", ")))
        })
    };
    let (file, caption) = (column(&FILE)?, column(&CAPTION)?);
    let names = Names::new(tree);
    let of_image: HashMap<&str, usize> = images.iter().enumerate().map(|(n, name)| (name.as_str(), n)).collect();
    let mut all: Vec<Vec<String>> = vec![vec![]; images.len()];
    let mut missing = vec![];
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let (wanted, caption) = (&record[file], &record[caption]);
        match names.find(wanted).as_slice() {
            [] => missing.push(wanted.to_owned()),
            [one] => {
                // What could not be decoded, and is left out, has no row.
                if let Some(&row) = of_image.get(one) {
                    all[row].push(caption.to_owned());
                }
            }
            [a, b, ..] => {
                let line = record.position().map_or(0, csv::Position::line);
                let found = format!("`{wanted}` on line {line}, which may be {a} or {b}; write its path below the folder");
                return Err(DataError::format(origin, "names of one image each", found));
            }
        }
    }
    missing.dedup();
    match missing.is_empty() {
        true => Ok(Captions::new(all)),
        false => {
            let found = format!("{}; mend the names or remove these lines", LeftOut::new("that are not there", &missing));
            Err(DataError::format(origin, "names of images of the folder", found))
        }
    }
}

/// Images by the last part of their names, in small letters.
struct Names<'a>(HashMap<String, Vec<&'a str>>);

impl<'a> Names<'a> {
    fn new(tree: &'a Tree) -> Self {
        let mut names: HashMap<String, Vec<&str>> = HashMap::new();
        for file in tree.files.iter().filter(|file| is_image(file)) {
            names.entry(file.file_name().to_lowercase()).or_default().push(&file.name);
        }
        Names(names)
    }

    /// The image of that name or path, or those whose paths end so; capital letters do not matter unless they tell images apart.
    fn find(&self, wanted: &str) -> Vec<&'a str> {
        let wanted = wanted.replace('\\', "/");
        let wanted = wanted.strip_prefix("./").unwrap_or(&wanted);
        let last = wanted.rsplit('/').next().unwrap_or_default().to_lowercase();
        let of_name = self.0.get(&last).map_or(&[][..], Vec::as_slice);
        if let Some(exact) = of_name.iter().find(|name| **name == wanted) {
            return vec![exact];
        }
        let ends =
            |name: &str, wanted: &str| name.strip_suffix(wanted).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        let same: Vec<&str> = of_name.iter().copied().filter(|name| ends(name, wanted)).collect();
        match same.is_empty() {
            false => same,
            true => {
                let wanted = wanted.to_lowercase();
                of_name.iter().copied().filter(|name| ends(&name.to_lowercase(), &wanted)).collect()
            }
        }
    }
}
