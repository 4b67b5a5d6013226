//! Losses on logits, in their stable forms.

use calotype_graph::Tensor;

/// Mean of -log σ(logits): binary cross-entropy against "real". Of any shape; gives a scalar.
pub fn bce_real(logits: &Tensor) -> Tensor {
    logits.neg().softplus().mean_all()
}

/// Mean of -log(1 - σ(logits)): binary cross-entropy against "fake".
pub fn bce_fake(logits: &Tensor) -> Tensor {
    logits.softplus().mean_all()
}

/// Mean squared difference.
pub fn mse(a: &Tensor, b: &Tensor) -> Tensor {
    (a - b).square().mean_all()
}
