//! How models with one loss are trained: the optimiser and what validation does to it, by settings that all of them share.

use calotype_graph::{Scope, StateSpec, Tensor};

use crate::model::Validation;
use crate::optimisers::{Adam, AdamInputs, RmsProp, gradients};
use crate::settings::{Setting, Settings, Value};

const ADAM: AdamInputs = AdamInputs { step_size: "step_size", root_correction: "root_correction" };

/// Defaults of the settings that [`settings`] lists.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub batch: u64,
    pub steps: u64,
    pub optimiser: &'static str,
    pub lr: f64,
    pub lr_min: f64,
    pub decay: f64,
    pub clip: f64,
}

/// `batch`, `steps`, `optimiser`, `lr`, `lr_min`, `decay`, `l2`, `clip`, `validation`, `validate_every`, `patience`, `plateau`.
pub fn settings(d: Defaults) -> Vec<Setting> {
    vec![
        Setting::integer("batch", d.batch, (1, 65_536), "rows a step"),
        Setting::integer("steps", d.steps, (1, 1_000_000_000), "steps at most; validation may end training before"),
        Setting::word("optimiser", d.optimiser, &["adam", "rmsprop"], "which one"),
        Setting::number("lr", d.lr, (0.0, 1.0), "learning rate at first"),
        Setting::number("lr_min", d.lr_min, (0.0, 1.0), "learning rate at last: it falls where validation no longer improves"),
        Setting::number("decay", d.decay, (0.0, 10.0), "weight decay, apart from the gradient (AdamW); not of biases"),
        Setting::number("l2", 0.0, (0.0, 10.0), "λ of the penalty λ/2 |w|² that is added to the loss; not of biases"),
        Setting::number("clip", d.clip, (0.0, 1e6), "gradients' elements are clipped to +- this; 0 leaves them"),
        Setting::number("validation", 0.1, (0.0, 0.5), "part of the training rows held out to see when to stop; 0 for none"),
        Setting::integer(
            "validate_every",
            0,
            (0, 1_000_000_000),
            "steps from one validation to the next; 0 is an epoch, 10 at least",
        ),
        Setting::integer("patience", 10, (1, 1_000_000), "validations without a better value after which training ends"),
        Setting::integer("plateau", 4, (1, 1_000_000), "validations without a better value after which lr falls by √10"),
    ]
}

/// As [`settings`], with other defaults for some numbers.
pub fn settings_with(d: Defaults, others: &[(&str, f64)]) -> Vec<Setting> {
    let mut all = settings(d);
    for setting in &mut all {
        if let Some(&(_, value)) = others.iter().find(|(key, _)| *key == setting.key) {
            setting.default = Value::Number(value);
        }
    }
    all
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Adam(Adam),
    RmsProp(RmsProp),
}

/// A configured optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimiser {
    method: Method,
    lr: f64,
    decay: f64,
    l2: f64,
    clip: f64,
}

impl Optimiser {
    /// From the settings of [`settings`].
    pub fn new(s: &Settings) -> Self {
        let lr = s.number("lr");
        let method = match s.word("optimiser") {
            "rmsprop" => Method::RmsProp(RmsProp { alpha: 0.99, eps: 1e-8 }),
            _ => Method::Adam(Adam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 }),
        };
        Optimiser { method, lr, decay: s.number("decay"), l2: s.number("l2"), clip: s.number("clip") }
    }

    /// With the penalty times `part`.
    #[must_use]
    pub fn with_l2_times(self, part: f64) -> Self {
        Optimiser { l2: self.l2 * part, ..self }
    }

    /// Moves every parameter of a scope against the gradient of a scalar loss. Weight decay (Loshchilov and Hutter 2019,
    /// arXiv:1711.05101, algorithm 2) and the penalty shrink what has two axes or more.
    pub fn update(&self, s: &Scope, loss: &Tensor) {
        let graph = s.graph();
        let (mut parameters, mut grads) = gradients(loss, s);
        if self.clip > 0.0 {
            let (low, high) = (graph.scalar(-self.clip as f32), graph.scalar(self.clip as f32));
            grads = grads.iter().map(|g| g.max(&low).min(&high)).collect();
        }
        let is_matrix = |spec: &StateSpec| spec.ty.shape.rank() >= 2;
        if self.l2 > 0.0 {
            let matrices = parameters.iter().zip(&mut grads).filter(|((spec, _), _)| is_matrix(spec));
            matrices.for_each(|((_, w), g)| *g = &*g + w * self.l2 as f32);
        }
        if self.decay > 0.0 {
            let keep = graph.scalar_input("keep");
            let matrices = parameters.iter_mut().filter(|(spec, _)| is_matrix(spec));
            matrices.for_each(|(_, w)| *w = &*w * &keep);
        }
        match self.method {
            Method::Adam(adam) => adam.update(graph, ADAM, &parameters, &grads),
            Method::RmsProp(rms_prop) => rms_prop.update(graph, &graph.scalar_input("lr"), &parameters, &grads),
        }
    }

    /// The scalars of step `step`, from 0.
    pub fn inputs(&self, step: u64, lr_scale: f64) -> Vec<(&'static str, f32)> {
        let lr = self.lr * lr_scale;
        let mut all = match self.method {
            Method::Adam(adam) => Adam { lr, ..adam }.inputs(ADAM, step),
            Method::RmsProp(_) => vec![("lr", lr as f32)],
        };
        all.push(("keep", (1.0 - lr * self.decay) as f32));
        all
    }
}

/// What the settings of [`settings`] say of validation; none where no rows are held out.
pub fn validation(s: &Settings) -> Option<Validation> {
    let (lr, least) = (s.number("lr"), s.number("lr_min"));
    (s.number("validation") > 0.0).then(|| Validation {
        fraction: s.number("validation"),
        every: s.integer("validate_every"),
        patience: s.integer("patience") as u32,
        plateau: s.integer("plateau") as u32,
        least_lr: if lr > 0.0 { (least / lr).min(1.0) } else { 1.0 },
    })
}
