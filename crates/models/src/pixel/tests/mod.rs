//! What the pixel networks promise: densities that sum to one, no look ahead, the dependencies that `sees` states, and drawing
//! by the conditionals that scoring gives.

mod drawing;
mod properties;
mod sums;

use std::collections::BTreeMap;
use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, GraphError, HostTensor, Init, PlanId, PlanOptions, Program, StateSpec, plan};
use calotype_parity::run_step;

use super::PixelModel;
use super::diagonal_bilstm::DiagonalBiLstm;
use crate::density::{self, Density};
use crate::feeds::borrowed;
use crate::model::{self, DataShape, Learning, Model};
use crate::settings::Preset;
use crate::stages::Stages;

const MODELS: [&str; 3] = ["pixelcnn", "row-lstm", "diagonal-bilstm"];

/// What a model is made for in a test.
#[derive(Clone, Copy)]
struct Of {
    shape: [usize; 3],
    levels: u32,
    layers: usize,
    width: usize,
}

impl Of {
    fn bits(side: usize, layers: usize, width: usize) -> Self {
        Of { shape: [side, side, 1], levels: 2, layers, width }
    }

    fn build(self, name: &str) -> Arc<dyn Model> {
        let layers = if name == "pixelcnn" { "blocks" } else { "layers" };
        let numbers = [("levels", self.levels as usize), (layers, self.layers), ("width", self.width), ("head", 6)];
        let given: BTreeMap<String, String> = numbers.iter().map(|(k, v)| ((*k).to_owned(), v.to_string())).collect();
        let data = DataShape { shape: self.shape.to_vec(), levels: Some(self.levels), n_train: 100, ..DataShape::default() };
        let info = model::find(name).expect("a model");
        info.build(info.default_preset(), &given, &data).expect("valid settings")
    }

    /// A Diagonal BiLSTM whose right-to-left states are not shifted.
    fn leaky(self) -> PixelModel<DiagonalBiLstm> {
        let data = DataShape { shape: self.shape.to_vec(), levels: Some(self.levels), n_train: 100, ..DataShape::default() };
        let (shape, levels, h, head) = (self.shape, self.levels, self.width, 6);
        let settings = super::Settings::resolve(&(super::diagonal_bilstm::INFO.settings)(Preset::SMALL), &BTreeMap::new());
        let settings = settings.expect("defaults");
        assert_eq!(density::pixels(&settings, &data).expect("pictures"), (shape, levels));
        let sizes = super::Sizes { shape, levels, layers: self.layers, h, head };
        let optimiser = super::descent::optimiser(&settings);
        PixelModel { settings, sizes, network: DiagonalBiLstm { shifted: false }, optimiser }
    }
}

/// A device with weights.
struct Bench(Box<dyn Device>);

fn fast() -> Bench {
    Bench(Box::new(Cpu::fast(2).expect("threads")))
}

fn plain() -> Bench {
    Bench(Box::new(Cpu::<f32>::plain()))
}

impl Bench {
    fn load(&mut self, program: &Program) -> PlanId {
        let plan = plan(program, self.0.profile(), PlanOptions::default()).expect("it fits");
        self.0.load(&Arc::new(plan)).expect("it loads")
    }

    /// Gives a model weights of unit gain: normal, of variance 1 / fan-in, and biases of a tenth.
    fn weigh(&mut self, model: &dyn Density, seed: u64) {
        self.weigh_by(model, seed, 1.0);
    }

    /// The same, `gain` times as large.
    fn weigh_by(&mut self, model: &dyn Density, seed: u64, gain: f32) {
        let program = density::scoring(model, 1).expect("a program");
        self.load(&program);
        for spec in program.parameters() {
            self.0.write_state(&spec.name, &normal(spec, seed, gain)).expect("a state");
        }
    }

    fn run(&mut self, program: &Program, inputs: &[(&str, &HostTensor)]) -> Vec<HostTensor> {
        let id = self.load(program);
        run_step(&mut *self.0, id, inputs).expect("it runs")
    }

    /// log p(x_d | x_<d), [B, D], of rows x [B, D].
    fn log_p(&mut self, model: &dyn Density, x: &[f32]) -> Vec<f32> {
        self.of_rows(model, x, density::scoring)
    }

    /// [B, D, K]
    fn conditionals(&mut self, model: &dyn Density, x: &[f32]) -> Vec<f32> {
        self.of_rows(model, x, density::conditionals)
    }

    fn of_rows(
        &mut self,
        model: &dyn Density,
        x: &[f32],
        program: fn(&dyn Density, usize) -> Result<Program, GraphError>,
    ) -> Vec<f32> {
        let batch = x.len() / dims(model);
        let x = HostTensor::f32([&[batch], model.shape()].concat(), x.to_vec());
        let y = self.run(&program(model, batch).expect("a program"), &[("x", &x)]).remove(0);
        y.as_f32().expect("floats").to_vec()
    }

    /// Draws rows, [B, D].
    fn draw(&mut self, model: &dyn Density, noise: &[f32], known: &[f32], mask: &[f32]) -> Vec<f32> {
        let d = dims(model);
        let batch = noise.len() / d;
        let drawing = model.drawing(batch).expect("programs");
        let row = |values: &[f32]| HostTensor::f32([batch, d], values.to_vec());
        let noise = HostTensor::f32([batch, d, 1], noise.to_vec());
        self.run(&drawing.begin, &[("noise", &noise), ("known", &row(known)), ("mask", &row(mask))]);
        let parts: Vec<(PlanId, usize)> = drawing.round.iter().map(|(p, n)| (self.load(p), *n)).collect();
        for _ in 0..drawing.rounds {
            parts.iter().for_each(|&(id, n)| self.0.replay(id, n).expect("it runs"));
        }
        self.run(&drawing.end, &[]).remove(0).as_f32().expect("floats").to_vec()
    }

    /// Draws rows with nothing known.
    fn sample(&mut self, model: &dyn Density, noise: &[f32]) -> Vec<f32> {
        let zeros = vec![0.0; noise.len()];
        self.draw(model, noise, &zeros, &zeros)
    }

    /// Training steps on the same rows; the loss before each.
    fn train(&mut self, model: &dyn Density, x: &[f32], steps: u64) -> Vec<f32> {
        let batch = x.len() / dims(model);
        let x = HostTensor::f32([&[batch], model.shape()].concat(), x.to_vec());
        let Learning::Descent(descent) = model.learning() else { panic!("it learns by descent") };
        let stages = Stages::new(descent, batch).expect("a program");
        let id = self.load(stages.program(0));
        let mut losses = Vec::new();
        for step in 0..steps {
            let inputs = stages.inputs(&descent.at(step, 1.0), vec![("x".to_owned(), x.clone())], 7, step);
            losses.push(run_step(&mut *self.0, id, &borrowed(&inputs)).expect("it runs")[0].as_f32().expect("floats")[0]);
        }
        losses
    }
}

fn dims(model: &dyn Density) -> usize {
    model.shape().iter().product()
}

fn normal(spec: &StateSpec, seed: u64, gain: f32) -> HostTensor {
    let shape = spec.ty.shape.dims();
    let fan_in: usize = shape[..shape.len() - 1].iter().product();
    let deviation = gain * if shape.len() == 1 { 0.1 } else { (fan_in as f32).sqrt().recip() };
    crate::init::initial(&StateSpec { init: Init::Normal { mean: 0.0, deviation }, ..spec.clone() }, seed)
}

/// Uniform numbers.
fn uniforms(n: usize, name: &str) -> Vec<f32> {
    let mut random = Stream::new(5, Domain::Init, name, 0);
    (0..n).map(|_| random.uniform()).collect()
}

/// Random levels.
fn levels(n: usize, levels: u32, name: &str) -> Vec<f32> {
    uniforms(n, name).into_iter().map(|u| (u * levels as f32).floor()).collect()
}

/// Every row of D values below `levels`.
fn all_rows(levels: usize, dims: usize) -> Vec<f32> {
    let n = levels.pow(dims as u32);
    (0..n * dims).map(|i| (i / dims / levels.pow((i % dims) as u32) % levels) as f32).collect()
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let data = DataShape { shape: vec![8, 8, 3], levels: Some(256), n_train: 10, ..DataShape::default() };
    for name in MODELS {
        let info = model::find(name).expect("a model");
        for (key, value, says) in [("width", "2", "at least 3"), ("head", "2", "at least 3"), ("levels", "1", "2 to 256")] {
            let given = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            let message = match info.build(info.default_preset(), &given, &data) {
                Ok(_) => panic!("{name} takes {key}={value}"),
                Err(e) => e.to_string(),
            };
            assert!(message.contains(says), "{message}");
        }
        let vectors = DataShape { shape: vec![8], levels: Some(2), n_train: 10, ..DataShape::default() };
        assert!(info.build(info.default_preset(), &BTreeMap::new(), &vectors).is_err());
    }
}
