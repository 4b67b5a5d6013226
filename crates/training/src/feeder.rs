//! The inputs of a step that come from the data: a pure function of the seed and the step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use calotype_data::{Batch, Batches, DataError, Prepared};
use calotype_graph::HostTensor;
use calotype_graph::philox::{Domain, Stream};
use calotype_models::{Feed, Known, Model, Named, Role, Source, Stage, history};

use crate::compose::FedPatches;
use crate::error::{Result, TrainingError};
use crate::material::Told;

/// Feeds the steps of a run. Every size of batch has its own order of the rows.
pub struct Feeder {
    model: Arc<dyn Model>,
    stages: Vec<Stage>,
    seed: u64,
    /// By data set, pixels a side where the rows are reduced, and batch.
    by_size: BTreeMap<Size, Arc<Batches>>,
    /// What the model is told of the rows of the first data set, and those that it learns from, in their order.
    told: Told,
    rows: Vec<u32>,
    /// Of the rows whose classes are known, by how many they are and the rows of a step.
    known: BTreeMap<(usize, usize), Batches>,
}

/// Rows of a step: of which data set, how large, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    role: Role,
    /// Pixels a side where the rows are reduced.
    side: Option<usize>,
    batch: usize,
}

/// A data set that steps are fed from.
#[derive(Clone, Debug)]
pub struct FeedSet {
    pub prepared: Arc<Prepared>,
    /// Those that are learned from.
    pub rows: Vec<u32>,
    pub n_classes: usize,
    /// What the model is told of them.
    pub told: Told,
}

impl Feeder {
    /// Of a data set for each role of the model.
    ///
    /// # Errors
    /// A batch larger than the data; a model that is fed classes, attributes or a data set which there are not.
    pub fn new(model: Arc<dyn Model>, sets: &[FeedSet], seed: u64) -> Result<Self> {
        let stages = model.learning().descent().map_or_else(Vec::new, |d| d.stages(model.batch()));
        let Some(FeedSet { prepared, rows, n_classes, told }) = sets.first() else {
            return Err(TrainingError::Contradiction(format!("{} learns from no data", model.info().name)));
        };
        for feed in stages.iter().flat_map(|s| &s.feeds) {
            check(model.as_ref(), feed, prepared.labels().map(|_| *n_classes))?;
        }
        let at_sides = reduced(prepared, &stages)?;
        let batches = |Size { role, side, batch }: Size| {
            let nth = role as usize;
            let set = sets.get(nth).ok_or_else(|| {
                TrainingError::Contradiction(format!("{} is fed a data set {} that there is not", model.info().name, role.name()))
            })?;
            let prepared = side.and_then(|side| at_sides.get(&side)).unwrap_or(&set.prepared);
            let seed = calotype_data::seed_of(seed, nth as u32);
            Ok::<_, TrainingError>(Arc::new(Batches::new(Arc::clone(prepared), set.rows.clone(), batch, seed)?))
        };
        let of_stage = |s: &Stage| {
            let of_feed = |f: &Feed| Size { role: f.role, side: side_of(f), batch: s.batch };
            s.feeds.iter().map(of_feed).chain([Size { role: Role::A, side: None, batch: s.batch }]).collect::<Vec<_>>()
        };
        let sizes = stages.iter().flat_map(of_stage);
        let by_size = sizes.map(|size| Ok((size, batches(size)?))).collect::<Result<_>>()?;
        let mut known = BTreeMap::new();
        for Known { of, batch, n_classes } in stages.iter().flat_map(|s| &s.feeds).filter_map(Feed::known) {
            let labels = prepared.labels().unwrap_or_default();
            let chosen = known_rows(rows, labels, n_classes, of, seed)?;
            known.insert((of, batch), Batches::new(Arc::clone(prepared), chosen, batch, seed)?);
        }
        Ok(Feeder { stages, seed, by_size, told: told.clone(), rows: rows.clone(), known, model })
    }

    /// Whole batches of an epoch of the first stage; of the larger one of two data sets.
    pub fn steps_per_epoch(&self) -> u64 {
        let Some(stage) = self.stages.first() else { return 1 };
        let of_role = |&role: &Role| self.by_size.get(&Size { role, side: None, batch: stage.batch });
        Role::ALL.iter().filter_map(of_role).map(|batches| batches.steps_per_epoch()).max().unwrap_or(1)
    }

    /// The feeds of the stage that runs at a step; nothing where none does.
    pub fn feed(&self, step: u64) -> Vec<Named> {
        let turn = self.model.learning().descent().map(|d| d.at(step, 1.0));
        let stage = turn.and_then(|turn| self.stages.get(turn.stage));
        let Some(stage) = stage else { return vec![] };
        let of_size = |role: Role, side: Option<usize>| self.by_size.get(&Size { role, side, batch: stage.batch });
        let Some(batches) = of_size(Role::A, None) else { return vec![] };
        let shape = [&[stage.batch], self.model.shape()].concat();
        let last_rows = stage.feeds.iter().rposition(|f| f.source == Source::Rows && f.role == Role::A);
        let n_patches = stage.feeds.iter().find_map(Feed::n_patches);
        let Batch { images, labels, indices } = match last_rows.is_some() || n_patches.is_some() {
            true => batches.batch(step),
            false => Batch { images: vec![], labels: batches.labels(step), indices: batches.indices(step) },
        };
        let mut keys = n_patches.and_then(|n| FedPatches::of(&images, self.model.shape(), n));
        let mut rows = last_rows.map(|_| HostTensor::f32(shape.as_slice(), images));
        let other_order = || batches.other_order(step).into_iter().map(|at| at as usize);
        let told = |rows: &[u32], width: usize| {
            Some(HostTensor::f32([stage.batch, width], self.told.attributes.as_ref()?.vectors(rows)))
        };
        let value = |(n, feed): (usize, &Feed)| {
            let of_known = |known: &Known| self.known.get(&(known.of, known.batch)).map(|b| b.batch(step));
            let value = match feed.source {
                Source::KnownRows(known) => {
                    let shape = [&[known.batch], self.model.shape()].concat();
                    HostTensor::f32(shape, of_known(&known)?.images)
                }
                Source::KnownLabels(known) => HostTensor::u32([known.batch], of_known(&known)?.labels),
                Source::RowsAt { side } => {
                    let reduced = of_size(feed.role, Some(side))?.batch(step);
                    HostTensor::f32([&[stage.batch], feed.shape(self.model.as_ref()).as_slice()].concat(), reduced.images)
                }
                Source::Rows if feed.role != Role::A => {
                    HostTensor::f32(shape.as_slice(), of_size(feed.role, None)?.batch(step).images)
                }
                // They are large, and nearly always fed once.
                Source::Rows if Some(n) == last_rows => rows.take()?,
                Source::Rows => rows.clone()?,
                Source::Labels { .. } => HostTensor::u32([stage.batch], labels.clone()),
                Source::OtherLabels { .. } => {
                    HostTensor::u32([stage.batch], other_order().map(|at| labels[at]).collect::<Vec<_>>())
                }
                Source::Attributes { width } => told(&indices, width)?,
                Source::OtherAttributes { width } => told(&other_order().map(|at| indices[at]).collect::<Vec<_>>(), width)?,
                Source::Captions { length } => {
                    let own = self.told.captions.as_ref()?.own(&indices, feed.name, (self.seed, step));
                    HostTensor::u32([stage.batch, length], own)
                }
                Source::OtherCaptions { length, among } => {
                    let wrong = self.told.captions.as_ref()?.wrong(&indices, (&self.rows, among), feed.name, (self.seed, step));
                    HostTensor::u32([stage.batch, length], wrong)
                }
                Source::Meanings => HostTensor::u32([stage.batch], self.told.captions.as_ref()?.meanings(&indices)),
                Source::History { capacity } => history::decisions(feed.name, capacity, stage.batch, self.seed, step),
                Source::Patches { .. } => keys.as_mut()?.patches.take()?,
                Source::PatchMask { .. } => keys.as_mut()?.mask.take()?,
            };
            Some((feed.name.to_owned(), value))
        };
        stage.feeds.iter().enumerate().filter_map(value).collect()
    }
}

impl fmt::Debug for Feeder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeder").field("stages", &self.stages).finish_non_exhaustive()
    }
}

/// Pixels a side that a feed's rows are reduced to.
fn side_of(feed: &Feed) -> Option<usize> {
    match feed.source {
        Source::RowsAt { side } => Some(side),
        _ => None,
    }
}

/// The rows at every size that a stage is fed, made once for the run.
fn reduced(prepared: &Arc<Prepared>, stages: &[Stage]) -> Result<BTreeMap<usize, Arc<Prepared>>, DataError> {
    let sides: BTreeSet<usize> = stages.iter().flat_map(|s| &s.feeds).filter_map(side_of).collect();
    let is_full = |side: &usize| prepared.shape().first() == Some(side);
    let (full, small): (Vec<usize>, Vec<usize>) = sides.into_iter().partition(is_full);
    let made = if small.is_empty() { vec![] } else { prepared.reduced(&small)? };
    let made = small.into_iter().zip(made.into_iter().map(Arc::new));
    Ok(made.chain(full.into_iter().map(|side| (side, Arc::clone(prepared)))).collect())
}

/// That data with `n_classes` classes, or none, can give this.
fn check(model: &dyn Model, feed: &Feed, n_classes: Option<usize>) -> Result<()> {
    let unfit = |reason: String| Err(TrainingError::Unfit { model: model.info().name, data: "this data set".into(), reason });
    match (feed.n_classes(), n_classes) {
        (None, _) => Ok(()),
        (Some(_), None) => unfit(
            "it has no classes, and the model is trained on them; give data with classes (one folder a class, or IDX with labels)"
                .into(),
        ),
        (Some(most), Some(n)) if n > most as usize => {
            unfit(format!("it has {n} classes, and the model takes at most {most}"))
        }
        _ => Ok(()),
    }
}

/// `of` of these rows, by which a run with this seed is told their classes: every class has as many as any other, but for one, as far as
/// it has rows. In the order in which they were chosen: the first n of `of` are those of n.
///
/// # Errors
/// Fewer rows than that; a class that would have none.
pub fn known_rows(rows: &[u32], labels: &[u32], n_classes: u32, of: usize, seed: u64) -> Result<Vec<u32>> {
    let mut random = Stream::new(seed, Domain::Data, "known rows", 0);
    let mut shuffled = rows.to_vec();
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, random.below(at as u32 + 1) as usize);
    }
    let mut by_class = vec![VecDeque::new(); n_classes as usize];
    for row in shuffled {
        let class = labels.get(row as usize).and_then(|&label| by_class.get_mut(label as usize));
        class.into_iter().for_each(|class| class.push_back(row));
    }
    let with_rows = by_class.iter().filter(|class| !class.is_empty()).count();
    let n_rows: usize = by_class.iter().map(VecDeque::len).sum();
    if of < with_rows || of > n_rows {
        let message =
            format!("labels={of}: expected {with_rows} to {n_rows}: one of each class or more, of the training rows at most");
        return Err(TrainingError::Contradiction(message));
    }
    let mut chosen = Vec::with_capacity(of);
    while chosen.len() < of {
        let round = by_class.iter_mut().filter_map(VecDeque::pop_front);
        chosen.extend(round);
    }
    chosen.truncate(of);
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Attributed;

    /// Classes 0, 1, 2 with 60, 30 and 10 rows; row numbers are not places in the list.
    fn rows() -> (Vec<u32>, Vec<u32>) {
        let labels: Vec<u32> = (0..200).map(|n| if n % 10 == 9 { 2 } else { u32::from(n % 3 == 0) }).collect();
        ((0..200).filter(|n| n % 2 == 1).collect(), labels)
    }

    #[test]
    fn known_rows_are_balanced_and_the_seeds_own() {
        let (rows, labels) = rows();
        let chosen = |of, seed| known_rows(&rows, &labels, 3, of, seed).expect("there are enough");
        let first = chosen(30, 7);
        assert_eq!(first, chosen(30, 7), "a pure function");
        assert_ne!(first, chosen(30, 8), "of the seed");
        assert_eq!(first[..12], chosen(12, 7), "fewer are the first of more");
        let per_class = |chosen: &[u32]| [0, 1, 2].map(|c| chosen.iter().filter(|&&r| labels[r as usize] == c).count());
        assert_eq!(per_class(&first), [10, 10, 10]);
        assert_eq!(per_class(&chosen(4, 7)).iter().sum::<usize>(), 4);
        assert!(per_class(&chosen(4, 7)).iter().all(|n| (1..=2).contains(n)));
        let mut all = chosen(100, 7);
        all.sort_unstable();
        assert_eq!(all, rows, "each once, where one class runs out too");
    }

    #[test]
    fn too_few_or_too_many_known_rows_are_refused() {
        let (rows, labels) = rows();
        for of in [0, 2, 101] {
            let message = known_rows(&rows, &labels, 3, of, 0).expect_err("it is refused").to_string();
            assert!(message.contains(&format!("labels={of}")) && message.contains("3 to 100"), "{message}");
        }
    }

    /// A model that grows is fed the same rows at every level, each pixel the mean of those of the full size.
    #[test]
    fn a_level_is_fed_its_rows_at_its_size() {
        let data: Vec<u8> = (0..20 * 256).map(|i| (i * 7919 % 256) as u8).collect();
        let values = calotype_data::Values::Levels { data: Arc::new(data), levels: 256 };
        let dataset = calotype_data::Dataset::new("test", &[16, 16, 1], values).expect("images");
        let preparation =
            calotype_data::Preparation { encoding: calotype_data::Encoding::Signed, ..calotype_data::Preparation::default() };
        let prepared = Arc::new(Prepared::new(&dataset, &preparation).expect("levels"));
        let set = [
            ("size", "16"),
            ("batch", "4"),
            ("fmap_max", "2"),
            ("fade_images", "4"),
            ("stable_images", "4"),
            ("last_images", "4"),
        ];
        let set = set.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let shape = calotype_models::DataShape { shape: vec![16, 16, 1], levels: Some(256), n_train: 20, ..Default::default() };
        let info = calotype_models::find("progan").expect("a model");
        let model = info.build(calotype_models::Preset::SMALL, &set, &shape).expect("valid settings");
        let rows: Vec<u32> = (0..20).collect();
        let set = FeedSet { prepared: Arc::clone(&prepared), rows: rows.clone(), n_classes: 0, told: Told::default() };
        let feeder = Feeder::new(model, &[set], 3).expect("it feeds");
        let full = Batches::new(Arc::clone(&prepared), rows, 4, 3).expect("enough rows");
        // One step of 4x4; two and one of 8x8; then 16x16.
        for (step, side) in [(0, 4), (1, 8), (3, 8), (4, 16), (99, 16)] {
            let fed = feeder.feed(step);
            let [(name, value)] = fed.as_slice() else { panic!("one feed: {fed:?}") };
            assert_eq!((name.as_str(), value.shape.dims()), ("x", [4, side, side, 1].as_slice()));
            let (of, all) = (16 / side, full.batch(step).images);
            for (at, got) in value.as_f32().expect("floats").iter().enumerate() {
                let (row, y, x) = (at / (side * side), at / side % side * of, at % side * of);
                let sum: f32 = (0..of * of).map(|i| all[row * 256 + (y + i / of) * 16 + x + i % of]).sum();
                // A level of 256 is 2/255 wide.
                assert!((got - sum / (of * of) as f32).abs() <= 1.0 / 255.0 + 1e-6, "step {step}, value {at}");
            }
        }
    }

    /// Grey images [32, 32, 1], each a number of its own.
    fn images(n: usize) -> calotype_data::Dataset {
        let data: Vec<u8> = (0..n).flat_map(|row| [row as u8; 32 * 32]).collect();
        let values = calotype_data::Values::Levels { data: Arc::new(data), levels: 256 };
        calotype_data::Dataset::new("numbers", &[32, 32, 1], values).expect("images")
    }

    fn signed(dataset: &calotype_data::Dataset) -> Arc<Prepared> {
        let encoding = calotype_data::Encoding::Signed;
        Arc::new(Prepared::new(dataset, &calotype_data::Preparation { encoding, ..Default::default() }).expect("levels"))
    }

    fn small(model: &str, attributes: calotype_models::attributes::Attributes, batch: &str) -> Arc<dyn Model> {
        let set = [("size", "32"), ("width", "1"), ("width_d", "1"), ("blocks", "1"), ("batch", batch)];
        let set = set.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let shape = calotype_models::DataShape {
            shape: vec![32, 32, 1],
            levels: Some(256),
            n_train: 20,
            attributes,
            ..Default::default()
        };
        let info = calotype_models::find(model).expect("a model");
        info.build(calotype_models::Preset::SMALL, &set, &shape).expect("valid settings")
    }

    /// Rows of a role are its own, equal data come in orders of their own, and the shorter set begins again at its own pace.
    #[test]
    fn two_data_sets_are_fed_apart() {
        let of = |n: usize| FeedSet {
            prepared: signed(&images(n)),
            rows: (0..n as u32).collect(),
            n_classes: 0,
            told: Told::default(),
        };
        let numbers = |feeder: &Feeder, name: &str, steps: u64| -> Vec<u32> {
            let of_step = |step| {
                let fed = feeder.feed(step);
                let (_, value) = fed.into_iter().find(|(n, _)| n == name).expect(name);
                let first = |image: &[f32]| ((image[0] + 1.0) * 127.5).round() as u32;
                value.as_f32().expect("floats").chunks_exact(32 * 32).map(first).collect::<Vec<_>>()
            };
            (0..steps).flat_map(of_step).collect()
        };
        let model = small("cyclegan", Default::default(), "1");
        let equal = Feeder::new(Arc::clone(&model), &[of(20), of(20)], 3).expect("it feeds");
        let (a, b) = (numbers(&equal, "a", 20), numbers(&equal, "b", 20));
        assert!(a.iter().zip(&b).filter(|(a, b)| a == b).count() < 6, "no pairs: {a:?} {b:?}");
        let short = Feeder::new(Arc::clone(&model), &[of(20), of(5)], 3).expect("it feeds");
        assert_eq!((numbers(&short, "a", 20), short.steps_per_epoch()), (a, 20), "the other set changes nothing");
        let b = numbers(&short, "b", 20);
        for epoch in b.chunks(5) {
            let mut rows = epoch.to_vec();
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3, 4]);
        }
        assert!(b[..5] != b[5..10], "in another order");
        assert!(Feeder::new(model, &[of(20)], 3).is_err(), "there is no second one");
    }

    /// What a row is to become is what some row of the batch has, so it occurs in the data: of exclusive attributes exactly one.
    #[test]
    fn targets_occur_in_the_data() {
        let flag = |name: &str, has: fn(u32) -> bool| calotype_data::Factor {
            name: name.into(),
            values: vec!["no".into(), "yes".into()],
            of_row: (0..20).map(|row| u32::from(has(row))).collect(),
        };
        // Rows 0 and 19 have none of the three colours; nobody blond is male.
        let dataset = [
            flag("Black", |row| row % 3 == 1 && row < 19),
            flag("Blond", |row| row % 3 == 2),
            flag("Brown", |row| row % 3 == 0 && row > 0),
            flag("Male", |row| row % 2 == 0 && row % 3 != 2),
        ]
        .into_iter()
        .try_fold(images(20), calotype_data::Dataset::with_factor)
        .expect("factors");
        let told = Arc::new(Attributed::new(&dataset, "Black/Blond/Brown,Male").expect("they are there"));
        let rows: Vec<u32> = (0..20).filter(|&row| told.of_row(row).is_some()).collect();
        assert_eq!(rows.len(), 18);
        let known: Vec<Vec<f32>> = rows.iter().map(|&row| told.vectors(&[row])).collect();
        let model = small("stargan", told.attributes.clone(), "4");
        let set = FeedSet {
            prepared: signed(&dataset),
            rows,
            n_classes: 0,
            told: Told { attributes: Some(Arc::clone(&told)), captions: None },
        };
        let feeder = Feeder::new(model, &[set], 3).expect("it feeds");
        let mut moved = 0;
        for step in 0..10_000 {
            let fed = feeder.feed(step);
            let vectors = |name: &str| {
                let value = fed.iter().find(|(n, _)| n == name).expect(name).1.as_f32().expect("floats").to_vec();
                value.chunks_exact(4).map(<[f32]>::to_vec).collect::<Vec<_>>()
            };
            let (own, target) = (vectors("attributes"), vectors("target"));
            assert!(target.iter().all(|v| known.contains(v) && v[..3].iter().sum::<f32>() == 1.0), "step {step}: {target:?}");
            moved += own.iter().zip(&target).filter(|(own, target)| own != target).count();
        }
        assert!(moved > 10_000, "most rows are to become something else: {moved} of 40,000");
    }
}
