//! Which latents a picture shows, and in which order: draws, what `--condition` fixes of them, and the ranges that it goes through.

use std::collections::BTreeSet;

use anyhow::Result;
use calotype_data::read_npy;
use calotype_models::latent::{Axis, Condition, Draws, between, n_latents};
use calotype_models::{Latent, LatentPart};
use calotype_training::TrainingError;

use super::{COUNT, Form};
use crate::args::SampleArgs;
use crate::fault::WrongUse;

/// Latents that an interpolation passes through unless said otherwise.
const WAYPOINTS: u64 = 5;
/// Images from one waypoint to before the next: in a strip, and in a film, which should move smoothly.
const STRIP_STEPS: usize = 8;
const FILM_STEPS: usize = 24;
const FRAME_MS: u32 = 50;
/// A category is looked at for longer.
const CATEGORY_MS: u32 = 500;

/// Values of a range of numbers: beside each other, and by frames.
const RANGE_STEPS: usize = 9;
const RANGE_FRAMES: usize = 25;
/// Draws that a range is shown by: one a row, or together in a frame; and where two ranges are in a film.
const RANGE_DRAWS: u64 = 8;
const FILM_DRAWS: u64 = 16;
const PLANE_FILM_DRAWS: u64 = 4;
const LATENTS_LIMIT_BYTES: u64 = 1 << 30;

/// Latents in the order in which they are shown.
pub(super) struct Arranged {
    /// [N, Z].
    pub latents: Vec<f32>,
    /// Images beside each other; none for about a square.
    pub columns: Option<usize>,
    /// Of a film: images of a frame, and how long each is seen.
    pub per_frame: usize,
    pub frame_ms: u32,
    /// Whether a film goes back the way it came.
    pub returns: bool,
}

impl Arranged {
    pub fn grid(latents: Vec<f32>, columns: Option<usize>) -> Self {
        Arranged { latents, columns, per_frame: 1, frame_ms: FRAME_MS, returns: false }
    }
}

/// What the arguments ask for.
///
/// # Errors
/// Names and values that there are not; options that do not go together; a file of other latents.
pub(super) fn arranged(args: &SampleArgs, form: Form, latent: &dyn Latent, conditions: &[Condition]) -> Result<Arranged> {
    let parts = latent.parts();
    let ranges: Vec<&Condition> = conditions.iter().filter(|c| c.axis(2).is_some()).collect();
    check(args, form, &ranges)?;
    let mut draws = Drawn::of(args, form, &parts, conditions, ranges.len())?;
    draws.rows.iter_mut().for_each(|z| conditions.iter().for_each(|condition| condition.apply(z)));
    if args.interpolate {
        return walk(&parts, &draws.rows, form);
    }
    let is_film = form == Form::Gif;
    let axis = |range: &Condition, by_frames: bool| range.axis(if by_frames { RANGE_FRAMES } else { RANGE_STEPS });
    let axes: Vec<Axis> =
        ranges.iter().enumerate().filter_map(|(n, range)| axis(range, is_film && n + 1 == ranges.len())).collect();
    let columns = |axis: &Axis| Some(axis.values.len());
    let all = |rows: &[Vec<f32>], axis: &Axis| rows.iter().flat_map(|z| axis.sweep(z)).collect::<Vec<_>>();
    let film = |axis: &Axis, rows: &[Vec<f32>], columns: Option<usize>| Arranged {
        latents: (0..axis.values.len()).flat_map(|n| rows.iter().flat_map(move |z| at(axis, n, z))).collect(),
        columns,
        per_frame: rows.len(),
        frame_ms: if axis.place.categories.is_some() { CATEGORY_MS } else { FRAME_MS },
        returns: axis.place.categories.is_none(),
    };
    Ok(match axes.as_slice() {
        [axis] if is_film => film(axis, &draws.rows, None),
        [across, frames] if is_film => film(frames, &all(&draws.rows, across), columns(across)),
        [axis] => Arranged::grid(all(&draws.rows, axis).concat(), columns(axis)),
        // One draw: down, then across.
        [across, down] => Arranged::grid(all(&all(&draws.rows, down), across).concat(), columns(across)),
        _ => Arranged::grid(draws.rows.concat(), draws.columns),
    })
}

/// A latent vector with a place at the `n`th of its values.
fn at(axis: &Axis, n: usize, z: &[f32]) -> Vec<f32> {
    let mut z = z.to_vec();
    axis.place.set(&mut z, axis.values[n]);
    z
}

fn check(args: &SampleArgs, form: Form, ranges: &[&Condition]) -> Result<()> {
    let refuse = |message: String| Err(WrongUse(message).into());
    let names = || ranges.iter().map(|range| range.name.as_str()).collect::<Vec<_>>().join(", ");
    match ranges.len() {
        0 if form == Form::Gif && !args.interpolate => {
            refuse("an animation needs --interpolate or a range such as --condition c1=-2..2; for images use .png or .npy".into())
        }
        1.. if args.interpolate => refuse(format!("a range ({}) and --interpolate do not go together; leave one out", names())),
        3.. => refuse(format!("{} ranges ({}), and a picture has two sides; leave all but two out", ranges.len(), names())),
        2 if form != Form::Gif && args.count.is_some() => {
            refuse("two ranges are of one draw, so --count has no effect; leave it out, or choose the draw by --images N".into())
        }
        2 if form != Form::Gif && args.images.as_ref().is_some_and(|images| images.0.len() != 1) => {
            refuse("two ranges are of one draw: give one number to --images".into())
        }
        _ => Ok(()),
    }
}

/// Draws, before conditions.
struct Drawn {
    rows: Vec<Vec<f32>>,
    columns: Option<usize>,
}

impl Drawn {
    fn of(args: &SampleArgs, form: Form, parts: &[LatentPart], conditions: &[Condition], n_ranges: usize) -> Result<Self> {
        if let Some(path) = &args.latents {
            return of_file(path, n_latents(parts), (n_ranges == 2 && form != Form::Gif).then_some(1), args.interpolate);
        }
        let draws = Draws::new(parts, args.seed).truncated(args.truncation);
        if args.truncation.is_some() && !draws.has_normals() {
            let names: Vec<&str> = parts.iter().map(|part| part.name).collect::<BTreeSet<_>>().into_iter().collect();
            let message = format!(
                "--truncation is for normal latents, and none is here ({}): what is uniform, or a category, has bounds already, \
                 and of what counts by its direction alone nothing is nearer to the middle; leave it out",
                names.join(", ")
            );
            return Err(WrongUse(message).into());
        }
        let default_count = match (n_ranges, form) {
            _ if args.interpolate => WAYPOINTS,
            (0, _) => COUNT,
            (1, Form::Gif) => FILM_DRAWS,
            (1, _) => RANGE_DRAWS,
            (_, Form::Gif) => PLANE_FILM_DRAWS,
            _ => 1,
        };
        let chosen = args.chosen(default_count);
        let is_sheet = form == Form::Png && !args.interpolate && n_ranges == 0 && !conditions.iter().any(Condition::is_category);
        match draws.columns().filter(|_| is_sheet) {
            Some(columns) => Ok(Drawn {
                rows: chosen.iter().map(|&n| draws.cell(n)).collect(),
                columns: args.images.is_none().then_some(columns),
            }),
            None if args.interpolate && chosen.len() < 2 => Err(WrongUse(
                "--interpolate needs at least two latents; use --count 2 or more, or two numbers of --images".into(),
            )
            .into()),
            None => Ok(Drawn { rows: chosen.iter().map(|&row| draws.row(row)).collect(), columns: None }),
        }
    }
}

/// Latents of a file; `n`: of as many rows.
fn of_file(path: &std::path::Path, z: usize, n: Option<usize>, interpolate: bool) -> Result<Drawn> {
    let npy = read_npy(path, LATENTS_LIMIT_BYTES).map_err(TrainingError::from)?;
    match npy.shape.as_slice() {
        &[rows, size] if rows > 0 && size == z && n.is_none_or(|n| n == rows) => {
            if interpolate && rows < 2 {
                let message = "--interpolate needs at least two latents; use --count 2 or more, or a --latents file of two rows";
                return Err(WrongUse(message.into()).into());
            }
            Ok(Drawn { rows: npy.data.chunks_exact(z).map(<[f32]>::to_vec).collect(), columns: None })
        }
        other => {
            let rows = n.map_or("N with N of 1 or more".to_owned(), |n| format!("{n}"));
            let expected =
                if n.is_some() { format!("[{rows}, {z}] for two ranges") } else { format!("[N, {z}] with N of 1 or more") };
            let message = format!("{}: shape mismatch: expected latents {expected}, found {other:?}", path.display());
            Err(WrongUse(message).into())
        }
    }
}

/// From each row to the next. A strip has a line for each stretch, with both ends; otherwise an end is the next one's beginning.
fn walk(parts: &[LatentPart], rows: &[Vec<f32>], form: Form) -> Result<Arranged> {
    let steps = if form == Form::Gif { FILM_STEPS } else { STRIP_STEPS };
    let last = rows.len().saturating_sub(2);
    let stretch = |(n, pair): (usize, &[Vec<f32>])| {
        let ends = form == Form::Png || n == last;
        (0..steps + usize::from(ends))
            .flat_map(|i| between(parts, &pair[0], &pair[1], i as f64 / steps as f64))
            .collect::<Vec<f32>>()
    };
    let latents = rows.windows(2).enumerate().flat_map(stretch).collect();
    Ok(Arranged::grid(latents, Some(steps + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_models::LatentKind;

    const PARTS: [LatentPart; 2] = [
        LatentPart { name: "z", kind: LatentKind::Uniform, size: 1 },
        LatentPart { name: "category", kind: LatentKind::Category, size: 2 },
    ];

    fn rows() -> Vec<Vec<f32>> {
        vec![vec![0.0, 1.0, 0.0], vec![0.8, 0.0, 1.0], vec![0.0, 1.0, 0.0]]
    }

    #[test]
    fn a_strip_shows_both_ends_of_each_stretch_and_one_category() {
        let strip = walk(&PARTS, &rows(), Form::Png).expect("latents");
        assert_eq!((strip.latents.len(), strip.columns), (2 * (STRIP_STEPS + 1) * 3, Some(STRIP_STEPS + 1)));
        let line = |n: usize, i: usize| &strip.latents[(n * (STRIP_STEPS + 1) + i) * 3..][..3];
        assert_eq!((line(0, 0), line(0, STRIP_STEPS)), (&[0.0, 1.0, 0.0][..], &[0.8, 1.0, 0.0][..]));
        assert_eq!((line(1, 0), line(1, STRIP_STEPS)), (&[0.8, 0.0, 1.0][..], &[0.0, 0.0, 1.0][..]));
        assert!((0..=STRIP_STEPS).all(|i| line(0, i)[1..] == [1.0, 0.0] && line(1, i)[1..] == [0.0, 1.0]));
    }

    #[test]
    fn a_walk_passes_through_every_latent_once() {
        for (form, steps) in [(Form::Npy, STRIP_STEPS), (Form::Gif, FILM_STEPS)] {
            let walk = walk(&PARTS, &rows(), form).expect("latents").latents;
            assert_eq!(walk.len(), (2 * steps + 1) * 3);
            assert_eq!((walk[0], walk[3 * steps], walk[6 * steps]), (0.0, 0.8, 0.0));
            assert!((walk[3 * steps / 2] - 0.4).abs() < 1e-6, "half-way");
        }
    }
}
