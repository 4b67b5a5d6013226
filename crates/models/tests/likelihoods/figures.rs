//! What counting reaches on the bundled data: MODELS' baselines to the last digit.

use std::sync::Arc;

use calotype_data::{Binarise, Encoding, Evaluation, Options, Preparation, Prepared, Split, open};

use super::session::{build, count, fast, log_p};

/// Rows of the training split and of the test split, [n, D] each.
fn splits(data: &str, encoding: Encoding) -> (Vec<f32>, Vec<f32>, Vec<usize>) {
    let dataset = open(data, &Options::default()).expect("bundled data");
    let prepared = Arc::new(Prepared::new(&dataset, &Preparation { encoding, ..Preparation::default() }).expect("images"));
    let of = |split| {
        let rows = dataset.rows(split).expect("there are splits");
        let n = rows.len();
        let all = Evaluation::new(Arc::clone(&prepared), rows, n, 0).expect("rows");
        all.iter().next().expect("a batch").batch.images
    };
    (of(Split::Train), of(Split::Test), prepared.shape().to_vec())
}

/// Mean over the test split of -log p(x) in nats, for each of some models.
fn nats(data: &str, levels: u32, models: &[(&str, &[(&str, &str)])]) -> Vec<f64> {
    let encoding = if levels == 2 { Encoding::Bits(Binarise::Threshold) } else { Encoding::Levels(levels) };
    let (train, test, shape) = splits(data, encoding);
    let levels_text = levels.to_string();
    let dims: usize = shape.iter().product();
    let of = |(name, given): &(&str, &[(&str, &str)])| {
        let mut device = fast();
        let given = [given, &[("levels", levels_text.as_str())][..]].concat();
        let model = build(name, &given, &shape, Some(256)).expect("valid settings");
        count(device.as_mut(), model.as_ref(), train.chunks_exact(dims));
        let log_p = log_p(device.as_mut(), model.as_ref(), &test);
        -log_p.iter().map(|&l| f64::from(l)).sum::<f64>() / (test.len() / dims) as f64
    };
    models.iter().map(of).collect()
}

fn near(got: &[f64], want: &[f64], tolerance: f64) {
    let close = got.iter().zip(want).all(|(g, w)| (g - w).abs() <= tolerance);
    assert!(got.len() == want.len() && close, "got {got:.4?}, want {want:?}");
}

const LEFT_AND_ABOVE: [(&str, &str); 2] = [("neighbours", "2"), ("shared", "false")];

#[test]
fn bits_of_digits() {
    near(&nats("digits", 2, &[("independent", &[]), ("markov", &[])]), &[24.765, 23.77], 0.005);
}

#[test]
fn bits_of_fashion_mnist() {
    let models: [(&str, &[(&str, &str)]); 6] = [
        ("independent", &[]),
        ("markov", &[]),
        ("markov", &[("order", "8")]),
        ("context", &[]),
        ("context", &[("shared", "false")]),
        ("context", &LEFT_AND_ABOVE),
    ];
    near(&nats("fashion-mnist", 2, &models), &[389.47, 223.55, 202.22, 126.58, 120.03, 141.90], 0.005);
}

#[test]
fn eight_levels_of_fashion_mnist_in_bits_per_dimension() {
    let got = nats("fashion-mnist", 8, &[("independent", &[]), ("markov", &[]), ("context", &LEFT_AND_ABOVE)]);
    let bits: Vec<f64> = got.iter().map(|nats| nats / 784.0 / std::f64::consts::LN_2).collect();
    near(&bits, &[1.9432, 1.2746, 0.9356], 0.000_05);
}
