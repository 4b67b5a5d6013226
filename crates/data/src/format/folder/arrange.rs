//! Which class and which split each image of a tree belongs to, by the folders that it lies in.

use std::collections::BTreeSet;

use super::tree::Entry;
use crate::error::{DataError, Result};
use crate::natural::natural;
use crate::parts::{LeftOut, Part};

/// Images in the order of their rows: by split, class and name.
#[derive(Debug, Default)]
pub(super) struct Arranged {
    pub(super) files: Vec<Entry>,
    /// Of each; none where there are no class folders.
    pub(super) classes: Option<(Vec<u32>, Vec<String>)>,
    /// Of each; none where there are no folders of splits.
    pub(super) parts: Option<Vec<Part>>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) notes: Vec<String>,
}

/// Arranges images by their folders: folders `train`, `val` and `test` are splits, other folders classes, and what lies deeper belongs
/// to the class; folders that hold everything (`X/X/`) count for nothing.
///
/// Errors: images beside folders of images; folders that may be classes as well as splits.
pub(super) fn arrange(root: &str, images: Vec<Entry>) -> Result<Arranged> {
    let images = images.into_iter().map(Placed::new).collect();
    let images = without_wrapping(root, images);
    let mut arranged = Arranged::default();
    let splits = by_split(root, images, &mut arranged)?;
    let has_classes = splits.iter().any(|(part, images)| *part == Part::Train && images.iter().any(|i| i.depth() > 0));
    let mut rows: Vec<(Part, Option<String>, Entry)> = vec![];
    for (part, images) in splits {
        let (loose, in_folders): (Vec<Placed>, Vec<Placed>) = images.into_iter().partition(|i| i.depth() == 0);
        if has_classes && !loose.is_empty() {
            if part == Part::Train {
                let folders: BTreeSet<&str> = in_folders.iter().map(Placed::top).collect();
                let found = format!(
                    "{} images beside {} folders of images ({}, …)",
                    loose.len(),
                    folders.len(),
                    loose.first().map_or("", |i| i.file.name.as_str())
                );
                return Err(DataError::format(
                    root,
                    "images, or one folder a class: move them into a folder of their own",
                    found,
                ));
            }
            let names: Vec<String> = loose.into_iter().map(|i| i.file.name).collect();
            arranged.left_out.push(LeftOut::new(format!("images of `{}` without a class folder", part.name()), &names));
        } else {
            rows.extend(loose.into_iter().map(|i| (part, None, i.file)));
        }
        // Without classes to learn, folders of another split say nothing.
        rows.extend(in_folders.into_iter().map(|i| (part, has_classes.then(|| i.top().to_owned()), i.file)));
    }
    let names: BTreeSet<&str> = rows.iter().filter_map(|(_, class, _)| class.as_deref()).collect();
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.sort_by(|a, b| natural(a, b));
    let number = |class: &Option<String>| class.as_ref().and_then(|c| names.iter().position(|n| n == c)).unwrap_or(0) as u32;
    let mut rows: Vec<(Part, u32, Entry)> = rows.into_iter().map(|(part, class, file)| (part, number(&class), file)).collect();
    rows.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| a.2.name.cmp(&b.2.name)));
    arranged.parts = rows.iter().any(|(part, ..)| *part != Part::Train).then(|| rows.iter().map(|row| row.0).collect());
    arranged.classes = has_classes.then(|| (rows.iter().map(|row| row.1).collect(), names.clone()));
    arranged.files = rows.into_iter().map(|(.., file)| file).collect();
    Ok(arranged)
}

/// An image and those of its folders that may say something.
struct Placed {
    file: Entry,
    folders: Vec<String>,
}

impl Placed {
    fn new(file: Entry) -> Self {
        let mut folders: Vec<String> = file.name.split('/').map(str::to_owned).collect();
        folders.pop();
        Placed { file, folders }
    }

    fn depth(&self) -> usize {
        self.folders.len()
    }

    fn top(&self) -> &str {
        self.folders.first().map_or("", String::as_str)
    }
}

/// Without folders that hold everything, unless one is the only class or a split: `X/X/cats/1.png` in `X` is of class `cats`.
fn without_wrapping(root: &str, mut images: Vec<Placed>) -> Vec<Placed> {
    let stem = root.split('.').next().unwrap_or(root).to_owned();
    while let Some(top) = images.first().map(|i| i.top().to_owned()).filter(|top| !top.is_empty()) {
        let holds_all = images.iter().all(|i| i.top() == top);
        let deeper = images.iter().all(|i| i.depth() > 1);
        if !holds_all || (top != stem && (part_of(&top).is_some() || !deeper)) {
            break;
        }
        images.iter_mut().for_each(|i| drop(i.folders.remove(0)));
    }
    images
}

/// The images of each split. Without a `test` folder `val` is the test split.
///
/// Errors: `train` beside other folders of images, which may be a class; `val` and `test` without `train`.
fn by_split(root: &str, images: Vec<Placed>, arranged: &mut Arranged) -> Result<Vec<(Part, Vec<Placed>)>> {
    let named = |part: Part| images.iter().any(|i| part_of(i.top()) == Some(part));
    let (train, validation, test) = (named(Part::Train), named(Part::Validation), named(Part::Test));
    let others: BTreeSet<&str> = images.iter().map(Placed::top).filter(|top| !top.is_empty() && part_of(top).is_none()).collect();
    let has_others = images.iter().any(|i| part_of(i.top()).is_none());
    if train && !validation && !test && !others.is_empty() {
        let listed: Vec<&str> = others.iter().take(LeftOut::MOST_NAMED).copied().collect();
        let found = format!("a folder train beside {}", listed.join(", "));
        let expected =
            "folders of classes, or of splits: if train is a class, rename it; if it is a split, name the folder train itself";
        return Err(DataError::format(root, expected, found));
    }
    if !train && validation && test && !has_others {
        let expected = "a folder train beside val and test; to use one of them, name it";
        return Err(DataError::format(root, expected, "val and test alone"));
    }
    if !(train || ((validation || test) && has_others)) {
        if validation || test {
            arranged
                .notes
                .push("there is but one split: all of its rows are training rows; --set test_every=5 parts them".into());
        }
        let all = images.into_iter().map(|mut i| {
            if part_of(i.top()).is_some() {
                i.folders.remove(0);
            }
            i
        });
        return Ok(vec![(Part::Train, all.collect())]);
    }
    let mut splits: Vec<(Part, Vec<Placed>)> = [Part::Train, Part::Validation, Part::Test].map(|part| (part, vec![])).into();
    let mut beside = vec![];
    for mut image in images {
        let part = match part_of(image.top()) {
            Some(Part::Validation) if !test => Some(Part::Test),
            part => part,
        };
        match part {
            Some(part) => {
                image.folders.remove(0);
                splits[part as usize].1.push(image);
            }
            None if train => beside.push(image.file.name),
            None => splits[Part::Train as usize].1.push(image),
        }
    }
    arranged.left_out.push(LeftOut::new("images beside the folders of splits", &beside));
    if validation && !test {
        arranged.notes.push("its validation folder is the test split, for there is no test folder".into());
    }
    if !train {
        arranged.notes.push("the folders beside its test folder are the training split".into());
    }
    for (part, images) in &mut splits {
        unwrap_own(part.name(), images);
    }
    // What holds all of every split is no class.
    let every = || splits.iter().flat_map(|(_, images)| images);
    let top = every().next().map(|i| i.top().to_owned()).unwrap_or_default();
    if !top.is_empty() && every().all(|i| i.top() == top && i.depth() > 1) {
        splits.iter_mut().flat_map(|(_, images)| images).for_each(|i| drop(i.folders.remove(0)));
    }
    Ok(splits)
}

/// `train/train/cats`: a folder of a split that holds one of the same name alone.
fn unwrap_own(name: &str, images: &mut [Placed]) {
    while !images.is_empty() && images.iter().all(|i| i.top().eq_ignore_ascii_case(name)) {
        images.iter_mut().for_each(|i| drop(i.folders.remove(0)));
    }
}

/// Which split a folder's name says: of a folder of two data sets, `trainA` and `trainB` do, of which there is one.
pub(super) fn part_of(folder: &str) -> Option<Part> {
    let folder = match folder.strip_suffix(['A', 'B']) {
        Some(stem) if ["train", "val", "test"].contains(&stem) => stem,
        _ => folder,
    };
    match folder.to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Part::Train),
        "val" | "valid" | "validation" => Some(Part::Validation),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn arranged(root: &str, names: &[&str]) -> Arranged {
        arrange(root, names.iter().map(|name| Entry::file(Path::new(name), (*name).to_owned())).collect()).expect("it is sound")
    }

    /// Name, class and split of every row.
    fn rows(root: &str, names: &[&str]) -> Vec<(String, String, Part)> {
        let a = arranged(root, names);
        let class = |n: usize| a.classes.as_ref().map_or(String::new(), |(of_row, names)| names[of_row[n] as usize].clone());
        let part = |n: usize| a.parts.as_ref().map_or(Part::Train, |parts| parts[n]);
        a.files.iter().enumerate().map(|(n, f)| (f.name.clone(), class(n), part(n))).collect()
    }

    fn expect(root: &str, names: &[&str], wanted: &[(&str, &str, Part)]) {
        let wanted: Vec<_> = wanted.iter().map(|(n, c, p)| ((*n).to_owned(), (*c).to_owned(), *p)).collect();
        assert_eq!(rows(root, names), wanted, "{root}: {names:?}");
    }

    #[test]
    fn folders_are_classes_in_the_order_of_their_numbers() {
        use Part::Train;
        expect("d", &["b.png", "a.png"], &[("a.png", "", Train), ("b.png", "", Train)]);
        expect(
            "d",
            &["10/a.png", "2/b.png", "1/x/y/c.png"],
            &[("1/x/y/c.png", "1", Train), ("2/b.png", "2", Train), ("10/a.png", "10", Train)],
        );
        // One class, a nested name, one folder around all.
        expect("d", &["cats/a.png"], &[("cats/a.png", "cats", Train)]);
        expect("d.zip", &["d/a.png"], &[("d/a.png", "", Train)]);
        expect(
            "d",
            &["d/d/cats/a.png", "d/d/dogs/b.png"],
            &[("d/d/cats/a.png", "cats", Train), ("d/d/dogs/b.png", "dogs", Train)],
        );
        expect(
            "d",
            &["raw/cats/a.png", "raw/dogs/b.png"],
            &[("raw/cats/a.png", "cats", Train), ("raw/dogs/b.png", "dogs", Train)],
        );
    }

    #[test]
    fn folders_of_splits_are_no_classes() {
        use Part::{Test, Train, Validation};
        expect(
            "d",
            &["test/cats/a.png", "train/cats/b.png", "train/dogs/c.png", "valid/dogs/d.png"],
            &[
                ("train/cats/b.png", "cats", Train),
                ("train/dogs/c.png", "dogs", Train),
                ("valid/dogs/d.png", "dogs", Validation),
                ("test/cats/a.png", "cats", Test),
            ],
        );
        expect("d", &["train/a.png", "val/b.png"], &[("train/a.png", "", Train), ("val/b.png", "", Test)]);
        expect("d", &["test/a.png"], &[("test/a.png", "", Train)]);
        expect(
            "d",
            &["cats/a.png", "dogs/b.png", "test/cats/c.png"],
            &[("cats/a.png", "cats", Train), ("dogs/b.png", "dogs", Train), ("test/cats/c.png", "cats", Test)],
        );
        let kaggle = ["train/train/cats/a.png", "train/train/dogs/b.png", "test/1.png", "sample.png"];
        expect("d", &kaggle, &[("train/train/cats/a.png", "cats", Train), ("train/train/dogs/b.png", "dogs", Train)]);
        let left_out: Vec<String> = arranged("d", &kaggle).left_out.iter().filter(|l| l.n > 0).map(ToString::to_string).collect();
        assert_eq!(
            left_out,
            ["1 images beside the folders of splits: sample.png", "1 images of `test` without a class folder: test/1.png"]
        );
    }

    #[test]
    fn a_class_is_no_wrapping_of_one_split_alone() {
        use Part::{Test, Train};
        expect(
            "d",
            &["train/cats/1.png", "train/dogs/2.png", "test/cats/a/3.png"],
            &[("train/cats/1.png", "cats", Train), ("train/dogs/2.png", "dogs", Train), ("test/cats/a/3.png", "cats", Test)],
        );
        expect(
            "d",
            &["train/x/cats/1.png", "test/x/cats/2.png"],
            &[("train/x/cats/1.png", "cats", Train), ("test/x/cats/2.png", "cats", Test)],
        );
        let fails = |names: &[&str]| {
            let files = names.iter().map(|name| Entry::file(Path::new(name), (*name).to_owned())).collect();
            arrange("d", files).expect_err("it is unclear").to_string()
        };
        assert!(fails(&["car/1.png", "plane/2.png", "train/3.png"]).contains("a folder train beside car, plane"));
        assert!(fails(&["val/1.png", "test/2.png"]).contains("val and test alone"));
    }

    #[test]
    fn images_beside_classes_are_an_error() {
        let files = ["a.png", "cats/b.png"].map(|name| Entry::file(Path::new(name), name.to_owned()));
        let message = arrange("d", files.to_vec()).expect_err("no class").to_string();
        assert!(message.contains("1 images beside 1 folders of images (a.png"), "{message}");
    }
}
