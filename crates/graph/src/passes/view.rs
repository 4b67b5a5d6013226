//! Where a node's elements lie in the memory of another.

use crate::graph::{NodeId, NodeKind, Program};
use crate::op::Op;
use crate::plan::Index;
use crate::shape::Shape;

/// Element `i` of a tensor is element `offset + Σ coordinate(i)_d · strides_d` of `base`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub base: NodeId,
    pub shape: Shape,
    pub strides: Vec<isize>,
    pub offset: isize,
}

impl View {
    fn whole(base: NodeId, shape: &Shape) -> Self {
        View { base, shape: shape.clone(), strides: shape.strides(), offset: 0 }
    }

    /// Whether it is all of the base (of `base_numel` elements), in order.
    pub fn is_whole(&self, base_numel: usize) -> bool {
        let same = self.shape.dims().iter().zip(self.strides.iter().zip(self.shape.strides()));
        self.offset == 0
            && self.shape.numel() == base_numel
            && same.into_iter().all(|(&n, (&stride, row_major))| n == 1 || stride == row_major)
    }

    /// The index that a kernel whose output has `shape` reads it by.
    pub fn index(&self, output: &Shape, base_numel: usize) -> Index {
        let lead = output.rank() - self.shape.rank();
        let mut strides = vec![0; output.rank()];
        for (d, (&n, &stride)) in self.shape.dims().iter().zip(&self.strides).enumerate() {
            strides[lead + d] = if n == 1 { 0 } else { stride };
        }
        classify(output, strides, self.offset, base_numel)
    }
}

/// The simplest index with these strides over `output`.
fn classify(output: &Shape, strides: Vec<isize>, offset: isize, base_numel: usize) -> Index {
    let (dims, strides) = coalesce(output.dims(), &strides);
    if offset == 0 {
        if base_numel == 1 && output.numel() == 1 {
            return Index::Same;
        }
        match (&dims[..], &strides[..]) {
            (_, s) if s.iter().all(|&s| s == 0) => return Index::Scalar,
            ([n], [1]) if *n == base_numel => return Index::Same,
            ([_, n], [0, 1]) if *n == base_numel => return Index::Suffix(*n),
            ([m, n], [1, 0]) if *m == base_numel => return Index::Prefix(*n),
            _ => {}
        }
    }
    Index::Strided { shape: dims.into(), strides, offset }
}

/// Joins axes that are walked as one and drops those of size 1.
fn coalesce(dims: &[usize], strides: &[isize]) -> (Vec<usize>, Vec<isize>) {
    let mut out: Vec<(usize, isize)> = Vec::new();
    for (&n, &stride) in dims.iter().zip(strides).filter(|(n, _)| **n != 1) {
        match out.last_mut() {
            Some((m, outer)) if *outer == stride * n as isize => (*m, *outer) = (*m * n, stride),
            _ => out.push((n, stride)),
        }
    }
    out.into_iter().unzip()
}

/// The view of each node; a node that is not a movement, or whose movement cannot be one (a reshape across strides), is
/// its own base.
pub(crate) fn views(program: &Program) -> Vec<View> {
    let mut views: Vec<View> = Vec::with_capacity(program.nodes.len());
    for (id, node) in program.nodes.iter().enumerate() {
        let moved = match &node.kind {
            NodeKind::Op(op) => node.operands.first().and_then(|&o| moved(op, &views[o as usize], &node.ty.shape)),
            _ => None,
        };
        views.push(moved.unwrap_or_else(|| View::whole(id as NodeId, &node.ty.shape)));
    }
    views
}

fn moved(op: &Op, x: &View, shape: &Shape) -> Option<View> {
    let mut v = View { shape: shape.clone(), ..x.clone() };
    match op {
        Op::Reshape(_) => {
            let (mut dims, mut strides) = coalesce(x.shape.dims(), &x.strides);
            if dims.is_empty() {
                (dims, strides) = (vec![1], vec![1]);
            }
            match (&dims[..], &strides[..]) {
                // All elements at one stride: any shape is.
                (&[_], &[stride]) => v.strides = shape.strides().iter().map(|s| s * stride).collect(),
                _ => v.strides = split(&dims, &strides, shape)?,
            }
        }
        Op::Detach(_) => {}
        Op::Permute(p) => v.strides = p.axes.iter().map(|&a| x.strides[a]).collect(),
        Op::Expand(_) => {
            let lead = shape.rank() - x.shape.rank();
            v.strides = vec![0; shape.rank()];
            for d in 0..x.shape.rank() {
                v.strides[lead + d] = if x.shape.dims()[d] == 1 { 0 } else { x.strides[d] };
            }
        }
        Op::Slice(s) => v.offset += s.start as isize * x.strides[s.axis],
        Op::Flip(f) => {
            v.offset += (x.shape.dims()[f.axis] as isize - 1).max(0) * x.strides[f.axis];
            v.strides[f.axis] = -x.strides[f.axis];
        }
        _ => return None,
    }
    Some(v)
}

/// Strides of `shape` over axes `dims` with `strides`, if each axis of `dims` is cut into whole axes of `shape`.
fn split(dims: &[usize], strides: &[isize], shape: &Shape) -> Option<Vec<isize>> {
    let mut out = vec![0; shape.rank()];
    let mut d = shape.rank();
    for (&n, &stride) in dims.iter().zip(strides).rev() {
        let (mut left, mut step) = (n, stride);
        while left > 1 {
            d = d.checked_sub(1)?;
            let part = shape.dims()[d];
            if part == 0 || left % part != 0 {
                return None;
            }
            out[d] = step;
            step *= part as isize;
            left /= part;
        }
    }
    // What remains in front has size 1.
    shape.dims()[..d].iter().all(|&n| n == 1).then_some(out)
}
