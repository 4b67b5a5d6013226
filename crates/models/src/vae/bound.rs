//! The evidence lower bound and its importance-weighted form.

use calotype_graph::Tensor;

/// KL(N(mean, exp(log_var)) || N(0, 1)) in nats of each latent (Kingma and Welling 2014, arXiv:1312.6114, appendix B): any shape.
pub fn kl(mean: &Tensor, log_var: &Tensor) -> Tensor {
    (log_var.exp() + mean.square() - log_var - 1.0) * 0.5
}

/// The KL term that free bits leave (Kingma et al. 2016, arXiv:1606.04934, eq. 15), for the KL of each latent [B, Z]: the sum over
/// latents of max(batch mean, `least` nats). A latent below it has no gradient.
pub fn free_bits(kl: &Tensor, least: f64) -> Tensor {
    kl.mean(&[0]).max(&kl.graph().scalar(least as f32)).sum_all()
}

/// log p(z) - log q(z | x) in nats for z = mean + exp(log_var / 2) noise: the normalisers of both Gaussians cancel. noise and z
/// [B, K, Z], log_var [B, 1, Z] -> [B, K].
pub fn log_ratio(noise: &Tensor, log_var: &Tensor, z: &Tensor) -> Tensor {
    (noise.square() + log_var - z.square()).sum(&[2]) * 0.5
}

/// log (1/K) Σ_k w_k for log weights [B, K]: [B] (Burda, Grosse, Salakhutdinov 2016, arXiv:1509.00519, eq. 8).
pub fn importance_weighted(log_weights: &Tensor) -> Tensor {
    log_weights.log_sum_exp() - (log_weights.shape().last() as f32).ln()
}
