//! What a continuous density of vectors has no bound on, and what f32 cannot tell apart: columns and rows to be named to a person.

use std::cmp::Ordering;
use std::collections::HashSet;

use rayon::prelude::*;

use crate::dataset::Dataset;

/// Standardised columns that differ by no more than this are copies.
const COPY_TOLERANCE: f64 = 1e-6;
/// Columns lose digits if fewer than this part of their different values stays different.
const KEPT: f64 = 0.9;
/// Whole numbers in a range of so many are told apart by f32, wherever their mean is.
const SAFE_RANGE: f64 = (1 << 20) as f64;

/// Mean, deviation, and what copies have in common.
struct Profile {
    column: usize,
    mean: f64,
    deviation: f64,
    /// Of the first row that is not near the mean.
    sign: f64,
    /// The largest standardised value, by size.
    extreme: f64,
}

impl Dataset {
    /// Columns, from 0, in which all of `rows` have one value.
    pub fn constant_columns(&self, rows: &[u32]) -> Vec<usize> {
        let mut constant: Vec<usize> = (0..self.n_values()).collect();
        let Some((&first, rest)) = rows.split_first() else { return vec![] };
        for &row in rest {
            constant.retain(|&column| self.value(row, column) == self.value(first, column));
        }
        constant
    }

    /// Columns, from 0, that are copies of an earlier one in all of `rows`, and that one: equal, or a x + b of it. Constant
    /// columns are none.
    pub fn copied_columns(&self, rows: &[u32]) -> Vec<(usize, usize)> {
        let mut profiles: Vec<Profile> = (0..self.n_values()).into_par_iter().filter_map(|c| self.profile(rows, c)).collect();
        profiles.sort_by(|a, b| a.extreme.total_cmp(&b.extreme));
        let standard = |p: &Profile, row: u32| (self.value(row, p.column) - p.mean) / p.deviation * p.sign;
        let equal =
            |a: &Profile, b: &Profile| rows.iter().all(|&row| (standard(a, row) - standard(b, row)).abs() <= COPY_TOLERANCE);
        let pairs = profiles.par_iter().enumerate().flat_map_iter(|(n, a)| {
            let near = profiles[n + 1..].iter().take_while(|b| b.extreme - a.extreme <= COPY_TOLERANCE);
            near.filter(|b| equal(a, b)).map(|b| (a.column.max(b.column), a.column.min(b.column)))
        });
        let mut pairs: Vec<(usize, usize)> = pairs.collect();
        pairs.sort_unstable();
        pairs.dedup_by_key(|(copy, _)| *copy);
        pairs
    }

    /// Columns, from 0, of whole numbers of which no more than half are different in `rows`: counts, grades, codes. Constant
    /// columns are none.
    pub fn counted_columns(&self, rows: &[u32]) -> Vec<usize> {
        let counted = |&column: &usize| {
            let mut different = HashSet::new();
            for &row in rows {
                let value = self.value(row, column);
                different.insert((value + 0.0).to_bits());
                if value.fract() != 0.0 || different.len() * 2 > rows.len() {
                    return false;
                }
            }
            different.len() > 1
        };
        (0..self.n_values()).into_par_iter().filter(counted).collect()
    }

    /// How many of `rows` are equal to another one before.
    pub fn n_repeated(&self, rows: &[u32]) -> usize {
        self.sorted(rows).windows(2).filter(|pair| self.compare(pair[0], pair[1]) == Ordering::Equal).count()
    }

    /// Those of `rows` that are equal to one of `others`, in order.
    pub fn rows_among(&self, rows: &[u32], others: &[u32]) -> Vec<u32> {
        let sorted = self.sorted(others);
        rows.iter().copied().filter(|&row| sorted.binary_search_by(|&other| self.compare(other, row)).is_ok()).collect()
    }

    /// Columns, from 0, of which different values become equal in f32 when they are standardised over `rows`: an outlier makes
    /// all others one number.
    pub fn lost_digits(&self, rows: &[u32]) -> Vec<usize> {
        (0..self.n_values()).into_par_iter().filter(|&column| self.loses_digits(rows, column)).collect()
    }

    fn loses_digits(&self, rows: &[u32], column: usize) -> bool {
        let Some(Profile { mean, deviation, .. }) = self.profile(rows, column) else { return false };
        let mut values: Vec<f64> = rows.iter().map(|&row| self.value(row, column)).collect();
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(least, most), &v| (v.min(least), v.max(most)));
        if most - least < SAFE_RANGE && values.iter().all(|v| v.fract() == 0.0) {
            return false;
        }
        values.sort_unstable_by(f64::total_cmp);
        let n_double = 1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let single = |v: f64| ((v - mean) / deviation) as f32;
        let n_single = 1 + values.windows(2).filter(|pair| single(pair[0]) != single(pair[1])).count();
        (n_single as f64) < KEPT * n_double as f64
    }

    fn value(&self, row: u32, column: usize) -> f64 {
        self.values().get(row as usize * self.n_values() + column)
    }

    /// None of a constant column, or without rows.
    fn profile(&self, rows: &[u32], column: usize) -> Option<Profile> {
        let n = rows.len() as f64;
        let value = |&row: &u32| self.value(row, column);
        let first = rows.first().map(value)?;
        if rows.iter().all(|row| value(row) == first) {
            return None;
        }
        let mean = rows.iter().map(value).sum::<f64>() / n;
        let deviation = (rows.iter().map(|row| (value(row) - mean).powi(2)).sum::<f64>() / n).sqrt();
        let standard = |row: &u32| (value(row) - mean) / deviation;
        let sign = rows.iter().map(standard).find(|z| z.abs() > 1e-3)?.signum();
        let extreme = rows.iter().map(standard).fold(0.0, |most: f64, z| most.max(z.abs()));
        Some(Profile { column, mean, deviation, sign, extreme })
    }

    fn sorted(&self, rows: &[u32]) -> Vec<u32> {
        let mut rows = rows.to_vec();
        rows.par_sort_unstable_by(|&a, &b| self.compare(a, b));
        rows
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        let values = (0..self.n_values()).map(|column| (self.value(a, column), self.value(b, column)));
        values
            .map(|(a, b)| a.partial_cmp(&b).unwrap_or(Ordering::Equal))
            .find(|o| *o != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    }
}
