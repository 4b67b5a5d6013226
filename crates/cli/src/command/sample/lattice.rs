//! Latents in order: one after the other through its range, and two over the whole prior.

use anyhow::Result;
use calotype_graph::philox;
use calotype_models::latent::n_latents;
use calotype_models::{LatentKind, LatentPart, Prior};

use crate::fault::WrongUse;

/// Images of a traversal's row: of a normal latent from -3 to 3, of a uniform one from -1 to 1, of another prior over what it fills; of a
/// category each in turn.
pub(super) const STEPS: usize = 9;
/// Rows of a traversal unless said otherwise, at most.
pub(super) const MOST_ROWS: usize = 32;
/// Images a side of the manifold.
pub(super) const SIDE: usize = 20;

/// The number at `t` in [0, 1] of the range of the `n`th number of a part.
fn at(kind: &LatentKind, n: usize, t: f32) -> f32 {
    let (low, high) = kind.range(n);
    low + t * (high - low)
}

/// The middle of the prior, and the first category.
pub(super) fn middle(parts: &[LatentPart]) -> Vec<f32> {
    let of = |part: &LatentPart| {
        if part.kind == LatentKind::Category {
            return (0..part.size).map(|n| f32::from(u8::from(n == 0))).collect();
        }
        (0..part.size).map(|n| at(&part.kind, n, 0.5)).collect::<Vec<f32>>()
    };
    parts.iter().flat_map(of).collect()
}

/// Latents [rows, [`STEPS`], Z]: in each row one number of `around` goes through its range, in the order of the parts; a category
/// has one row.
pub(super) fn traversal(parts: &[LatentPart], around: &[f32], most_rows: usize) -> Vec<f32> {
    let (mut all, mut first) = (Vec::new(), 0);
    for part in parts {
        let rows = if part.kind == LatentKind::Category { 1 } else { part.size };
        for row in 0..rows.min(most_rows.saturating_sub(all.len() / (STEPS * around.len()).max(1))) {
            for step in 0..STEPS {
                let mut z = around.to_vec();
                if part.kind == LatentKind::Category {
                    z[first..first + part.size].fill(0.0);
                    z[first + step % part.size.max(1)] = 1.0;
                } else {
                    z[first + row] = at(&part.kind, row, step as f32 / (STEPS - 1) as f32);
                }
                all.extend(z);
            }
        }
        first += part.size;
    }
    all
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
    fn a_traversal_moves_one_number_at_a_time() {
        assert_eq!(middle(&PARTS), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        let around = [0.5, 0.25, 0.0, 1.0, 0.0, 0.75];
        let all = traversal(&PARTS, &around, 99);
        assert_eq!(all.len(), 4 * STEPS * 6, "two, a category, one");
        let row = |n: usize, step: usize| &all[(n * STEPS + step) * 6..][..6];
        assert_eq!(row(0, 0), [-3.0, 0.25, 0.0, 1.0, 0.0, 0.75]);
        assert_eq!(row(1, STEPS - 1), [0.5, 3.0, 0.0, 1.0, 0.0, 0.75]);
        assert_eq!(row(2, 2), [0.5, 0.25, 0.0, 0.0, 1.0, 0.75]);
        assert_eq!(row(3, 0), [0.5, 0.25, 0.0, 1.0, 0.0, -1.0]);
        assert_eq!(traversal(&PARTS, &around, 3), all[..3 * STEPS * 6]);
    }

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
