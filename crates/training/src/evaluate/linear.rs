//! The little linear algebra that figures need: symmetric matrices [d, d], row by row, in f64.

/// A factor L, lower triangular, of a matrix that is positive semidefinite: A = L Lᵀ. Directions in which A is nothing but rounding are
/// left out, so that a matrix of less than full rank has one too. Cholesky's method.
pub(super) fn factor(a: &[f64], d: usize) -> Vec<f64> {
    let mut l = vec![0.0; d * d];
    let least = (0..d).map(|i| a[i * d + i]).fold(0.0, f64::max) * d as f64 * f64::EPSILON;
    for j in 0..d {
        let (above, below) = l.split_at_mut((j + 1) * d);
        let row = &mut above[j * d..];
        let pivot = a[j * d + j] - row[..j].iter().map(|v| v * v).sum::<f64>();
        if pivot <= least {
            continue;
        }
        let pivot = pivot.sqrt();
        row[j] = pivot;
        for (i, other) in (j + 1..d).zip(below.chunks_exact_mut(d)) {
            other[j] = (a[i * d + j] - dot(&other[..j], &row[..j])) / pivot;
        }
    }
    l
}

/// Lᵀ A L.
pub(super) fn congruent(l: &[f64], a: &[f64], d: usize) -> Vec<f64> {
    transposed_product(l, &product(a, l, d), d)
}

/// A B.
fn product(a: &[f64], b: &[f64], d: usize) -> Vec<f64> {
    let mut c = vec![0.0; d * d];
    for (row, c) in a.chunks_exact(d).zip(c.chunks_exact_mut(d)) {
        for (&v, b) in row.iter().zip(b.chunks_exact(d)) {
            add(c, v, b);
        }
    }
    c
}

/// Aᵀ B.
fn transposed_product(a: &[f64], b: &[f64], d: usize) -> Vec<f64> {
    let mut c = vec![0.0; d * d];
    for (a, b) in a.chunks_exact(d).zip(b.chunks_exact(d)) {
        for (&v, c) in a.iter().zip(c.chunks_exact_mut(d)) {
            add(c, v, b);
        }
    }
    c
}

/// The eigenvalues of a symmetric matrix, in no order. Householder's reduction to three diagonals, then QL steps with implicit shifts, as in
/// Golub, Van Loan, "Matrix Computations", §8.3.
pub(super) fn eigenvalues(mut a: Vec<f64>, d: usize) -> Vec<f64> {
    let (mut diagonal, mut beside) = (vec![0.0; d], vec![0.0; d]);
    for k in (0..d).rev() {
        diagonal[k] = a[k * d + k];
        let Some(last) = k.checked_sub(1) else { break };
        // The row left of the diagonal becomes (0, .., 0, alpha) by a reflection along v.
        let (before, row) = a.split_at_mut(k * d);
        let v = &mut row[..k];
        let length = dot(v, v).sqrt();
        let alpha = if v[last] > 0.0 { -length } else { length };
        beside[k] = alpha;
        v[last] -= alpha;
        let square = dot(v, v);
        if square <= f64::MIN_POSITIVE {
            continue;
        }
        // A' = A - v wᵀ - w vᵀ on what is left, w = p - v (pᵀv) / |v|², p = 2 A v / |v|².
        let p: Vec<f64> = (0..k).map(|i| 2.0 * dot(&before[i * d..i * d + k], v) / square).collect();
        let part = dot(&p, v) / square;
        let w: Vec<f64> = p.iter().zip(v.iter()).map(|(p, v)| p - part * v).collect();
        for (i, row) in before.chunks_exact_mut(d).enumerate() {
            add(&mut row[..k], -v[i], &w);
            add(&mut row[..k], -w[i], v);
        }
    }
    beside.rotate_left(usize::from(d > 1));
    of_three_diagonals(&mut diagonal, &mut beside);
    diagonal
}

/// Of the matrix with this diagonal and `beside[i]` between i and i + 1.
fn of_three_diagonals(diagonal: &mut [f64], beside: &mut [f64]) {
    const MOST_STEPS: usize = 60;
    let d = diagonal.len();
    for first in 0..d {
        for _ in 0..MOST_STEPS {
            let small = |i: &usize| beside[*i].abs() <= f64::EPSILON * (diagonal[*i].abs() + diagonal[*i + 1].abs());
            let end = (first..d - 1).find(small).unwrap_or(d - 1);
            if end == first {
                break;
            }
            let half = (diagonal[first + 1] - diagonal[first]) / (2.0 * beside[first]);
            let root = half.hypot(1.0);
            let mut g = diagonal[end] - diagonal[first] + beside[first] / (half + root.copysign(half));
            let (mut sin, mut cos, mut p) = (1.0, 1.0, 0.0);
            let mut cut = false;
            for i in (first..end).rev() {
                let (f, b) = (sin * beside[i], cos * beside[i]);
                let length = f.hypot(g);
                beside[i + 1] = length;
                if length == 0.0 {
                    diagonal[i + 1] -= p;
                    cut = true;
                    break;
                }
                (sin, cos) = (f / length, g / length);
                g = diagonal[i + 1] - p;
                let r = (diagonal[i] - g) * sin + 2.0 * cos * b;
                p = sin * r;
                diagonal[i + 1] = g + p;
                g = cos * r - b;
            }
            if !cut {
                diagonal[first] -= p;
                beside[first] = g;
            }
            beside[end] = 0.0;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// c += v b.
fn add(c: &mut [f64], v: f64, b: &[f64]) {
    c.iter_mut().zip(b).for_each(|(c, b)| *c += v * b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::philox::{Domain, Stream};

    fn wild(n: usize, seed: u64) -> Vec<f64> {
        let mut random = Stream::new(seed, Domain::Test, "matrix", 0);
        (0..n).map(|_| f64::from(random.normal())).collect()
    }

    /// X Xᵀ, of the rank of X [d, rank].
    fn gram(x: &[f64], d: usize) -> Vec<f64> {
        let rank = x.len() / d;
        (0..d * d).map(|at| dot(&x[at / d * rank..][..rank], &x[at % d * rank..][..rank])).collect()
    }

    /// Eigenvalues have the sum, the sum of squares and the sum of cubes of the matrix's diagonal, its square's and its cube's; those of a
    /// matrix with known ones are these.
    #[test]
    fn eigenvalues_have_the_traces_of_the_powers() {
        for d in [1, 2, 3, 7, 40] {
            let x = wild(d * d, d as u64);
            let a: Vec<f64> = (0..d * d).map(|at| x[at] + x[at % d * d + at / d]).collect();
            let values = eigenvalues(a.clone(), d);
            let (square, trace) = (product(&a, &a, d), |m: &[f64]| (0..d).map(|i| m[i * d + i]).sum::<f64>());
            let cube = product(&square, &a, d);
            for (power, m) in [(1, &a), (2, &square), (3, &cube)] {
                let (got, want) = (values.iter().map(|v| v.powi(power)).sum::<f64>(), trace(m));
                assert!((got - want).abs() < 1e-9 * square.iter().sum::<f64>().abs().max(1e3), "d {d}: {got} for {want}");
            }
        }
        // Of the second difference: 2 - 2 cos(kπ / (d + 1)).
        let d = 9;
        let entry = |(i, j): (usize, usize)| if i == j { 2.0 } else { -f64::from(u8::from(i.abs_diff(j) == 1)) };
        let mut got = eigenvalues((0..d * d).map(|at| entry((at / d, at % d))).collect(), d);
        got.sort_by(f64::total_cmp);
        for (k, got) in got.iter().enumerate() {
            let want = 2.0 - 2.0 * ((k + 1) as f64 * std::f64::consts::PI / (d + 1) as f64).cos();
            assert!((got - want).abs() < 1e-12, "{got} for {want}");
        }
        assert!(eigenvalues(vec![], 0).is_empty());
        assert_eq!(eigenvalues(vec![3.0, 0.0, 0.0, -1.0], 2), [3.0, -1.0]);
    }

    /// Of full and of lower rank.
    #[test]
    fn a_factor_times_its_transpose_is_the_matrix() {
        for (d, rank) in [(1, 1), (5, 5), (12, 4), (12, 1), (3, 0)] {
            let a = if rank == 0 { vec![0.0; d * d] } else { gram(&wild(d * rank, 3), d) };
            let l = factor(&a, d);
            let again = gram(&l, d);
            assert!(a.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-10), "d {d}, rank {rank}");
            assert!((0..d * d).all(|at| at % d <= at / d || l[at] == 0.0));
        }
    }
}
