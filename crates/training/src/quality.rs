//! How good samples are: their sliced Wasserstein distance from rows that were held out, by scale where they are images, and how much they
//! differ from each other.
//!
//! As Karras, Aila, Laine, Lehtinen 2018, arXiv:1710.10196, §5, and times 1,000 as there, with two departures: fewer rows and patches, so
//! that it can be measured in training; and patches are normalised by the channels' mean and deviation of the real rows, for both sets,
//! so that a wrong brightness or contrast counts.

use std::fmt;

use calotype_data::Evaluation;
use calotype_graph::Device;
use calotype_models::{Model, latent};

use crate::error::{Result, TrainingError};
use crate::pyramid::{self, Level};
use crate::rows::{RowProgram, parts};
use crate::sampler::{SAMPLE_BATCH, brightness, sample_batch};
use crate::slices::Slices;

/// Rows of each set, at most, and fewer where they have more values than this together, down to one batch of samples.
const ROWS: usize = 1024;
const VALUES: usize = 1 << 28;
/// Of each image and level.
const PATCHES: usize = 32;
const DIRECTIONS: usize = 128;
/// Of the brightness of a channel: less than a quarter of a level of 256.
const LEAST_CONTRAST: f64 = 1.0 / 1024.0;
/// Fewer rows than this are not compared.
pub(crate) const LEAST_ROWS: usize = 16;
/// What distances are multiplied by.
const THOUSAND: f64 = 1000.0;

/// Rows that others are held against.
#[derive(Clone, Debug)]
pub struct Reference {
    n: usize,
    /// Of a row.
    shape: Vec<usize>,
    seed: u64,
    levels: Vec<Normal>,
    spread: f64,
}

/// The patches of some rows, cut once: parts of the rows can be compared, each row by its own patches always.
pub(crate) struct Patches(Gathered);

impl Patches {
    /// Of rows as of [`Reference::new`].
    pub fn of(rows: &[f32], shape: &[usize], seed: u64) -> Self {
        let mut gathered = Gathered::new(shape, seed);
        gathered.push(rows);
        Patches(gathered)
    }

    /// How far the rows with these numbers are from those of `reference` with the same numbers: [`Distances::mean`].
    pub fn distance(&self, reference: &Patches, rows: &[usize]) -> f64 {
        Reference::of(&reference.0.part(rows)).against(&self.0.part(rows)).mean()
    }
}

/// A level's patches, brought to mean 0 and deviation 1 of every channel.
#[derive(Clone, Debug)]
struct Normal {
    size: Option<[usize; 2]>,
    mean: Vec<f32>,
    deviation: Vec<f32>,
    slices: Slices,
}

/// How far some rows are from those of a [`Reference`].
#[derive(Clone, Debug, PartialEq)]
pub struct Distances {
    /// Times 1,000, with the size [height, width] of each level, finest first; rows that are no images have one without.
    pub levels: Vec<(Option<[usize; 2]>, f64)>,
    /// Mean distance of two rows, as a part of the same of the reference's: near 0 where all are alike.
    pub diversity: f64,
}

impl Distances {
    /// Over the levels.
    pub fn mean(&self) -> f64 {
        self.levels.iter().map(|l| l.1).sum::<f64>() / self.levels.len().max(1) as f64
    }

    /// By level, where there are several: a name for each.
    pub fn by_size(&self) -> impl Iterator<Item = (String, f64)> + '_ {
        let several = self.levels.len() > 1;
        self.levels.iter().filter_map(move |&(size, v)| size.filter(|_| several).map(|[h, w]| (format!("{h}x{w}"), v)))
    }
}

impl fmt::Display for Distances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.mean())?;
        let by_size: Vec<String> = self.by_size().map(|(size, v)| format!("{size}: {v:.1}")).collect();
        if by_size.is_empty() { Ok(()) } else { write!(f, " ({})", by_size.join(", ")) }
    }
}

impl Reference {
    /// Of rows [N, ..shape]: images [H, W, C] as brightness, or vectors.
    pub fn new(rows: &[f32], shape: &[usize], seed: u64) -> Self {
        let mut gathered = Gathered::new(shape, seed);
        gathered.push(rows);
        Reference::of(&gathered)
    }

    fn of(gathered: &Gathered) -> Self {
        let &Gathered { n, ref shape, seed, .. } = gathered;
        let channels = if shape.len() == 3 { shape[2] } else { shape.iter().product() };
        let normal = |level: &Level| {
            let (mean, deviation) = moments(&level.patches, channels, if shape.len() == 3 { LEAST_CONTRAST } else { 0.0 });
            let slices = slices(level, &mean, &deviation, seed);
            Normal { size: (shape.len() == 3).then_some(level.size), mean, deviation, slices }
        };
        let levels = gathered.levels.iter().map(normal).collect();
        Reference { n, shape: shape.clone(), seed, levels, spread: gathered.spread() }
    }

    /// Rows that it takes to compare: as many as it was made of.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Holds as many rows [N, ..shape] against it.
    pub fn distances(&self, rows: &[f32]) -> Distances {
        let mut gathered = Gathered::new(&self.shape, self.seed);
        gathered.push(rows);
        self.against(&gathered)
    }

    fn against(&self, gathered: &Gathered) -> Distances {
        let apart = |(level, normal): (&Level, &Normal)| {
            let slices = slices(level, &normal.mean, &normal.deviation, self.seed);
            (normal.size, THOUSAND * normal.slices.distance(&slices))
        };
        let levels = gathered.levels.iter().zip(&self.levels).map(apart).collect();
        let diversity = if self.spread > 0.0 { gathered.spread() / self.spread } else { 1.0 };
        Distances { levels, diversity }
    }
}

/// What is kept of rows that come in parts: their patches, and how far they are apart. Of large images this is a small part.
struct Gathered {
    shape: Vec<usize>,
    seed: u64,
    n: usize,
    levels: Vec<Level>,
    /// Sum of the distances of each row from the one before it.
    apart: f64,
    /// The row before.
    last: Vec<f32>,
}

impl Gathered {
    fn new(shape: &[usize], seed: u64) -> Self {
        Gathered { shape: shape.to_vec(), seed, n: 0, levels: vec![], apart: 0.0, last: vec![] }
    }

    /// Takes in rows [N, ..shape].
    fn push(&mut self, rows: &[f32]) {
        let d = self.shape.iter().product::<usize>().max(1);
        let levels = match *self.shape {
            [h, w, c] => pyramid::levels(rows, [h, w, c], PATCHES, self.seed, self.n),
            _ => vec![Level { size: [1, d], d, patches: rows.to_vec() }],
        };
        self.n += rows.len() / d;
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
        for row in rows.chunks_exact(d) {
            self.apart += apart(&self.last, row); // 0 of the first one, which has none before it
            self.last.clear();
            self.last.extend_from_slice(row);
        }
        if self.levels.is_empty() {
            self.levels = levels;
        } else {
            self.levels.iter_mut().zip(levels).for_each(|(all, new)| all.patches.extend(new.patches));
        }
    }

    /// Some of the rows, without how far they are apart.
    fn part(&self, rows: &[usize]) -> Gathered {
        let part = |level: &Level| {
            let of_row = level.patches.len() / self.n.max(1);
            let patches = rows.iter().flat_map(|&row| &level.patches[row * of_row..][..of_row]).copied().collect();
            Level { patches, ..*level }
        };
        let levels = self.levels.iter().map(part).collect();
        Gathered { n: rows.len(), levels, ..Gathered::new(&self.shape, self.seed) }
    }

    /// Mean Euclidean distance of two rows that follow each other.
    fn spread(&self) -> f64 {
        self.apart / self.n.saturating_sub(1).max(1) as f64
    }
}

/// Mean and deviation of every channel; a deviation of `least` or less, which is rounding, counts as 1.
fn moments(values: &[f32], channels: usize, least: f64) -> (Vec<f32>, Vec<f32>) {
    let n = (values.len() / channels.max(1)).max(1) as f64;
    let of = |channel: usize| values.iter().skip(channel).step_by(channels.max(1)).map(|&v| f64::from(v));
    let both = |channel| {
        let mean = of(channel).sum::<f64>() / n;
        let deviation = (of(channel).map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        (mean as f32, if deviation > least { deviation as f32 } else { 1.0 })
    };
    (0..channels).map(both).unzip()
}

fn slices(level: &Level, mean: &[f32], deviation: &[f32], seed: u64) -> Slices {
    let channels = mean.iter().zip(deviation).cycle();
    let normal: Vec<f32> = level.patches.iter().zip(channels).map(|(v, (mean, deviation))| (v - mean) / deviation).collect();
    Slices::of(&normal, level.d, DIRECTIONS, seed)
}

/// `n` of them, evenly spaced and out of order, so that rows that follow each other need not be of one class.
fn gathered(model: &dyn Model, rows: &Evaluation, n: usize, seed: u64) -> Gathered {
    let all = rows.spaced(n);
    let stride = (0..).map(|k| n * 5 / 8 + 1 + k).find(|&stride| coprime(stride, n)).unwrap_or(1);
    let mut gathered = Gathered::new(model.shape(), seed);
    let order: Vec<u32> = (0..n).map(|i| all[i * stride % n]).collect();
    for part in order.chunks(sample_batch(model.shape())) {
        let values: Vec<f32> = part.iter().flat_map(|&row| rows.row(row)).collect();
        gathered.push(&brightness(model.values(), &values));
    }
    gathered
}

fn coprime(a: usize, b: usize) -> bool {
    if b == 0 { a == 1 } else { coprime(b, a % b) }
}

/// Measures samples of a model in training, always from the same latents.
#[derive(Debug)]
pub(crate) struct Quality {
    reference: Reference,
    /// The same distance of rows that are learned from: what samples as good as the data would have.
    pub floor: Distances,
    /// Of [`calotype_models::Latent::sampling`].
    sampler: RowProgram,
    latents: Vec<f32>,
}

impl Quality {
    /// Against `held_out`, with `learned` for the floor; none for a model without latents, or where there are too few rows to compare.
    pub fn new(model: &dyn Model, sampler: RowProgram, held_out: &Evaluation, learned: &Evaluation, seed: u64) -> Option<Self> {
        let most = (VALUES / model.shape().iter().product::<usize>().max(1)).clamp(SAMPLE_BATCH, ROWS);
        let n = held_out.rows().len().min(learned.rows().len()).min(most);
        let parts = model.latent()?.parts();
        if n < LEAST_ROWS {
            return None;
        }
        let reference = Reference::of(&gathered(model, held_out, n, seed));
        let floor = reference.against(&gathered(model, learned, n, seed));
        let latents = latent::latents(&parts, n, seed).as_f32().unwrap_or_default().to_vec();
        Some(Quality { reference, floor, sampler, latents })
    }

    /// Of samples as they are at the moment.
    ///
    /// # Errors
    /// What the device says.
    pub fn measure(&self, device: &mut dyn Device) -> Result<Distances> {
        let mut gathered = Gathered::new(&self.reference.shape, self.reference.seed);
        let parts = parts(&self.latents, self.sampler.batch(), self.sampler.n_in());
        self.sampler.each(device, parts, |_, rows| {
            gathered.push(rows);
            Ok::<(), TrainingError>(())
        })?;
        Ok(self.reference.against(&gathered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::philox::{Domain, Stream};

    /// Blurred noise, in which a bright square lies somewhere: [N, 32, 32, 1].
    fn images(n: usize, seed: u64, changed: impl Fn(usize, f32) -> f32) -> Vec<f32> {
        let image = |i: usize| {
            let mut random = Stream::new(seed, Domain::Test, "image", i as u32);
            let (y, x) = (random.below(24) as usize, random.below(24) as usize);
            let within = |at: usize| (y..y + 8).contains(&(at / 32)) && (x..x + 8).contains(&(at % 32));
            (0..1024).map(|at| 0.2 * random.uniform() + if within(at) { 0.7 } else { 0.0 }).collect::<Vec<f32>>()
        };
        (0..n).flat_map(image).enumerate().map(|(at, v)| changed(at, v)).collect()
    }

    #[test]
    fn parts_make_a_whole() {
        let (rows, mut gathered) = (images(50, 1, |_, v| v), Gathered::new(&[32, 32, 1], 5));
        rows.chunks(7 * 1024).for_each(|part| gathered.push(part));
        let whole = Reference::new(&rows, &[32, 32, 1], 5).against(&gathered);
        assert_eq!((gathered.n, whole.mean()), (50, 0.0));
        assert!((whole.diversity - 1.0).abs() < 1e-12, "{whole:?}");
        let mut one_by_one = Gathered::new(&[32, 32, 1], 5);
        rows.chunks(1024).for_each(|row| one_by_one.push(row));
        assert!((one_by_one.spread() - gathered.spread()).abs() < 1e-9 && gathered.spread() > 1.0);
        assert!([(5, 8), (1, 1), (9, 14)].iter().all(|&(a, b)| coprime(a, b)) && !coprime(6, 8));
    }

    /// All rows are as by a reference; a row has the same patches whichever others are there.
    #[test]
    fn parts_of_rows_keep_their_patches() {
        let (a, b) = (images(60, 1, |_, v| v), images(60, 2, |_, v| v));
        let [cut_a, cut_b] = [&a, &b].map(|rows| Patches::of(rows, &[32, 32, 1], 5));
        let all: Vec<usize> = (0..60).collect();
        let whole = cut_b.distance(&cut_a, &all);
        assert_eq!(whole, Reference::new(&a, &[32, 32, 1], 5).distances(&b).mean());
        assert_eq!(cut_a.distance(&cut_a, &[3, 9, 50]), 0.0);
        let most: Vec<usize> = (0..60).filter(|i| i % 20 != 7).collect();
        let part = cut_b.distance(&cut_a, &most);
        assert!(part != whole && (part / whole - 1.0).abs() < 0.1, "{part} and {whole}");
    }

    /// A channel that is everywhere the same has a Laplacian of rounding errors, which are no contrast.
    #[test]
    fn a_constant_channel_counts_for_little() {
        let coloured =
            |seed: u64, blue: f32| -> Vec<f32> { images(40, seed, |_, v| v).into_iter().flat_map(|v| [v, v, blue]).collect() };
        let reference = Reference::new(&coloured(1, 77.0 / 255.0), &[32, 32, 3], 5);
        let (alike, off) = (reference.distances(&coloured(2, 77.0 / 255.0)), reference.distances(&coloured(2, 90.0 / 255.0)));
        assert!(alike.mean() < 200.0 && off.mean() < 400.0, "{alike}; {off}");
    }

    #[test]
    fn other_images_of_the_kind_are_nearest() {
        let reference = Reference::new(&images(200, 1, |_, v| v), &[32, 32, 1], 5);
        let alike = reference.distances(&images(200, 2, |_, v| v));
        let names: Vec<String> = alike.by_size().map(|(size, _)| size).collect();
        assert_eq!((names, reference.n()), (vec!["32x32".to_owned(), "16x16".to_owned()], 200));
        assert!((alike.diversity - 1.0).abs() < 0.1, "{alike:?}");
        assert_eq!(reference.distances(&images(200, 1, |_, v| v)).mean(), 0.0);
        // Darker, of less contrast, with a pattern of the finest scale, all alike.
        let darker = reference.distances(&images(200, 2, |_, v| 0.6 * v));
        let grid = reference.distances(&images(200, 2, |at, v| v + if at % 2 == 0 { 0.1 } else { -0.1 }));
        let one: Vec<f32> = images(1, 3, |_, v| v).repeat(200);
        let same = reference.distances(&one);
        for (what, worse) in [("darker", &darker), ("a pattern", &grid), ("one image", &same)] {
            assert!(worse.mean() > 3.0 * alike.mean(), "{what}: {worse} and alike {alike}");
        }
        assert!(grid.levels[0].1 > 5.0 * grid.levels[1].1, "a pattern of pixels is in the finest level: {grid}");
        assert_eq!(same.diversity, 0.0);
    }

    /// Of vectors it is the distance of the rows themselves, each column in its deviations.
    #[test]
    fn vectors_are_compared_by_column() {
        let rows = |seed: u64, shift: f32| -> Vec<f32> {
            let mut random = Stream::new(seed, Domain::Test, "row", 0);
            (0..500).flat_map(|_| [100.0 * random.normal(), random.normal() + shift]).collect()
        };
        let reference = Reference::new(&rows(1, 0.0), &[2], 5);
        let alike = reference.distances(&rows(2, 0.0));
        assert_eq!((alike.levels.len(), alike.by_size().count()), (1, 0));
        // E|cos| = 2/π of a shift by one deviation.
        let shifted = reference.distances(&rows(2, 1.0)).mean();
        assert!(alike.mean() < 150.0 && (shifted - 637.0).abs() < 120.0, "{alike}, {shifted}");
    }
}
