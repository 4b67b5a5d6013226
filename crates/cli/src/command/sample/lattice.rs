//! Two latents over the whole prior.

use anyhow::Result;
use calotype_graph::philox;
use calotype_models::latent::n_latents;
use calotype_models::{LatentKind, LatentPart, Prior};

use crate::fault::WrongUse;

/// Images a side of the manifold.
pub(super) const SIDE: usize = 20;

/// The number at `t` in [0, 1] of the range of the `n`th number of a part.
fn at(kind: &LatentKind, n: usize, t: f32) -> f32 {
    let (low, high) = kind.range(n);
    low + t * (high - low)
}

/// Latents [[`SIDE`], [`SIDE`], 2] at the quantiles of the prior, so that each stands for as much of it: the first latent from left to
/// right, the second from the bottom to the top. `name`: of the model.
///
/// # Errors
/// Not two latents, or categories.
pub(super) fn manifold(parts: &[LatentPart], name: &str) -> Result<Vec<f32>> {
    let kinds: Vec<(&LatentKind, usize)> = parts.iter().flat_map(|p| (0..p.size).map(|n| (&p.kind, n))).collect();
    let &[first, second] = kinds.as_slice() else {
        let n = n_latents(parts);
        let message = format!(
            "--manifold needs two latents, and this run of {name} has {n}; train one with --set latents=2, or use --traverse"
        );
        return Err(WrongUse(message).into());
    };
    if [first, second].iter().any(|(kind, _)| **kind == LatentKind::Category) {
        return Err(WrongUse(format!("--manifold needs two numbers, and {name} has a category; use --traverse")).into());
    }
    let quantile = |(kind, n): (&LatentKind, usize), nth: usize| {
        let u = (nth as f32 + 0.5) / SIDE as f32;
        match kind {
            LatentKind::Normal => philox::normal(u),
            LatentKind::Prior(Prior::Gaussian { deviation }) => deviation * philox::normal(u),
            // Of others it stands at equal distances.
            _ => at(kind, n, u),
        }
    };
    let place = |i: usize| [quantile(first, i % SIDE), quantile(second, SIDE - 1 - i / SIDE)];
    Ok((0..SIDE * SIDE).flat_map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [LatentPart; 3] = [
        LatentPart { name: "z", kind: LatentKind::Normal, size: 2 },
        LatentPart { name: "class", kind: LatentKind::Category, size: 3 },
        LatentPart { name: "c", kind: LatentKind::Uniform, size: 1 },
    ];

    #[test]
    fn the_manifold_is_spread_as_the_prior_is() {
        let parts = [PARTS[2].clone(), PARTS[2].clone()];
        let all = manifold(&parts, "toy").expect("two numbers");
        assert!((all[0] + 0.95).abs() < 1e-6 && (all[1] - 0.95).abs() < 1e-6, "the top left corner: {:?}", &all[..2]);
        let normal = manifold(&PARTS[..1], "toy").expect("two numbers");
        let variance = normal.iter().map(|v| v * v).sum::<f32>() / normal.len() as f32;
        assert!((variance - 1.0).abs() < 0.1, "{variance}");
        let message = manifold(&PARTS, "toy").expect_err("six numbers").to_string();
        assert!(message.contains("has 6") && message.contains("latents=2"), "{message}");
    }
}
