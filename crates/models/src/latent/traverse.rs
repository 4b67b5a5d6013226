//! Latents in order: one number, or a category, after the other through its range.

use super::{Draws, Latent, LatentKind, LatentPart, n_latents};

/// Images of a traversal's row: of a normal latent from -3 to 3, of a uniform one from -1 to 1, of another prior over what it fills; of a
/// category each in turn.
pub const STEPS: usize = 9;

/// One number of a latent vector, or a whole category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of the first number in the vector.
    pub at: usize,
    /// Numbers of a category; none for one number.
    pub categories: Option<usize>,
}

impl Place {
    /// Of a part's `n`th number, or of all of it where it is a category.
    pub fn of(parts: &[LatentPart], part: usize, n: usize) -> Self {
        let first = n_latents(&parts[..part]);
        match parts[part].kind {
            LatentKind::Category => Place { at: first, categories: Some(parts[part].size) },
            _ => Place { at: first + n, categories: None },
        }
    }

    /// All of a part, in order.
    fn all(parts: &[LatentPart], part: usize) -> impl Iterator<Item = Place> {
        let n = if parts[part].kind == LatentKind::Category { 1 } else { parts[part].size };
        (0..n).map(move |n| Place::of(parts, part, n))
    }

    /// Sets it in a latent vector: a number, or the number of a category.
    pub fn set(self, z: &mut [f32], value: f32) {
        match self.categories {
            None => z[self.at] = value,
            Some(k) => {
                z[self.at..self.at + k].fill(0.0);
                z[self.at + (value.max(0.0) as usize).min(k.saturating_sub(1))] = 1.0;
            }
        }
    }
}

/// A place, and the values that it goes through.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub place: Place,
    pub values: Vec<f32>,
}

impl Axis {
    /// In `steps` steps of one size, both ends included.
    pub fn even(place: Place, (low, high): (f32, f32), steps: usize) -> Self {
        let at = |n: usize| low + (high - low) * (n as f32 / (steps.max(2) - 1) as f32);
        Axis { place, values: (0..steps).map(at).collect() }
    }

    /// Each category in turn, over again up to `steps`.
    pub fn categories(place: Place, steps: usize) -> Self {
        let k = place.categories.unwrap_or(1).max(1);
        Axis { place, values: (0..steps).map(|n| (n % k) as f32).collect() }
    }

    /// Latents [steps, Z]: `base` with this place going through its values.
    pub fn sweep<'a>(&'a self, base: &'a [f32]) -> impl Iterator<Item = Vec<f32>> + 'a {
        self.values.iter().map(|&value| {
            let mut z = base.to_vec();
            self.place.set(&mut z, value);
            z
        })
    }
}

/// The middle of the prior, and the first category.
pub fn middle(parts: &[LatentPart]) -> Vec<f32> {
    let of = |part: &LatentPart| {
        let middle = |n: usize| match part.kind {
            LatentKind::Category => f32::from(u8::from(n == 0)),
            _ => {
                let (low, high) = part.kind.range(n);
                low + 0.5 * (high - low)
            }
        };
        (0..part.size).map(middle).collect::<Vec<f32>>()
    };
    parts.iter().flat_map(of).collect()
}

/// Latents [rows, [`STEPS`], Z]: in each row one number of `around` goes through its range, in the order of the parts; a category
/// has one row.
pub fn traversal(parts: &[LatentPart], around: &[f32], most_rows: usize) -> Vec<f32> {
    let axis = |part: usize, place: Place| match place.categories {
        Some(_) => Axis::categories(place, STEPS),
        None => Axis::even(place, parts[part].kind.range(place.at - n_latents(&parts[..part])), STEPS),
    };
    let axes = (0..parts.len()).flat_map(|part| Place::all(parts, part).map(move |place| (part, place)));
    let rows = axes.take(most_rows).map(|(part, place)| axis(part, place).sweep(around).flatten().collect::<Vec<f32>>());
    rows.flatten().collect()
}

/// Latents for a sheet, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// [N, Z].
    pub latents: Vec<f32>,
    pub columns: usize,
}

/// Draws that each code of [`code_sheet`] is shown by, unless said otherwise.
pub const CODE_DRAWS: usize = 3;
/// From where to where a continuous code goes there: twice as far as it was drawn in training, as in the paper's figures (Chen et al.
/// 2016, arXiv:1606.03657, figure 2).
const CODE_RANGE: (f32, f32) = (-2.0, 2.0);
/// Columns, where no category says how many; and of categories, at most.
const CODE_COLUMNS: usize = 10;
const MOST_COLUMNS: usize = 20;

/// The codes of a model one after the other, each through its values in `n_draws` rows: the categories in turn, a number from -2 to 2.
/// Along a row all other latents are of one draw, the first row of each code being of draw 0. None where there are no codes.
pub fn code_sheet(latent: &dyn Latent, n_draws: usize, seed: u64) -> Option<Sheet> {
    let (parts, codes) = (latent.parts(), latent.codes());
    let draws = Draws::new(&parts, seed);
    let shown: Vec<Place> = (0..parts.len())
        .filter(|&part| codes.contains(&parts[part].name))
        .flat_map(|part| Place::all(&parts, part).collect::<Vec<_>>())
        .collect();
    let most = shown.iter().filter_map(|place| place.categories).max();
    let columns = most.map_or(CODE_COLUMNS, |k| k.clamp(5, MOST_COLUMNS));
    let axis = |place: Place| match place.categories {
        Some(_) => Axis::categories(place, columns),
        None => Axis::even(place, CODE_RANGE, columns),
    };
    let rows = shown.iter().map(|&place| axis(place)).flat_map(|axis| {
        let draws = &draws;
        (0..n_draws).flat_map(move |n| axis.sweep(&draws.row(n)).flatten().collect::<Vec<f32>>())
    });
    (!shown.is_empty()).then(|| Sheet { latents: rows.collect(), columns })
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{GraphError, Program};

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

    struct Coded(Vec<&'static str>);

    impl Latent for Coded {
        fn parts(&self) -> Vec<LatentPart> {
            PARTS.to_vec()
        }

        fn codes(&self) -> Vec<&'static str> {
            self.0.clone()
        }

        fn sampling(&self, _: usize) -> Result<Program, GraphError> {
            calotype_graph::Graph::new("none").finish()
        }
    }

    /// Two draws of each code: along a row nothing else changes, and row n of every code is of draw n.
    #[test]
    fn a_sheet_of_codes_keeps_the_rest_along_a_row() {
        let sheet = code_sheet(&Coded(vec!["class", "c"]), 2, 5).expect("codes");
        let draws = Draws::new(&PARTS, 5);
        assert_eq!((sheet.columns, sheet.latents.len()), (5, 4 * 5 * 6));
        let cell = |row: usize, column: usize| &sheet.latents[(5 * row + column) * 6..][..6];
        for column in 0..5 {
            for n in 0..2 {
                let (drawn, class, c) = (draws.row(n), cell(n, column), cell(2 + n, column));
                assert!(class[..2] == drawn[..2] && class[5] == drawn[5] && class[2 + column % 3] == 1.0, "{class:?}");
                assert_eq!(class[2..5].iter().sum::<f32>(), 1.0);
                assert!(c[..5] == drawn[..5] && c[5] == column as f32 - 2.0, "{c:?}");
            }
        }
        assert_eq!(code_sheet(&Coded(vec![]), 2, 5), None);
    }
}
