//! Normalisations within one example. They are compositions, so that derivatives of every order pass through them: gradient
//! penalties need the second. The variance is Σ (x - mean)² / n, in that order: E[x²] - mean² would lose its digits.

use crate::tensor::Tensor;

/// Scale and shift after a normalisation.
pub type Affine<'a> = Option<(&'a Tensor, &'a Tensor)>;

fn affine(x: Tensor, by: Affine) -> Tensor {
    match by {
        Some((scale, shift)) => &(&x * scale) + shift,
        None => x,
    }
}

impl Tensor {
    /// Mean over `axes`, which are kept as 1.
    fn mean_keep(&self, axes: &[usize]) -> Tensor {
        let n: usize = axes.iter().filter_map(|&a| self.dims().get(a)).product();
        self.sum_keep(axes) * (1.0 / n as f32)
    }

    /// `(x - mean) / sqrt(var + eps)` over `axes`.
    fn standardised(&self, axes: &[usize], eps: f32) -> Tensor {
        let centred = self - &self.mean_keep(axes);
        let var = centred.square().mean_keep(axes);
        &centred * &(var + eps).rsqrt()
    }

    /// Each channel of each image of [B, H, W, C] on its own; scale and shift [C]. Ulyanov, Vedaldi, Lempitsky 2016,
    /// arXiv:1607.08022, eq. (4).
    pub fn instance_norm(&self, by: Affine, eps: f32) -> Tensor {
        affine(self.standardised(&[1, 2], eps), by)
    }

    /// Over the last `n_axes` axes together; scale and shift of their shape. Ba, Kiros, Hinton 2016, arXiv:1607.06450, eq. (4).
    pub fn layer_norm(&self, n_axes: usize, by: Affine, eps: f32) -> Tensor {
        let rank = self.shape().rank();
        let axes: Vec<usize> = (rank.saturating_sub(n_axes)..rank).collect();
        affine(self.standardised(&axes, eps), by)
    }

    /// Each pixel's vector of [.., C], divided by the root of its mean square. Karras, Aila, Laine, Lehtinen 2017,
    /// arXiv:1710.10196, §4.2, where eps is 1e-8.
    pub fn pixel_norm(&self, eps: f32) -> Tensor {
        let last = self.shape().rank().saturating_sub(1);
        self * &(self.square().mean_keep(&[last]) + eps).rsqrt()
    }
}
