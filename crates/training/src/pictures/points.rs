//! Vectors: samples over rows of the data, and what a critic thinks of every place.

use calotype_data::canvas::{Canvas, Ink, View};
use calotype_data::picture::RgbImage;
use calotype_graph::Device;
use calotype_models::Judgement;

use super::maker::Maker;
use super::{Show, Studio};
use crate::error::Result;
use crate::rows::RowProgram;

/// Rows that are drawn and rows of the data that are shown, at most.
pub(super) const SAMPLES: usize = 2000;
pub(super) const ROWS: usize = 2000;

/// Pixels a side.
const SIDE: u32 = 480;
/// A critic is asked at this many places a side, and along a line.
const LATTICE: usize = 80;
const PLACES: usize = 240;
/// Bins of a histogram.
const BINS: usize = 80;

const DATA: Ink = ([60, 60, 60], 0.35);
const SAMPLE: Ink = ([0, 130, 95], 0.7);
const CRITIC: Ink = ([150, 60, 160], 0.9);
/// Of a critic's field: what seems made, what is undecided, what seems real.
const MADE: [f32; 3] = [178.0, 171.0, 210.0];
const UNDECIDED: [f32; 3] = [250.0, 250.0, 250.0];
const REAL: [f32; 3] = [253.0, 184.0, 99.0];

/// Samples, from the same latents or random numbers at every step, over rows of the data: in a plane, where each is a dot, or
/// of one column, as histograms. Of more columns the first two are shown.
#[derive(Debug)]
pub(super) struct Points {
    maker: Maker,
    columns: usize,
    data: Vec<[f32; 2]>,
    /// Of the data.
    view: View,
    /// None where there is no critic, or more columns than can be shown.
    critic: Option<(RowProgram, Judgement)>,
}

impl Points {
    /// # Errors
    /// The device cannot load a plan.
    pub fn new(device: &mut dyn Device, studio: &Studio, maker: Maker, data: &[f32], columns: usize) -> Result<Self> {
        let critic = match (studio.model.critic(), &studio.plans.critic) {
            (Some(critic), Some(plan)) if columns <= 2 => {
                Some((RowProgram::load(device, plan, studio.loader, studio.seed)?, critic.judgement()))
            }
            _ => None,
        };
        let data = first_two(data, columns);
        Ok(Points { view: View::around(&data), maker, columns, data, critic })
    }

    fn plane(&self, device: &mut dyn Device, samples: &[[f32; 2]]) -> Result<RgbImage> {
        let mut canvas = Canvas::new(SIDE, self.view);
        if let Some((program, judgement)) = &self.critic {
            let places: Vec<f32> = self.view.lattice(LATTICE).concat();
            let values = shares(&program.all(device, &places)?, *judgement);
            canvas.field(&values, realness_colour);
        }
        self.data.iter().for_each(|&p| canvas.dot(p, 1.2, DATA));
        samples.iter().for_each(|&p| canvas.dot(p, 1.8, SAMPLE));
        Ok(canvas.into_picture())
    }

    /// Densities of data (grey) and samples (green) by histograms, and a critic's judgement (violet) from the bottom to the top.
    fn histograms(&self, device: &mut dyn Device, samples: &[[f32; 2]]) -> Result<RgbImage> {
        let (left, width) = (self.view.centre[0] - self.view.half[0], 2.0 * self.view.half[0]);
        let of = |points: &[[f32; 2]]| histogram(points, left, width / BINS as f32);
        let (data, made) = (of(&self.data), of(samples));
        let most = data.iter().chain(&made).copied().fold(0.0, f32::max).max(f32::MIN_POSITIVE);
        let top = 1.1 * most;
        let view = View { centre: [self.view.centre[0], 0.5 * top], half: [self.view.half[0], 0.5 * top] };
        let mut canvas = Canvas::new(SIDE, view);
        let edge = |bin: usize| left + bin as f32 * width / BINS as f32;
        for (bins, ink) in [(&data, DATA), (&made, (SAMPLE.0, 0.5))] {
            bins.iter().enumerate().for_each(|(n, &height)| canvas.bar([edge(n), 0.0], [edge(n + 1), height], ink));
        }
        if let Some((program, judgement)) = &self.critic {
            let places: Vec<f32> = (0..PLACES).map(|i| left + (i as f32 + 0.5) * width / PLACES as f32).collect();
            let values = shares(&program.all(device, &places)?, *judgement);
            let curve: Vec<[f32; 2]> = places.iter().zip(values).map(|(&x, v)| [x, v * top]).collect();
            canvas.line(&curve, CRITIC);
        }
        Ok(canvas.into_picture())
    }
}

impl Show for Points {
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage> {
        let samples = first_two(&self.maker.rows(device)?, self.columns);
        match self.columns {
            1 => self.histograms(device, &samples),
            _ => self.plane(device, &samples),
        }
    }
}

/// The first two columns of rows [N, columns]; of one column, and 0.
fn first_two(rows: &[f32], columns: usize) -> Vec<[f32; 2]> {
    rows.chunks_exact(columns).map(|row| [row[0], row.get(1).copied().unwrap_or(0.0)]).collect()
}

/// Judgements from 0 to 1: probabilities as they are, scores by their range.
fn shares(values: &[f32], judgement: Judgement) -> Vec<f32> {
    match judgement {
        Judgement::Probability => values.to_vec(),
        Judgement::Score => {
            let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
            values.iter().map(|v| if high > low { (v - low) / (high - low) } else { 0.5 }).collect()
        }
    }
}

fn realness_colour(v: f32) -> [u8; 3] {
    let t = 2.0 * v.clamp(0.0, 1.0) - 1.0;
    let end = if t < 0.0 { MADE } else { REAL };
    std::array::from_fn(|c| (UNDECIDED[c] + t.abs() * (end[c] - UNDECIDED[c])) as u8)
}

/// The part of the points in each bin, over the bin's width.
fn histogram(points: &[[f32; 2]], left: f32, width: f32) -> Vec<f32> {
    let mut counts = vec![0.0; BINS];
    for [x, _] in points {
        let bin = (x - left) / width;
        if (0.0..BINS as f32).contains(&bin) {
            counts[bin as usize] += 1.0 / (points.len() as f32 * width);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_a_density_of_what_it_covers() {
        let points: Vec<[f32; 2]> = (0..80).map(|i| [i as f32 + 0.5, 9.0]).chain([[f32::NAN, 0.0], [-5.0, 0.0]]).collect();
        let bins = histogram(&points, 0.0, 1.0);
        assert!(bins.iter().all(|&b| (b - 1.0 / 82.0).abs() < 1e-6), "{bins:?}");
    }

    #[test]
    fn scores_are_spread_over_their_range_and_probabilities_are_kept() {
        assert_eq!(shares(&[-2.0, 0.0, 2.0], Judgement::Score), [0.0, 0.5, 1.0]);
        assert_eq!(shares(&[3.0, 3.0], Judgement::Score), [0.5, 0.5]);
        assert_eq!(shares(&[0.2, 0.7], Judgement::Probability), [0.2, 0.7]);
    }

    #[test]
    fn the_field_goes_from_made_to_real() {
        assert_eq!(realness_colour(0.0), MADE.map(|c| c as u8));
        assert_eq!(realness_colour(0.5), UNDECIDED.map(|c| c as u8));
        assert_eq!(realness_colour(2.0), REAL.map(|c| c as u8));
    }
}
