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

/// -t log σ(x) - (1 - t) log(1 - σ(x)) for each of the logits x and targets t in [0, 1], in their shape: binary cross-entropy
/// that neither overflows nor loses small losses.
pub fn bce(logits: &Tensor, targets: &Tensor) -> Tensor {
    &logits.softplus() - &(logits * targets)
}

/// -log softmax(x)[label] for each row of logits x [.., V] and its label (u32 [..], less than V): [..].
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Tensor {
    &logits.log_sum_exp() - &logits.pick(labels)
}
