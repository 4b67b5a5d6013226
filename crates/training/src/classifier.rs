//! A small convolutional classifier, trained on real images, that says what made ones look like.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use calotype_data::{Batches, hex};
use calotype_graph::{Device, Graph, HostTensor, Init, Mode, Plan, PlanOptions, Program, Scope, StateSpec, Tensor, Type, plan};
use calotype_models::layers::{Kernel, Layers, flatten};
use calotype_models::optimisers::{Optimiser, Rule, Schedule};
use calotype_models::{Values, init, losses};
use sha2::{Digest, Sha256};

use crate::checkpoint::{Checkpoint, Identity};
use crate::config::Scalar;
use crate::error::{Result, TrainingError};
use crate::fit::planning_profile;
use crate::load::Loader;
use crate::replace::write_atomically;
use crate::rows::RowProgram;
use crate::sampler::{SAMPLE_BATCH, brightness};
use crate::translate::signed;
use crate::wait;

const ADAM: Rule = Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const LR: f64 = 2e-3;
/// Maps of its layers, each of half the height and width of the one before.
const MAPS: [usize; 3] = [16, 32, 64];
const HALVE: Kernel = Kernel { size: 4, stride: 2, pad: 1 };
/// Where the states of all of them are.
const SCOPE: &str = "classifier";

/// Numbers that its last layer decides by: a row's features.
const FEATURES: usize = 64;
/// Counts up when classifiers learn in another way.
const VERSION: u64 = 1;

/// What a classifier learns from, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Lessons<'a> {
    /// Its own on the device.
    pub name: &'a str,
    /// Of images [H, W, C] with classes.
    pub batches: &'a Batches,
    /// What the numbers of these images are.
    pub values: Values,
    pub n_classes: usize,
    /// Steps, one batch each; the learning rate falls to 0 along a line.
    pub steps: u64,
}

/// A classifier on a device.
#[derive(Clone, Debug)]
pub struct Classifier {
    program: RowProgram,
    n_classes: usize,
    sha256: String,
}

/// What a classifier says of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classified {
    /// [N, 64], of the layer before the last.
    pub features: Vec<f32>,
    /// The most probable one of each.
    pub classes: Vec<u32>,
}

impl Classified {
    /// Numbers of a row's features.
    pub const N_FEATURES: usize = FEATURES;
}

impl Classifier {
    /// One that learns now.
    ///
    /// # Errors
    /// Data without classes, or that are no images; what the device says.
    pub fn train(device: &mut dyn Device, loader: Loader, lessons: &Lessons) -> Result<Self> {
        let states = trained(device, loader, lessons, lessons.identity(""))?;
        Classifier::from_states(device, loader, lessons, &states)
    }

    /// The same, from a file of the folder where one lies there that has learned just this: `data` is the hash of the data set. Else it learns,
    /// and is kept there if it can be written.
    ///
    /// # Errors
    /// As of [`Classifier::train`].
    pub fn kept(device: &mut dyn Device, loader: Loader, lessons: &Lessons, (folder, data): (&Path, &str)) -> Result<Self> {
        let identity = lessons.identity(data);
        let path = folder.join(lessons.file_name(data));
        let found = fs::read(&path).ok().and_then(|bytes| Checkpoint::decode(&bytes).ok());
        if let Some(found) = found.filter(|found| found.identity == identity)
            && let Ok(classifier) = Classifier::from_states(device, loader, lessons, &found)
        {
            return Ok(classifier);
        }
        let states = trained(device, loader, lessons, identity)?;
        if let (Ok(bytes), Ok(())) = (states.encode(), fs::create_dir_all(folder)) {
            let _ = write_atomically(&path, &bytes); // what cannot be kept is learned again
        }
        Classifier::from_states(device, loader, lessons, &states)
    }

    fn from_states(
        device: &mut dyn Device,
        loader: Loader,
        &Lessons { name, batches, n_classes, .. }: &Lessons,
        states: &Checkpoint,
    ) -> Result<Self> {
        let shape = batches.prepared().shape();
        let graph = Graph::new("classifier");
        let x = graph.input("x", Type::f32([&[SAMPLE_BATCH], shape].concat()));
        let (features, logits) = layers(&Scope::new(&graph, Mode::Eval).sub(SCOPE).sub(name), &x, n_classes);
        graph.output("seen", &features.concat(&logits, 1));
        let plan = planned(device, &graph.finish()?)?;
        let program = RowProgram::load(device, &plan, loader, 0)?;
        let mut sha = Sha256::new();
        for spec in &plan.states {
            let value = states.state(spec).map_err(TrainingError::Contradiction)?;
            value.words().iter().for_each(|word| sha.update(word.to_le_bytes()));
            device.write_state(&spec.name, &value)?;
        }
        Ok(Classifier { program, n_classes, sha256: hex(&sha.finalize()) })
    }

    /// Of its weights, in hexadecimal: figures by features of equal ones can be compared.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What it says of images [N, H W C] of -1 to 1.
    ///
    /// # Errors
    /// What the device says.
    pub fn classified(&self, device: &mut dyn Device, images: &[f32]) -> Result<Classified> {
        let seen = self.program.all(device, images)?;
        let rows = || seen.chunks_exact(FEATURES + self.n_classes);
        let logits: Vec<f32> = rows().flat_map(|row| &row[FEATURES..]).copied().collect();
        let features = rows().flat_map(|row| &row[..FEATURES]).copied().collect();
        Ok(Classified { features, classes: crate::most_probable(&logits, self.n_classes) })
    }

    /// The class of each image [N, H W C] of -1 to 1.
    ///
    /// # Errors
    /// What the device says.
    pub fn classes(&self, device: &mut dyn Device, images: &[f32]) -> Result<Vec<u32>> {
        Ok(self.classified(device, images)?.classes)
    }
}

impl Lessons<'_> {
    /// By which a kept one is known.
    fn identity(&self, data: &str) -> Identity {
        let prepared = self.batches.prepared();
        let numbers = [
            ("steps", self.steps),
            ("version", VERSION),
            ("classes", self.n_classes as u64),
            ("batch", self.batches.batch_size() as u64),
        ];
        let numbers = numbers.into_iter().map(|(key, n)| (key.to_owned(), Scalar::Integer(n)));
        let mut rows = Sha256::new();
        for &row in self.batches.rows() {
            rows.update(row.to_le_bytes());
            rows.update(prepared.labels().map_or(0, |labels| labels[row as usize]).to_le_bytes());
        }
        let words = [
            ("name", self.name.to_owned()),
            ("preparation", format!("{:?}", prepared.preparation())),
            ("rows", hex(&rows.finalize())),
        ];
        let words = words.into_iter().map(|(key, word)| (key.to_owned(), Scalar::Word(word)));
        Identity { data: data.to_owned(), model: "classifier".into(), seed: 0, settings: numbers.chain(words).collect() }
    }

    fn file_name(&self, data: &str) -> String {
        let mut sha = Sha256::new();
        sha.update(format!("{:?}", self.identity(data)));
        format!("classifier-{}.safetensors", &hex(&sha.finalize())[..16])
    }
}

/// The states of one that has learned.
fn trained(device: &mut dyn Device, loader: Loader, lessons: &Lessons, identity: Identity) -> Result<Checkpoint> {
    let &Lessons { name, batches, values, n_classes, steps } = lessons;
    let shape = batches.prepared().shape().to_vec();
    let (&[_, _, _], Some(_)) = (shape.as_slice(), batches.prepared().labels()) else {
        return Err(TrainingError::Contradiction("a classifier needs images with classes".into()));
    };
    let batch = batches.batch_size();
    let adam = Optimiser::new("", ADAM, LR).with_schedule(Schedule::LinearToZero { from: 0, until: steps });
    let graph = Graph::new("classifier training");
    let scope = Scope::new(&graph, Mode::Train).sub(SCOPE).sub(name);
    let x = graph.input("x", Type::f32([&[batch], shape.as_slice()].concat()));
    let labels = graph.input("labels", Type::u32([batch]));
    let loss = losses::cross_entropy(&layers(&scope, &x, n_classes).1, &labels).mean_all();
    adam.update(&[&scope], &loss);
    graph.output("loss", &loss);
    let training = planned(device, &graph.finish()?)?;
    let id = loader.load(device, &training)?;
    for spec in &training.states {
        device.write_state(&spec.name, &init::initial(spec, 0))?;
    }
    for step in 0..steps {
        let fed = batches.batch(step);
        let mut inputs = vec![
            ("x".to_owned(), HostTensor::f32([&[batch], shape.as_slice()].concat(), signed(&brightness(values, &fed.images)))),
            ("labels".to_owned(), HostTensor::u32([batch], fed.labels)),
        ];
        inputs.extend(adam.scalars(step, 1.0).into_iter().map(|(name, value)| (name, HostTensor::scalar(value))));
        let ticket = device.submit(id, &calotype_models::feeds::borrowed(&inputs))?;
        wait::outputs(device, ticket)?;
    }
    device.unload(id);
    let own: Vec<&StateSpec> = training.states.iter().filter(|spec| spec.name.starts_with(SCOPE)).collect();
    let values = wait::states(device, &own.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>())?;
    Ok(Checkpoint::new(identity, steps, own.into_iter().zip(values)))
}

fn planned(device: &dyn Device, program: &Program) -> Result<Arc<Plan>> {
    Ok(Arc::new(plan(program, &planning_profile(device.profile()), PlanOptions::default())?))
}

/// x [B, H, W, C] -> features [B, 64] and logits [B, classes].
fn layers(s: &Scope, x: &Tensor, n_classes: usize) -> (Tensor, Tensor) {
    const WEIGHT: Init = Init::Normal { mean: 0.0, deviation: 0.05 };
    let mut y = x.clone();
    for (n, maps) in MAPS.into_iter().enumerate() {
        y = s.conv(&format!("conv{n}"), &y, maps, HALVE, WEIGHT);
        y = s.batch_norm(&format!("norm{n}"), &y, Init::Constant(1.0)).relu();
    }
    // Not the mean over places: some classes are places.
    let features = s.linear("features", &flatten(&y), FEATURES, WEIGHT);
    // Of one size, so that no feature alone decides distances.
    let features = s.batch_norm("features_norm", &features, Init::Constant(1.0)).relu();
    let logits = s.linear("out", &features, n_classes, WEIGHT);
    (features, logits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_data::{Dataset, Encoding, Preparation, Prepared};
    use calotype_graph::philox::{Domain, Stream};

    /// Bright and dark images, and those of neither.
    #[test]
    fn brightness_is_learned() {
        let mut random = Stream::new(1, Domain::Test, "images", 0);
        let mut row = |class: usize| (0..64).map(|_| (100 * class) as u8 + (random.word() % 50) as u8).collect::<Vec<_>>();
        let data: Vec<u8> = (0..90).flat_map(|n| row(n % 3)).collect();
        let labels: Vec<u32> = (0..90).map(|n| n % 3).collect();
        let values = calotype_data::Values::Levels { data: data.into(), levels: 256 };
        let names = ["dark", "grey", "bright"].map(str::to_owned).to_vec();
        let dataset =
            Dataset::new("d", &[8, 8, 1], values).and_then(|d| d.with_labels(labels.clone(), names, "d")).expect("rows");
        let preparation = Preparation { encoding: Encoding::Signed, ..Preparation::default() };
        let prepared = Arc::new(Prepared::new(&dataset, &preparation).expect("images"));
        let batches = Batches::new(Arc::clone(&prepared), (0..60).collect(), 20, 0).expect("enough rows");
        let mut cpu = calotype_cpu_reference::Cpu::<f32>::fast(1).expect("a thread");
        let lessons = Lessons { name: "brightness", batches: &batches, values: Values::Signed, n_classes: 3, steps: 60 };
        let folder = tempfile::tempdir().expect("a folder");
        let loader = Loader { threads: 1 };
        let mut kept = |lessons: &Lessons, data: &str| {
            Classifier::kept(&mut cpu, loader, lessons, (folder.path(), data)).expect("it learns")
        };
        let classifier = kept(&lessons, "data");
        let again = kept(&Lessons { steps: 60, ..lessons }, "data");
        let other = kept(&Lessons { steps: 30, ..lessons }, "data");
        assert_eq!(again.sha256(), classifier.sha256());
        assert_ne!(other.sha256(), classifier.sha256());
        let others = Batches::new(Arc::clone(&prepared), (1..61).collect(), 20, 0).expect("enough rows");
        let of_others = kept(&Lessons { batches: &others, ..lessons }, "data");
        assert_ne!(of_others.sha256(), classifier.sha256());
        assert_eq!(fs::read_dir(folder.path()).expect("files").count(), 3, "one for each that has learned");
        for file in fs::read_dir(folder.path()).expect("files") {
            fs::write(file.expect("a file").path(), b"damaged").expect("it is written");
        }
        assert_eq!(kept(&lessons, "data").sha256(), classifier.sha256(), "learned again");
        let classifier = kept(&lessons, "data");
        let rows = calotype_data::Evaluation::new(prepared, (60..90).collect(), 8, 0).expect("rows");
        let images: Vec<f32> = rows.rows().iter().flat_map(|&row| rows.row(row)).collect();
        let found = classifier.classes(&mut cpu, &images).expect("it runs");
        let right = found.iter().zip(&labels[60..]).filter(|(a, b)| a == b).count();
        assert!(right >= 28, "{right} of 30");
    }
}
