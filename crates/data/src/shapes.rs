//! Drawn shapes: every combination of shape, colour, size and place, with small seeded variations, and captions for each.

use std::sync::Arc;

use rayon::prelude::*;

use crate::captions::Captions;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::options::Options;
use crate::parts::{Factor, Values};
use crate::random::{Draws, Stream};

/// Distance in pixels from a shape's edge, negative inside, by (x, y, radius) from its centre; y points down.
type Distance = fn(f32, f32, f32) -> f32;

const SHAPES: [(&str, Distance); 5] = [
    ("circle", |x, y, r| hypot(x, y) - r),
    ("square", |x, y, r| rectangle(x, y, 0.85 * r, 0.85 * r)),
    // Equilateral, apex up, its corners on the circle.
    ("triangle", |x, y, r| (y - 0.5 * r).max(0.866 * x.abs() - 0.5 * y - 0.5 * r)),
    ("cross", |x, y, r| rectangle(x, y, r, 0.32 * r).min(rectangle(x, y, 0.32 * r, r))),
    ("ring", |x, y, r| (hypot(x, y) - 0.75 * r).abs() - 0.25 * r),
];
const COLOURS: [(&str, [f32; 3]); 6] = [
    ("red", [214.0, 39.0, 40.0]),
    ("orange", [250.0, 138.0, 20.0]),
    ("yellow", [245.0, 215.0, 50.0]),
    ("green", [44.0, 150.0, 60.0]),
    ("blue", [35.0, 90.0, 200.0]),
    ("purple", [130.0, 60.0, 170.0]),
];
/// Radius as a part of the image's side.
const SIZES: [(&str, f32); 3] = [("small", 0.09), ("medium", 0.14), ("large", 0.20)];
const PLACES: [&str; 9] = ["top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right"];
const N_COMBINATIONS: u32 = (SHAPES.len() * COLOURS.len() * SIZES.len() * PLACES.len()) as u32;
const DEFAULT_ROWS: usize = 10 * N_COMBINATIONS as usize;

/// One combination: indices into the tables above.
#[derive(Clone, Copy)]
struct Combination {
    shape: usize,
    colour: usize,
    size: usize,
    place: usize,
}

impl Combination {
    /// Row r shows combination r mod 810.
    fn of_row(row: u32) -> Self {
        let c = (row % N_COMBINATIONS) as usize;
        let (c, place) = (c / PLACES.len(), c % PLACES.len());
        let (c, size) = (c / SIZES.len(), c % SIZES.len());
        Combination { shape: c / COLOURS.len(), colour: c % COLOURS.len(), size, place }
    }

    /// The same in several phrases. Each says all four.
    fn captions(self) -> [String; 5] {
        let (shape, colour, place) = (SHAPES[self.shape].0, COLOURS[self.colour].0, PLACES[self.place]);
        let size = SIZES[self.size].0;
        let other_size = match size {
            "small" => "little",
            "large" => "big",
            same => same,
        };
        let article = if colour.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        [
            format!("a {size} {colour} {shape}, {place}"),
            format!("{article} {colour} {shape}, {size}, at the {place}"),
            format!("{place}: a {other_size} {shape} in {colour}"),
            format!("a {other_size} {colour} {shape} in the {place}"),
            format!("the {shape} is {colour} and {size}, at the {place}"),
        ]
    }

    /// About a tenth of the combinations, "a small red circle, top left" among them; every single value is also in training rows.
    fn is_held_out(self) -> bool {
        (self.shape + 3 * self.colour + 7 * self.size + self.place).is_multiple_of(10)
    }
}

/// Images [S, S, 3] on white, S = `options.size` or 64; class `shape`; factors `colour`, `size`, `place`. The test split holds the
/// combinations that training never shows.
pub(crate) fn open(options: &Options) -> Result<Dataset> {
    let (n_rows, side) = (options.rows_or(DEFAULT_ROWS)?, options.image_size()?);
    let row_bytes = side * side * 3;
    options.check_total("shapes", n_rows as usize, row_bytes)?;
    let draws = Draws::new(options.seed, Stream::Shapes, 0);
    let mut data = vec![255; n_rows as usize * row_bytes];
    data.par_chunks_exact_mut(row_bytes).enumerate().for_each(|(row, pixels)| paint(pixels, side, &draws, row as u32));

    let rows = || (0..n_rows).map(Combination::of_row);
    let factor = |name: &str, values: Vec<&str>, of: fn(Combination) -> usize| Factor {
        name: name.into(),
        values: values.into_iter().map(str::to_owned).collect(),
        of_row: rows().map(|c| of(c) as u32).collect(),
    };
    Dataset::new("shapes", &[side, side, 3], Values::Levels { data: Arc::new(data), levels: 256 })?
        .with_class_factor(factor("shape", SHAPES.map(|(name, _)| name).to_vec(), |c| c.shape), "shapes")?
        .with_factor(factor("colour", COLOURS.map(|(name, _)| name).to_vec(), |c| c.colour))?
        .with_factor(factor("size", SIZES.map(|(name, _)| name).to_vec(), |c| c.size))?
        .with_factor(factor("place", PLACES.to_vec(), |c| c.place))?
        .with_captions(Captions::new(rows().map(|c| c.captions().to_vec())))?
        .with_test_rows(rows().map(Combination::is_held_out).collect())
}

/// Draws one row on white with edges smoothed over a pixel. Varied: place by 3% of the side, size by 8%, colour by 15 levels.
fn paint(pixels: &mut [u8], side: usize, draws: &Draws, row: u32) {
    let combination = Combination::of_row(row);
    let [dx, dy, ds, _] = draws.uniforms(row, 0).map(|u| 2.0 * u - 1.0);
    let [dr, dg, db, _] = draws.uniforms(row, 1).map(|u| 15.0 * (2.0 * u - 1.0));
    let scale = side as f32;
    let centre = |third: usize, jitter: f32| scale * (0.25 + 0.25 * third as f32 + 0.03 * jitter);
    let (cx, cy) = (centre(combination.place % 3, dx), centre(combination.place / 3, dy));
    let radius = scale * SIZES[combination.size].1 * (1.0 + 0.08 * ds);
    let distance = SHAPES[combination.shape].1;
    let [r, g, b] = COLOURS[combination.colour].1;
    let colour = [r + dr, g + dg, b + db];
    let near = |centre: f32| (centre - radius - 1.0).max(0.0) as usize..((centre + radius + 2.0) as usize).min(side);
    for (row, column) in near(cy).flat_map(|row| near(cx).map(move |column| (row, column))) {
        let (x, y) = (column as f32 + 0.5 - cx, row as f32 + 0.5 - cy);
        let cover = (0.5 - distance(x, y, radius)).clamp(0.0, 1.0);
        for (value, c) in pixels[3 * (row * side + column)..][..3].iter_mut().zip(colour) {
            *value = (255.0 + cover * (c - 255.0)).round() as u8;
        }
    }
}

fn rectangle(x: f32, y: f32, half_width: f32, half_height: f32) -> f32 {
    (x.abs() - half_width).max(y.abs() - half_height)
}

/// As `f32::hypot`, which is the system's and not the same everywhere; in f64 only the root and the last step round.
fn hypot(x: f32, y: f32) -> f32 {
    let (x, y) = (f64::from(x), f64::from(y));
    (x * x + y * y).sqrt() as f32
}
