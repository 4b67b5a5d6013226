//! p sums to one over all images.

use super::*;

/// Σ p(x) over every image.
fn sum(bench: &mut Bench, model: &dyn Density, levels: usize) -> f64 {
    let d = dims(model);
    let log_p = bench.log_p(model, &all_rows(levels, d));
    log_p.chunks_exact(d).map(|row| row.iter().map(|&l| f64::from(l)).sum::<f64>().exp()).sum()
}

fn sums_to_one(bench: &mut Bench, name: &str, of: Of) {
    let model = of.build(name);
    let model = model.density().expect("a density");
    bench.weigh(model, 3);
    let total = sum(bench, model, of.levels as usize);
    assert!((total - 1.0).abs() <= 1e-4, "{name}, {:?}: {total}", of.shape);
    // A model that has learned something is still one.
    let rows = levels(8 * dims(model), of.levels, "rows");
    let losses = bench.train(model, &rows, 12);
    assert!(losses[11] < losses[0] && losses.iter().all(|l| l.is_finite()), "{name}: {losses:?}");
    let total = sum(bench, model, of.levels as usize);
    assert!((total - 1.0).abs() <= 1e-4, "{name}, {:?}, trained: {total}", of.shape);
}

#[test]
fn of_bits() {
    for name in MODELS {
        for mut bench in [plain(), fast()] {
            sums_to_one(&mut bench, name, Of::bits(3, 2, 5));
        }
    }
}

#[test]
fn of_three_levels() {
    for name in MODELS {
        sums_to_one(&mut fast(), name, Of { shape: [2, 2, 1], levels: 3, layers: 2, width: 5 });
    }
}

#[test]
fn of_colours() {
    for name in MODELS {
        for width in [3, 8] {
            sums_to_one(&mut fast(), name, Of { shape: [2, 2, 3], levels: 2, layers: 2, width });
        }
    }
}

/// The check sees a leak: without the shift of the right-to-left states a pixel sees its own future.
#[test]
fn a_leak_shows() {
    for seed in 0..4 {
        let model = Of::bits(3, 2, 5).leaky();
        let mut bench = fast();
        bench.weigh(&model, seed);
        let total = sum(&mut bench, &model, 2);
        assert!((total - 1.0).abs() > 2e-3, "seed {seed}: {total}");
    }
}
