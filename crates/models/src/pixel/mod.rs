//! What the models of van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv:1601.06759, have
//! in common: p(x) = Π p(x_d | x_<d) in raster order, red before green before blue within a pixel; a first 7x7 convolution with
//! mask A, residual layers of their own, two [ReLU, 1x1 convolution] layers, and a distribution for each colour.

pub mod diagonal_bilstm;
mod drawing;
mod parts;
pub mod pixelcnn;
pub mod row_lstm;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor};

use crate::density::{self, Density, Drawing};
use crate::descent::{self, Defaults};
use crate::distributions::Conditional;
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::optimisers::Optimiser;
use crate::settings::{Setting, SettingError, Settings};
use crate::stages::{Stage, Turn};
use drawing::{At, Tables};

/// Sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    /// H, W, C of an image.
    shape: [usize; 3],
    /// L: values of a pixel's colour.
    levels: u32,
    /// Residual layers.
    layers: usize,
    /// h: features of a state; the layers pass 2h to each other.
    h: usize,
    /// Features of the two last layers.
    head: usize,
}

impl Sizes {
    /// C: 1 or 3.
    fn colours(&self) -> usize {
        self.shape[2]
    }

    fn conditional(&self) -> Conditional {
        density::of_levels(self.levels)
    }
}

/// The residual layers of a model. Tensors of features are [B, H, W, 2h] in another order of axes.
trait Network: Sized + Clone + Send + Sync + 'static {
    /// Axis `d` of what the layers work on is axis `AXES[d]` of [B, H, W, 2h].
    const AXES: [usize; 4];

    fn info() -> &'static ModelInfo;

    /// The setting that counts the layers.
    const LAYERS: &'static str;

    fn new(settings: &Settings) -> Self;

    /// All layers, in a scope of their own: the first layer's features in, the last one's out.
    fn layers(&self, z: &Sizes, s: &Scope, y: &Tensor) -> Tensor;

    /// Whether pixel `at` [row, column] depends on `from` [row, column, colour] of another pixel before it.
    fn sees(&self, z: &Sizes, at: [usize; 2], from: [usize; 3]) -> bool;

    /// Makes the tables and weights that [`Network::pixel`] and [`Network::row`] work with.
    fn begin(&self, z: &Sizes, s: &Scope, t: &Tables);

    /// All layers at one pixel: y [B, 2h] of the first layer in, the last one's out. What it writes for this pixel it may write
    /// several times, once for each colour: nothing that it reads is what it writes.
    fn pixel(&self, z: &Sizes, t: &Tables, at: &At, y: Tensor) -> Tensor;

    /// Once a row is finished: what it decides for all columns of the next.
    fn row(&self, z: &Sizes, t: &Tables);
}

/// `size`, `levels`, `binarise`, the sizes of the network, then how it is trained.
fn settings(sizes: [Setting; 3], more: Vec<Setting>, defaults: Defaults) -> Vec<Setting> {
    [density::pixel_settings(), sizes.into(), more, descent::settings(defaults)].concat()
}

/// `layers` (or another name), `width`, `head`.
fn size_settings(layers: (&'static str, u64, &'static str), width: u64, head: u64) -> [Setting; 3] {
    [
        Setting::integer(layers.0, layers.1, (1, 64), layers.2),
        Setting::integer("width", width, (1, 1024), "h: features of a hidden state; 2h between layers"),
        Setting::integer("head", head, (1, 4096), "features of the two layers before the output distribution"),
    ]
}

/// A configured model.
struct PixelModel<N> {
    settings: Settings,
    sizes: Sizes,
    network: N,
    optimiser: Optimiser,
}

impl<N: Network> PixelModel<N> {
    /// # Errors
    /// Data that are no pictures; fewer features than colours.
    fn configure(settings: Settings, data: &DataShape) -> Result<Arc<dyn Model>, SettingError> {
        let (shape, levels) = density::pixels(&settings, data)?;
        let sizes =
            Sizes { shape, levels, layers: settings.size(N::LAYERS), h: settings.size("width"), head: settings.size("head") };
        for (key, n) in [("width", sizes.h), ("head", sizes.head)] {
            if n < sizes.colours() {
                let expected = format!("at least {}: features of their own for each colour", sizes.colours());
                return Err(SettingError::Value { key: key.into(), text: n.to_string(), expected });
            }
        }
        Ok(Arc::new(PixelModel { sizes, network: N::new(&settings), optimiser: descent::optimiser(&settings), settings }))
    }

    /// x [B, H, W, C] -> the last layer's features, in the order [`Network::AXES`].
    fn hidden(&self, s: &Scope, x: &Tensor) -> Tensor {
        let y = parts::first(&self.sizes, s, x).permute(&N::AXES);
        self.network.layers(&self.sizes, &s.sub("layers"), &y)
    }
}

/// The axes that undo a permutation.
fn inverse(axes: [usize; 4]) -> [usize; 4] {
    std::array::from_fn(|d| axes.iter().position(|&a| a == d).unwrap_or(d))
}

impl<N: Network> Model for PixelModel<N> {
    fn info(&self) -> &'static ModelInfo {
        N::info()
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn shape(&self) -> &[usize] {
        &self.sizes.shape
    }

    fn values(&self) -> Values {
        Values::Levels(self.sizes.levels)
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl<N: Network> Descent for PixelModel<N> {
    /// Minimises nats per dimension, so that clipping and ε mean the same for images of any size.
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let graph = Graph::new(&format!("{} training", N::info().name));
        let s = Scope::new(&graph, Mode::Train);
        let x = density::input(&graph, self, stage.batch);
        let nats = density::nats(&density::log_p(self, &s, &x));
        let dims: usize = self.sizes.shape.iter().product();
        self.optimiser.update(&[&s], &(&nats * (1.0 / dims as f32)));
        graph.output("nats", &nats);
        graph.finish()
    }

    fn at(&self, step: u64, lr_scale: f64) -> Turn {
        Turn::only(self.optimiser.scalars(step, lr_scale))
    }

    fn validation(&self) -> Option<Validation> {
        descent::validation(&self.settings)
    }
}

impl<N: Network> Density for PixelModel<N> {
    fn conditional(&self) -> Conditional {
        self.sizes.conditional()
    }

    fn conditionals(&self, s: &Scope, x: &Tensor) -> Tensor {
        let y = parts::head(&self.sizes, s, &self.hidden(s, x)).permute(&inverse(N::AXES)); // [B, H, W, C·K]
        let dims = self.sizes.shape.iter().product::<usize>();
        y.reshape([x.dims()[0], dims, self.conditional().n_parameters()])
    }

    /// Within a pixel the colours before; of other pixels what the network says.
    fn sees(&self, at: usize, from: usize) -> bool {
        let [_, width, colours] = self.sizes.shape;
        let [here, there] = [at, from].map(|d| [d / colours / width, d / colours % width]);
        from < at && (here == there || self.network.sees(&self.sizes, here, [there[0], there[1], from % colours]))
    }

    fn drawing(&self, batch: usize) -> Result<Drawing, GraphError> {
        drawing::drawing(&self.sizes, &self.network, batch)
    }

    fn canvas(&self, shape: [usize; 3]) -> Option<Box<dyn Model>> {
        let sizes = Sizes { shape, ..self.sizes };
        (shape[2] == self.sizes.colours()).then(|| -> Box<dyn Model> {
            let (settings, network) = (self.settings.clone(), self.network.clone());
            Box::new(PixelModel { settings, sizes, network, optimiser: self.optimiser })
        })
    }

    /// Means over the cells of a 4x4 grid of the last layer's features.
    fn hidden_units(&self, s: &Scope, x: &Tensor) -> Option<Tensor> {
        const GRID: usize = 4;
        let y = self.hidden(s, x).permute(&inverse(N::AXES)); // [B, H, W, 2h]
        let cells = |n: usize| {
            let parts = GRID.min(n);
            (0..parts).map(move |k| (k * n / parts, (k + 1) * n / parts))
        };
        let [height, width, _] = self.sizes.shape;
        let rows = cells(height).map(|(a, b)| y.slice(1, a, b));
        let means = rows.flat_map(|row| cells(width).map(move |(a, b)| row.slice(2, a, b).mean(&[1, 2])));
        means.reduce(|all, cell| all.concat(&cell, 1))
    }
}
