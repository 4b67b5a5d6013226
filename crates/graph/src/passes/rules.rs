//! Algebraic identities, one node at a time.

use super::rewrite::Rewriter;
use crate::expr::{Binary, Scalar, Unary};
use crate::op::{Carried, Conv2d, Conv2dTranspose, Conv2dWeightGrad, Full, MatMul, Op, Operation, Permute, ReduceKind, Reshape};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A simpler tensor of the same value, type included; `None` where there is none.
pub(super) fn simplify(r: &mut Rewriter, op: &Op, operands: &[Tensor]) -> Option<Tensor> {
    match op {
        Op::Unary(f) => unary(r, *f, &operands[0]),
        Op::Binary(f) => binary(r, *f, &operands[0], &operands[1]),
        Op::Select(_) => {
            let c = constant(r, &operands[0])?;
            let chosen = &operands[if c != 0.0 { 1 } else { 2 }];
            let shape = operands.iter().try_fold(Shape::scalar(), |s, t| s.broadcast(t.shape()))?;
            (chosen.shape() == &shape).then(|| chosen.clone())
        }
        Op::Cast(cast) if cast.to == operands[0].dtype() => Some(operands[0].clone()),
        Op::Detach(_) => Some(operands[0].clone()),
        Op::Reshape(Reshape { shape }) => reshape(r, &operands[0], shape),
        Op::Permute(p) => permute(r, p, &operands[0]),
        Op::Expand(e) if &e.shape == operands[0].shape() => Some(operands[0].clone()),
        Op::Slice(s) if s.start == 0 && s.end == operands[0].dims()[s.axis] => Some(operands[0].clone()),
        Op::Pad(p) if p.before + p.after == 0 => Some(operands[0].clone()),
        Op::Reduce(reduce) if reduce.kind != ReduceKind::ArgMax && operands[0].shape().numel() > 0 => {
            let dims = operands[0].dims();
            let shape = Shape::from([&dims[..reduce.first], &dims[reduce.end..]].concat());
            (shape.numel() == operands[0].shape().numel()).then(|| reshaped(r, &operands[0], shape))
        }
        Op::MatMul(m) => transposed_operands(r, *m, &operands[0], &operands[1]),
        Op::Conv2d(c) => conv2d(r, c, &operands[0], &operands[1]),
        Op::Conv2dTranspose(c) => conv2d_transpose(r, c, &operands[0], &operands[1]),
        Op::Conv2dWeightGrad(c) => conv2d_weight_grad(r, c, &operands[0], &operands[1]),
        _ => None,
    }
}

/// The value of a constant tensor, however it is looked at.
fn constant(r: &Rewriter, t: &Tensor) -> Option<f32> {
    match r.definition(t)? {
        (Op::Full(Full { value, .. }), _) => Some(value.get()),
        (op, operands) if op.carried() == Carried::View => constant(r, &operands[0]),
        _ => None,
    }
}

fn full(r: &mut Rewriter, shape: Shape, value: f32) -> Tensor {
    r.apply(&Full { shape, value: value.into() }.into(), &[])
}

fn reshaped(r: &mut Rewriter, t: &Tensor, shape: impl Into<Shape>) -> Tensor {
    r.apply(&Reshape { shape: shape.into() }.into(), std::slice::from_ref(t))
}

/// Exact in f32 on every device: the functions that are not are left alone.
fn fold_unary(f: Unary, x: f32) -> Option<f32> {
    Some(match f {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Square => x * x,
        Unary::Relu => x.max(0.0),
        Unary::Sqrt => x.sqrt(),
        Unary::Recip => 1.0 / x,
        _ => return None,
    })
}

fn unary(r: &mut Rewriter, f: Unary, x: &Tensor) -> Option<Tensor> {
    if let Some(c) = constant(r, x) {
        return fold_unary(f, c).map(|y| full(r, x.shape().clone(), y));
    }
    match (f, r.definition(x)?) {
        (Unary::Neg, (Op::Unary(Unary::Neg), inner)) => Some(inner[0].clone()),
        (Unary::Relu, (Op::Unary(Unary::Relu), _)) => Some(x.clone()),
        _ => None,
    }
}

fn fold_binary(f: Binary, a: f32, b: f32) -> f32 {
    let truth = |t: bool| if t { 1.0 } else { 0.0 };
    match f {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
        Binary::Greater => truth(a > b),
        Binary::GreaterEqual => truth(a >= b),
        Binary::Equal => truth(a == b),
    }
}

fn binary(r: &mut Rewriter, f: Binary, a: &Tensor, b: &Tensor) -> Option<Tensor> {
    let shape = a.shape().broadcast(b.shape())?;
    let (ca, cb) = (constant(r, a), constant(r, b));
    if let (Some(x), Some(y)) = (ca, cb) {
        return Some(full(r, shape, fold_binary(f, x, y)));
    }
    let whole = |t: &Tensor| (t.shape() == &shape).then(|| t.clone());
    let same = match (f, ca, cb) {
        (Binary::Add, Some(0.0), _) | (Binary::Mul, Some(1.0), _) => whole(b),
        (Binary::Add | Binary::Sub, _, Some(0.0)) | (Binary::Mul | Binary::Div, _, Some(1.0)) => whole(a),
        _ => None,
    };
    if same.is_some() {
        return same;
    }
    let negate = |r: &mut Rewriter, t: &Tensor| r.apply(&Unary::Neg.into(), std::slice::from_ref(t));
    match (f, ca, cb) {
        (Binary::Mul, _, Some(-1.0)) if a.shape() == &shape => return Some(negate(r, a)),
        (Binary::Mul, Some(-1.0), _) if b.shape() == &shape => return Some(negate(r, b)),
        // A constant that only repeats one value need not have a shape.
        (_, Some(c), _) if a.shape().rank() > 0 && b.shape() == &shape => {
            let c = full(r, Shape::scalar(), c);
            return Some(r.apply(&f.into(), &[c, b.clone()]));
        }
        (_, _, Some(c)) if b.shape().rank() > 0 && a.shape() == &shape => {
            let c = full(r, Shape::scalar(), c);
            return Some(r.apply(&f.into(), &[a.clone(), c]));
        }
        _ => {}
    }
    match (f, r.definition(b)) {
        (Binary::Add, Some((Op::Unary(Unary::Neg), inner))) => Some(r.apply(&Binary::Sub.into(), &[a.clone(), inner[0].clone()])),
        (Binary::Sub, Some((Op::Unary(Unary::Neg), inner))) => Some(r.apply(&Binary::Add.into(), &[a.clone(), inner[0].clone()])),
        _ => scaled_twice(r, f, a, cb),
    }
}

/// (x c) d = x (c d)
fn scaled_twice(r: &mut Rewriter, f: Binary, a: &Tensor, d: Option<f32>) -> Option<Tensor> {
    let (Binary::Mul, Some(d)) = (f, d) else { return None };
    let (Op::Binary(Binary::Mul), inner) = r.definition(a)? else { return None };
    let c = constant(r, &inner[1])?;
    let product = Scalar::from(c * d).get();
    let cd = full(r, Shape::scalar(), product);
    (inner[0].shape() == a.shape()).then(|| r.apply(&Binary::Mul.into(), &[inner[0].clone(), cd]))
}

fn reshape(r: &mut Rewriter, x: &Tensor, shape: &Shape) -> Option<Tensor> {
    if x.shape() == shape {
        return Some(x.clone());
    }
    match r.definition(x)? {
        (Op::Reshape(_), inner) => Some(reshaped(r, &inner[0], shape.clone())),
        (Op::Full(Full { value, .. }), _) => Some(full(r, shape.clone(), value.get())),
        _ => None,
    }
}

fn permute(r: &mut Rewriter, p: &Permute, x: &Tensor) -> Option<Tensor> {
    if p.axes.iter().copied().eq(0..p.axes.len()) {
        return Some(x.clone());
    }
    match r.definition(x)? {
        (Op::Permute(q), inner) => {
            let axes = p.axes.iter().map(|&a| q.axes[a]).collect();
            Some(r.apply(&Permute { axes }.into(), &[inner[0].clone()]))
        }
        _ => None,
    }
}

/// A permutation of the last two axes is the product's own flag.
fn transposed_operands(r: &mut Rewriter, m: MatMul, a: &Tensor, b: &Tensor) -> Option<Tensor> {
    let swapped = |r: &Rewriter, t: &Tensor| match r.definition(t)? {
        (Op::Permute(Permute { axes }), inner) => {
            let n = axes.len();
            let is = n >= 2 && axes[..n - 2].iter().copied().eq(0..n - 2) && axes[n - 2..] == [n - 1, n - 2];
            is.then(|| inner[0].clone())
        }
        _ => None,
    };
    if let Some(inner) = swapped(r, a) {
        let op = MatMul { transpose_a: !m.transpose_a, ..m };
        return Some(r.apply(&op.into(), &[inner, b.clone()]));
    }
    let inner = swapped(r, b)?;
    let op = MatMul { transpose_b: !m.transpose_b, ..m };
    Some(r.apply(&op.into(), &[a.clone(), inner]))
}

fn conv2d(r: &mut Rewriter, c: &Conv2d, x: &Tensor, w: &Tensor) -> Option<Tensor> {
    let y = c.infer(&[x.ty(), w.ty()]).ok()?;
    let d = c.dims(&x.ty(), &w.ty(), &y);
    let [rows, inner] = d.as_matrix()?;
    let (a, b) = (reshaped(r, x, [rows, inner]), reshaped(r, w, [inner, d.c_out]));
    let product = r.apply(&MatMul::PLAIN.into(), &[a, b]);
    Some(reshaped(r, &product, y.shape))
}

fn conv2d_transpose(r: &mut Rewriter, c: &Conv2dTranspose, y: &Tensor, w: &Tensor) -> Option<Tensor> {
    let x = c.infer(&[y.ty(), w.ty()]).ok()?;
    let d = c.dims(&y.ty(), &w.ty(), &x);
    let [rows, inner] = d.as_matrix()?;
    let (a, b) = (reshaped(r, y, [rows, d.c_out]), reshaped(r, w, [inner, d.c_out]));
    let product = r.apply(&MatMul { transpose_a: false, transpose_b: true }.into(), &[a, b]);
    Some(reshaped(r, &product, x.shape))
}

fn conv2d_weight_grad(r: &mut Rewriter, c: &Conv2dWeightGrad, x: &Tensor, dy: &Tensor) -> Option<Tensor> {
    let dw = c.infer(&[x.ty(), dy.ty()]).ok()?;
    let d = c.dims(&x.ty(), &dy.ty(), &dw);
    let [rows, inner] = d.as_matrix()?;
    let (a, b) = (reshaped(r, x, [rows, inner]), reshaped(r, dy, [rows, d.c_out]));
    let product = r.apply(&MatMul { transpose_a: true, transpose_b: false }.into(), &[a, b]);
    Some(reshaped(r, &product, dw.shape))
}
