//! DCGAN: Radford, Metz, Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional Generative
//! Adversarial Networks", arXiv:1511.06434, §3 and figure 1.
//!
//! Departures: z ~ N(0, 1), the figure says uniform; no convolution biases, and batch-norm scales start at N(1, 0.02), as in
//! the code that followed the paper; 32 and 128 pixels take one 2x stage less or more than the paper's 64.

use std::sync::Arc;

use calotype_graph::op::{Distribution, PoolWindow};
use calotype_graph::{Graph, GraphError, Init, Mode, Program, Scope, Tensor, Type};

use crate::adversarial;
use crate::augment::Augment;
use crate::averages::Average;
use crate::latent::{Latent, LatentKind, LatentPart};
use crate::layers::{Kernel, Layers};
use crate::losses::{Adversarial, bce_fake, bce_real};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule};
use crate::settings::{Preset, Setting, SettingError, Settings};
use crate::stages::{Sign, Stage, Turn};

pub static INFO: ModelInfo = ModelInfo {
    name: "dcgan",
    title: "Deep convolutional GAN",
    paper: "Radford, Metz, Chintala 2016, arXiv:1511.06434",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |preset| match preset {
        Preset::PAPER => &["emoji"],
        _ => &["fashion-mnist"],
    },
    settings,
    configure: |settings, data| Ok(Arc::new(Dcgan::new(settings, data)?)),
};

const WEIGHT: Init = Init::Normal { mean: 0.0, deviation: 0.02 };
const SCALE: Init = Init::Normal { mean: 1.0, deviation: 0.02 };
const LEAK: f32 = 0.2;

/// H -> 2H in the generator, 2H -> H in the discriminator.
const HALVE: Kernel = Kernel { size: 4, stride: 2, pad: 1 };
/// 1 -> 4, and 4 -> 1.
const WHOLE: Kernel = Kernel { size: 4, stride: 1, pad: 0 };

fn settings(preset: Preset) -> Vec<Setting> {
    let (size, width, steps) = match preset {
        Preset::PAPER => (64, 64, 50_000),
        _ => (32, 32, 6_000),
    };
    let own = vec![
        Setting::integer("size", size, (32, 128), "height and width of the images: 32, 64 or 128"),
        Setting::integer("width", width, (1, 512), "f: filters of the layer next to the image"),
        Setting::integer("latents", 100, (1, 4096), "number of latents: the length of z"),
        Setting::integer("batch", 64, (2, 65_536), "batch size"),
        Setting::integer("steps", steps, (1, 1_000_000_000), "number of steps; each updates both networks"),
        Setting::number("lr", 2e-4, (0.0, 1.0), "learning rate of Adam, for both networks"),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.999, (0.0, 0.999_999_9), "β2 of Adam"),
    ];
    own.into_iter().chain(adversarial::settings(0.0, adversarial::EVERY)).collect()
}

/// A configured DCGAN.
pub struct Dcgan {
    settings: Settings,
    /// [size, size, channels].
    shape: [usize; 3],
    /// Pixels a side.
    size: usize,
    channels: usize,
    /// f: filters of the layer nearest to the image.
    f: usize,
    nz: usize,
    /// Of G, by which samples are made.
    average: Average,
    /// Of what D sees.
    augment: Augment,
    adam_d: Optimiser,
    adam_g: Optimiser,
}

impl Dcgan {
    /// # Errors
    /// A size other than 32, 64 and 128; data that are no pictures.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let size = settings.size("size");
        if ![32, 64, 128].contains(&size) {
            let expected = "32, 64 or 128".to_owned();
            return Err(SettingError::Value { key: "size".into(), text: size.to_string(), expected });
        }
        let rule = Rule::Adam { beta1: settings.number("beta1"), beta2: settings.number("beta2"), eps: 1e-8 };
        let [adam_d, adam_g] = ["discriminator", "generator"].map(|name| Optimiser::new(name, rule, settings.number("lr")));
        let (f, nz) = (settings.size("width"), settings.size("latents"));
        let [_, _, channels] = data.picture()?;
        let shape = [size, size, channels];
        let (average, augment) = (adversarial::average(&settings), Augment::of(&settings, &shape)?);
        Ok(Dcgan { shape, size, channels, f, nz, average, augment, adam_d, adam_g, settings })
    }

    /// 2x stages between 4x4 and the layer nearest to the image.
    fn stages(&self) -> u32 {
        (self.size / 8).ilog2()
    }

    /// G: z [B, nz] -> [B, size, size, channels] in [-1, 1]. With three stages (64 pixels): 8f, 4f, 2f, f.
    pub fn generator(&self, s: &Scope, z: &Tensor) -> Tensor {
        let mut filters = self.f << self.stages();
        let x = z.reshape([z.dims()[0], 1, 1, self.nz]);
        let x = s.conv_transpose("main.0", &x, filters, WHOLE, WEIGHT);
        let mut x = s.batch_norm("main.1", &x, SCALE).relu(); // [B, 4, 4, 8f]
        for stage in 0..self.stages() as usize {
            filters /= 2;
            x = s.conv_transpose(&format!("main.{}", 3 * stage + 3), &x, filters, HALVE, WEIGHT);
            x = s.batch_norm(&format!("main.{}", 3 * stage + 4), &x, SCALE).relu(); // [B, 8·2^stage, .., filters]
        }
        let last = format!("main.{}", 3 * self.stages() + 3);
        s.conv_transpose(&last, &x, self.channels, HALVE, WEIGHT).tanh() // no norm on the output
    }

    /// D's layers but for the last, after their activations: [B, size/2, .., f], [B, size/4, .., 2f], … down to 4x4.
    fn activations(&self, s: &Scope, x: &Tensor) -> Vec<Tensor> {
        let mut filters = self.f;
        let mut x = s.conv("main.0", x, filters, HALVE, WEIGHT).leaky_relu(LEAK); // no norm on the input
        let mut all = vec![x.clone()];
        for stage in 0..self.stages() as usize {
            filters *= 2;
            x = s.conv(&format!("main.{}", 3 * stage + 2), &x, filters, HALVE, WEIGHT);
            x = s.batch_norm(&format!("main.{}", 3 * stage + 3), &x, SCALE).leaky_relu(LEAK); // [B, .., filters]
            all.push(x.clone());
        }
        all
    }

    /// D: images [B, size, size, channels] -> logits [B].
    pub fn discriminator(&self, s: &Scope, x: &Tensor) -> Tensor {
        let batch = x.dims()[0];
        let last = format!("main.{}", 3 * self.stages() + 2);
        let x = self.activations(s, x).pop().unwrap_or_else(|| x.clone()); // [B, 4, 4, 8f]
        s.conv(&last, &x, 1, WHOLE, WEIGHT).reshape([batch])
    }
}

impl Model for Dcgan {
    fn info(&self) -> &'static ModelInfo {
        &INFO
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn values(&self) -> Values {
        Values::Signed
    }

    fn flips(&self) -> bool {
        self.settings.flag("flips")
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn modules(&self) -> Vec<Module> {
        Module::scopes(["generator", "discriminator"])
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    /// D's activations, each max-pooled to 4x4, one after the other (§5.1).
    fn features(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        let graph = Graph::new("dcgan features");
        let x = graph.input("x", Type::f32([&[batch], &self.shape[..]].concat()));
        let pooled = self.activations(&Scope::new(&graph, Mode::Eval).sub("discriminator"), &x).into_iter().map(|y| {
            let side = y.dims()[1] / 4;
            let y = y.max_pool2d(PoolWindow::tiles(side));
            y.reshape([batch, y.shape().numel() / batch])
        });
        graph.output("features", &pooled.reduce(|all, y| all.concat(&y, 1))?);
        Some(graph.finish())
    }
}

impl Descent for Dcgan {
    /// D on real, D on fake, update D; G through the updated D, update G. The fakes and G's activations are computed once.
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let batch = stage.batch;
        let graph = Graph::new("dcgan training");
        let scope = Scope::new(&graph, Mode::Train);
        let (g, d) = (scope.sub("generator"), scope.sub("discriminator"));
        let real = graph.input("x", Type::f32([batch, self.size, self.size, self.channels]));
        let z = graph.random("z", Distribution::Normal, [batch, self.nz]);
        let fake = self.augment.apply(&scope, "augment.fake", &self.generator(&g, &z));
        let real = self.augment.apply(&scope, "augment.real", &real);

        let loss_d = bce_real(&self.discriminator(&d, &real)) + bce_fake(&self.discriminator(&d, &fake));
        self.adam_d.update(&[&d], &loss_d);

        let loss_g = bce_real(&self.discriminator(&d, &fake)); // by the updated D
        self.adam_g.update(&[&g], &loss_g);
        self.average.update(&g);

        graph.output("loss_d", &loss_d);
        graph.output("loss_g", &loss_g);
        graph.finish()
    }

    fn at(&self, step: u64, _lr_scale: f64) -> Turn {
        Turn::only([self.adam_d.scalars(step, 1.0), self.adam_g.scalars(step, 1.0), self.average.scalars(step)].concat())
    }

    fn validation(&self) -> Option<Validation> {
        adversarial::validation(&self.settings)
    }

    fn signs(&self) -> Vec<Sign> {
        adversarial::saturation(Adversarial::NonSaturating).into_iter().collect()
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Latent for Dcgan {
    fn parts(&self) -> Vec<LatentPart> {
        vec![LatentPart { name: "z", kind: LatentKind::Normal, size: self.nz }]
    }

    fn sampling(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("dcgan sampling");
        let scope = Scope::new(&graph, Mode::Eval);
        let z = graph.input("z", Type::f32([batch, self.nz]));
        let x = self.generator(&self.average.used(&scope, "generator"), &z);
        graph.output("rows", &(x * 0.5 + 0.5));
        graph.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::Stages;
    use std::collections::BTreeMap;

    fn build(preset: Preset, given: &[(&str, &str)], channels: usize) -> Result<Arc<dyn Model>, SettingError> {
        let data = DataShape { shape: vec![64, 64, channels], levels: Some(256), n_train: 1000, ..DataShape::default() };
        let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        INFO.build(preset, &given, &data)
    }

    fn training(model: &dyn Model, batch: usize) -> Program {
        let stages = Stages::new(model.learning().descent().expect("it learns by steps"), batch).expect("it builds");
        stages.program(0).clone()
    }

    /// Parameters of the canonical 64x64 networks with three channels.
    #[test]
    fn the_paper_preset_has_the_canonical_sizes() {
        let model = build(Preset::PAPER, &[], 3).expect("defaults are valid");
        let program = training(model.as_ref(), 64);
        let count =
            |prefix: &str| -> usize { program.parameters().filter(|s| s.name.starts_with(prefix)).map(|s| s.ty.numel()).sum() };
        assert_eq!(count("generator."), 3_576_704);
        assert_eq!(count("discriminator."), 2_765_568);
    }

    #[test]
    fn every_size_makes_images_of_that_size() {
        for size in ["32", "64", "128"] {
            let model = build(Preset::SMALL, &[("size", size), ("width", "2")], 1).expect(size);
            let program = model.latent().expect("latents").sampling(3).expect(size);
            let n: usize = size.parse().expect("a number");
            assert_eq!(program.outputs().map(|(_, ty)| ty.shape.dims().to_vec()).collect::<Vec<_>>(), [vec![3, n, n, 1]]);
            training(model.as_ref(), 2);
            let features = model.features(3).expect("there are some").expect(size);
            let n_maps = 2 * (n / 4) - 2; // 2 + 4 + … of the last layer's n/4
            assert_eq!(features.outputs().map(|(_, ty)| ty.shape.dims().to_vec()).collect::<Vec<_>>(), [vec![3, 16 * n_maps]]);
        }
        assert!(build(Preset::SMALL, &[("size", "48")], 1).is_err());
    }
}
