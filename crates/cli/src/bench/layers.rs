//! Kernels between the products: rows of levels, images of activations, windows, borders, indices.

use calotype_graph::op::{
    BatchNormStats, BatchNormSums, Case, Concat, Cumsum, Distribution, Fill, Gather, Given, LogSumExp, Pad, PadReflect,
    PadReflectGrad, Pool2d, Pool2dGrad, PoolKind, PoolWindow, Random, Reduce, ReduceKind, RowWrite, ScatterAdd, Softmax,
};
use calotype_graph::{Tensor, Type};

use super::kernel::{Kernel, Scale, of_sum};

/// Kernels over rows: the 256 levels of a PixelRNN's 28x28 pixels.
pub fn rows(scale: Scale) -> Vec<Kernel> {
    let batch = scale.batch(16);
    let levels = |batch: usize| vec![Given::normal([batch * 28 * 28, 256])];
    let name = |batch: usize| format!("28x28, 256 levels, batch {batch}");
    vec![
        Kernel::new(batch, move |b| Case::op("softmax", name(b), Softmax, levels(b))),
        Kernel::new(batch, move |b| Case::op("log_sum_exp", name(b), LogSumExp, levels(b))),
        Kernel::new(batch, move |b| of_sum(reduce(format!("sum of rows, {}", name(b)), 1, 2, levels(b)), 256)),
    ]
}

fn reduce(name: String, first: usize, end: usize, given: Vec<Given>) -> Case {
    Case::op("reduce", name, Reduce { kind: ReduceKind::Sum, first, end }, given)
}

/// Kernels over images: DCGAN's activations, [B, 32, 32, 64] and [B, 8, 8, 256].
pub fn images(scale: Scale) -> Vec<Kernel> {
    let batch = scale.batch(64);
    let shape = |b: usize, size: usize, c: usize| [b, size, size, c];
    let name = |b: usize, size: usize, c: usize| format!("{size}x{size}x{c}, batch {b}");
    let mut all = Vec::new();
    for (size, c) in [(32, 64), (8, 256)] {
        all.push(Kernel::new(batch, move |b| {
            let case = Case::op("batch_norm_stats", name(b, size, c), BatchNormStats, vec![Given::normal(shape(b, size, c))]);
            case.tolerance(2e-4, 2e-4)
        }));
        all.push(Kernel::new(batch, move |b| {
            let x = Given::normal(shape(b, size, c));
            let given = vec![x.clone(), x, Given::uniform([2, c], 0.5, 1.5)];
            of_sum(Case::op("batch_norm_sums", name(b, size, c), BatchNormSums, given), b * size * size)
        }));
    }
    let x = move |b| Given::normal(shape(b, 32, 64));
    let elementwise = |what: &'static str, n: usize, f: fn(&[Tensor]) -> Tensor| {
        Kernel::new(batch, move |b| Case::composed("elementwise", format!("{what}, {}", name(b, 32, 64)), vec![x(b); n], f))
    };
    all.push(elementwise("leaky ReLU", 1, |t| t[0].leaky_relu(0.2)));
    all.push(elementwise("tanh", 1, |t| t[0].tanh()));
    all.push(elementwise("x y + z", 3, |t| &(&t[0] * &t[1]) + &t[2]));
    let channels = move |b: usize| reduce(format!("sum over pixels, {}", name(b, 32, 64)), 0, 3, vec![x(b)]);
    all.push(Kernel::new(batch, move |b| of_sum(channels(b), b * 32 * 32)));
    for distribution in [Distribution::Uniform, Distribution::Normal] {
        all.push(Kernel::new(batch, move |b| random(distribution, b * 32 * 32 * 64)));
    }
    all
}

fn random(distribution: Distribution, n: usize) -> Case {
    let seed = Given::fixed(Type::u32([2]), Fill::Below(u32::MAX));
    let step = Given::fixed(Type::u32([1]), Fill::Below(1000));
    let op = Random { distribution, shape: [n].into(), stream: 1 };
    Case::op("random", format!("{distribution:?} {n}").to_lowercase(), op, vec![seed, step])
}

/// Windows of 2x2 over [B, 32, 32, 64], and back.
pub fn pools(scale: Scale) -> Vec<Kernel> {
    let batch = scale.batch(64);
    let (x, dy) = (|b: usize| Given::normal([b, 32, 32, 64]), |b: usize| Given::normal([b, 16, 16, 64]));
    let name = |kind: PoolKind, b: usize| format!("{kind:?} of 2x2, 32x32x64, batch {b}").to_lowercase();
    let both = [PoolKind::Average, PoolKind::Max].into_iter().flat_map(|kind| {
        let pool = Pool2d { kind, window: PoolWindow::tiles(2) };
        let forward = move |b| Case::op("pool2d", name(kind, b), pool, vec![x(b)]);
        let back = move |b| {
            let given = if kind == PoolKind::Max { vec![dy(b), x(b)] } else { vec![dy(b)] };
            Case::op("pool2d_grad", name(kind, b), Pool2dGrad { pool, size: [32; 2] }, given)
        };
        [Kernel::new(batch, forward), Kernel::new(batch, back)]
    });
    both.collect()
}

/// More room around an image, or beside it: CycleGAN's reflected borders, zeros, two images' channels.
pub fn borders(scale: Scale) -> Vec<Kernel> {
    const ONE: [[usize; 2]; 2] = [[1, 1]; 2];
    let batch = scale.batch(64);
    let x = |b: usize| Given::normal([b, 16, 16, 256]);
    let name = |b: usize| format!("16x16x256, batch {b}");
    vec![
        Kernel::new(batch, move |b| Case::op("pad_reflect", name(b), PadReflect { borders: ONE }, vec![x(b)])),
        Kernel::new(batch, move |b| {
            let dy = Given::normal([b, 18, 18, 256]);
            Case::op("pad_reflect_grad", name(b), PadReflectGrad { borders: ONE }, vec![dy])
        }),
        Kernel::new(batch, move |b| {
            let op = Pad { axis: 1, before: 1, after: 1, value: 0f32.into() };
            Case::op("pad", format!("two rows, {}", name(b)), op, vec![x(b)])
        }),
        Kernel::new(batch, move |b| Case::op("concat", format!("channels, {}", name(b)), Concat { axis: 3 }, vec![x(b), x(b)])),
    ]
}

/// An embedding of 64 letters at 55 places, its gradient, a sampler's row, and sums along rows of levels.
pub fn indices(scale: Scale) -> Vec<Kernel> {
    let batch = scale.batch(64);
    let letters = |b: usize| Given::fixed(Type::u32([1, b * 55]), Fill::Below(64));
    let name = |b: usize| format!("64 letters, 55 places, 32 wide, batch {b}");
    vec![
        Kernel::new(batch, move |b| Case::op("gather", name(b), Gather, vec![Given::normal([1, 64, 32]), letters(b)])),
        Kernel::new(batch, move |b| {
            let given = vec![Given::normal([1, b * 55, 32]), letters(b)];
            of_sum(Case::op("scatter_add", name(b), ScatterAdd { rows: 64 }, given), b * 55)
        }),
        Kernel::new(batch, move |b| {
            let at = Given::fixed(Type::u32([1]), Fill::Value(17.0));
            let given = vec![Given::normal([784, b]), Given::normal([b]), at];
            Case::op("row_write", format!("784 rows of {b}"), RowWrite, given)
        }),
        Kernel::new(scale.batch(16), move |b| {
            let op = Cumsum { axis: 1, reverse: false };
            let name = format!("28x28, 256 levels, batch {b}");
            of_sum(Case::op("cumsum", name, op, vec![Given::normal([b * 784, 256])]), 256)
        }),
    ]
}
