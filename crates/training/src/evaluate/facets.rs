//! Figures of what some models make of rows: drawings of captions, images of key patches, translations.

use calotype_data::{KeyBox, KeyPatches, mask_of};
use calotype_graph::philox::{Domain, Stream};

use super::{Better, DISTANCE, Estimate, Figure};
use crate::compose::Composition;
use crate::quality::Patches;

/// A factor of the data, such as colour, as captions say it and as a classifier sees it: the numbers of its values.
#[derive(Clone, Copy, Debug)]
pub struct Factored<'a> {
    pub name: &'a str,
    pub n_values: usize,
    /// By the captions.
    pub said: &'a [u32],
    /// In drawings of them.
    pub drawn: &'a [u32],
    /// In the rows that they are captions of.
    pub real: &'a [u32],
    /// In drawings of other rows' captions.
    pub others: &'a [u32],
}

/// How often drawings show of a factor what their captions say. `captions` is what these are: `held-out`.
pub fn agreement(of: &Factored, captions: &str) -> Figure {
    let agree = |seen: &[u32]| part(of.said.iter().zip(seen).map(|(said, seen)| said == seen));
    Figure::new(
        format!("{} as {captions} captions say", of.name),
        agree(of.drawn),
        Better::Higher,
        "drawings in which a classifier that learned from training rows sees what the caption says; the floor is of real rows",
    )
    .with_floor(agree(of.real))
    .beside("drawings of other captions", agree(of.others))
    .beside("chance", exactly(1.0 / of.n_values.max(1) as f64))
}

/// How often the encoders find an image that a caption describes, of `among` random ones.
pub fn retrieval(right: &[bool], among: usize, captions: &str) -> Figure {
    Figure::new(
        format!("retrieval by {captions} captions"),
        part(right.iter().copied()),
        Better::Higher,
        &format!("captions for which the most similar of {among} random images is one that it describes"),
    )
    .beside("chance", exactly(1.0 / among.max(1) as f64))
}

/// How often a classifier that learned from samples is right of held-out rows; the floor is of one that learned from as many training rows.
pub fn by_samples(samples: Estimate, floor: Estimate) -> Figure {
    let what = "held-out rows whose class is named by a classifier that learned from samples of chosen classes; the floor is of one that \
                learned from as many training rows";
    Figure::new("taught by samples", samples, Better::Higher, what).with_floor(floor)
}

/// An image and its key patches.
#[derive(Clone, Debug)]
pub struct Puzzled {
    /// [H, W, C], -1 to 1.
    pub image: Vec<f32>,
    pub keys: KeyPatches,
}

impl Puzzled {
    /// `n` patches of an image [H, W, C] of -1 to 1.
    pub fn new(image: Vec<f32>, shape: [usize; 3], n: usize) -> Self {
        Puzzled { keys: KeyPatches::of(&image, shape, n), image }
    }
}

/// Random placements of the patches of an image.
const PLACEMENTS: usize = 16;

/// Whether composed images have their patches where they belong, and as they are there: of rows of `shape` [H, W, C], beside what needs no
/// model. `learned` are rows of the training data.
pub fn places(rows: &[Puzzled], made: &[Composition], learned: &[Puzzled], shape @ [_, _, c]: [usize; 3]) -> Vec<Figure> {
    let mean_image = mean(learned.iter().map(|row| row.image.as_slice()));
    let mean_mask = mean(learned.iter().map(|row| row.keys.mask.as_slice()));
    let [mut by_model, mut by_chance, mut by_mean]: [Vec<Place>; 3] = Default::default();
    for (at, (row, made)) in rows.iter().zip(made).enumerate() {
        let signed: Vec<f32> = made.image.iter().map(|v| 2.0 * v - 1.0).collect();
        by_model.push(Place::of(row, &made.mask, &signed, c));
        by_mean.push(Place::of(row, &mean_mask, &mean_image, c));
        let mut random = Stream::new(0, Domain::Test, "random placement", at as u32);
        let placed: Vec<Place> = (0..PLACEMENTS)
            .map(|_| {
                let (mask, image) = placed(row, &mean_image, shape, &mut random);
                Place::of(row, &mask, &image, c)
            })
            .collect();
        let mean = |of: fn(&Place) -> f64| placed.iter().map(of).sum::<f64>() / PLACEMENTS as f64;
        by_chance.push(Place { overlap: mean(|p| p.overlap), l1: mean(|p| p.l1) });
    }
    let figure = |name: &str, better: Better, of: fn(&Place) -> f64, what: &str| {
        let over = |all: &[Place]| Estimate::mean(&all.iter().map(of).collect::<Vec<_>>());
        Figure::new(name, over(&by_model), better, what)
            .beside("patches at random places", over(&by_chance))
            .beside("mean mask, mean image", over(&by_mean))
    };
    vec![
        figure(
            "mask IoU",
            Better::Higher,
            |place| place.overlap,
            "intersection over union of the places of key patches, as they are found and as they are",
        ),
        figure(
            "L1 of patches",
            Better::Lower,
            |place| place.l1,
            "mean absolute difference from the row where its key patches are, values from 0 to 1",
        ),
    ]
}

/// How well an image has its patches.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Intersection over union of masks.
    overlap: f64,
    l1: f64,
}

impl Place {
    /// Of a mask [H, W] and an image [H, W, C] of -1 to 1 that should be a row's.
    fn of(row: &Puzzled, mask: &[f32], image: &[f32], c: usize) -> Self {
        let truth = &row.keys.mask;
        let both = mask.iter().zip(truth).filter(|(m, t)| **m >= 0.5 && **t > 0.0).count();
        let either = mask.iter().zip(truth).filter(|(m, t)| **m >= 0.5 || **t > 0.0).count();
        let pixels = image.chunks_exact(c).zip(row.image.chunks_exact(c)).zip(truth).filter(|(_, t)| **t > 0.0);
        let differences = pixels.flat_map(|((a, b), _)| a.iter().zip(b)).map(|(a, b)| f64::from(0.5 * (a - b).abs()));
        let n_values = truth.iter().filter(|t| **t > 0.0).count() * c;
        Place { overlap: both as f64 / either.max(1) as f64, l1: differences.sum::<f64>() / n_values.max(1) as f64 }
    }
}

/// The patches of a row at random places over a background: their mask and the image.
fn placed(row: &Puzzled, background: &[f32], shape @ [h, w, c]: [usize; 3], random: &mut Stream) -> (Vec<f32>, Vec<f32>) {
    let mut image = background.to_vec();
    let mut boxes = vec![];
    for key in &row.keys.boxes {
        let place = |room: usize, random: &mut Stream| random.below(room as u32 + 1) as usize;
        let at = KeyBox { top: place(h - key.side, random), left: place(w - key.side, random), side: key.side };
        for (y, line) in key.cut(&row.image, shape).chunks_exact(key.side * c).enumerate() {
            image[((at.top + y) * w + at.left) * c..][..key.side * c].copy_from_slice(line);
        }
        boxes.push(at);
    }
    (mask_of(&boxes, [h, w]), image)
}

/// Rows [n, ..shape] of 0 to 1 that were translated to another domain.
#[derive(Clone, Copy, Debug)]
pub struct Translated<'a> {
    /// The name of that domain.
    pub to: &'a str,
    pub from: &'a [f32],
    pub made: &'a [f32],
    /// Translated to their own domain again.
    pub back: &'a [f32],
    pub n_values: usize,
}

impl Translated<'_> {
    /// The difference of what is translated there and back.
    pub fn cycle(&self) -> Figure {
        let what = "mean absolute difference of rows from themselves, once translated there and back, values from 0 to 1";
        Figure::new(format!("to {}: L1 there and back", self.to), self.difference(self.back, self.from), Better::Lower, what)
    }

    /// The difference from the row that a row's translation is known to be: of the rows `(n, truth)`.
    pub fn partners<'a>(&self, known: impl Iterator<Item = (usize, &'a [f32])> + Clone) -> Option<Figure> {
        let of = |rows: &[f32]| -> Vec<f64> {
            known.clone().map(|(n, truth)| l1(&rows[n * self.n_values..][..self.n_values], truth)).collect()
        };
        let (made, nothing) = (of(self.made), of(self.from));
        let what =
            "mean absolute difference from the row that it is known to be, which training does not say, values from 0 to 1";
        (!made.is_empty()).then(|| {
            Figure::new(format!("to {}: L1 to the true row", self.to), Estimate::mean(&made), Better::Lower, what)
                .beside("doing nothing", Estimate::mean(&nothing))
        })
    }

    /// How far they are from real rows of the domain, held out; `learned` are others of that domain.
    pub fn distance(&self, real: &[f32], learned: &[f32], shape: &[usize], seed: u64) -> Figure {
        let all = [self.made, self.from, real, learned];
        let n = all.map(|rows| rows.len() / self.n_values).into_iter().min().unwrap_or_default();
        let [made, from, real, learned] = all.map(|rows| Patches::of(&rows[..n * self.n_values], shape, seed));
        let distance = |rows: &Patches| Estimate::by_groups(n, |kept| rows.distance(&real, kept));
        let what = "distance of patches from those of held-out rows of the domain, over the levels of a Laplacian pyramid";
        Figure::new(format!("to {}: {DISTANCE}", self.to), distance(&made), Better::Lower, what)
            .with_floor(distance(&learned))
            .beside("doing nothing", distance(&from))
    }

    /// How often a classifier sees in them what was asked for; `real` is how often it is right of rows.
    pub fn recognised(&self, right: &[bool], real: Estimate) -> Figure {
        let what = "translations in which a classifier that learned from training rows sees what was asked for; the floor is of real rows";
        Figure::new(format!("to {}: seen as asked", self.to), part(right.iter().copied()), Better::Higher, what).with_floor(real)
    }

    fn difference(&self, a: &[f32], b: &[f32]) -> Estimate {
        let rows = a.chunks_exact(self.n_values).zip(b.chunks_exact(self.n_values));
        Estimate::mean(&rows.map(|(a, b)| l1(a, b)).collect::<Vec<_>>())
    }
}

/// How often something is so.
pub fn part(all: impl Iterator<Item = bool>) -> Estimate {
    Estimate::mean(&all.map(|is| f64::from(u8::from(is))).collect::<Vec<_>>())
}

/// A number that nothing was drawn for.
fn exactly(value: f64) -> Estimate {
    Estimate { value, error: f64::NAN }
}

/// Mean absolute difference.
fn l1(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / a.len().max(1) as f64
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let (mut sum, mut n) = (vec![], 0.0);
    for row in rows {
        sum.resize(row.len(), 0.0);
        sum.iter_mut().zip(row).for_each(|(sum, v): (&mut f64, _)| *sum += f64::from(*v));
        n += 1.0;
    }
    sum.iter().map(|v| (v / n) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [16, 16, 1];

    /// Noise with a bright square somewhere: -1 to 1.
    fn puzzled(n: usize, seed: u64) -> Vec<Puzzled> {
        let image = |i: usize| {
            let mut random = Stream::new(seed, Domain::Test, "image", i as u32);
            let (y, x) = (random.below(10) as usize, random.below(10) as usize);
            let bright = |at: usize| (y..y + 6).contains(&(at / 16)) && (x..x + 6).contains(&(at % 16));
            (0..256).map(|at| 0.2 * random.uniform() - if bright(at) { 0.0 } else { 0.9 }).collect::<Vec<f32>>()
        };
        (0..n).map(|i| Puzzled::new(image(i), SHAPE, 2)).collect()
    }

    fn value(of: &Figure) -> (f64, Vec<f64>) {
        (of.samples.value, of.baselines.iter().map(|b| b.figure.value).collect())
    }

    /// What composes an image as it is has its patches in place; one pixel off, and half as bright, it has not.
    #[test]
    fn patches_in_place_are_told_from_others() {
        let (rows, learned) = (puzzled(30, 1), puzzled(60, 2));
        let unit = |row: &Puzzled| row.image.iter().map(|v| 0.5 * v + 0.5).collect::<Vec<f32>>();
        let whole: Vec<Composition> =
            rows.iter().map(|row| Composition { image: unit(row), mask: row.keys.mask.clone() }).collect();
        let figures = places(&rows, &whole, &learned, SHAPE);
        assert_eq!(figures.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["mask IoU", "L1 of patches"]);
        let ((overlap, by_chance), (l1, by_chance_l1)) = (value(&figures[0]), value(&figures[1]));
        assert!(overlap == 1.0 && l1 < 1e-6, "{figures:?}");
        assert!(by_chance.iter().all(|v| (0.05..0.7).contains(v)) && by_chance_l1.iter().all(|v| *v > 0.05), "{figures:?}");
        let moved: Vec<Composition> = rows
            .iter()
            .map(|row| {
                let mut mask = row.keys.mask.clone();
                mask.rotate_right(1);
                Composition { image: unit(row).iter().map(|v| v - 0.125).collect(), mask }
            })
            .collect();
        let figures = places(&rows, &moved, &learned, SHAPE);
        assert!((0.4..0.95).contains(&figures[0].samples.value), "{figures:?}");
        assert!((figures[1].samples.value - 0.125).abs() < 1e-6, "{figures:?}");
    }

    #[test]
    fn agreement_is_counted_beside_real_rows_and_other_captions() {
        let of = Factored {
            name: "colour",
            n_values: 4,
            said: &[0, 1, 2, 3],
            drawn: &[0, 1, 2, 0],
            real: &[0, 1, 2, 3],
            others: &[1, 1, 3, 0],
        };
        let figure = agreement(&of, "held-out");
        assert_eq!(figure.name, "colour as held-out captions say");
        assert_eq!((value(&figure), figure.floor.map(|f| f.value)), ((0.75, vec![0.25, 0.25]), Some(1.0)));
        assert!((figure.samples.error - 0.25).abs() < 1e-12, "√(0.25 · 0.75 · 4/3 / 4)");
        assert_eq!(value(&retrieval(&[true, true, false, true], 64, "training")), (0.75, vec![1.0 / 64.0]));
    }

    /// Of rows that become their partner but for a tenth, and come back whole.
    #[test]
    fn translations_are_held_against_their_partners() {
        let (from, truth) = ([0.2f32; 8], [0.8f32; 8]);
        let of = Translated { to: "B", from: &from, made: &[0.7; 8], back: &from, n_values: 4 };
        let known = [(1, &truth[..4])];
        let figure = of.partners(known.into_iter()).expect("one is known");
        let (l1, nothing) = value(&figure);
        assert!((l1 - 0.1).abs() < 1e-6 && (nothing[0] - 0.6).abs() < 1e-6, "{figure:?}");
        assert_eq!((figure.name.as_str(), of.cycle().samples.value), ("to B: L1 to the true row", 0.0));
        assert!(of.partners(std::iter::empty()).is_none());
        let seen = of.recognised(&[true, false], exactly(0.9));
        assert_eq!((seen.samples.value, seen.floor.map(|f| f.value)), (0.5, Some(0.9)));
    }
}
