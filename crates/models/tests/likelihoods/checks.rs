//! What holds of every model of levels with an exact likelihood.

use calotype_graph::{Device, HostTensor};
use calotype_models::Model;

use super::session::{density, draw, every_row, floats, log_p, noise, parameters, probabilities};

fn dims(model: &dyn Model) -> usize {
    model.shape().iter().product()
}

/// The first `n` dimensions of the order take all their values, the others are 0: their own factors sum to 1.
pub fn sums_by_first_dimensions(device: &mut dyn Device, model: &dyn Model, levels: usize, n: usize) {
    let (dims, first) = (dims(model), &density(model).order()[..n]);
    let mut x = vec![0.0; dims * levels.pow(n as u32)];
    for (row, values) in x.chunks_exact_mut(dims).zip(every_row(n, levels).chunks_exact(n)) {
        first.iter().zip(values).for_each(|(&d, &v)| row[d] = v);
    }
    let log_p = log_p(device, model, &x);
    let p = log_p.chunks_exact(dims).map(|row| first.iter().map(|&d| f64::from(row[d])).sum::<f64>().exp());
    let sum: f64 = p.sum();
    assert!((sum - 1.0).abs() <= 1e-5, "{} {:?}: {sum}", model.info().name, model.shape());
}

/// Changing one value of a row changes the conditionals of the dimensions that see it, and of no other, to the bit.
pub fn sees_what_shows(device: &mut dyn Device, model: &dyn Model, rows: &[f32], levels: u32) {
    let (dims, k) = (dims(model), density(model).conditional().n_parameters());
    let mut shown = vec![false; dims * dims];
    for row in rows.chunks_exact(dims) {
        // The row, then the row with one value after another changed.
        let mut all = row.repeat(dims + 1);
        (0..dims).for_each(|from| all[(from + 1) * dims + from] = (row[from] + 1.0) % levels as f32);
        let all = parameters(device, model, &all);
        let (before, after) = all.split_at(dims * k);
        for (from, after) in after.chunks_exact(dims * k).enumerate() {
            for (at, (after, before)) in after.chunks_exact(k).zip(before.chunks_exact(k)).enumerate() {
                shown[at * dims + from] |= after != before;
            }
        }
    }
    let order = density(model).order();
    let place = |d: usize| order.iter().position(|&o| o == d);
    for (pair, shown) in shown.into_iter().enumerate() {
        let (at, from) = (pair / dims, pair % dims);
        assert_eq!(density(model).sees(at, from), shown, "{}: {at} and {from}", model.info().name);
        assert!(!shown || place(from) < place(at));
    }
}

/// Every third value of some rows is known.
pub fn known_values_are_kept(device: &mut dyn Device, model: &dyn Model, known: &[f32]) {
    let dims = dims(model);
    let n = known.len() / dims;
    let noise = noise(model, n, "u");
    let mask: Vec<f32> = (0..n * dims).map(|i| f32::from(i % 3 == 1)).collect();
    let x = draw(device, model, &noise, known, &mask);
    assert!((0..n * dims).all(|i| mask[i] == 0.0 || x[i] == known[i]));
    let width = noise.shape.dims()[2];
    let last = (n - 1) * dims;
    let alone = HostTensor::f32([1, dims, width], &floats(&noise)[last * width..]);
    assert_eq!(draw(device, model, &alone, &known[last..], &mask[last..]), x[last..]);
}

/// Pearson's chi-square of 20,000 samples of nine bits against the 512 probabilities, where those are not too small.
pub fn shares_of_samples(device: &mut dyn Device, model: &dyn Model) {
    const N: usize = 20_000;
    let p = probabilities(&log_p(device, model, &every_row(9, 2)), 9);
    let nothing = vec![0.0; N * 9];
    let x = draw(device, model, &noise(model, N, "many"), &nothing, &nothing);
    let mut counts = vec![0.0; 512];
    for row in x.chunks_exact(9) {
        counts[row.iter().enumerate().map(|(d, &x)| (x as usize) << d).sum::<usize>()] += 1.0;
    }
    let terms = p.iter().zip(&counts).filter(|&(p, _)| p * N as f64 >= 5.0);
    let terms: Vec<f64> = terms.map(|(p, n)| (n - N as f64 * p).powi(2) / (N as f64 * p)).collect();
    let (n, chi_square) = (terms.len() as f64, terms.iter().sum::<f64>());
    assert!((chi_square - n).abs() < 5.0 * (2.0 * n).sqrt() && n > 100.0, "chi-square {chi_square} of {n} cells");
}
