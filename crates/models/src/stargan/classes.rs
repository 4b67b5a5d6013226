//! Classification of domains: the losses of logits, and what they say.

use calotype_graph::Tensor;

use crate::attributes::Attributes;
use crate::losses::bce;

/// Logits and domains [B, c] -> the mean over rows, a scalar, of the sum over attributes of -log p: cross-entropy of a choice, binary
/// cross-entropy of a flag (eqs. 2 and 3).
pub(super) fn loss(attributes: &Attributes, logits: &Tensor, domain: &Tensor) -> Tensor {
    let of_one = |(is_flag, logits, domain): (bool, Tensor, Tensor)| match is_flag {
        true => bce(&logits, &domain).sum(&[1]),
        false => &logits.log_sum_exp() - &(&logits * &domain).sum(&[1]), // one of the numbers of a domain is 1
    };
    let parts = attributes.places().map(|(attribute, place)| {
        let part = |t: &Tensor| t.slice(1, place.start, place.end);
        of_one((attribute.is_flag(), part(logits), part(domain)))
    });
    parts.reduce(|sum, part| sum + part).unwrap_or_else(|| logits.sum(&[1])).mean_all()
}

/// Logits [B, c] -> probabilities [B, c]: of each value of a choice, and that a row has a flag.
pub(super) fn probabilities(attributes: &Attributes, logits: &Tensor) -> Tensor {
    let parts = attributes.places().map(|(attribute, place)| {
        let part = logits.slice(1, place.start, place.end);
        if attribute.is_flag() { part.sigmoid() } else { part.softmax() }
    });
    parts.reduce(|all, part| all.concat(&part, 1)).unwrap_or_else(|| logits.clone())
}
