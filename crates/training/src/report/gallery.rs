//! The pictures of a run, inside the page or, where they are too large for that, beside it.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;

use crate::folder::RunFolder;
use crate::pictures::Kind;

/// Pictures of one kind, at most.
const MOST_FRAMES: usize = 40;

/// The same of a page that is served: the latest ones.
const MOST_SERVED: usize = 1000;

/// Pictures of one thing over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Album {
    pub title: String,
    pub text: String,
    /// In the order of their steps.
    pub frames: Vec<Frame>,
    /// How many pictures the folder has.
    pub of: usize,
    /// Whether it is a film of a single image.
    pub film: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// Steps done; none of what shows all of a training.
    pub step: Option<u64>,
    /// A data URL, or a path from the page.
    pub src: String,
}

/// Where the page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFolder {
    /// In the run folder.
    Run,
    Other,
    /// Nowhere: it is served, and its pictures are under the paths that they have in the run folder.
    Served,
}

/// All albums of a run whose pictures take `budget` bytes together at most, and what is wrong with its pictures. Those that do not fit are
/// left out, evenly; a single one that does not is named by its path.
pub fn albums(folder: &RunFolder, budget: u64, page: PageFolder, troubles: &mut Vec<String>) -> Vec<Album> {
    let mut kinds: Vec<(Kind, Vec<u64>)> = Vec::new();
    for &kind in Kind::ALL {
        match folder.picture_steps(kind) {
            Ok(steps) if steps.is_empty() => {}
            Ok(steps) => kinds.push((kind, steps)),
            Err(e) => troubles.push(e.to_string()),
        }
    }
    let single = [
        (folder.growth(), "Growth", "A column a level: the same latents when its training ended, or as they are."),
        (folder.latent(), "One latent", "Through all of training."),
    ];
    let single: Vec<_> = single.into_iter().filter(|(path, ..)| path.exists()).collect();
    let share = budget / (kinds.len() + single.len()).max(1) as u64;
    let over_time = kinds.into_iter().map(|(kind, steps)| {
        let sizes: Vec<u64> = steps.iter().map(|&step| size(&folder.picture(kind, step))).collect();
        let chosen = match page {
            PageFolder::Served => (sizes.len().saturating_sub(MOST_SERVED)..sizes.len()).collect(),
            PageFolder::Run | PageFolder::Other => chosen(&sizes, share),
        };
        let frames = chosen.into_iter().filter_map(|n| {
            let path = folder.picture(kind, steps[n]);
            Some(Frame { step: Some(steps[n]), src: source(folder.path(), &path, share, page, troubles)? })
        });
        Album { title: kind.title.into(), text: kind.text.into(), frames: frames.collect(), of: steps.len(), film: false }
    });
    let mut all: Vec<Album> = over_time.collect();
    for (path, title, text) in single {
        let frames = source(folder.path(), &path, share, page, troubles).map(|src| Frame { step: None, src });
        let film = path.extension().is_some_and(|e| e == "gif");
        all.push(Album { title: title.into(), text: text.into(), frames: frames.into_iter().collect(), of: 1, film });
    }
    all.retain(|album| !album.frames.is_empty());
    all
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |m| m.len())
}

/// As many of files of these sizes as take `budget` bytes together, evenly spaced, the last always among them.
fn chosen(sizes: &[u64], budget: u64) -> Vec<usize> {
    let spaced = |n: usize| -> Vec<usize> { (1..=n).map(|k| sizes.len() * k / n - 1).collect() };
    let fits = |n: usize| spaced(n).iter().map(|&at| sizes[at]).sum::<u64>() <= budget;
    let n = (1..=sizes.len().min(MOST_FRAMES)).rev().find(|&n| fits(n)).unwrap_or(1);
    spaced(n)
}

/// Where the page has a picture from; none, and a word on it, if it is no whole picture.
pub fn source(folder: &Path, path: &Path, budget: u64, page: PageFolder, troubles: &mut Vec<String>) -> Option<String> {
    let written = |path: &Path| path.to_string_lossy().replace('\\', "/");
    let name = written(path.strip_prefix(folder).unwrap_or(path));
    let kind = match path.extension().and_then(|e| e.to_str()) {
        Some("gif") => "gif",
        _ => "png",
    };
    if page == PageFolder::Served {
        return path.is_file().then_some(name);
    }
    match fs::read(path) {
        Ok(bytes) if !is_whole(kind, &bytes) => {
            troubles.push(format!("{name} is damaged"));
            None
        }
        Ok(bytes) if bytes.len() as u64 > budget => Some(match page {
            PageFolder::Run | PageFolder::Served => name,
            PageFolder::Other => format!("file://{}", written(&path.canonicalize().unwrap_or_else(|_| path.to_owned()))),
        }),
        Ok(bytes) => Some(format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(bytes))),
        Err(e) => {
            troubles.push(format!("{name}: {e}"));
            None
        }
    }
}

/// Whether a file begins and ends as one of its kind.
fn is_whole(kind: &str, bytes: &[u8]) -> bool {
    match kind {
        "gif" => bytes.starts_with(b"GIF8") && bytes.ends_with(b";"),
        _ => bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xaeB`\x82"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_left_out_evenly_until_they_fit() {
        assert_eq!(chosen(&[10; 6], 1000), [0, 1, 2, 3, 4, 5]);
        assert_eq!(chosen(&[10; 6], 35), [1, 3, 5]);
        assert_eq!(chosen(&[10; 6], 0), [5], "the last is always there");
        assert_eq!(chosen(&[1, 1, 1, 100], 50), [3]);
        assert_eq!(chosen(&[1; 400], 1000).len(), MOST_FRAMES);
    }

    #[test]
    fn half_a_picture_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("samples")).expect("a folder");
        let folder = RunFolder::at(dir.path());
        let whole = b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82";
        for (step, bytes) in [(5, &whole[..]), (10, whole), (15, &whole[..14])] {
            fs::write(folder.picture(Kind::SAMPLES, step), bytes).expect("it is written");
        }
        let mut troubles = vec![];
        let found = albums(&folder, 10_000, PageFolder::Run, &mut troubles);
        assert_eq!(troubles, ["samples/step-0000015.png is damaged"]);
        assert_eq!((found.len(), found[0].of), (1, 3));
        assert_eq!(found[0].frames.iter().map(|f| f.step).collect::<Vec<_>>(), [Some(5), Some(10)]);
        assert!(found[0].frames[0].src.starts_with("data:image/png;base64,iVBOR"));
        let path = folder.picture(Kind::SAMPLES, 10);
        let mut large = |page| source(dir.path(), &path, 3, page, &mut troubles).expect("a path");
        assert_eq!(large(PageFolder::Run), "samples/step-0000010.png");
        assert!(
            large(PageFolder::Other).starts_with("file://") && large(PageFolder::Other).ends_with("/samples/step-0000010.png")
        );
    }
}
