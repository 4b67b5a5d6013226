//! Settings of the VAE, its presets, and which likelihood fits which data.

use super::likelihood::Likelihood;
use super::networks::{Activation, Networks};
use crate::density::pixel_settings;
use crate::descent::{self, Defaults};
use crate::model::{DataShape, Values};
use crate::optimisers::{Optimiser, Schedule};
use crate::settings::{Preset, Setting, SettingError, Settings, Value};

/// What a preset chooses.
struct Chosen {
    size: u64,
    likelihood: &'static str,
    hidden: u64,
    layers: u64,
    activation: &'static str,
    latents: u64,
    filters: u64,
    k: u64,
    schedule: &'static str,
    eps: f64,
    validation: f64,
    defaults: Defaults,
}

pub const MLP: Preset = Preset("mlp");
pub const IWAE: Preset = Preset("iwae");
pub const CONV: Preset = Preset("conv");

fn chosen(preset: Preset) -> Chosen {
    match preset {
        IWAE => iwae(),
        CONV => conv(),
        _ => mlp(),
    }
}

/// 784-400-20: the example of PyTorch, with early stopping.
fn mlp() -> Chosen {
    Chosen {
        size: 0,
        likelihood: "auto",
        hidden: 400,
        layers: 1,
        activation: "relu",
        latents: 20,
        filters: 0,
        k: 1,
        schedule: "plateau",
        eps: 1e-8,
        validation: 0.1,
        defaults: Defaults { batch: 128, steps: 30_000, optimiser: "adam", lr: 1e-3, lr_min: 1e-4, decay: 0.0, clip: 0.0 },
    }
}

/// Burda, Grosse, Salakhutdinov 2016, §5 and appendix D.
fn iwae() -> Chosen {
    Chosen {
        hidden: 200,
        layers: 2,
        activation: "tanh",
        latents: 50,
        schedule: "iwae",
        eps: 1e-4,
        validation: 0.0,
        // 3,280 epochs of 60,000 rows.
        defaults: Defaults { batch: 20, steps: 9_840_000, optimiser: "adam", lr: 1e-3, lr_min: 0.0, decay: 0.0, clip: 0.0 },
        ..mlp()
    }
}

/// Convolutions, for colour images.
fn conv() -> Chosen {
    Chosen {
        size: 32,
        likelihood: "discretised-logistic",
        hidden: 256,
        latents: 64,
        filters: 32,
        defaults: Defaults { batch: 64, steps: 4_000, optimiser: "adam", lr: 1e-3, lr_min: 1e-4, decay: 0.0, clip: 0.0 },
        ..mlp()
    }
}

pub fn settings(preset: Preset) -> Vec<Setting> {
    let c = chosen(preset);
    let mut of_pixels = pixel_settings();
    for setting in of_pixels.iter_mut().filter(|s| s.key == "size") {
        setting.default = Value::Integer(c.size);
    }
    let of_networks = vec![
        Setting::integer("hidden", c.hidden, (1, 65_536), "units of each dense hidden layer"),
        Setting::integer("layers", c.layers, (1, 16), "dense hidden layers of the encoder, and of the decoder"),
        Setting::word("activation", c.activation, &["relu", "tanh"], "activation function of hidden units"),
        Setting::integer("latents", c.latents, (1, 4096), "number of latents: the length of z"),
        Setting::integer("filters", c.filters, (0, 512), "filters of the convolution next to the image; 0: no convolutions"),
        Setting::integer(
            "stages",
            0,
            (0, 6),
            "convolutions of the encoder, and of the decoder, each by stride 2; 0: as many as the size allows, at most 3",
        ),
    ];
    let of_the_bound = vec![
        Setting::word(
            "likelihood",
            c.likelihood,
            &["auto", "bernoulli", "gaussian", "discretised-logistic", "cross-entropy"],
            "p(x|z): bernoulli of bits, discretised-logistic of levels, gaussian of real numbers; cross-entropy of grey levels is no \
             likelihood and gives no bound; auto: by the data",
        ),
        Setting::number("floor", 0.01, (1e-6, 1.0), "gaussian: smallest standard deviation of p(x|z), which bounds the density"),
        Setting::integer("k", c.k, (1, 10_000), "importance samples of a row in training (IWAE); 1: the evidence lower bound"),
        Setting::number("beta", 1.0, (0.0, 1e6), "weight of the KL term (β-VAE); at 1 the loss is a bound"),
        Setting::integer("kl_warm_up", 0, (0, 1_000_000_000), "steps over which the weight of the KL term rises from 0 to beta"),
        Setting::number("free_bits", 0.0, (0.0, 1e3), "nats of KL of each latent, as a batch mean, that are free (λ of IAF-VAE)"),
    ];
    let of_descent = vec![
        Setting::number("eps", c.eps, (0.0, 1.0), "ε of Adam"),
        Setting::word(
            "schedule",
            c.schedule,
            &["plateau", "iwae"],
            "learning rate schedule: plateau falls while the held-out set does not improve; iwae is 10^(-i/7) for 3^i epochs, \
             i = 0 to 7",
        ),
    ];
    let shared = descent::settings_with(c.defaults, &[("validation", c.validation)]);
    [of_pixels, of_networks, of_the_bound, of_descent, shared].concat()
}

/// What rows are to a model of these settings, and what p(x | z) is: shape, values, likelihood.
///
/// # Errors
/// A likelihood that does not fit the data: says which does.
pub fn of_data(s: &Settings, data: &DataShape) -> Result<(Vec<usize>, Values, Likelihood), SettingError> {
    let floor = s.number("floor") as f32;
    let word = s.word("likelihood");
    let unfit = |reason: String| Err(SettingError::Unfit(reason));
    if let (None, [_]) = (data.levels, data.shape.as_slice()) {
        return match word {
            "auto" | "gaussian" => Ok((data.shape.clone(), Values::Standardised, Likelihood::Gaussian { floor, levels: None })),
            _ => unfit(format!("likelihood={word} is of levels, and its values are real numbers; use likelihood=gaussian")),
        };
    }
    let (shape, levels) = levels_of(s, data)?;
    let likelihood = match (word, levels) {
        ("auto" | "bernoulli", 2) => Likelihood::Bernoulli,
        ("bernoulli", _) => {
            return unfit(format!(
                "likelihood=bernoulli is of bits, and the data would have {levels} levels; use levels=2, or \
                 likelihood=discretised-logistic"
            ));
        }
        ("cross-entropy", 2) => {
            return unfit(
                "of bits the cross-entropy is the Bernoulli likelihood; use likelihood=bernoulli, or more levels".into(),
            );
        }
        ("gaussian" | "discretised-logistic", 2) => {
            return unfit(format!("likelihood={word} is not of bits; use likelihood=bernoulli, or more levels"));
        }
        ("cross-entropy", levels) => Likelihood::CrossEntropy { levels },
        ("gaussian", levels) => Likelihood::Gaussian { floor, levels: Some(levels) },
        (_, levels) => Likelihood::DiscretisedLogistic { levels },
    };
    Ok((shape.to_vec(), Values::Levels(levels), likelihood))
}

/// Levels of images of real numbers in 0..1, such as those of 16 bits, where a likelihood is of levels.
const LEVELS: u32 = 256;

/// [H, W, C] and levels of pictures: those asked for; else bits, or for a likelihood of levels those of the data.
fn levels_of(s: &Settings, data: &DataShape) -> Result<([usize; 3], u32), SettingError> {
    let (shape, bits) = crate::density::pixels(s, data)?;
    let levels = match (s.integer("levels"), s.word("likelihood"), data.levels) {
        (0, "bernoulli", _) => 2,
        (0, "gaussian" | "discretised-logistic" | "cross-entropy", own) => own.unwrap_or(LEVELS),
        _ => bits,
    };
    Ok((shape, levels))
}

/// Both networks for rows of this shape.
///
/// # Errors
/// Convolutions of vectors, or of a size that they cannot halve.
pub fn networks(s: &Settings, shape: &[usize], likelihood: Likelihood) -> Result<Networks, SettingError> {
    let (filters, asked) = (s.size("filters"), s.size("stages"));
    let stages = match (filters, asked, shape) {
        (0, 0, _) => 0,
        (0, _, _) => {
            return Err(SettingError::Unfit(format!("stages={asked} has no effect without convolutions; give filters, too")));
        }
        (_, _, &[height, width, _]) => halvings(height, width, asked)?,
        _ => {
            return Err(SettingError::Unfit(format!(
                "its rows are vectors {shape:?}, which have no convolutions; use filters=0"
            )));
        }
    };
    let activation = if s.word("activation") == "tanh" { Activation::Tanh } else { Activation::Relu };
    Ok(Networks {
        shape: shape.to_vec(),
        hidden: s.size("hidden"),
        layers: s.size("layers"),
        activation,
        latents: s.size("latents"),
        filters,
        stages,
        heads: likelihood.heads(),
    })
}

/// Convolutions by default where the size allows.
const STAGES: usize = 3;
/// At least so many, or the dense layers behind them see nearly the whole image.
const FEWEST_STAGES: usize = 2;

/// How often height and width are halved.
fn halvings(height: usize, width: usize, asked: usize) -> Result<usize, SettingError> {
    let possible = height.trailing_zeros().min(width.trailing_zeros()) as usize;
    let stages = if asked == 0 { possible.min(STAGES) } else { asked };
    if stages > possible || (asked == 0 && stages < FEWEST_STAGES) {
        let multiple = 1 << stages.max(FEWEST_STAGES);
        let up = height.max(width).next_multiple_of(multiple);
        return Err(SettingError::Unfit(format!(
            "its images are {height} x {width}, and convolutions need multiples of {multiple}; use size={up}, other stages, or \
             filters=0"
        )));
    }
    Ok(stages)
}

/// How the bound becomes a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Importance samples.
    pub k: usize,
    pub beta: f64,
    /// Steps.
    pub warm_up: u64,
    /// Nats of a latent.
    pub free_bits: f64,
}

impl Objective {
    /// # Errors
    /// Importance samples together with what changes the KL term.
    pub fn new(s: &Settings, likelihood: Likelihood) -> Result<Self, SettingError> {
        let (k, beta, warm_up, free_bits) = (s.size("k"), s.number("beta"), s.integer("kl_warm_up"), s.number("free_bits"));
        let kl = [("beta", beta != 1.0), ("kl_warm_up", warm_up > 0), ("free_bits", free_bits > 0.0)];
        if let (2.., Some((key, _))) = (k, kl.iter().find(|(_, changed)| *changed)) {
            return Err(SettingError::Unfit(format!(
                "k={k} and {key}={}: the importance-weighted bound has no KL term of its own to change; use k=1, or leave {key} out",
                s.iter().find(|(name, _)| name == key).map_or(String::new(), |(_, v)| v.to_string())
            )));
        }
        if k > 1 && !likelihood.is_likelihood() {
            return Err(SettingError::Unfit(format!("k={k} weights draws by likelihoods, and likelihood=cross-entropy is none")));
        }
        Ok(Objective { k, beta, warm_up, free_bits })
    }

    /// Weight of the KL term at a step.
    pub fn beta(&self, step: u64) -> f64 {
        if step >= self.warm_up { self.beta } else { self.beta * step as f64 / self.warm_up as f64 }
    }

    /// Whether the KL term has a weight.
    pub fn is_weighted(&self) -> bool {
        self.beta != 1.0 || self.warm_up > 0
    }
}

/// The optimiser for `n_train` rows.
pub fn optimiser(s: &Settings, n_train: usize) -> Optimiser {
    let optimiser = descent::optimiser_with(s, s.number("eps"));
    let learned = n_train as f64 * (1.0 - s.number("validation"));
    let epoch = (learned as u64 / s.integer("batch")).max(1);
    match s.word("schedule") {
        "iwae" => optimiser.with_schedule(Schedule::Growing { first: epoch, growth: 3, factor: 0.1f64.powf(1.0 / 7.0), last: 7 }),
        _ => optimiser,
    }
}
