//! What the counting models have in common: a table of how often each level followed each context, from which smoothed
//! frequencies are probabilities. Fitting is exact and takes one look at every row.
//!
//! A context is the values in a fixed number of slots, as the digits of a number in base L, slot 0 the lowest. A slot that falls
//! outside the image holds 0.

mod drawing;
mod scoring;

use calotype_graph::{GraphError, HostTensor, Init, Layout, Scope, StateSpec, Tensor, Type};

use crate::density::{Density, Drawing, of_levels, pixel_settings, pixels};
use crate::distributions::Conditional;
use crate::model::{Counting, Counts, DataShape, Learning, Model, ModelInfo, Values};
use crate::settings::{Setting, SettingError, Settings};

/// Numbers in a table at most: 64 MiB, and indices that f32 holds exactly.
const MAX_NUMBERS: f64 = (1 << 24) as f64;

/// Which values before a dimension its table is asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// This many values before it in raster order, colours of a pixel in order, rows of the image run on: slot 0 is the last one.
    Previous(usize),
    /// The first so many of [`NEIGHBOURS`], in the dimension's own channel; then the colours before it in its own pixel.
    Neighbours(usize),
}

/// Offsets (rows up, columns to the right) of the causal neighbours, nearest first: left, above, the diagonals, …
pub const NEIGHBOURS: [(usize, isize); 10] =
    [(0, -1), (1, 0), (1, -1), (1, 1), (0, -2), (2, 0), (1, -2), (1, 2), (2, -1), (2, 1)];

/// Rows and columns that [`NEIGHBOURS`] reaches.
const REACH: usize = 2;

/// A configured counting model.
pub struct Table {
    info: &'static ModelInfo,
    settings: Settings,
    /// [H, W, C].
    shape: [usize; 3],
    /// L.
    levels: u32,
    context: Context,
    /// One table a channel for all places, else one a dimension.
    shared: bool,
    /// α: what each level has been seen before anything is counted.
    smoothing: f32,
}

/// `size`, `levels`, `binarise`, `smoothing`, and a model's own.
pub fn settings(own: Vec<Setting>) -> Vec<Setting> {
    let smoothing = Setting::number(
        "smoothing",
        1.0,
        (1e-6, 1e6),
        "additive smoothing: the initial value of every count; 1 is add-one smoothing",
    );
    [pixel_settings(), own, vec![smoothing]].concat()
}

impl Table {
    /// # Errors
    /// Data that are no pictures; a table that would be too large: says what to set instead.
    pub fn new(
        info: &'static ModelInfo,
        settings: Settings,
        data: &DataShape,
        context: impl FnOnce(&Settings, u32) -> (Context, bool),
    ) -> Result<Self, SettingError> {
        let (shape, levels) = pixels(&settings, data)?;
        let (context, shared) = context(&settings, levels);
        let smoothing = settings.number("smoothing") as f32;
        let table = Table { info, settings, shape, levels, context, shared, smoothing };
        table.check()?;
        Ok(table)
    }

    /// D: values of a row.
    fn dims(&self) -> usize {
        self.shape.iter().product()
    }

    /// Slots of a context with `seen` values, neighbours or other.
    fn slots_of(&self, context: Context) -> usize {
        match context {
            Context::Previous(k) => k,
            Context::Neighbours(n) => n + self.shape[2] - 1,
        }
    }

    /// n: slots of a context.
    fn slots(&self) -> usize {
        self.slots_of(self.context)
    }

    /// Tables: one a channel or one a dimension.
    fn tables(&self) -> usize {
        if self.shared { self.shape[2] } else { self.dims() }
    }

    /// Lⁿ.
    fn contexts(&self) -> usize {
        (self.levels as usize).pow(self.slots() as u32)
    }

    fn check(&self) -> Result<(), SettingError> {
        let (tables, levels) = (self.tables() as f64, f64::from(self.levels));
        let fits = |tables: f64, n: usize| tables * levels.powf(n as f64 + 1.0) <= MAX_NUMBERS;
        let n = self.slots();
        if fits(tables, n) {
            return Ok(());
        }
        let mut ways = Vec::new();
        if !self.shared && matches!(self.context, Context::Neighbours(_)) && fits(self.shape[2] as f64, n) {
            ways.push("--set shared=true".to_owned());
        }
        let smaller = |key: &str, seen: usize, of: &dyn Fn(usize) -> Context| {
            let most = (1..seen).rev().find(|&k| fits(tables, self.slots_of(of(k))));
            most.map(|k| format!("--set {key}={k} or less"))
        };
        ways.extend(match self.context {
            Context::Previous(k) => smaller("order", k, &Context::Previous),
            Context::Neighbours(k) => smaller("neighbours", k, &Context::Neighbours),
        });
        ways.push("smaller --set levels=… or --set size=…".to_owned());
        Err(SettingError::Unfit(format!(
            "{tables} tables of {levels}^{n} contexts by {levels} levels exceed the limit of {MAX_NUMBERS} counts; use {}",
            ways.join(", or "),
        )))
    }

    /// The dimension in slot `slot` of dimension `d`'s context; none outside the image.
    fn seen(&self, d: usize, slot: usize) -> Option<usize> {
        let [_, width, channels] = self.shape;
        match self.context {
            Context::Previous(_) => d.checked_sub(slot + 1),
            Context::Neighbours(n) if slot < n => {
                let (up, right) = NEIGHBOURS[slot];
                let (pixel, channel) = (d / channels, d % channels);
                let row = (pixel / width).checked_sub(up)?;
                let column = (pixel % width).checked_add_signed(right).filter(|&column| column < width)?;
                Some((row * width + column) * channels + channel)
            }
            Context::Neighbours(n) => (slot - n < d % channels).then_some(d - d % channels + slot - n),
        }
    }

    /// Numbers that may be chosen freely: L - 1 for each context that can occur.
    pub fn n_parameters(&self) -> u64 {
        let levels = u64::from(self.levels);
        let inside = |d: usize| match (self.shared, self.context) {
            (true, Context::Neighbours(n)) => n + d,
            _ => (0..self.slots()).filter(|&slot| self.seen(d, slot).is_some()).count(),
        };
        (0..self.tables()).map(|d| levels.pow(inside(d) as u32) * (levels - 1)).sum()
    }

    /// `counts` [T, Lⁿ, L]: how often each level was seen in each context.
    fn counts_type(&self) -> Type {
        Type::u32([self.tables(), self.contexts(), self.levels as usize])
    }
}

impl Model for Table {
    fn info(&self) -> &'static ModelInfo {
        self.info
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn values(&self) -> Values {
        Values::Levels(self.levels)
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Counting(self)
    }

    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl Density for Table {
    fn conditional(&self) -> Conditional {
        of_levels(self.levels)
    }

    /// Smoothed log-frequencies; for bits their difference, the logit.
    fn conditionals(&self, s: &Scope, x: &Tensor) -> Tensor {
        self.score(s, x)
    }

    fn sees(&self, at: usize, from: usize) -> bool {
        (0..self.slots()).any(|slot| self.seen(at, slot) == Some(from))
    }

    fn drawing(&self, batch: usize) -> Result<Drawing, GraphError> {
        if self.slots() == 0 { self.draw_at_once(batch) } else { self.draw_in_turn(batch) }
    }

    fn canvas(&self, shape: [usize; 3]) -> Option<Box<dyn Model>> {
        let same_tables = self.shared && shape[2] == self.shape[2];
        same_tables.then(|| Box::new(Table { shape, settings: self.settings.clone(), ..*self }) as Box<dyn Model>)
    }

    fn hidden_units(&self, _s: &Scope, _x: &Tensor) -> Option<Tensor> {
        None
    }
}

impl Counting for Table {
    fn counts(&self) -> Box<dyn Counts> {
        let (n, tables) = (self.slots(), self.tables());
        let seen = (0..self.dims()).flat_map(|d| (0..n).map(move |slot| self.seen(d, slot))).collect();
        let table = (0..self.dims()).map(|d| d % tables).collect();
        let counts = vec![0; tables * self.contexts() * self.levels as usize];
        Box::new(Counted { ty: self.counts_type(), seen, table, n, counts })
    }
}

/// The name of the state.
const COUNTS: &str = "counts";

struct Counted {
    /// u32 [T, Lⁿ, L]
    ty: Type,
    /// Slots of each dimension's context: [D, n].
    seen: Vec<Option<usize>>,
    /// Table of each dimension.
    table: Vec<usize>,
    n: usize,
    counts: Vec<u32>,
}

impl Counts for Counted {
    /// A count that reaches 2³² - 1 stays there.
    fn add(&mut self, row: &[f32]) {
        let &[_, contexts, levels] = self.ty.shape.dims() else { return };
        let level = |d: usize| (row[d] as usize).min(levels - 1);
        for (d, &table) in self.table.iter().enumerate() {
            let slots = self.seen[d * self.n..(d + 1) * self.n].iter().rev();
            let context = slots.fold(0, |number, slot| number * levels + slot.map_or(0, level));
            let count = &mut self.counts[(table * contexts + context) * levels + level(d)];
            *count = count.saturating_add(1);
        }
    }

    fn states(&self) -> Vec<(StateSpec, HostTensor)> {
        let (ty, value) = (self.ty.clone(), HostTensor::u32(self.ty.shape.clone(), self.counts.as_slice()));
        vec![(StateSpec { name: COUNTS.to_owned(), ty, init: Init::Zeros, layout: Layout::Plain }, value)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn table(context: Context, shared: bool, shape: [usize; 3], levels: u32) -> Table {
        let settings = Settings::resolve(&settings(vec![]), &BTreeMap::new()).expect("defaults");
        Table { info: &crate::markov::INFO, settings, shape, levels, context, shared, smoothing: 1.0 }
    }

    /// The lecture's tables: D, 2D - 1, and for one RGB pixel 765.
    #[test]
    fn parameters_are_counted_as_in_the_lecture() {
        assert_eq!(table(Context::Previous(0), false, [28, 28, 1], 2).n_parameters(), 784);
        assert_eq!(table(Context::Previous(1), false, [28, 28, 1], 2).n_parameters(), 1567);
        assert_eq!(table(Context::Previous(0), false, [1, 1, 3], 256).n_parameters(), 765);
        assert_eq!(table(Context::Previous(8), false, [3, 3, 1], 2).n_parameters(), 511, "the chain rule without assumptions");
        assert_eq!(table(Context::Neighbours(10), true, [28, 28, 1], 2).n_parameters(), 1024);
        assert_eq!(table(Context::Neighbours(1), true, [4, 4, 3], 2).n_parameters(), 2 + 4 + 8);
    }

    #[test]
    fn neighbours_lie_where_they_should() {
        let grey = table(Context::Neighbours(10), true, [4, 5, 1], 2);
        let at = |row: usize, column: usize| row * 5 + column;
        let seen: Vec<Option<usize>> = (0..10).map(|slot| grey.seen(at(2, 2), slot)).collect();
        let places = [(2, 1), (1, 2), (1, 1), (1, 3), (2, 0), (0, 2), (1, 0), (1, 4), (0, 1), (0, 3)];
        assert_eq!(seen, places.map(|(row, column)| Some(at(row, column))));
        assert_eq!([0, 1, 4, 7].map(|slot| grey.seen(at(1, 4), slot)), [Some(at(1, 3)), Some(at(0, 4)), Some(at(1, 2)), None]);
        let rgb = table(Context::Neighbours(1), true, [2, 2, 3], 2);
        assert_eq!([0, 1, 2].map(|slot| rgb.seen(9, slot)), [Some(6), None, None], "red of the last pixel");
        assert_eq!([0, 1, 2].map(|slot| rgb.seen(11, slot)), [Some(8), Some(9), Some(10)], "blue of the last pixel");
    }
}
