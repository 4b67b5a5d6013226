//! A folder of very many images is opened in a time and a memory that are in proportion to their number: those of a million would
//! be opened within a minute, by less than a gigabyte.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use calotype_data::{Options, open, without_cache};

use crate::data::tiny_png;
use crate::guard;

const FILES: usize = 20_000;
const FOLDERS: usize = 20;
/// Of each image, with its name: a gigabyte of a million.
const MOST_BYTES_EACH: usize = 1000;
/// What a machine needs that has other work: a minute of a million is a tenth of it.
const MOST_TIME: Duration = Duration::from_secs(12);

pub fn images() {
    let _alone = guard::alone();
    without_cache();
    let place = tempfile::tempdir().expect("a folder");
    let link = |names: fn(usize) -> String| {
        let root = place.path().join(names(0).replace('/', "-"));
        for n in 0..FILES {
            let (source, path) = (place.path().join(format!("{}.png", n % 100)), root.join(names(n)));
            if n < 100 {
                fs::write(&source, tiny_png(n as u8)).expect("it is written");
            }
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::hard_link(&source, &path).expect("a link");
        }
        root
    };
    let roots = [link(|n| format!("image-{n:07}.png")), link(|n| format!("class-{:04}/image-{n:07}.png", n % FOLDERS))];
    for (root, classes) in roots.iter().zip([0, FOLDERS]) {
        let most_bytes = (8 << 20) + MOST_BYTES_EACH * FILES;
        let begun = Instant::now();
        let opened = guard::watched(root, most_bytes, || open_folder(root)).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(opened, (FILES, classes));
        assert!(begun.elapsed() < MOST_TIME, "{:?}", begun.elapsed());
    }
}

fn open_folder(root: &Path) -> (usize, usize) {
    let data = open(root.to_str().expect("a path of text"), &Options::default()).expect("images");
    (data.n_rows(), data.class_names().len())
}
