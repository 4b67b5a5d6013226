//! Joining two tensors along one axis.

use calotype_graph::Type;
use calotype_graph::op::Concat;

use super::pad::TASK;
use crate::fast::Context;
use crate::float::Float;

/// `a`, then `b`, along the axis of `p`. Copies slots, whatever the dtype.
pub fn plain<T: Float>(p: &Concat, types: [&Type; 2], a: &[T], b: &[T], y: &mut [T]) {
    let (outer, n_a, n_b, inner) = p.dims(types[0], types[1]);
    let (len_a, len_b) = (n_a * inner, n_b * inner);
    for o in 0..outer {
        let (y_a, y_b) = y[o * (len_a + len_b)..(o + 1) * (len_a + len_b)].split_at_mut(len_a);
        y_a.copy_from_slice(&a[o * len_a..(o + 1) * len_a]);
        y_b.copy_from_slice(&b[o * len_b..(o + 1) * len_b]);
    }
}

/// As [`plain`], on several threads.
pub fn fast(cx: &Context, p: &Concat, types: [&Type; 2], a: &[f32], b: &[f32], y: &mut [f32]) {
    let (_, n_a, n_b, inner) = p.dims(types[0], types[1]);
    let (len_a, len_b) = (n_a * inner, n_b * inner);
    let work = y.len();
    cx.parts(y, TASK, work, |part, y| {
        let mut done = 0;
        while done < y.len() {
            let (o, at) = ((part * TASK + done) / (len_a + len_b), (part * TASK + done) % (len_a + len_b));
            let from = if at < len_a { &a[o * len_a + at..(o + 1) * len_a] } else { &b[o * len_b + at - len_a..(o + 1) * len_b] };
            let run = &mut y[done..];
            let n = run.len().min(from.len());
            run[..n].copy_from_slice(&from[..n]);
            done += n;
        }
    });
}
