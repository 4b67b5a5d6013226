//! Captions of images: a table of them, or a text file beside each.

mod common;

use std::path::Path;

use calotype_data::{DataError, Dataset, Options, Result};
use common::{Folder, open_path, with};
use image::{Rgb, RgbImage};

fn picture(folder: &Folder, name: &str, level: u8) {
    let path = folder.write(name, []);
    RgbImage::from_pixel(3, 3, Rgb([level; 3])).save(&path).unwrap();
}

fn captioned(path: &Path) -> Result<Dataset> {
    with(path, &Options { captions: true, ..Options::default() })
}

/// The captions of each row, with the name of its file.
fn said(data: &Dataset) -> Vec<(String, Vec<String>)> {
    let of = |row: usize| data.captions().unwrap().of(row as u32).map(str::to_owned).collect();
    data.files().unwrap().iter().enumerate().map(|(row, file)| (file.clone(), of(row))).collect()
}

fn expect(data: &Dataset, wanted: &[(&str, &[&str])]) {
    let wanted: Vec<_> = wanted.iter().map(|(f, c)| ((*f).to_owned(), c.iter().map(|&c| c.to_owned()).collect())).collect();
    assert_eq!(said(data), wanted);
}

fn two() -> Folder {
    let folder = Folder::new();
    picture(&folder, "a.png", 10);
    picture(&folder, "b.png", 20);
    folder
}

#[test]
fn a_table_of_captions_may_have_several_an_image() {
    let folder = two();
    let text = "\u{feff}File, split ,Caption\nb.png,x,\"a dog, running\"\na.png,x,Une église\n./a.png,x,  a church \nA.PNG,x,\n";
    folder.write("captions.csv", text);
    expect(&captioned(folder.0.path()).unwrap(), &[("a.png", &["Une église", "a church"]), ("b.png", &["a dog, running"])]);
    assert!(open_path(folder.0.path()).unwrap().captions().is_none(), "only where they are asked for");
    folder.write("captions.tsv", "image\ttext\n");
    assert!(captioned(folder.0.path()).unwrap_err().to_string().contains("captions.tsv too"));
}

/// Classes and splits stay what they are.
#[test]
fn captions_are_of_images_wherever_they_lie() {
    let folder = Folder::new();
    for name in ["train/cats/1.png", "train/dogs/1.png", "test/cats/2.png"] {
        picture(&folder, name, 9);
    }
    folder.write("captions.csv", "file_name,text\ncats/1.png,a cat\ntrain\\dogs\\1.png,a dog\n2.png,a test cat\n");
    let data = captioned(folder.0.path()).unwrap();
    expect(&data, &[("train/cats/1.png", &["a cat"]), ("train/dogs/1.png", &["a dog"]), ("test/cats/2.png", &["a test cat"])]);
    assert!(data.has_splits() && data.class_names() == ["cats", "dogs"]);
    assert!(data.left_out().is_empty(), "{:?}", data.left_out());
    folder.write("captions.csv", "file,caption\n1.png,which?\n");
    let message = captioned(folder.0.path()).unwrap_err().to_string();
    assert!(message.contains("`1.png` on line 2, which may be train/cats/1.png or train/dogs/1.png"), "{message}");
}

#[test]
fn a_text_file_beside_an_image_has_a_caption_a_line() {
    let folder = two();
    folder.write("a.txt", "first\r\n\nsecond\n");
    folder.write("notes.txt", "of nothing");
    let data = captioned(folder.0.path()).unwrap();
    expect(&data, &[("a.png", &["first", "second"]), ("b.png", &[])]);
    let left_out: Vec<String> = data.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(left_out, ["1 files that are no images (1 .txt): notes.txt"]);
    folder.write("a.txt", [0xe9, b'a']);
    let message = captioned(folder.0.path()).unwrap_err().to_string();
    assert!(message.contains("a.txt") && message.contains("UTF-8"), "{message}");
    assert!(open_path(folder.0.path()).is_ok(), "whoever asks for no captions does not read them");
}

#[test]
fn faults_of_a_table_say_what_to_do() {
    let folder = two();
    let message = |text: &[u8]| {
        folder.write("captions.csv", text);
        captioned(folder.0.path()).map(|data| said(&data)).unwrap_err().to_string()
    };
    for (text, wanted) in [
        ("file,title\na.png,x\n", "a first line with the columns file and caption, found no `caption`: file, title"),
        ("name,caption\na.png,x\n", "no `file`: name, caption"),
        ("", "no `file`"),
        ("file,caption\nc.png,x\nd.png,y\n", "2 that are not there: c.png, d.png; mend the names or remove these lines"),
        (
            "file,caption\na.png,a dog, running\n",
            "line 2: 3 fields, and the first line has 2; a caption with commas goes between quotes",
        ),
    ] {
        let message = message(text.as_bytes());
        assert!(message.contains("captions.csv") && message.contains(wanted), "{text}: {message}");
    }
    let message = message(b"file,caption\na.png,caf\xe9\n");
    assert!(message.contains("line 2") && message.contains("UTF-8"), "{message}");
}

#[test]
fn a_summary_counts_them() {
    let folder = two();
    folder.write("captions.csv", "file,caption\na.png,one\na.png,two\na.png,one\n");
    let summary = captioned(folder.0.path()).unwrap().summary().to_string();
    assert!(summary.contains("captions  2 different ones, of 1 rows"), "{summary}");
    let refused: DataError = captioned(&folder.path("captions.csv")).map(|d| d.n_rows()).unwrap_err();
    assert!(refused.to_string().contains("captions.csv"));
}
