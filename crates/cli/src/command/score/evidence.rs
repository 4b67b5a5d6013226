//! `score --explain` of a variational bound: what log p of one row is made of.

use std::path::Path;

use anyhow::Result;
use calotype_data::canvas::{Canvas, View};
use calotype_data::picture;
use calotype_models::{Bound, Values, Variational, draws_at_once, log_weights};
use calotype_training::Examined;
use calotype_training::evidence::{Axis, Evidence, Normal, SIDE};

use super::laid_open::{LaidOpen, Parts, latents};
use crate::args::ScoreArgs;
use crate::command::Ending;
use crate::fault::WrongUse;
use crate::output::{note, replace};
use crate::used::Used;

/// Default of `--samples`.
pub(super) const DRAWS: usize = 5000;
/// Places that are asked at once.
const PLACES: usize = 256;

/// The bound of a run as one that can be laid open.
///
/// # Errors
/// It is of another kind; `--posterior` of other than two latents.
pub(super) fn variational<'a>(used: &'a Used, bound: &'a dyn Bound, picture: Option<&Path>) -> Result<&'a dyn Variational> {
    let name = used.model.info().name;
    let Some(variational) = bound.variational() else {
        let message = format!("--explain needs an exact density or a variational bound, and {name} has neither; leave it out");
        return Err(WrongUse(message).into());
    };
    match (picture, variational.n_latents()) {
        (Some(_), n) if n != 2 => Err(WrongUse(format!(
            "--posterior shows the plane of two latents, and this run of {name} has {n}; leave it out, or train a run with --set \
             latents=2"
        ))
        .into()),
        _ => Ok(variational),
    }
}

pub(super) fn run(args: &ScoreArgs, used: Used, examined: &Examined, index: usize, threads: usize) -> Result<Ending> {
    let row = examined.row(index)?;
    let Some(bound) = used.model.bound() else { return Err(used.cannot("has no bound")) };
    let variational = variational(&used, bound, args.posterior.as_deref())?;
    let (z, values, of_what) = (variational.n_latents(), used.model.values(), bound.bounds_what());
    let posterior = variational.approximate_posterior(1)?;
    let by_grid = z == 2 && args.samples.is_none();
    let draws = args.samples.unwrap_or(DRAWS);
    let program = match by_grid {
        true => variational.likelihood(PLACES)?,
        false => log_weights(bound, 1, draws_at_once(bound, 1, draws))?,
    };
    let seed = used.config.seed;
    let mut session = used.on(args.device.as_deref(), threads)?;
    let posterior = session.row_program(&posterior, seed)?;
    let q = Normal::new(&session.run(&posterior, &row)?);
    let program = session.row_program(&program, seed)?;
    let parts = if by_grid {
        let log_likelihood = |places: &[[f64; 2]]| -> Result<Vec<f64>> {
            let of = |z: &[f64; 2]| row.iter().copied().chain(z.map(|v| v as f32)).collect::<Vec<f32>>();
            let rows: Vec<f32> = places.iter().flat_map(of).collect();
            Ok(session.run(&program, &rows)?.into_iter().map(f64::from).collect())
        };
        let evidence = Evidence::by_grid(&q, log_likelihood)?;
        if let Some(path) = &args.posterior {
            replace(path, |file| picture::write_png(file, &plane(&q, &evidence)))?;
            note(&format!(
                "{}: the true posterior (dark is likely) and q(z|x), ellipses of one and two standard deviations",
                path.display()
            ));
        }
        Parts::exact(&evidence)
    } else {
        let weights = program.repeated(session.opened.device(), &row, draws.div_ceil(program.n_out()))?;
        let weights: Vec<f64> = weights.into_iter().take(draws).map(f64::from).collect();
        Parts::estimated(&q, &weights)
    };
    session.opened.keep_pipelines();
    let standardised = values == Values::Standardised;
    let laid_open = LaidOpen { row: index, standardised, of_what, parts, latents: latents(&q) };
    args.form.answer(&laid_open)?;
    Ok(Ending::Done)
}

/// Pixels a side.
const PIXELS: u32 = 560;
const ELLIPSE: calotype_data::canvas::Ink = ([210, 60, 30], 0.9);
const PRIOR: calotype_data::canvas::Ink = ([150, 150, 150], 0.5);

/// The density of the true posterior, q's ellipses, and the prior's circles of one, two and three deviations.
fn plane(q: &Normal, e: &Evidence) -> picture::RgbImage {
    let most = e.log_posterior.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let places = e.grid.places();
    // What is seen: where the posterior is above 1e-4 of its largest, and q within three deviations.
    let likely = places.iter().zip(&e.log_posterior).filter(|(_, v)| **v > most - 9.2).map(|(z, _)| z.map(|v| v as f32));
    let ellipse = |radius: f64| -> Vec<[f32; 2]> {
        let at = |n: usize, t: f64| (q.mean[n] + radius * (0.5 * q.log_var[n]).exp() * t) as f32;
        (0..=180).map(|i| f64::from(i) * std::f64::consts::PI / 90.0).map(|a| [at(0, a.cos()), at(1, a.sin())]).collect()
    };
    let seen: Vec<[f32; 2]> = likely.chain(ellipse(3.0)).collect();
    let view = View::around(&seen);
    let mut canvas = Canvas::new(PIXELS, view);
    let density = |place: [f32; 2]| between(e, place).map_or(0.0, |log| (log - most).exp() as f32);
    let field: Vec<f32> = view.lattice(2 * SIDE).into_iter().map(density).collect();
    canvas.field(&field, |v| [255.0 - 235.0 * v, 255.0 - 175.0 * v, 255.0 - 95.0 * v].map(|c| c as u8));
    for radius in [1.0f32, 2.0, 3.0] {
        let circle = (0..=180).map(|i| f32::from(i as u8 % 180) * std::f32::consts::PI / 90.0);
        canvas.line(&circle.map(|a| [radius * a.cos(), radius * a.sin()]).collect::<Vec<_>>(), PRIOR);
    }
    [1.0, 2.0].iter().for_each(|&radius| canvas.line(&ellipse(radius), ELLIPSE));
    canvas.into_picture()
}

/// The posterior's log density at a place, interpolated between those of the grid; none outside.
fn between(e: &Evidence, place: [f32; 2]) -> Option<f64> {
    let [a, b] = e.grid.0;
    let split = |axis: Axis, v: f32| {
        let at = (f64::from(v) - axis.first) / axis.step;
        (0.0..(SIDE - 1) as f64).contains(&at).then(|| (at as usize, at.fract()))
    };
    let ((i, u), (j, v)) = (split(a, place[0])?, split(b, place[1])?);
    let at = |i: usize, j: usize| e.log_posterior[i * SIDE + j];
    let line = |i: usize| at(i, j) * (1.0 - v) + at(i, j + 1) * v;
    Some(line(i) * (1.0 - u) + line(i + 1) * u)
}
