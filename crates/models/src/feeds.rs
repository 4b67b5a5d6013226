//! Feeds: the inputs of a training step that come from the data, by name: rows, their classes, what is said of them.

use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{HostTensor, philox};

use crate::history;
use crate::model::{Model, Values};
use crate::text;

/// Which data set of a run: `--data`, or `--data-b` of a model that learns from two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    #[default]
    A,
    B,
}

impl Role {
    pub const ALL: [Role; 2] = [Role::A, Role::B];

    /// As a person writes it.
    pub fn name(self) -> &'static str {
        match self {
            Role::A => "A",
            Role::B => "B",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Role::A => Role::B,
            Role::B => Role::A,
        }
    }
}

/// Where the values of a feed come from. B is the batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The rows of a batch as the model takes them: f32 [B, ..shape], of [`Model::values`].
    Rows,
    /// The same rows, images that are reduced to `side` pixels high and wide, each pixel the mean of those that it covers: f32
    /// [B, side, side, C]. Of square images, whose sides are `side` times a power of two.
    RowsAt { side: usize },
    /// Their classes, each below `n_classes`: u32 [B].
    Labels { n_classes: u32 },
    /// The classes of the same rows in another order, drawn anew each step: u32 [B].
    OtherLabels { n_classes: u32 },
    /// A batch of its own, of the few rows whose classes a model is told: f32 [`batch`, ..shape].
    KnownRows(Known),
    /// The classes of [`Source::KnownRows`]: u32 [`batch`].
    KnownLabels(Known),
    /// Their attributes, as [`Attributes::vector`](crate::attributes::Attributes::vector) has them: f32 [B, width].
    Attributes { width: usize },
    /// The attributes of the same rows in another order, drawn anew each step: f32 [B, width].
    OtherAttributes { width: usize },
    /// A caption of each, one of its own by chance: u32 [B, length], as [`text::read`] has it.
    Captions { length: usize },
    /// A caption that says something else than each, one of another row: of so many rows, drawn at random, the one whose captions share most
    /// words with the row's own: u32 [B, length].
    OtherCaptions { length: usize, among: usize },
    /// What each says, as a number that it shares with the rows of the batch that say the same: u32 [B], below B.
    Meanings,
    /// What becomes of a history of so many past rows, as [`history::decisions`] says: u32 [B, 2].
    History { capacity: u32 },
    /// Key patches of the same rows, which are images: `n` of each, each enlarged to the size of the row, in an order that their values
    /// alone decide: f32 [B, n, ..shape].
    Patches { n: usize },
    /// Where these patches are in the rows [H, W, C], 1 in them and 0 elsewhere: f32 [B, H, W, 1].
    PatchMask { n: usize },
}

/// The training rows whose classes are told to a model that learns from both kinds. `of` rows of a run, each class as often as any other
/// but for one, are chosen by its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub of: usize,
    /// Rows of a step, at most `of`.
    pub batch: usize,
    pub n_classes: u32,
}

/// An input that a program is given from the data each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Of the input.
    pub name: &'static str,
    /// The data set that it comes from.
    pub role: Role,
    pub source: Source,
}

impl Feed {
    /// The rows, as `x`.
    pub const ROWS: Feed = Feed { name: "x", role: Role::A, source: Source::Rows };

    fn of(name: &'static str, source: Source) -> Self {
        Feed { name, role: Role::A, source }
    }

    pub fn rows_of(name: &'static str, role: Role) -> Self {
        Feed { role, ..Feed::of(name, Source::Rows) }
    }

    pub fn rows_at(name: &'static str, side: usize) -> Self {
        Feed::of(name, Source::RowsAt { side })
    }

    pub fn labels(name: &'static str, n_classes: u32) -> Self {
        Feed::of(name, Source::Labels { n_classes })
    }

    pub fn other_labels(name: &'static str, n_classes: u32) -> Self {
        Feed::of(name, Source::OtherLabels { n_classes })
    }

    pub fn known_rows(name: &'static str, known: Known) -> Self {
        Feed::of(name, Source::KnownRows(known))
    }

    pub fn known_labels(name: &'static str, known: Known) -> Self {
        Feed::of(name, Source::KnownLabels(known))
    }

    pub fn attributes(name: &'static str, width: usize) -> Self {
        Feed::of(name, Source::Attributes { width })
    }

    pub fn other_attributes(name: &'static str, width: usize) -> Self {
        Feed::of(name, Source::OtherAttributes { width })
    }

    pub fn captions(name: &'static str, length: usize) -> Self {
        Feed::of(name, Source::Captions { length })
    }

    pub fn other_captions(name: &'static str, length: usize, among: usize) -> Self {
        Feed::of(name, Source::OtherCaptions { length, among })
    }

    pub fn meanings(name: &'static str) -> Self {
        Feed::of(name, Source::Meanings)
    }

    pub fn history(name: &'static str, capacity: u32) -> Self {
        Feed::of(name, Source::History { capacity })
    }

    pub fn patches(name: &'static str, n: usize) -> Self {
        Feed::of(name, Source::Patches { n })
    }

    pub fn patch_mask(name: &'static str, n: usize) -> Self {
        Feed::of(name, Source::PatchMask { n })
    }

    /// Key patches of a row that it is about; none where it is about none.
    pub fn n_patches(&self) -> Option<usize> {
        match self.source {
            Source::Patches { n } | Source::PatchMask { n } => Some(n),
            _ => None,
        }
    }

    /// Of a row that it is made of: [..shape], or the reduced one; of several, or of its mask.
    pub fn shape(&self, model: &dyn Model) -> Vec<usize> {
        match (self.source, model.shape()) {
            (Source::RowsAt { side }, &[_, _, channels]) => vec![side, side, channels],
            (Source::PatchMask { .. }, &[h, w, _]) => vec![h, w, 1],
            (Source::Patches { n }, shape) => [&[n], shape].concat(),
            (_, shape) => shape.to_vec(),
        }
    }

    /// Classes that the data must have, of which none may be numbered this or above; none where they need not have any.
    pub fn n_classes(&self) -> Option<u32> {
        match self.source {
            Source::Rows
            | Source::RowsAt { .. }
            | Source::Attributes { .. }
            | Source::OtherAttributes { .. }
            | Source::Captions { .. }
            | Source::OtherCaptions { .. }
            | Source::Meanings
            | Source::History { .. }
            | Source::Patches { .. }
            | Source::PatchMask { .. } => None,
            Source::Labels { n_classes } | Source::OtherLabels { n_classes } => Some(n_classes),
            Source::KnownRows(known) | Source::KnownLabels(known) => Some(known.n_classes),
        }
    }

    /// Which rows it is of, where a model is told the classes of some only.
    pub fn known(&self) -> Option<Known> {
        match self.source {
            Source::KnownRows(known) | Source::KnownLabels(known) => Some(known),
            _ => None,
        }
    }

    /// Whether data without classes cannot give it.
    pub fn needs_labels(&self) -> bool {
        self.n_classes().is_some()
    }

    /// A synthetic value of the right kind, to time a step or to test one: rows uniform in (-1, 1) or among the levels,
    /// classes uniform. Equal (`seed`, `step`) give equal values.
    pub fn made_up(&self, model: &dyn Model, batch: usize, seed: u64, step: u64) -> HostTensor {
        let mut random = Stream::new(seed, Domain::Data, self.name, step as u32);
        let batch = self.known().map_or(batch, |known| known.batch);
        match self.source {
            Source::Rows | Source::RowsAt { .. } | Source::KnownRows(_) | Source::Patches { .. } => {
                let shape = [&[batch], self.shape(model).as_slice()].concat();
                let value = |u: f32| match model.values() {
                    Values::Levels(levels) => (u * levels as f32).floor(),
                    Values::Signed | Values::Standardised => 2.0 * u - 1.0,
                };
                let n = shape.iter().product();
                HostTensor::f32(shape, (0..n).map(|_| value(random.uniform())).collect::<Vec<_>>())
            }
            Source::Labels { n_classes } | Source::OtherLabels { n_classes } | Source::KnownLabels(Known { n_classes, .. }) => {
                HostTensor::u32([batch], (0..batch).map(|_| random.word() % n_classes.max(1)).collect::<Vec<_>>())
            }
            // One of them each: a vector of a choice, and of flags.
            Source::Attributes { width } | Source::OtherAttributes { width } => {
                let one = |n: usize, k: u32| f32::from(n as u32 == k);
                let row = |k: u32| (0..width).map(move |n| one(n, k));
                let values = (0..batch).flat_map(|_| row(random.below(width.max(1) as u32)));
                HostTensor::f32([batch, width], values.collect::<Vec<_>>())
            }
            Source::Captions { length } | Source::OtherCaptions { length, .. } => {
                let words = (0..batch * length).map(|_| random.below(text::END + 1));
                HostTensor::u32([batch, length], words.collect::<Vec<_>>())
            }
            Source::Meanings => HostTensor::u32([batch], (0..batch as u32).collect::<Vec<_>>()),
            Source::History { capacity } => history::decisions(self.name, capacity, batch, seed, step),
            Source::PatchMask { .. } => {
                let shape = [&[batch], self.shape(model).as_slice()].concat();
                let n = shape.iter().product();
                HostTensor::f32(shape, (0..n).map(|_| f32::from(random.uniform() < 0.5)).collect::<Vec<_>>())
            }
        }
    }
}

/// A value by the name of its input.
pub type Named = (String, HostTensor);

/// The inputs as a device takes them.
pub fn borrowed(inputs: &[Named]) -> Vec<(&str, &HostTensor)> {
    inputs.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

/// Names of the inputs that random numbers are drawn by. Every program may read them.
pub const SEED: &str = "seed";
pub const STEP: &str = "step";

/// The two words of the seed and the word of the step, as [`Graph::random`](calotype_graph::Graph::random) reads them.
pub fn random_words(seed: u64, step: u64) -> [Named; 2] {
    [(SEED.to_owned(), HostTensor::u32([2], philox::key(seed))), (STEP.to_owned(), HostTensor::u32([1], [step as u32]))]
}
