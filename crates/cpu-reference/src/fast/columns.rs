//! Reductions over the rows of matrices, in chunks whose size depends on the shape only: the same bits for any number of
//! threads.

use super::Context;
use super::gemm::Shared;
use super::simd::{Level, multiversion};

/// Elements of a chunk, about: it is read from memory once and stays in the second-level cache.
const CHUNK: usize = 1 << 16;
/// Sums kept side by side for narrow matrices, so that vectors are full.
const LANES: usize = 64;

/// Columns that the scratch memory of a thread is enough for.
pub const MAX_COLUMNS: usize = 1 << 16;

/// Rows of a chunk of a matrix with this many columns.
pub fn chunk_rows(columns: usize) -> usize {
    (CHUNK / columns.max(1)).max(1)
}

/// Columns side by side: a multiple of `columns` that fills vectors.
fn lanes(columns: usize) -> usize {
    if columns >= LANES { columns } else { LANES / columns * columns }
}

/// acc[i] = f(acc[i], row[i]) for every row of `width`; the last may be short.
#[inline(always)]
fn fold_rows(x: &[f32], width: usize, acc: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    for row in x.chunks(width) {
        acc.iter_mut().zip(row).for_each(|(a, &v)| *a = f(*a, v));
    }
}

/// Folds what was kept side by side into the first `columns`.
#[inline(always)]
fn fold_lanes(acc: &mut [f32], columns: usize, f: impl Fn(f32, f32) -> f32) {
    let (first, others) = acc.split_at_mut(columns);
    for lane in others.chunks_exact(columns) {
        first.iter_mut().zip(lane).for_each(|(a, &v)| *a = f(*a, v));
    }
}

/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn reduce_body<F: Fn(f32, f32) -> f32 + Copy>(x: &[f32], columns: usize, zero: f32, f: F, acc: &mut [f32], y: &mut [f32]) {
    let acc = &mut acc[..lanes(columns)];
    acc.fill(zero);
    fold_rows(x, acc.len(), acc, f);
    fold_lanes(acc, columns, f);
    y.copy_from_slice(&acc[..columns]);
}

multiversion! {
    /// y [columns] = x [.., columns], reduced by `f` over the rows; `acc` is scratch.
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn reduce_chunk[F: Fn(f32, f32) -> f32 + Copy](
        x: &[f32], columns: usize, zero: f32, f: F, acc: &mut [f32], y: &mut [f32],
    ) by reduce_body
}

/// x [outer, n, inner] -> y [outer, inner] by an associative `f` with neutral element `zero`.
pub fn reduce(
    cx: &Context,
    (outer, n, inner): (usize, usize, usize),
    x: &[f32],
    y: &mut [f32],
    zero: f32,
    f: impl Fn(f32, f32) -> f32 + Copy + Sync,
) {
    if outer * inner == 0 {
        return;
    }
    let mut shared = cx.packed();
    // Larger chunks where there would be too many parts.
    let most = (shared.len() / (outer * inner)).max(1);
    let rows = chunk_rows(inner).max(n.div_ceil(most));
    let chunks = n.div_ceil(rows).max(1);
    // Several short sums make one task.
    let group = (CHUNK / (n * inner).max(1)).clamp(1, outer);
    let tasks = outer.div_ceil(group) * chunks;
    assert!(chunks == 1 || outer * chunks * inner <= shared.len());
    let parts = Shared(if chunks > 1 { shared.as_mut_ptr() } else { y.as_mut_ptr() });
    cx.all().parallel(tasks, outer * n * inner, |task| {
        let (g, chunk) = (task / chunks, task % chunks);
        let mut acc = cx.scratch();
        for o in g * group..((g + 1) * group).min(outer) {
            let from = (o * n + chunk * rows) * inner;
            let to = (o * n + n.min((chunk + 1) * rows)) * inner;
            // SAFETY: a part that belongs to this task alone, inside `shared` or `y`; the level was detected.
            unsafe {
                let part = std::slice::from_raw_parts_mut(parts.get().add((o * chunks + chunk) * inner), inner);
                reduce_chunk(cx.level, &x[from..to], inner, zero, f, &mut acc, part);
            }
        }
    });
    if chunks > 1 {
        for (y, parts) in y.chunks_exact_mut(inner).zip(shared.chunks_exact(chunks * inner)) {
            y.fill(zero);
            fold_rows(parts, inner, y, f);
        }
    }
}

/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn moments_body(x: &[f32], columns: usize, acc: &mut [f32], mean: &mut [f32], m2: &mut [f32]) {
    let width = lanes(columns);
    let (acc, tiled) = acc[..2 * width].split_at_mut(width);
    acc.fill(0.0);
    fold_rows(x, width, acc, |a, v| a + v);
    fold_lanes(acc, columns, |a, v| a + v);
    let scale = columns as f32 / x.len() as f32;
    mean.iter_mut().zip(&*acc).for_each(|(m, &sum)| *m = sum * scale);
    tiled.chunks_exact_mut(columns).for_each(|t| t.copy_from_slice(mean));
    acc.fill(0.0);
    for row in x.chunks(width) {
        for ((a, &v), &m) in acc.iter_mut().zip(row).zip(&*tiled) {
            *a += (v - m) * (v - m);
        }
    }
    fold_lanes(acc, columns, |a, v| a + v);
    m2.copy_from_slice(&acc[..columns]);
}

multiversion! {
    /// Mean and Σ(x - mean)² of each column of x [.., columns].
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn moments_chunk[](x: &[f32], columns: usize, acc: &mut [f32], mean: &mut [f32], m2: &mut [f32]) by moments_body
}

/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn products_body(x: &[f32], dy: &[f32], mean: &[f32], acc: &mut [f32], sums: &mut [f32]) {
    let columns = mean.len();
    let width = lanes(columns);
    let (tiled, acc) = acc[..3 * width].split_at_mut(width);
    let (sum_dy, sum_dy_x) = acc.split_at_mut(width);
    tiled.chunks_exact_mut(columns).for_each(|t| t.copy_from_slice(mean));
    sum_dy.fill(0.0);
    sum_dy_x.fill(0.0);
    for (x, dy) in x.chunks(width).zip(dy.chunks(width)) {
        let sums = sum_dy.iter_mut().zip(&mut *sum_dy_x);
        for ((((s, p), &x), &dy), &m) in sums.zip(x).zip(dy).zip(&*tiled) {
            *s += dy;
            *p += dy * (x - m);
        }
    }
    fold_lanes(sum_dy, columns, |a, v| a + v);
    fold_lanes(sum_dy_x, columns, |a, v| a + v);
    sums[..columns].copy_from_slice(&sum_dy[..columns]);
    sums[columns..].copy_from_slice(&sum_dy_x[..columns]);
}

multiversion! {
    /// Σ dy, then Σ dy (x - mean), of each column.
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn products_chunk[](x: &[f32], dy: &[f32], mean: &[f32], acc: &mut [f32], sums: &mut [f32]) by products_body
}

/// Runs `chunk(level, range of elements, scratch, its part)` for each chunk of a [rows, columns] matrix, then `combine(rows
/// of the chunk, its part)` in order. A part holds `2 * columns` values.
fn by_chunks(
    cx: &Context,
    (rows, columns): (usize, usize),
    chunk: impl Fn(Level, std::ops::Range<usize>, &mut [f32], &mut [f32]) + Sync,
    mut combine: impl FnMut(usize, &[f32]),
) {
    let mut shared = cx.packed();
    let size = 2 * columns;
    // Larger chunks where there would be too many parts.
    let step = chunk_rows(columns).max(rows.div_ceil(shared.len() / size.max(1)));
    let chunks = rows.div_ceil(step);
    let parts = Shared(shared.as_mut_ptr());
    cx.all().parallel(chunks, rows * columns, |n| {
        let range = n * step * columns..((n + 1) * step).min(rows) * columns;
        // SAFETY: a part of the shared scratch that belongs to this task alone.
        let part = unsafe { std::slice::from_raw_parts_mut(parts.get().add(n * size), size) };
        chunk(cx.level, range, &mut cx.scratch(), part);
    });
    for (n, part) in shared.chunks_exact(size).take(chunks).enumerate() {
        combine(step.min(rows - n * step), part);
    }
}

/// Mean and biased variance of each column, x read once. Chunks are combined as in Chan, Golub, LeVeque 1979, "Updating
/// Formulae and a Pairwise Algorithm for Computing Sample Variances", eq. (2.1).
pub fn moments(cx: &Context, (rows, columns): (usize, usize), x: &[f32], stats: &mut [f32]) {
    let mut total = vec![(0.0f64, 0.0f64); columns]; // mean, Σ(x - mean)²
    let mut seen = 0.0f64;
    by_chunks(
        cx,
        (rows, columns),
        |level, range, acc, part| {
            let (mean, m2) = part.split_at_mut(columns);
            // SAFETY: the level was detected.
            unsafe { moments_chunk(level, &x[range], columns, acc, mean, m2) };
        },
        |rows, part| {
            let n = rows as f64;
            for ((mean, m2), (&chunk_mean, &chunk_m2)) in total.iter_mut().zip(part[..columns].iter().zip(&part[columns..])) {
                let delta = f64::from(chunk_mean) - *mean;
                *mean += delta * n / (seen + n);
                *m2 += f64::from(chunk_m2) + delta * delta * seen * n / (seen + n);
            }
            seen += n;
        },
    );
    let (mean, variance) = stats.split_at_mut(columns);
    for ((mean, variance), (m, m2)) in mean.iter_mut().zip(variance).zip(total) {
        (*mean, *variance) = (m as f32, (m2 / rows as f64) as f32);
    }
}

/// Σ dy, then Σ dy (x - mean), of each column.
pub fn products(cx: &Context, (rows, columns): (usize, usize), x: &[f32], dy: &[f32], mean: &[f32], sums: &mut [f32]) {
    let mut total = vec![0.0f64; 2 * columns];
    by_chunks(
        cx,
        (rows, columns),
        // SAFETY: the level was detected.
        |level, range, acc, part| unsafe { products_chunk(level, &x[range.clone()], &dy[range], mean, acc, part) },
        |_, part| total.iter_mut().zip(part).for_each(|(t, &p)| *t += f64::from(p)),
    );
    sums.iter_mut().zip(total).for_each(|(s, t)| *s = t as f32);
}
