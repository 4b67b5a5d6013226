//! Drawing pixel by pixel: what the models' samplers have in common. Layers keep in tables what pixels to come will ask of them,
//! a row for each layer and column; a pixel reads and writes at indices that the device counts itself.

use calotype_graph::op::MatMul;
use calotype_graph::{Dtype, Graph, GraphError, Init, Layout, Mode, Scope, Shape, Tensor, Type};

use super::parts::{Conv, FIRST_ROWS, FIRST_TAPS, REACH, affine, first_weights, head_weights, levels_of, scaled};
use super::{Network, Sizes};
use crate::density::{Drawing, SAMPLER_PREFIX};
use crate::distributions::Conditional;

/// The states of a drawing, as a program sees them.
///
/// A table has a row for each layer and column, layers one after the other; column 0 lies outside the image and is zero where
/// it is read. Tables that pixels write have one more row at either end, so that `neighbours` of all rows are slices.
pub(super) struct Tables {
    graph: Graph,
    sizes: Sizes,
    batch: usize,
}

/// Where a pixel is.
pub(super) struct At {
    /// The pixel's row of each layer in a table: u32 [L].
    rows: Tensor,
    /// The same rows in tables that pixels write, one by one: u32 \[1] each.
    slots: Vec<Tensor>,
}

impl Tables {
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Columns of a table: one more than the image's.
    pub fn width(&self) -> usize {
        self.sizes.shape[1] + 1
    }

    fn rows(&self) -> usize {
        self.sizes.layers * self.width()
    }

    /// Shape of a table, [L·W, B, c].
    pub fn columns(&self, c: usize) -> [usize; 3] {
        [self.rows(), self.batch, c]
    }

    /// Shape of a table with each layer's rows and images as one axis, [L, W·B, c].
    pub fn all_columns(&self, c: usize) -> [usize; 3] {
        [self.sizes.layers, self.width() * self.batch, c]
    }

    /// Shape of a table that pixels write.
    pub fn written(&self, c: usize) -> [usize; 3] {
        [self.rows() + 2, self.batch, c]
    }

    /// A state.
    pub fn get(&self, name: &str, shape: impl Into<Shape>) -> Tensor {
        self.graph.state(&format!("{SAMPLER_PREFIX}{name}"), Type::f32(shape), Init::Zeros, Layout::Plain, false)
    }

    /// A new version of a state.
    pub fn set(&self, name: &str, value: &Tensor, shape: impl Into<Shape>) {
        let shape = shape.into();
        self.get(name, shape.clone());
        self.graph.assign(&format!("{SAMPLER_PREFIX}{name}"), &value.reshape(&shape));
    }

    pub fn keep(&self, name: &str, value: &Tensor) {
        self.set(name, value, value.shape().clone());
    }

    pub fn clear(&self, name: &str, shape: [usize; 3]) {
        self.set(name, &self.graph.full(shape, 0.0), shape);
    }

    pub fn keep_conv(&self, name: &str, weights: &Conv) {
        self.keep(&format!("{name}.weight"), &weights.weight);
        self.keep(&format!("{name}.bias"), &weights.bias);
    }

    /// Weights from n to m features that [`Tables::keep_conv`] kept.
    pub fn conv(&self, name: &str, n: usize, m: usize) -> Conv {
        Conv { weight: self.get(&format!("{name}.weight"), [n, m]), bias: self.get(&format!("{name}.bias"), [m]) }
    }

    /// Every layer's weights, one after the other.
    pub fn keep_stack(&self, name: &str, layers: impl Iterator<Item = Tensor>) {
        if let Some(all) = stacked(layers) {
            self.keep(name, &all);
        }
    }

    /// The weights [L, n, m] that [`Tables::keep_stack`] kept.
    pub fn stack(&self, name: &str, [n, m]: [usize; 2]) -> Tensor {
        self.get(name, [self.sizes.layers, n, m])
    }

    /// Every layer's bias in all rows of a table.
    pub fn everywhere(&self, bias: &str, c: usize) -> Tensor {
        self.stack(bias, [1, c]).expand(self.all_columns(c)).reshape(self.columns(c))
    }

    fn gather(&self, table: &Tensor, at: &At) -> Tensor {
        table.gather(&at.rows) // [L, B, c]
    }

    /// The pixel's rows of a table, [L, B, c].
    pub fn read(&self, name: &str, at: &At, c: usize) -> Tensor {
        self.gather(&self.get(name, self.columns(c)), at)
    }

    /// Of a table that pixels write, the rows of the pixel before, [L, B, c].
    pub fn read_before(&self, name: &str, at: &At, c: usize) -> Tensor {
        self.gather(&self.get(name, self.written(c)), at)
    }

    /// The pixel's row of layer n in a table that pixels write, [B, c].
    pub fn write(&self, name: &str, at: &At, n: usize, row: &Tensor) {
        let shape = self.written(row.shape().last());
        self.set(name, &self.get(name, shape).row_write(&at.slots[n], row), shape);
    }

    /// Of a table that pixels write, each row's left neighbour (0), itself (1) or right neighbour (2): [L, W·B, c].
    pub fn neighbours(&self, name: &str, k: usize, c: usize) -> Tensor {
        self.get(name, self.written(c)).slice(0, k, k + self.rows()).reshape(self.all_columns(c))
    }
}

/// Layer n of [L, a, b]: [a, b].
pub(super) fn layer(t: &Tensor, n: usize) -> Tensor {
    let inner = t.dims().get(1..).unwrap_or_default().to_vec();
    t.slice(0, n, n + 1).reshape(inner)
}

/// Tensors of one shape as one, [L, ..]; none of none.
pub(super) fn stacked(parts: impl Iterator<Item = Tensor>) -> Option<Tensor> {
    parts.map(|t| t.reshape([&[1], t.dims()].concat())).reduce(|all, t| all.concat(&t, 0))
}

/// The canvas: the image so far, scaled, a row [B] for each pixel and colour, with [`REACH`] rows of zeros above and as many
/// columns on either side.
struct Canvas {
    sizes: Sizes,
}

impl Canvas {
    fn height(&self) -> usize {
        self.sizes.shape[0] + REACH
    }

    fn width(&self) -> usize {
        self.sizes.shape[1] + 2 * REACH
    }

    fn rows(&self) -> usize {
        self.height() * self.width() * self.sizes.colours()
    }

    /// The row of the first pixel's first colour.
    fn start(&self) -> f32 {
        ((REACH * self.width() + REACH) * self.sizes.colours()) as f32
    }

    /// The first layer's window: rows from that of a pixel's first colour, f32 [28·C].
    fn window(&self, g: &Graph) -> Tensor {
        let (c, side) = (self.sizes.colours(), FIRST_TAPS / FIRST_ROWS);
        let row = g.iota(FIRST_ROWS).reshape([FIRST_ROWS, 1]) * (self.width() * c) as f32;
        (row + g.iota(side * c).reshape([1, side * c]) - self.start()).reshape([FIRST_TAPS * c])
    }

    /// t [B, D] -> [rows, 1, B].
    fn spread(&self, t: &Tensor) -> Tensor {
        let ([height, width, c], batch) = (self.sizes.shape, t.dims()[0]);
        let t = t.reshape([batch, height, width, c]).permute(&[1, 2, 3, 0]); // [H, W, C, B]
        t.pad(0, REACH, 0, 0.0).pad(1, REACH, REACH, 0.0).reshape([self.rows(), 1, batch])
    }

    /// Its images, [B, H, W, C].
    fn images(&self, canvas: &Tensor, batch: usize) -> Tensor {
        let [height, width, c] = self.sizes.shape;
        let all = canvas.reshape([self.height(), self.width(), c, batch]);
        all.slice(0, REACH, REACH + height).slice(1, REACH, REACH + width).permute(&[3, 0, 1, 2])
    }
}

/// See [`Drawing`].
pub(super) fn drawing<N: Network>(z: &Sizes, network: &N, batch: usize) -> Result<Drawing, GraphError> {
    let name = N::info().name;
    let program = |part: &str, build: &dyn Fn(&Tables, &Canvas)| {
        let t = Tables { graph: Graph::new(&format!("{name} drawing: {part}")), sizes: *z, batch };
        build(&t, &Canvas { sizes: *z });
        t.graph.finish()
    };
    let [height, width, colours] = z.shape;
    Ok(Drawing {
        begin: program("begin", &|t, canvas| begin(z, network, t, canvas))?,
        round: vec![
            (program("a pixel", &|t, canvas| pixel(z, network, t, canvas))?, width * colours),
            (program("a row", &|t, _| row(z, network, t))?, 1),
        ],
        rounds: height,
        end: program("end", &|t, canvas| {
            let x = canvas.images(&t.get("canvas", [canvas.rows(), batch]), batch);
            t.graph.output("x", &levels_of(z, &x));
        })?,
    })
}

/// Weights as drawing uses them, an empty canvas, and the counters at the first pixel.
fn begin<N: Network>(z: &Sizes, network: &N, t: &Tables, canvas: &Canvas) {
    let (g, c, dims) = (&t.graph, z.colours(), z.shape.iter().product::<usize>());
    let s = Scope::new(g, Mode::Eval);
    let Conv { weight, bias } = first_weights(z, &s);
    t.keep_conv("first", &Conv { weight: weight.reshape([FIRST_TAPS * c, 2 * z.h]), bias });
    network.begin(z, &s.sub("layers"), t);
    let [first, last] = head_weights(z, &s);
    t.keep_conv("head.0", &first);
    t.keep_conv("head.1", &last);

    let given = |name: &str, shape: &[usize]| g.input(name, Type::f32(shape)).reshape([t.batch, dims]);
    let known = given("known", &[t.batch, dims]);
    let all = [given("noise", &[t.batch, dims, 1]), scaled(z, &known), given("mask", &[t.batch, dims])];
    let [noise, known, mask] = all.map(|given| canvas.spread(&given));
    t.keep("given", &noise.concat(&known, 1).concat(&mask, 1)); // [rows, 3, B]
    t.keep("canvas", &g.full([canvas.rows(), t.batch], 0.0));
    t.keep("window", &canvas.window(g));
    t.keep("layers", &(g.iota(z.layers) * t.width() as f32));
    t.keep("place", &g.full([1], canvas.start()));
    t.keep("column", &g.full([1], c as f32));
}

/// Counts of colours, as counts of pixels.
fn pixels(z: &Sizes, count: &Tensor) -> Tensor {
    match z.colours() {
        1 => count.clone(),
        // The half keeps whole quotients from being rounded to what lies below.
        c => ((count + 0.5) * (1.0 / c as f32)).floor(),
    }
}

/// One colour of one pixel.
fn pixel<N: Network>(z: &Sizes, network: &N, t: &Tables, canvas: &Canvas) {
    let (g, c) = (&t.graph, z.colours());
    let (place, column) = (t.get("place", [1]), t.get("column", [1]));
    let at = {
        let _label = g.label("where");
        let here = pixels(z, &column);
        let rows = (t.get("layers", [z.layers]) + &here).cast(Dtype::U32);
        let slot = |n: usize| (&here + (n * t.width() + 1) as f32).cast(Dtype::U32);
        At { rows, slots: (0..z.layers).map(slot).collect() }
    };
    let index = place.cast(Dtype::U32);
    let pixel = pixels(z, &place) * c as f32; // row of its first colour
    let board = t.get("canvas", [canvas.rows(), t.batch]);
    let y = {
        let _label = g.label("first");
        let seen = board.gather(&(t.get("window", [FIRST_TAPS * c]) + &pixel).cast(Dtype::U32)); // [28·C, B]
        let weights = t.conv("first", FIRST_TAPS * c, 2 * z.h);
        seen.matmul_with(&weights.weight, MatMul { transpose_a: true, transpose_b: false }) + &weights.bias // [B, 2h]
    };
    let y = {
        let _label = g.label("layers");
        network.pixel(z, t, &at, y)
    };
    let _label = g.label("draw");
    let n = c * z.conditional().n_parameters();
    let y = affine(&y.relu(), &t.conv("head.0", 2 * z.h, z.head)).relu();
    let parameters = own_colour(z, &affine(&y, &t.conv("head.1", z.head, n)), &(&place - &pixel)); // [B, K]
    let given = t.get("given", [canvas.rows(), 3, t.batch]).row_read(&index);
    let row = |k: usize| given.slice(0, k, k + 1).reshape([t.batch]);
    let drawn = scaled(z, &draw(z, &parameters, &row(0)));
    let value = row(2).select(&row(1), &drawn); // [B]
    t.keep("canvas", &board.row_write(&index, &value));
    t.keep("place", &(&place + 1.0));
    t.keep("column", &(&column + 1.0));
}

/// The parameters [B, K] of one colour, of those of all [B, C·K].
fn own_colour(z: &Sizes, parameters: &Tensor, colour: &Tensor) -> Tensor {
    let k = z.conditional().n_parameters();
    let of = |c: usize| parameters.slice(1, c * k, (c + 1) * k);
    (1..z.colours()).fold(of(0), |all, c| colour.equal(&colour.graph().scalar(c as f32)).select(&of(c), &all))
}

/// A level from each row of parameters [B, K] and uniform number [B]: the first one whose cumulative probability exceeds the
/// number.
fn draw(z: &Sizes, parameters: &Tensor, u: &Tensor) -> Tensor {
    let (batch, k) = (u.dims()[0], parameters.shape().last());
    match z.conditional() {
        Conditional::Bernoulli => 1.0 - &u.greater_equal(&parameters.reshape([batch]).sigmoid()),
        _ => {
            let passed = u.reshape([batch, 1]).greater_equal(&parameters.softmax().cumsum(1)); // [B, L]
            passed.sum(&[1]).min(&u.graph().scalar((k - 1) as f32))
        }
    }
}

/// After a row: what the network makes of it, and on to the next.
fn row<N: Network>(z: &Sizes, network: &N, t: &Tables) {
    network.row(z, t);
    let margin = (2 * REACH * z.colours()) as f32;
    t.keep("place", &(t.get("place", [1]) + margin));
    t.keep("column", &t.graph.full([1], z.colours() as f32));
}
