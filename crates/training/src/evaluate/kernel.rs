//! The kernel distance of two sets of features: Bińkowski, Sutherland, Arbel, Gretton 2018, "Demystifying MMD GANs", arXiv:1801.01401,
//! §4. With the features of an Inception network it is the KID.

use rayon::prelude::*;

use super::Estimate;

/// The unbiased squared maximum mean discrepancy with the kernel (xᵀy / d + 1)³, of as many rows [n, d] of both sets, at least two. Negative
/// values are noise around 0. Its standard error is that of a U-statistic, 2 sd(h) / √n, where h of a row is what it adds with its pair.
pub(super) fn kernel_distance(a: &[&[f32]], b: &[&[f32]], d: usize) -> Estimate {
    let n = a.len().min(b.len());
    let kernel = |x: &[f32], y: &[f32]| {
        let product: f64 = x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        (product / d.max(1) as f64 + 1.0).powi(3)
    };
    let others = n.saturating_sub(1).max(1) as f64;
    let h = |i: usize| {
        let within = |of: &[&[f32]]| (0..n).filter(|&j| j != i).map(|j| kernel(of[i], of[j])).sum::<f64>() / others;
        let across = (0..n).map(|j| kernel(a[i], b[j]) + kernel(a[j], b[i])).sum::<f64>() / n.max(1) as f64;
        within(a) + within(b) - across
    };
    let of_row: Vec<f64> = (0..n).into_par_iter().map(h).collect();
    let mean = Estimate::mean(&of_row);
    Estimate { value: mean.value, error: 2.0 * mean.error }
}
