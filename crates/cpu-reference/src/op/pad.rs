//! Padding one axis with a constant.

use calotype_graph::Type;
use calotype_graph::op::Pad;

use crate::fast::Context;
use crate::float::Float;

/// `x` of type `ty`, with `p.before` and `p.after` elements more on its axis.
pub fn plain<T: Float>(p: &Pad, ty: &Type, x: &[T], y: &mut [T]) {
    let (outer, n, inner) = p.dims(ty);
    let n_out = p.before + n + p.after;
    y.fill(T::of(p.value.get()));
    for o in 0..outer {
        let at = (o * n_out + p.before) * inner;
        y[at..at + n * inner].copy_from_slice(&x[o * n * inner..(o + 1) * n * inner]);
    }
}

/// Elements of a task.
pub(super) const TASK: usize = 1 << 15;

/// As [`plain`], on several threads.
pub fn fast(cx: &Context, p: &Pad, ty: &Type, x: &[f32], y: &mut [f32]) {
    let (_, n, inner) = p.dims(ty);
    let (before, len) = (p.before * inner, n * inner);
    let slice = before + len + p.after * inner;
    let work = y.len();
    cx.parts(y, TASK, work, |part, y| {
        let mut done = 0;
        while done < y.len() {
            // A run of one kind: border or operand.
            let (o, at) = ((part * TASK + done) / slice, (part * TASK + done) % slice);
            let inside = (before..before + len).contains(&at);
            let end = if at < before {
                before
            } else if inside {
                before + len
            } else {
                slice
            };
            let run = &mut y[done..];
            let n = run.len().min(end - at);
            if inside {
                run[..n].copy_from_slice(&x[o * len + at - before..][..n]);
            } else {
                run[..n].fill(p.value.get());
            }
            done += n;
        }
    });
}
