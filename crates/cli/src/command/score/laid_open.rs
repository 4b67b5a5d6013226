//! What `score --explain` says of a variational bound.

use std::fmt::{self, Formatter};

use calotype_training::evidence::{Evidence, Normal};
use calotype_training::{log_mean_exp, mean_and_error};
use serde::Serialize;

use super::evidence::DRAWS;

/// Nats by which a grid and its every second place may differ.
const RESOLVED: f64 = 0.01;
/// Latents that are listed at most.
const LISTED: usize = 32;

/// What log p of a row is made of.
#[derive(Serialize)]
pub(super) struct LaidOpen {
    pub(super) row: usize,
    /// Whether densities are those of standardised values.
    pub(super) standardised: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of_what: Option<&'static str>,
    #[serde(flatten)]
    pub(super) parts: Parts,
    pub(super) latents: Vec<Latent>,
}

/// E_q[log p(x|z)], KL(q(z|x) || p(z)), their difference, log p(x), and what it is more.
#[derive(Serialize)]
pub(super) struct Parts {
    reconstruction_nats: f64,
    kl_nats: f64,
    bound_nats: f64,
    log_p_nats: f64,
    gap_nats: f64,
    #[serde(flatten)]
    by: By,
}

/// How the parts were found.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Grid {
        /// KL(q(z|x) || p(z|x)): the same as the gap.
        kl_to_posterior_nats: f64,
        /// How far log p and the gap may be off.
        unresolved_nats: f64,
    },
    Samples {
        n: usize,
        /// Of the reconstruction and of the bound.
        standard_error_nats: f64,
    },
}

/// q of one latent, and its part of the KL.
#[derive(Serialize)]
pub(super) struct Latent {
    mean: f64,
    deviation: f64,
    kl_nats: f64,
}

impl Parts {
    pub(super) fn exact(e: &Evidence) -> Self {
        Parts {
            reconstruction_nats: e.reconstruction,
            kl_nats: e.kl,
            bound_nats: e.bound(),
            log_p_nats: e.log_p,
            gap_nats: e.log_p - e.bound(),
            by: By::Grid { kl_to_posterior_nats: e.gap, unresolved_nats: e.unresolved },
        }
    }

    /// By the log weights of draws.
    pub(super) fn estimated(q: &Normal, log_weights: &[f64]) -> Self {
        let (bound, standard_error_nats) = mean_and_error(log_weights);
        let log_p = log_mean_exp(log_weights);
        Parts {
            reconstruction_nats: bound + q.kl(),
            kl_nats: q.kl(),
            bound_nats: bound,
            log_p_nats: log_p,
            gap_nats: log_p - bound,
            by: By::Samples { n: log_weights.len(), standard_error_nats },
        }
    }
}

pub(super) fn latents(q: &Normal) -> Vec<Latent> {
    let latent = |(&mean, &log_var): (&f64, &f64)| {
        let kl_nats = Normal { mean: vec![mean], log_var: vec![log_var] }.kl();
        Latent { mean, deviation: (0.5 * log_var).exp(), kl_nats }
    };
    q.mean.iter().zip(&q.log_var).map(latent).collect()
}

impl fmt::Display for LaidOpen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "row {}: log p(x) is at least reconstruction - KL(q(z|x) || p(z)), and more by the gap\n", self.row)?;
        match (self.standardised, self.of_what) {
            (true, _) => writeln!(f, "Values are standardised, and densities are those of standardised values.\n")?,
            (false, Some(what)) => writeln!(f, "It is {what}.\n")?,
            (false, None) => {}
        }
        self.parts.fmt(f)?;
        writeln!(f, "\n{:>6} {:>10} {:>10} {:>10}", "latent", "mean", "deviation", "KL")?;
        for (n, Latent { mean, deviation, kl_nats }) in self.latents.iter().enumerate().take(LISTED) {
            writeln!(f, "{n:>6} {mean:>10.4} {deviation:>10.4} {kl_nats:>10.4}")?;
        }
        match self.latents.len() {
            n if n > LISTED => writeln!(f, "and {} more", n - LISTED),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, nats: f64, how: &str| writeln!(f, "{what:<20}{nats:>12.4} nats   {how}");
        let Parts { reconstruction_nats, kl_nats, bound_nats, log_p_nats, gap_nats, by } = self;
        match by {
            By::Grid { kl_to_posterior_nats, unresolved_nats } => {
                line("reconstruction", *reconstruction_nats, "E_q[log p(x|z)], by a grid")?;
                line("KL", *kl_nats, "KL(q(z|x) || p(z))")?;
                line("bound", *bound_nats, "reconstruction - KL")?;
                line("log p(x)", *log_p_nats, "log of the integral of p(z) p(x|z), by a grid")?;
                line("gap", *gap_nats, "log p(x) - bound")?;
                line("KL to the posterior", *kl_to_posterior_nats, "KL(q(z|x) || p(z|x)), by a grid: the same as the gap")?;
                match *unresolved_nats > RESOLVED {
                    true => writeln!(
                        f,
                        "the true posterior is thinner than the grid is fine: log p(x) and the gap are off by some {unresolved_nats:.2} \
                         nats; use --samples {DRAWS}"
                    ),
                    false => Ok(()),
                }
            }
            By::Samples { n, standard_error_nats } => {
                let estimate = format!("E_q[log p(x|z)], estimate by {n} samples, +- {standard_error_nats:.4}");
                let of_log_p = format!("at least, in expectation: the importance-weighted estimate by {n} samples");
                line("reconstruction", *reconstruction_nats, &estimate)?;
                line("KL", *kl_nats, "KL(q(z|x) || p(z))")?;
                line("bound", *bound_nats, "reconstruction - KL")?;
                line("log p(x)", *log_p_nats, &of_log_p)?;
                line("gap", *gap_nats, "estimated log p(x) - bound; about KL(q(z|x) || p(z|x))")
            }
        }
    }
}
