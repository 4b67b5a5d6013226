//! What is translated: image files, folders of them, rows of named data.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;
use calotype_data::{DataError, Dataset, DatasetSpec, Photo, Pixels, photos, with_channels};

use super::LEAST_SIDE;
use crate::args::TranslateArgs;
use crate::fault::WrongUse;
use crate::used::Used;

/// An image that was found.
#[derive(Debug)]
pub(super) struct Input {
    source: Source,
    /// Its path below what was named.
    name: String,
    /// H and W.
    pub size: [usize; 2],
    /// Height and width as the network takes them.
    pub padded: [usize; 2],
}

#[derive(Debug)]
enum Source {
    Photo {
        photo: Photo,
        /// Pixels of its shorter side, where it is resized.
        shorter: Option<usize>,
    },
    Row(std::rc::Rc<Dataset>, u32),
}

/// Everything that was named.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub inputs: Vec<Input>,
    /// What was there and is no image that can be translated, in words.
    pub broken: Vec<String>,
    pub notes: Vec<String>,
}

/// An image as the network takes it: [H, W, C], 0 to 1, padded by its last line and column.
#[derive(Clone, Debug)]
pub(super) struct Padded {
    pub values: Vec<f32>,
    /// H and W of the image itself.
    pub size: [usize; 2],
    padded: [usize; 2],
    pub channels: usize,
}

impl Padded {
    fn new(values: &[f32], size: [usize; 2], padded: [usize; 2], channels: usize) -> Self {
        let [h, w] = size;
        let pixel = |y: usize, x: usize| &values[(y.min(h - 1) * w + x.min(w - 1)) * channels..][..channels];
        let values = (0..padded[0]).flat_map(|y| (0..padded[1]).flat_map(move |x| pixel(y, x).iter().copied())).collect();
        Padded { values, size, padded, channels }
    }

    /// Another image of the padded size, without its padding.
    pub fn cut(&self, values: &[f32]) -> Padded {
        let ([h, w], [_, wide], c) = (self.size, self.padded, self.channels);
        let values = values.chunks_exact(wide * c).take(h).flat_map(|line| &line[..w * c]).copied().collect();
        Padded { values, size: [h, w], padded: [h, w], channels: c }
    }

    /// One pixel, without the padding.
    pub fn pixel(&self, y: usize, x: usize) -> &[f32] {
        &self.values[(y * self.padded[1] + x) * self.channels..][..self.channels]
    }
}

impl Input {
    /// The image, of the model's channels, padded to `size`.
    ///
    /// # Errors
    /// A file that cannot be decoded, or that has changed since it was found.
    pub fn read(&self, shape: &[usize], size: [usize; 2]) -> Result<Padded, DataError> {
        let channels = shape.last().copied().unwrap_or(3);
        match &self.source {
            Source::Photo { photo, shorter } => {
                let Pixels { values, size: found } = photo.read(channels, *shorter)?;
                if found != self.size {
                    let reason =
                        format!("{}x{} pixels, and its header says {}x{}", found[0], found[1], self.size[0], self.size[1]);
                    return Err(DataError::Corrupt { origin: photo.path.display().to_string(), reason });
                }
                Ok(Padded::new(&values, found, size, channels))
            }
            Source::Row(dataset, row) => {
                let (n, own) = (dataset.n_values(), dataset.shape().last().copied().unwrap_or(channels));
                let scale = dataset.levels().map_or(1.0, |levels| f64::from(levels - 1));
                let values = (0..n).map(|at| (dataset.values().get(*row as usize * n + at) / scale) as f32);
                let values = with_channels(&values.collect::<Vec<_>>(), own, channels);
                Ok(Padded::new(&values, self.size, size, channels))
            }
        }
    }

    /// Whether it is this file.
    pub fn is_at(&self, path: &Path) -> bool {
        match &self.source {
            Source::Photo { photo, .. } => photo.path.canonicalize().is_ok_and(|own| own == path),
            Source::Row(..) => false,
        }
    }
}

/// Every image of what was named, in that order.
///
/// # Errors
/// A name that is no file, folder or data set; images that are too small; nothing at all.
pub(super) fn find(args: &TranslateArgs, used: &Used) -> Result<Found> {
    let multiple = used.model.translator().map_or(1, calotype_models::Translator::multiple);
    let padded = |size: [usize; 2]| size.map(|side| side.next_multiple_of(multiple));
    let mut found = Found::default();
    for name in &args.images {
        match DatasetSpec::parse(name)? {
            DatasetSpec::Path(path) => {
                for photo in photos(&path)? {
                    let shorter = args.size.map(usize::from);
                    match photo.size(shorter) {
                        Ok(size) => {
                            let name = photo.name.clone();
                            found.inputs.push(Input {
                                source: Source::Photo { photo, shorter },
                                name,
                                size,
                                padded: padded(size),
                            });
                        }
                        Err(e) => found.broken.push(e.to_string()),
                    }
                }
            }
            spec @ DatasetSpec::Named(_) => rows(args, used, &spec, &mut found)?,
        }
    }
    if let Some(small) = found.inputs.iter().find(|input| input.size.iter().any(|&side| side < LEAST_SIDE)) {
        let ([h, w], name) = (small.size, &small.name);
        return Err(WrongUse(format!(
            "{name} has {h}x{w} pixels, and the network takes at least {LEAST_SIDE}x{LEAST_SIDE}; leave it out, or enlarge all with --size N"
        ))
        .into());
    }
    if args.split.is_some() && !found.inputs.iter().any(|input| matches!(input.source, Source::Row(..))) {
        return Err(WrongUse(
            "--split has no effect on files and folders, of which all images are translated; leave it out".into(),
        )
        .into());
    }
    match (found.inputs.is_empty(), found.broken.first()) {
        (true, Some(first)) => Err(anyhow::anyhow!("none of the images can be read, the first: {first}")),
        _ => Ok(found),
    }
}

/// Rows of a named data set.
fn rows(args: &TranslateArgs, used: &Used, spec: &DatasetSpec, found: &mut Found) -> Result<()> {
    if args.size.is_some() {
        return Err(WrongUse("--size is for image files; leave it out with named data".into()).into());
    }
    let config = &used.config.data;
    let options = match config.name == spec.resolved()? {
        true => config.opening(),
        false => calotype_data::Options::default(),
    };
    let dataset = spec.open(&options)?;
    let Some([h, w, 1 | 3]) = dataset.image_shape() else {
        return Err(WrongUse(format!("{} has no images that are grey or RGB", dataset.name())).into());
    };
    let split = args.split.unwrap_or_else(|| dataset.default_evaluation_split());
    let rows = dataset.rows(split)?;
    found.notes.push(format!("{}: {} rows ({split})", dataset.name(), rows.len()));
    let multiple = used.model.translator().map_or(1, calotype_models::Translator::multiple);
    let padded = [h, w].map(|side| side.next_multiple_of(multiple));
    let (name, dataset) = (dataset.name().to_owned(), std::rc::Rc::new(dataset));
    found.inputs.extend(rows.into_iter().map(|row| Input {
        source: Source::Row(std::rc::Rc::clone(&dataset), row),
        name: format!("{name}-{row:05}"),
        size: [h, w],
        padded,
    }));
    Ok(())
}

/// Which inputs have which padded size, by number; sizes in the order in which they come first.
pub(super) fn by_size(inputs: &[Input]) -> Vec<([usize; 2], Vec<usize>)> {
    let mut groups: Vec<([usize; 2], Vec<usize>)> = vec![];
    let mut known = HashMap::new();
    for (n, input) in inputs.iter().enumerate() {
        let at = *known.entry(input.padded).or_insert_with(|| {
            groups.push((input.padded, vec![]));
            groups.len() - 1
        });
        groups[at].1.push(n);
    }
    groups
}

/// The file of every input below the output folder: its own name as a PNG. Where that is the name of several, the whole file name stays
/// (`a.jpg.png`); of equal ones the later have a number.
pub(super) fn names(inputs: &[Input]) -> Vec<PathBuf> {
    let short = |input: &Input| match input.source {
        Source::Row(..) => input.name.clone(),
        Source::Photo { .. } => Path::new(&input.name).with_extension("").display().to_string(),
    };
    let mut count: HashMap<String, usize> = HashMap::new();
    inputs.iter().for_each(|input| *count.entry(short(input)).or_default() += 1);
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let name = |input: &Input| {
        let short = short(input);
        let base = if count[&short] > 1 { input.name.clone() } else { short };
        let nth = taken.entry(base.clone()).or_default();
        *nth += 1;
        match *nth {
            1 => PathBuf::from(format!("{base}.png")),
            n => PathBuf::from(format!("{base}-{n}.png")),
        }
    };
    inputs.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(name: &str, size: [usize; 2]) -> Input {
        let photo = Photo { path: name.into(), name: name.into() };
        Input {
            source: Source::Photo { photo, shorter: None },
            name: name.into(),
            size,
            padded: size.map(|s| s.next_multiple_of(4)),
        }
    }

    #[test]
    fn names_are_kept_and_none_is_used_twice() {
        let inputs = ["a.jpg", "b/c.png", "a.png", "b/c.png", "d.tar.png"].map(|name| photo(name, [16, 16]));
        let names: Vec<String> = names(&inputs).iter().map(|name| name.display().to_string()).collect();
        assert_eq!(names, ["a.jpg.png", "b/c.png.png", "a.png.png", "b/c.png-2.png", "d.tar.png"]);
        assert_eq!(super::names(&inputs[..2]), [PathBuf::from("a.png"), PathBuf::from("b/c.png")]);
    }

    #[test]
    fn images_of_one_padded_size_go_together() {
        let inputs = [photo("a", [16, 17]), photo("b", [32, 32]), photo("c", [13, 20])];
        assert_eq!(by_size(&inputs), [([16, 20], vec![0, 2]), ([32, 32], vec![1])]);
    }

    #[test]
    fn padding_repeats_the_border_and_is_cut_again() {
        let image = Padded::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3], [4, 4], 1);
        assert_eq!(image.values, [1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0, 6.0, 4.0, 5.0, 6.0, 6.0, 4.0, 5.0, 6.0, 6.0]);
        let cut = image.cut(&image.values);
        assert_eq!((cut.values.as_slice(), cut.pixel(1, 2)), ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0].as_slice(), [6.0].as_slice()));
    }
}
