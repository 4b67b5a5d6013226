//! What each op is in ONNX. Images are [B, H, W, C] here and [B, C, H, W] there: convolutions and poolings stand between transpositions,
//! which runtimes move and cancel.

use calotype_graph::op::{
    Cast, Concat, Conv2d, Conv2dTranspose, Cumsum, Flip, Gather, LstmScan, MatMul, Nade, NadeActivation, Pad, PadReflect,
    Permute, Pool2d, Pool2dGrad, PoolKind, Reduce, ReduceKind, Slice,
};
use calotype_graph::{Binary, Dtype, Op, Shape, Type, Unary, Window};

use super::proto::{Attribute, BOOL, element};
use super::writer::{Size, Writer};
use super::{BATCHES, Trouble};

/// An op with what is known of its operands and its result.
pub(super) struct Call<'a> {
    /// With each number of rows.
    pub ops: [&'a Op; 2],
    pub inputs: Vec<[&'a Type; 2]>,
    pub output: [&'a Type; 2],
    /// Names of the operands.
    pub names: Vec<&'a str>,
}

impl Call<'_> {
    fn size(values: [usize; 2]) -> Result<Size, Trouble> {
        Size::of(values, BATCHES).ok_or(Trouble::Batch)
    }

    fn sizes(types: [&Type; 2]) -> Result<Vec<Size>, Trouble> {
        let [a, b] = types.map(|ty| ty.shape.dims());
        a.iter().zip(b).map(|(&a, &b)| Self::size([a, b])).collect()
    }

    /// Sizes of the result.
    fn result(&self) -> Result<Vec<Size>, Trouble> {
        Self::sizes(self.output)
    }

    fn rank(&self) -> usize {
        self.output[0].shape.rank()
    }

    /// The value of the result.
    pub fn write(&self, w: &mut Writer) -> Result<String, Trouble> {
        let x = || self.names[0];
        match self.ops[0] {
            Op::Unary(op) => Ok(unary(w, *op, x())),
            Op::Binary(op) => Ok(binary(w, *op, x(), self.names[1])),
            Op::Select(_) => {
                let condition = w.op("Cast", &[x()], &[Attribute::Int("to", BOOL)]);
                Ok(w.op("Where", &[&condition, self.names[1], self.names[2]], &[]))
            }
            Op::Cast(Cast { to }) => Ok(w.op("Cast", &[x()], &[Attribute::Int("to", element(*to))])),
            Op::Full(op) if op.shape.rank() == 0 => Ok(w.float(op.value.get())),
            Op::Full(op) => {
                let shape = w.sizes(&self.result()?).ok_or(Trouble::Batch)?;
                Ok(w.op("ConstantOfShape", &[&shape], &[Attribute::Value("value", op.value.get())]))
            }
            Op::Iota(op) => {
                self.alike()?;
                Ok(w.floats(&[op.n], &(0..op.n).map(|n| n as f32).collect::<Vec<_>>()))
            }
            Op::Detach(_) => Ok(x().to_owned()),
            Op::Reshape(_) => self.reshape(w, x(), &self.result()?),
            Op::Permute(Permute { axes }) => Ok(transpose(w, x(), axes)),
            Op::Expand(_) => self.expand(w),
            Op::Slice(_) => self.slice(w),
            Op::Flip(Flip { axis }) => {
                let [start, end, axes, step] = [-1, i64::MIN, *axis as i64, -1].map(|n| w.ints(&[n]));
                Ok(w.op("Slice", &[x(), &start, &end, &axes, &step], &[]))
            }
            Op::Pad(op) => self.pad(w, op),
            Op::PadReflect(PadReflect { borders: [[top, bottom], [left, right]] }) => {
                let pads = [0, *top, *left, 0, 0, *bottom, *right, 0].map(|n| n as i64);
                let pads = w.ints(&pads);
                Ok(w.op("Pad", &[x(), &pads], &[Attribute::Text("mode", "reflect")]))
            }
            Op::Concat(Concat { axis }) => Ok(w.op("Concat", &[x(), self.names[1]], &[Attribute::Int("axis", *axis as i64)])),
            Op::Gather(Gather) => self.gather(w),
            Op::Pool2d(op) => self.pool(w, *op),
            Op::Pool2dGrad(op) => self.repeat(w, op),
            Op::Cumsum(Cumsum { axis, reverse }) => {
                let axis = w.int(*axis as i64);
                Ok(w.op("CumSum", &[x(), &axis], &[Attribute::Int("reverse", i64::from(*reverse))]))
            }
            Op::Reduce(op) => self.reduce(w, op),
            Op::MatMul(MatMul { transpose_a, transpose_b }) => {
                let mut side = |name: &str, turned: bool| match turned {
                    false => name.to_owned(),
                    true => {
                        let r = self.rank();
                        let axes: Vec<usize> = (0..r - 2).chain([r - 1, r - 2]).collect();
                        transpose(w, name, &axes)
                    }
                };
                let (a, b) = (side(x(), *transpose_a), side(self.names[1], *transpose_b));
                Ok(w.op("MatMul", &[&a, &b], &[]))
            }
            Op::Conv2d(Conv2d { window }) => {
                let (images, weights) = (channels_first(w, x()), transpose(w, self.names[1], &WEIGHTS));
                let y = w.op("Conv", &[&images, &weights], &self.window(window));
                Ok(channels_last(w, &y))
            }
            Op::Conv2dTranspose(op) => self.conv_transpose(w, op),
            Op::Softmax(_) => Ok(w.op("Softmax", &[x()], &[Attribute::Int("axis", -1)])),
            Op::LogSumExp(_) => {
                Ok(w.op("ReduceLogSumExp", &[x()], &[Attribute::Ints("axes", vec![-1]), Attribute::Int("keepdims", 0)]))
            }
            Op::LstmScan(op) => self.lstm(w, op),
            Op::Nade(Nade { activation }) => Ok(self.nade(w, *activation)),
            Op::Random(_) => Err(Trouble::Op("it draws random numbers, and the same are drawn nowhere else")),
            Op::BatchNorm(_) | Op::BatchNormStats(_) => Err(Trouble::Op("it has statistics of a batch, as in training")),
            Op::ScatterAdd(op) => self.scatter_add(w, op.rows),
            Op::PadReflectGrad(_)
            | Op::RowWrite(_)
            | Op::Conv2dWeightGrad(_)
            | Op::BatchNormSums(_)
            | Op::LstmScanGrad(_)
            | Op::NadeGrad(_)
            | Op::NadeSample(_) => Err(Trouble::Op("it has no equal there")),
        }
    }

    /// That nothing of the op follows the rows of a batch.
    fn alike(&self) -> Result<(), Trouble> {
        if self.ops[0] == self.ops[1] { Ok(()) } else { Err(Trouble::Batch) }
    }

    fn reshape(&self, w: &mut Writer, x: &str, sizes: &[Size]) -> Result<String, Trouble> {
        let shape = w.shape(sizes).ok_or(Trouble::Batch)?;
        Ok(w.op("Reshape", &[x, &shape], &[]))
    }

    fn expand(&self, w: &mut Writer) -> Result<String, Trouble> {
        let (from, to) = (Self::sizes(self.inputs[0])?, self.result()?);
        let new = to.len() - from.len();
        // An axis that stays is named by 1.
        let kept = |(axis, size): (usize, &Size)| match axis.checked_sub(new).map(|at| from[at]) {
            Some(before) if before == *size => Size { fixed: 1, rows: 0 },
            _ => *size,
        };
        let shape: Vec<Size> = to.iter().enumerate().map(kept).collect();
        let shape = w.sizes(&shape).ok_or(Trouble::Batch)?;
        Ok(w.op("Expand", &[self.names[0], &shape], &[]))
    }

    fn slice(&self, w: &mut Writer) -> Result<String, Trouble> {
        let (Op::Slice(Slice { axis, start, end }), Op::Slice(other)) = (self.ops[0], self.ops[1]) else {
            return Err(Trouble::Batch);
        };
        if *axis != other.axis {
            return Err(Trouble::Batch);
        }
        let start = w.size(Self::size([*start, other.start])?).ok_or(Trouble::Batch)?;
        let end = w.size(Self::size([*end, other.end])?).ok_or(Trouble::Batch)?;
        let axes = w.ints(&[*axis as i64]);
        Ok(w.op("Slice", &[self.names[0], &start, &end, &axes], &[]))
    }

    fn pad(&self, w: &mut Writer, op: &Pad) -> Result<String, Trouble> {
        self.alike()?;
        let mut pads = vec![0; 2 * self.rank()];
        (pads[op.axis], pads[self.rank() + op.axis]) = (op.before as i64, op.after as i64);
        let (pads, value) = (w.ints(&pads), w.float(op.value.get()));
        Ok(w.op("Pad", &[self.names[0], &pads, &value], &[]))
    }

    /// The indices of a table of so many rows, as ONNX may be given them, and of the kind of `values` 1 where one is inside, else 0:
    /// outside the table are zeros here and an error there. Both [B, N, 1].
    fn indices(&self, w: &mut Writer, rows: i64, values: Dtype) -> [String; 2] {
        let (last, end, axis) = (w.int(rows - 1), w.int(rows), w.ints(&[2]));
        let indices = w.op("Min", &[self.names[1], &last], &[]);
        let inside = w.op("Less", &[self.names[1], &end], &[]);
        let inside = w.op("Cast", &[&inside], &[Attribute::Int("to", element(values))]);
        [w.op("Unsqueeze", &[&indices, &axis], &[]), w.op("Unsqueeze", &[&inside, &axis], &[])]
    }

    fn gather(&self, w: &mut Writer) -> Result<String, Trouble> {
        let rows = Self::sizes(self.inputs[0])?[1];
        if !rows.is_fixed() || rows.fixed == 0 {
            return Err(Trouble::Op("its table is empty, or grows with the rows of a batch"));
        }
        let [indices, inside] = self.indices(w, rows.fixed, self.inputs[0][0].dtype);
        let found = w.op("GatherND", &[self.names[0], &indices], &[Attribute::Int("batch_dims", 1)]);
        Ok(w.op("Mul", &[&found, &inside], &[]))
    }

    fn scatter_add(&self, w: &mut Writer, rows: usize) -> Result<String, Trouble> {
        self.alike()?;
        if rows == 0 {
            return Err(Trouble::Op("its table is empty, or grows with the rows of a batch"));
        }
        let [indices, inside] = self.indices(w, rows as i64, Dtype::F32);
        let values = w.op("Mul", &[self.names[0], &inside], &[]);
        let shape = w.op("Shape", &[&values], &[]);
        let indices = w.op("Expand", &[&indices, &shape], &[]);
        let shape = w.sizes(&self.result()?).ok_or(Trouble::Batch)?;
        let zeros = w.op("ConstantOfShape", &[&shape], &[Attribute::Value("value", 0.0)]);
        let sum = [Attribute::Int("axis", 1), Attribute::Text("reduction", "add")];
        Ok(w.op("ScatterElements", &[&zeros, &indices, &values], &sum))
    }

    fn pool(&self, w: &mut Writer, op: Pool2d) -> Result<String, Trouble> {
        let window = &op.window;
        let twice = |[a, b]: [usize; 2]| vec![a as i64, b as i64, a as i64, b as i64];
        let pair = |[a, b]: [usize; 2]| vec![a as i64, b as i64];
        let mut attributes = vec![
            Attribute::Ints("kernel_shape", pair(window.kernel)),
            Attribute::Ints("strides", pair(window.stride)),
            Attribute::Ints("pads", twice(window.pad)),
        ];
        let images = channels_first(w, self.names[0]);
        let y = match op.kind {
            PoolKind::Max => w.op("MaxPool", &[&images], &attributes),
            PoolKind::Average | PoolKind::Sum => {
                attributes.push(Attribute::Int("count_include_pad", 1));
                w.op("AveragePool", &[&images], &attributes)
            }
        };
        let y = match op.kind {
            PoolKind::Sum => {
                let area = w.float((window.kernel[0] * window.kernel[1]) as f32);
                w.op("Mul", &[&y, &area], &[])
            }
            PoolKind::Max | PoolKind::Average => y,
        };
        Ok(channels_last(w, &y))
    }

    /// The transpose of sums over windows side by side: each pixel again and again.
    fn repeat(&self, w: &mut Writer, op: &Pool2dGrad) -> Result<String, Trouble> {
        let window = &op.pool.window;
        let Type { shape, .. } = self.inputs[0][0];
        let (small, [kh, kw]) = (shape.dims(), window.kernel);
        let whole = op.size == [small[1] * kh, small[2] * kw];
        if op.pool.kind == PoolKind::Max || window.stride != window.kernel || window.pad != [0, 0] || !whole {
            return Err(Trouble::Op("it is the way back of a pooling"));
        }
        let batch = self.result()?[0];
        let fixed = |n: usize| Size { fixed: n as i64, rows: 0 };
        let [h, wide, c] = [small[1], small[2], small[3]];
        let tiles = [batch, fixed(h), fixed(1), fixed(wide), fixed(1), fixed(c)];
        let x = self.reshape(w, self.names[0], &tiles)?;
        let repeats = w.ints(&[1, 1, kh as i64, 1, kw as i64, 1]);
        let x = w.op("Expand", &[&x, &repeats], &[]);
        let x = self.reshape(w, &x, &self.result()?)?;
        let scale = op.pool.scale();
        if scale == 1.0 {
            return Ok(x);
        }
        let scale = w.float(scale);
        Ok(w.op("Mul", &[&x, &scale], &[]))
    }

    fn reduce(&self, w: &mut Writer, op: &Reduce) -> Result<String, Trouble> {
        self.alike()?;
        let axes: Vec<i64> = (op.first..op.end).map(|axis| axis as i64).collect();
        let dropped = Attribute::Int("keepdims", 0);
        match op.kind {
            ReduceKind::Sum => {
                let axes = w.ints(&axes);
                Ok(w.op("ReduceSum", &[self.names[0], &axes], &[dropped]))
            }
            ReduceKind::Max => Ok(w.op("ReduceMax", &[self.names[0]], &[Attribute::Ints("axes", axes), dropped])),
            ReduceKind::ArgMax if axes.len() == 1 => {
                Ok(w.op("ArgMax", &[self.names[0]], &[Attribute::Int("axis", axes[0]), dropped]))
            }
            ReduceKind::ArgMax => Err(Trouble::Op("it is over several axes")),
        }
    }

    fn window(&self, window: &Window) -> Vec<Attribute<'static>> {
        let pair = |[a, b]: [usize; 2]| vec![a as i64, b as i64];
        let [top, left] = window.pad.map(|n| n as i64);
        vec![
            Attribute::Ints("strides", pair(window.stride)),
            Attribute::Ints("pads", vec![top, left, top, left]),
            Attribute::Ints("dilations", pair(window.dilation)),
        ]
    }

    fn conv_transpose(&self, w: &mut Writer, op: &Conv2dTranspose) -> Result<String, Trouble> {
        self.alike()?;
        let (small, kernel) = (self.inputs[0][0].shape.dims(), self.inputs[1][0].shape.dims());
        let missing = |axis: usize| {
            let own = op.window.transposed_output(axis, small[axis + 1], kernel[axis]);
            own.and_then(|own| op.size[axis].checked_sub(own)).map(|n| n as i64)
        };
        let (Some(rows), Some(columns)) = (missing(0), missing(1)) else {
            return Err(Trouble::Op("its result is smaller than ONNX makes it"));
        };
        let (images, weights) = (channels_first(w, self.names[0]), transpose(w, self.names[1], &WEIGHTS));
        let mut attributes = self.window(&op.window);
        attributes.push(Attribute::Ints("output_padding", vec![rows, columns]));
        let y = w.op("ConvTranspose", &[&images, &weights], &attributes);
        Ok(channels_last(w, &y))
    }

    /// An LSTM over positions that do not see each other. The gates' inputs are there already: the weights of its inputs only put them
    /// into the order i, o, f, g.
    fn lstm(&self, w: &mut Writer, op: &LstmScan) -> Result<String, Trouble> {
        if op.taps != 1 {
            return Err(Trouble::Op("its states see their neighbours, a recurrence that ONNX does not have"));
        }
        if op.keep {
            return Err(Trouble::Op("it keeps its gates for the way back"));
        }
        self.alike()?;
        let d = op.dims(self.inputs[0][0]);
        let h = d.hidden;
        let source = [2, 0, 1, 3].into_iter().flat_map(|gate| gate * h..(gate + 1) * h);
        let order: Vec<i64> = source.clone().map(|row| row as i64).collect();
        let mut identity = vec![0.0; 16 * h * h];
        source.enumerate().for_each(|(row, from)| identity[row * 4 * h + from] = 1.0);
        let inputs = w.floats(&[1, 4 * h, 4 * h], &identity);
        let states = transpose(w, self.names[1], &[0, 2, 1]);
        let order = w.ints(&order);
        let states = w.op("Gather", &[&states, &order], &[Attribute::Int("axis", 1)]);
        let flat = |w: &mut Writer, x: &str, t: usize, n: usize| {
            let shape = w.ints(&[t as i64, -1, n as i64]);
            w.op("Reshape", &[x, &shape], &[])
        };
        let x = flat(w, self.names[0], d.steps, 4 * h);
        let (h0, c0) = (flat(w, self.names[2], 1, h), flat(w, self.names[3], 1, h));
        let direction = if op.reverse { "reverse" } else { "forward" };
        let attributes = [Attribute::Int("hidden_size", h as i64), Attribute::Text("direction", direction)];
        // No biases and no lengths.
        let y = w.op("LSTM", &[&x, &inputs, &states, "", "", &h0, &c0], &attributes);
        self.reshape(w, &y, &self.result()?)
    }

    /// All hidden units of all dimensions at once, from running sums: as many numbers as D H of a row.
    fn nade(&self, w: &mut Writer, activation: NadeActivation) -> String {
        let [x, weights, c, v] = [0, 1, 2, 3].map(|n| self.names[n]);
        let (last, first, one) = (w.ints(&[2]), w.ints(&[0]), w.int(1));
        let x = w.op("Unsqueeze", &[x, &last], &[]);
        let weights = w.op("Unsqueeze", &[weights, &first], &[]);
        let each = w.op("Mul", &[&x, &weights], &[]); // [B, D, H]
        let before = w.op("CumSum", &[&each, &one], &[Attribute::Int("exclusive", 1)]);
        let a = w.op("Add", &[&before, c], &[]);
        let h = match (activation, self.names.get(4)) {
            (NadeActivation::ScaledRelu, Some(rho)) => {
                let column = w.ints(&[1]);
                let rho = w.op("Unsqueeze", &[rho, &column], &[]);
                let scaled = w.op("Mul", &[&a, &rho], &[]);
                w.op("Relu", &[&scaled], &[])
            }
            _ => w.op("Sigmoid", &[&a], &[]),
        };
        let h = transpose(w, &h, &[1, 0, 2]);
        let y = w.op("MatMul", &[&h, v], &[]); // [D, B, O]
        transpose(w, &y, &[1, 0, 2])
    }
}

/// [kh, kw, Cin, Cout] to [Cout, Cin, kh, kw], also of transposed convolutions, whose input has Cout channels.
const WEIGHTS: [usize; 4] = [3, 2, 0, 1];

fn transpose(w: &mut Writer, x: &str, axes: &[usize]) -> String {
    w.op("Transpose", &[x], &[Attribute::Ints("perm", axes.iter().map(|&a| a as i64).collect())])
}

fn channels_first(w: &mut Writer, x: &str) -> String {
    transpose(w, x, &[0, 3, 1, 2])
}

fn channels_last(w: &mut Writer, x: &str) -> String {
    transpose(w, x, &[0, 2, 3, 1])
}

fn unary(w: &mut Writer, op: Unary, x: &str) -> String {
    let name = match op {
        Unary::Neg => "Neg",
        Unary::Abs => "Abs",
        Unary::Sign => "Sign",
        Unary::Exp => "Exp",
        Unary::Log => "Log",
        Unary::Sqrt => "Sqrt",
        Unary::Recip => "Reciprocal",
        Unary::Tanh => "Tanh",
        Unary::Sigmoid => "Sigmoid",
        Unary::Softplus => "Softplus",
        Unary::Relu => "Relu",
        Unary::Floor => "Floor",
        Unary::Square => return w.op("Mul", &[x, x], &[]),
        Unary::Rsqrt => {
            let root = w.op("Sqrt", &[x], &[]);
            return w.op("Reciprocal", &[&root], &[]);
        }
        Unary::LeakyRelu(slope) => return w.op("LeakyRelu", &[x], &[Attribute::Float("alpha", slope.get())]),
    };
    w.op(name, &[x], &[])
}

fn binary(w: &mut Writer, op: Binary, a: &str, b: &str) -> String {
    let name = match op {
        Binary::Add => "Add",
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "Div",
        Binary::Max => "Max",
        Binary::Min => "Min",
        Binary::Greater => "Greater",
        Binary::GreaterEqual => "GreaterOrEqual",
        Binary::Equal => "Equal",
    };
    let y = w.op(name, &[a, b], &[]);
    match op {
        Binary::Greater | Binary::GreaterEqual | Binary::Equal => {
            w.op("Cast", &[&y], &[Attribute::Int("to", element(Dtype::F32))])
        }
        _ => y,
    }
}

/// Whether two shapes have the same number of axes.
pub(super) fn alike(a: &Shape, b: &Shape) -> bool {
    a.rank() == b.rank()
}
