//! The one comparator: accepts only what it can prove close.

use calotype_graph::op::Tolerance;
use calotype_graph::{HostTensor, Type};

use crate::guard::POISON;

/// `|got - want| <= atol + rtol |want|`. Equal infinities are close; a NaN is close to nothing, itself included.
pub fn close(got: f64, want: f64, tolerance: Tolerance) -> bool {
    got == want || (want.is_finite() && (got - want).abs() <= allowed(want, tolerance))
}

fn allowed(want: f64, tolerance: Tolerance) -> f64 {
    f64::from(tolerance.atol) + f64::from(tolerance.rtol) * want.abs()
}

/// The element of a comparison that came nearest to its tolerance, or furthest beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worst {
    pub index: usize,
    pub got: f64,
    pub want: f64,
    /// `|got - want|`; infinite where one of them is not finite and the other differs.
    pub error: f64,
    /// The error as a part of what is allowed: at most 1 for what is close.
    pub ratio: f64,
}

impl Worst {
    fn at(index: usize, got: f64, want: f64, tolerance: Tolerance) -> Self {
        let difference = if got == want { 0.0 } else { (got - want).abs() };
        let error = if difference.is_nan() { f64::INFINITY } else { difference };
        let allowed = if want.is_finite() { allowed(want, tolerance) } else { 0.0 };
        let ratio = if error == 0.0 { 0.0 } else { error / allowed };
        Worst { index, got, want, error, ratio }
    }
}

impl std::fmt::Display for Worst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Worst { index, got, want, error, ratio } = self;
        write!(f, "element {index} is {got:e}, should be {want:e}: off by {error:.3e}, {ratio:.3} of what is allowed")
    }
}

/// How two tensors differ.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Mismatch {
    #[error("{got} elements, should be {want}")]
    Length { got: usize, want: usize },
    #[error("{got}, should be {want}")]
    Type { got: Type, want: Type },
    #[error("{n_far} of {n} elements are far off; the worst: {worst}")]
    Far { n_far: usize, n: usize, worst: Worst },
    #[error("{n_far} of {n} words differ; the first: word {index} is {got:#010x}, should be {want:#010x}")]
    Words { n_far: usize, n: usize, index: usize, got: u32, want: u32 },
}

/// Compares numbers; the worst element where all are close, `None` where there are none.
///
/// # Errors
/// Another length, or an element that is not [`close`].
pub fn compare_slices<T: Copy + Into<f64>>(got: &[T], want: &[T], tolerance: Tolerance) -> Result<Option<Worst>, Mismatch> {
    if got.len() != want.len() {
        return Err(Mismatch::Length { got: got.len(), want: want.len() });
    }
    let mut n_far = 0;
    let mut worst: Option<Worst> = None;
    for (index, (&g, &w)) in got.iter().zip(want).enumerate() {
        let (g, w) = (g.into(), w.into());
        n_far += usize::from(!close(g, w, tolerance));
        let here = Worst::at(index, g, w, tolerance);
        if worst.is_none_or(|before| here.ratio > before.ratio) {
            worst = Some(here);
        }
    }
    match worst {
        Some(worst) if n_far > 0 => Err(Mismatch::Far { n_far, n: got.len(), worst }),
        _ => Ok(worst),
    }
}

/// As [`compare`], for results that NaN belongs to: where it is wanted it must be, and have been computed (it is not
/// [`POISON`]); everywhere else it is a fault as ever.
///
/// # Errors
/// As [`compare`].
pub fn compare_with_nan(got: &HostTensor, want: &HostTensor, tolerance: Tolerance) -> Result<Option<Worst>, Mismatch> {
    let (Some(g), Some(w), true) = (got.as_f32(), want.as_f32(), got.ty() == want.ty()) else {
        return compare(got, want, tolerance);
    };
    let right = |(g, w): (&f32, &f32)| w.is_nan() && g.is_nan() && g.to_bits() != POISON;
    let kept: Vec<bool> = g.iter().zip(w).map(right).collect();
    let others = |v: &[f32]| v.iter().zip(&kept).map(|(&v, &kept)| if kept { 0.0 } else { v }).collect::<Vec<f32>>();
    compare_slices(&others(g), &others(w), tolerance)
}

/// Compares tensors: floats by [`compare_slices`], words for equality.
///
/// # Errors
/// Another shape, dtype or length; an element that is not close; a word that differs.
pub fn compare(got: &HostTensor, want: &HostTensor, tolerance: Tolerance) -> Result<Option<Worst>, Mismatch> {
    if got.ty() != want.ty() {
        return Err(Mismatch::Type { got: got.ty(), want: want.ty() });
    }
    if let (Some(g), Some(w)) = (got.as_f32(), want.as_f32()) {
        return compare_slices(g, w, tolerance);
    }
    let (g, w) = (got.words(), want.words());
    if g.len() != w.len() {
        return Err(Mismatch::Length { got: g.len(), want: w.len() });
    }
    let far: Vec<usize> = (0..g.len()).filter(|&i| g[i] != w[i]).collect();
    match far.first() {
        None => Ok(None),
        Some(&index) => Err(Mismatch::Words { n_far: far.len(), n: g.len(), index, got: g[index], want: w[index] }),
    }
}
