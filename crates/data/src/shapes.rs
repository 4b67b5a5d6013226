//! Drawn shapes: every combination of shape, colour, size and place, with small seeded variations, and captions for each; in `scenes` also
//! upright or tilted, and on a background.

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
const ROTATIONS: [&str; 2] = ["upright", "tilted"];
/// What a tilted shape is turned by, in sines and cosines: 30 degrees to the right.
const TILT: [f32; 2] = [0.5, 0.866_025_4];
/// Whether a tilted one of the shapes above looks another way.
const TILTS: [bool; SHAPES.len()] = [false, true, true, true, false];
const BACKGROUNDS: [(&str, f32); 3] = [("white", 255.0), ("grey", 160.0), ("black", 0.0)];
const N_COMBINATIONS: usize = SHAPES.len() * COLOURS.len() * SIZES.len() * PLACES.len();
/// Rows of a combination, unless a number of rows is asked for.
const ROWS_EACH: usize = 10;
const SCENES_EACH: usize = 3;

/// One combination: indices into the tables above.
#[derive(Clone, Copy)]
struct Combination {
    shape: usize,
    colour: usize,
    size: usize,
    place: usize,
    rotation: usize,
    background: usize,
}

impl Combination {
    /// Those of `shapes`: upright on white, the last factor changing first.
    fn plain() -> Vec<Self> {
        let combination = |c: usize| {
            let (c, place) = (c / PLACES.len(), c % PLACES.len());
            let (c, size) = (c / SIZES.len(), c % SIZES.len());
            Combination { shape: c / COLOURS.len(), colour: c % COLOURS.len(), size, place, rotation: 0, background: 0 }
        };
        (0..N_COMBINATIONS).map(combination).collect()
    }

    /// Those of `scenes`: tilted too where that is seen, and on every background.
    fn scenes() -> Vec<Self> {
        let turned =
            |c: Self| (0..if TILTS[c.shape] { ROTATIONS.len() } else { 1 }).map(move |rotation| Combination { rotation, ..c });
        let placed = |c: Self| (0..BACKGROUNDS.len()).map(move |background| Combination { background, ..c });
        Self::plain().into_iter().flat_map(turned).flat_map(placed).collect()
    }

    /// A shape, with what is said of its rotation.
    fn thing(self) -> String {
        match self.rotation {
            0 => SHAPES[self.shape].0.to_owned(),
            tilted => format!("{} {}", ROTATIONS[tilted], SHAPES[self.shape].0),
        }
    }

    /// The same in several phrases. Each says all of it.
    fn scene_captions(self) -> [String; 5] {
        let background = BACKGROUNDS[self.background].0;
        let suffixes = [", on ", " on ", ", on ", " on ", ", and the background is "];
        let mut captions = self.captions();
        captions.iter_mut().zip(suffixes).for_each(|(caption, suffix)| *caption = format!("{caption}{suffix}{background}"));
        captions
    }

    /// The same without its background.
    fn captions(self) -> [String; 5] {
        let (shape, colour, place) = (self.thing(), COLOURS[self.colour].0, PLACES[self.place]);
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
        (self.shape + 3 * self.colour + 7 * self.size + self.place + 3 * self.rotation + 7 * self.background).is_multiple_of(10)
    }
}

/// Images [S, S, 3] on white, S = `options.size` or 64; class `shape`; factors `colour`, `size`, `place`. Row r shows combination r mod 810.
/// The test split holds the combinations that training never shows.
pub(crate) fn open(options: &Options) -> Result<Dataset> {
    let all = Combination::plain();
    let (rows, dataset) = drawn("shapes", &all, ROWS_EACH, options)?;
    known(dataset, &rows)?.with_captions(Captions::new(rows.iter().map(|c| c.captions().to_vec())))
}

/// The same with the factors `rotation` and `background`: 3,888 combinations.
pub(crate) fn scenes(options: &Options) -> Result<Dataset> {
    let all = Combination::scenes();
    let (rows, dataset) = drawn("scenes", &all, SCENES_EACH, options)?;
    known(dataset, &rows)?
        .with_factor(factor(&rows, "rotation", &ROTATIONS, |c| c.rotation))?
        .with_factor(factor(&rows, "background", &BACKGROUNDS.map(|(name, _)| name), |c| c.background))?
        .with_captions(Captions::new(rows.iter().map(|c| c.scene_captions().to_vec())))
}

/// The combination of every row, in turn, and their pictures.
fn drawn(name: &str, all: &[Combination], each: usize, options: &Options) -> Result<(Vec<Combination>, Dataset)> {
    let (n_rows, side) = (options.rows_or(each * all.len())? as usize, options.image_size()?);
    let row_bytes = side * side * 3;
    options.check_total(name, n_rows, row_bytes)?;
    let draws = Draws::new(options.seed, Stream::Shapes, 0);
    let rows: Vec<Combination> = all.iter().copied().cycle().take(n_rows).collect();
    let mut data = vec![0; n_rows * row_bytes];
    let images = data.par_chunks_exact_mut(row_bytes).zip(&rows).enumerate();
    images.for_each(|(row, (pixels, combination))| paint(pixels, side, *combination, (&draws, row as u32)));
    let dataset = Dataset::new(name, &[side, side, 3], Values::Levels { data: Arc::new(data), levels: 256 })?;
    Ok((rows, dataset))
}

/// With the factors of both sets, and the split.
fn known(dataset: Dataset, rows: &[Combination]) -> Result<Dataset> {
    let name = dataset.name().to_owned();
    dataset
        .with_class_factor(factor(rows, "shape", &SHAPES.map(|(name, _)| name), |c| c.shape), &name)?
        .with_factor(factor(rows, "colour", &COLOURS.map(|(name, _)| name), |c| c.colour))?
        .with_factor(factor(rows, "size", &SIZES.map(|(name, _)| name), |c| c.size))?
        .with_factor(factor(rows, "place", &PLACES, |c| c.place))?
        .with_test_rows(rows.iter().map(|c| c.is_held_out()).collect())
}

fn factor(rows: &[Combination], name: &str, values: &[&str], of: fn(&Combination) -> usize) -> Factor {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Factor { name: name.into(), values, of_row: rows.iter().map(|c| of(c) as u32).collect() }
}

/// Draws one row on its background with edges smoothed over a pixel. Varied: place by 3% of the side, size by 8%, colour by 15 levels.
fn paint(pixels: &mut [u8], side: usize, combination: Combination, (draws, row): (&Draws, u32)) {
    let [dx, dy, ds, _] = draws.uniforms(row, 0).map(|u| 2.0 * u - 1.0);
    let [dr, dg, db, _] = draws.uniforms(row, 1).map(|u| 15.0 * (2.0 * u - 1.0));
    let background = BACKGROUNDS[combination.background].1;
    pixels.fill(background as u8);
    let scale = side as f32;
    let centre = |third: usize, jitter: f32| scale * (0.25 + 0.25 * third as f32 + 0.03 * jitter);
    let (cx, cy) = (centre(combination.place % 3, dx), centre(combination.place / 3, dy));
    let radius = scale * SIZES[combination.size].1 * (1.0 + 0.08 * ds);
    let distance = SHAPES[combination.shape].1;
    let [r, g, b] = COLOURS[combination.colour].1;
    let colour = [r + dr, g + dg, b + db];
    let near =
        |centre: f32| (centre - 1.25 * radius - 1.0).max(0.0) as usize..((centre + 1.25 * radius + 2.0) as usize).min(side);
    for (row, column) in near(cy).flat_map(|row| near(cx).map(move |column| (row, column))) {
        let (x, y) = (column as f32 + 0.5 - cx, row as f32 + 0.5 - cy);
        let [sin, cos] = TILT;
        let (x, y) = if combination.rotation == 0 { (x, y) } else { (cos * x + sin * y, cos * y - sin * x) };
        let cover = (0.5 - distance(x, y, radius)).clamp(0.0, 1.0);
        for (value, c) in pixels[3 * (row * side + column)..][..3].iter_mut().zip(colour) {
            *value = (background + cover * (c - background)).round() as u8;
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
