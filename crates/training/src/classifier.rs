//! A small convolutional classifier, trained on real images, that says what made ones look like.

use std::sync::Arc;

use calotype_data::Batches;
use calotype_graph::{Device, Graph, HostTensor, Init, Mode, PlanOptions, Program, Scope, Tensor, Type, plan};
use calotype_models::layers::{Kernel, Layers, flatten};
use calotype_models::optimisers::{Optimiser, Rule, Schedule};
use calotype_models::{init, losses};

use crate::error::{Result, TrainingError};
use crate::fit::planning_profile;
use crate::load::Loader;
use crate::rows::RowProgram;
use crate::sampler::SAMPLE_BATCH;
use crate::wait;

const ADAM: Rule = Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const LR: f64 = 2e-3;
/// Maps of its layers, each of half the height and width of the one before.
const MAPS: [usize; 3] = [16, 32, 64];
const HALVE: Kernel = Kernel { size: 4, stride: 2, pad: 1 };
/// Where the states of all of them are.
const SCOPE: &str = "classifier";

/// A classifier on a device.
#[derive(Clone, Debug)]
pub struct Classifier {
    program: RowProgram,
    n_classes: usize,
}

impl Classifier {
    /// Learns the classes of batches of images [H, W, C] of -1 to 1 for so many steps; the learning rate falls to 0 along a line. `name` is
    /// its own on the device.
    ///
    /// # Errors
    /// Data without classes, or that are no images; what the device says.
    pub fn train(
        device: &mut dyn Device,
        loader: Loader,
        name: &str,
        batches: &Batches,
        n_classes: usize,
        steps: u64,
    ) -> Result<Self> {
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
        let loss = losses::cross_entropy(&logits(&scope, &x, n_classes), &labels).mean_all();
        adam.update(&[&scope], &loss);
        graph.output("loss", &loss);
        let plan = |device: &dyn Device, program: &Program| {
            plan(program, &planning_profile(device.profile()), PlanOptions::default()).map(Arc::new)
        };
        let training = plan(device, &graph.finish()?)?;
        let id = loader.load(device, &training)?;
        for spec in &training.states {
            device.write_state(&spec.name, &init::initial(spec, 0))?;
        }
        for step in 0..steps {
            let fed = batches.batch(step);
            let mut inputs = vec![
                ("x".to_owned(), HostTensor::f32([&[batch], shape.as_slice()].concat(), fed.images)),
                ("labels".to_owned(), HostTensor::u32([batch], fed.labels)),
            ];
            inputs.extend(adam.scalars(step, 1.0).into_iter().map(|(name, value)| (name, HostTensor::scalar(value))));
            let ticket = device.submit(id, &calotype_models::feeds::borrowed(&inputs))?;
            wait::outputs(device, ticket)?;
        }
        device.unload(id);
        let graph = Graph::new("classifier");
        let x = graph.input("x", Type::f32([&[SAMPLE_BATCH], shape.as_slice()].concat()));
        graph.output("logits", &logits(&Scope::new(&graph, Mode::Eval).sub(SCOPE).sub(name), &x, n_classes));
        let classifying = plan(device, &graph.finish()?)?;
        let program = RowProgram::load(device, &classifying, loader, 0)?;
        Ok(Classifier { program, n_classes })
    }

    /// The class of each image [N, H W C] of -1 to 1.
    ///
    /// # Errors
    /// What the device says.
    pub fn classes(&self, device: &mut dyn Device, images: &[f32]) -> Result<Vec<u32>> {
        let logits = self.program.all(device, images)?;
        Ok(crate::most_probable(&logits, self.n_classes))
    }
}

/// x [B, H, W, C] -> [B, classes].
fn logits(s: &Scope, x: &Tensor, n_classes: usize) -> Tensor {
    const WEIGHT: Init = Init::Normal { mean: 0.0, deviation: 0.05 };
    let mut y = x.clone();
    for (n, maps) in MAPS.into_iter().enumerate() {
        y = s.conv(&format!("conv{n}"), &y, maps, HALVE, WEIGHT);
        y = s.batch_norm(&format!("norm{n}"), &y, Init::Constant(1.0)).relu();
    }
    // Not the mean over places: some classes are places.
    s.linear("out", &flatten(&y), n_classes, WEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_data::{Dataset, Encoding, Preparation, Prepared, Values};
    use calotype_graph::philox::{Domain, Stream};

    /// Bright and dark images, and those of neither.
    #[test]
    fn brightness_is_learned() {
        let mut random = Stream::new(1, Domain::Test, "images", 0);
        let mut row = |class: usize| (0..64).map(|_| (100 * class) as u8 + (random.word() % 50) as u8).collect::<Vec<_>>();
        let data: Vec<u8> = (0..90).flat_map(|n| row(n % 3)).collect();
        let labels: Vec<u32> = (0..90).map(|n| n % 3).collect();
        let values = Values::Levels { data: data.into(), levels: 256 };
        let names = ["dark", "grey", "bright"].map(str::to_owned).to_vec();
        let dataset =
            Dataset::new("d", &[8, 8, 1], values).and_then(|d| d.with_labels(labels.clone(), names, "d")).expect("rows");
        let preparation = Preparation { encoding: Encoding::Signed, ..Preparation::default() };
        let prepared = Arc::new(Prepared::new(&dataset, &preparation).expect("images"));
        let batches = Batches::new(Arc::clone(&prepared), (0..60).collect(), 20, 0).expect("enough rows");
        let mut cpu = calotype_cpu_reference::Cpu::<f32>::fast(1).expect("a thread");
        let classifier = Classifier::train(&mut cpu, Loader { threads: 1 }, "brightness", &batches, 3, 60).expect("it learns");
        let rows = calotype_data::Evaluation::new(prepared, (60..90).collect(), 8, 0).expect("rows");
        let images: Vec<f32> = rows.rows().iter().flat_map(|&row| rows.row(row)).collect();
        let found = classifier.classes(&mut cpu, &images).expect("it runs");
        let right = found.iter().zip(&labels[60..]).filter(|(a, b)| a == b).count();
        assert!(right >= 28, "{right} of 30");
    }
}
