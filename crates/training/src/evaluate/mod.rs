//! What the samples of a model are worth, in figures: how far they are from rows that were held out, how real and how various they are, and
//! whether they were learned by heart. Beside each figure stands its floor, the same of training rows in the samples' place, and both have
//! a standard error.

mod by_heart;
mod estimate;
mod facets;
mod findings;
mod frechet;
mod kernel;
mod linear;
mod neighbours;
mod similarity;
mod verdict;

use calotype_graph::philox::{Domain, Stream};
use calotype_models::Model;
use serde::{Deserialize, Serialize};

use crate::quality::Patches;
pub use by_heart::reduced;
pub use estimate::Estimate;
pub use facets::{Factored, Puzzled, Translated, agreement, by_samples, part, places, retrieval};
pub use findings::{FeaturesOf, Findings, Likelihood};
use neighbours::Among;

/// Pairs of images that are compared with each other.
const PAIRS: usize = 1000;
/// Of features with more numbers than this the Fréchet distance is computed once, without a standard error.
const MOST_JACKKNIFED: usize = 512;
/// A class that fewer samples than this part of an even share fall into is missing.
const LEAST_SHARE: f64 = 0.1;

/// Which values of a figure are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Lower,
    Higher,
    /// Those of the data.
    Near,
}

impl Better {
    pub fn word(self) -> &'static str {
        match self {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Near => "near the floor",
        }
    }
}

/// A figure of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub samples: Estimate,
    /// The same of training rows in place of the samples: what samples as good as the data have.
    pub floor: Option<Estimate>,
    /// The same of what needs no model, such as doing nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<Baseline>,
    pub better: Better,
    /// In a sentence.
    pub what: String,
}

/// A figure of what needs no model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub name: String,
    #[serde(flatten)]
    pub figure: Estimate,
}

impl Figure {
    fn new(name: impl Into<String>, samples: Estimate, better: Better, what: &str) -> Self {
        Figure { name: name.into(), samples, floor: None, baselines: vec![], better, what: what.into() }
    }

    fn with_floor(self, floor: impl Into<Option<Estimate>>) -> Self {
        Figure { floor: floor.into(), ..self }
    }

    fn beside(mut self, name: &str, figure: Estimate) -> Self {
        self.baselines.push(Baseline { name: name.into(), figure });
        self
    }
}

/// Rows [n, ..shape] to be compared: images from 0 to 1, or vectors.
#[derive(Clone, Copy, Debug)]
pub struct Sets<'a> {
    pub shape: &'a [usize],
    pub samples: &'a [f32],
    /// As many training rows.
    pub learned: &'a [f32],
    /// As many held-out rows.
    pub held_out: &'a [f32],
    /// All training rows, each [`reduced`].
    pub training: &'a [f32],
    /// Whether the held-out rows are training rows, because none were held out.
    pub all_learned: bool,
    pub seed: u64,
}

/// Features [n, d] of the same rows.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    /// What figures by them are called after: `fashion-mnist`.
    pub name: &'a str,
    pub d: usize,
    pub samples: &'a [f32],
    pub learned: &'a [f32],
    pub held_out: &'a [f32],
}

/// The classes, by a classifier, of the same rows.
#[derive(Clone, Copy, Debug)]
pub struct Classes<'a> {
    pub n_classes: usize,
    pub samples: &'a [u32],
    pub learned: &'a [u32],
    pub held_out: &'a [u32],
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub figures: Vec<Figure>,
    /// Of each sample, the number of the training row that it is nearest to, and how far that is: root of the mean squared difference of a value.
    pub nearest: Vec<(usize, f64)>,
    /// What the figures say together, in sentences.
    pub verdicts: Vec<String>,
}

/// All figures of samples. Rows are in no order, and there are at least [`crate::quality::LEAST_ROWS`] of them.
pub fn evaluate(sets: &Sets, features: Option<&Features>, classes: Option<&Classes>) -> Evaluated {
    let mut figures = vec![distance(sets)];
    if let Some(features) = features {
        figures.extend(of_features(features));
    }
    if let Some(classes) = classes {
        figures.extend(of_classes(classes));
    }
    figures.extend(likeness(sets));
    let (by_heart, nearest) = by_heart::by_heart(sets);
    figures.extend(by_heart);
    let verdicts = verdict::verdicts(&figures);
    Evaluated { figures, nearest, verdicts }
}

/// Whether a model makes rows that can be evaluated, from nothing or from others.
pub fn makes_rows(model: &dyn Model) -> bool {
    let from_others = model.text().is_some() || model.composer().is_some() || model.translator().is_some();
    from_others || model.latent().is_some() || model.density().is_some()
}

/// Rows in an order that the seed draws: those of a data set may be in the order of their classes.
pub fn mixed(mut rows: Vec<u32>, seed: u64) -> Vec<u32> {
    let mut random = Stream::new(seed, Domain::Test, "order", 0);
    (1..rows.len()).rev().for_each(|last| rows.swap(last, random.below(last as u32 + 1) as usize));
    rows
}

const DISTANCE: &str = "sliced Wasserstein x 1000";
const AUTHENTIC: &str = "authentic";
const NEAREST: &str = "nearest training row";
const LIKENESS: &str = "MS-SSIM";
const RECALL: &str = "recall";
const COVERAGE: &str = "coverage";
const PRECISION: &str = "precision";

fn distance(sets: &Sets) -> Figure {
    let n = sets.held_out.len() / sets.shape.iter().product::<usize>().max(1);
    let [samples, learned, held_out] =
        [sets.samples, sets.learned, sets.held_out].map(|rows| Patches::of(rows, sets.shape, sets.seed));
    let from = |rows: &Patches| Estimate::by_groups(n, |kept| rows.distance(&held_out, kept));
    let what = "distance of the samples' patches from those of held-out rows, over the levels of a Laplacian pyramid";
    Figure::new(DISTANCE, from(&samples), Better::Lower, what).with_floor(from(&learned))
}

fn of_features(of: &Features) -> Vec<Figure> {
    let [samples, learned, held_out] =
        [of.samples, of.learned, of.held_out].map(|all| all.chunks_exact(of.d.max(1)).collect::<Vec<&[f32]>>());
    let frechet = |rows: &[&[f32]]| {
        let of_kept = |kept: &[usize]| {
            let normal = |all: &[&[f32]]| frechet::Normal::of(&kept.iter().map(|&i| all[i]).collect::<Vec<_>>(), of.d);
            normal(rows).distance(&normal(&held_out))
        };
        match of.d {
            ..=MOST_JACKKNIFED => Estimate::jackknife(rows.len(), of_kept),
            _ => Estimate { value: of_kept(&(0..rows.len()).collect::<Vec<_>>()), error: f64::NAN },
        }
    };
    let kernel = |rows: &[&[f32]]| kernel::kernel_distance(rows, &held_out, of.d);
    let (made, real) = (Among::new(&held_out, &samples), Among::new(&held_out, &learned));
    use Better::{Higher, Lower, Near};
    vec![
        Figure::new(
            format!("FID-{}", of.name),
            frechet(&samples),
            Lower,
            "Fréchet distance of features; comparable only between figures of the same features and as many rows",
        )
        .with_floor(frechet(&learned)),
        Figure::new(
            format!("KID-{}", of.name),
            kernel(&samples),
            Lower,
            "kernel distance of the same features, unbiased: noise around 0 for samples like the data",
        )
        .with_floor(kernel(&learned)),
        Figure::new(PRECISION, made.precision, Higher, "samples that lie among held-out rows: how real they are")
            .with_floor(real.precision),
        Figure::new(RECALL, made.recall, Higher, "held-out rows that lie among the samples: how various they are")
            .with_floor(real.recall),
        Figure::new("density", made.density, Near, "how crowded with held-out rows it is where samples lie")
            .with_floor(real.density),
        Figure::new(COVERAGE, made.coverage, Higher, "held-out rows that a sample lies beside").with_floor(real.coverage),
    ]
}

fn of_classes(of: &Classes) -> Vec<Figure> {
    let shares = |rows: &[u32], kept: &[usize]| {
        let mut shares = vec![0.0; of.n_classes];
        kept.iter().for_each(|&i| shares[rows[i] as usize] += 1.0 / kept.len() as f64);
        shares
    };
    let all: Vec<usize> = (0..of.samples.len()).collect();
    let found = |rows: &[u32]| {
        let least = LEAST_SHARE / of.n_classes as f64;
        let n = shares(rows, &all).iter().filter(|share| **share >= least).count();
        Estimate { value: n as f64, error: f64::NAN }
    };
    let apart = |rows: &[u32]| {
        Estimate::by_groups(rows.len(), |kept| {
            let (a, b) = (shares(rows, kept), shares(of.held_out, kept));
            a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
        })
    };
    vec![
        Figure::new(
            format!("classes found, of {}", of.n_classes),
            found(of.samples),
            Better::Higher,
            "classes that the classifier sees in at least a tenth of an even share of the samples",
        )
        .with_floor(found(of.learned)),
        Figure::new(
            "class shares",
            apart(of.samples),
            Better::Lower,
            "total variation between the classes of the samples and of held-out rows, from 0 to 1",
        )
        .with_floor(apart(of.learned)),
    ]
}

/// How alike images are among themselves.
fn likeness(sets: &Sets) -> Option<Figure> {
    let &[h, w, c] = sets.shape else { return None };
    let within = |all: &[f32]| {
        let rows: Vec<&[f32]> = all.chunks_exact((h * w * c).max(1)).collect();
        similarity::similarity(&rows, [h, w, c], PAIRS, sets.seed)
    };
    let what = "structural similarity of random pairs of samples: above the data's, they differ too little";
    Some(Figure::new(LIKENESS, within(sets.samples)?, Better::Near, what).with_floor(within(sets.learned)))
}

#[cfg(test)]
mod tests;
