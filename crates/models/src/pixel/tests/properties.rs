//! What a pixel depends on.

use super::*;

/// The conditionals up to dimension d are the same to the bit, whatever comes from d on.
#[test]
fn nothing_looks_ahead() {
    let cases = [
        Of { shape: [28, 28, 1], levels: 2, layers: 3, width: 16 },
        Of { shape: [9, 7, 1], levels: 5, layers: 2, width: 6 },
        Of { shape: [6, 8, 3], levels: 4, layers: 2, width: 7 },
    ];
    for (name, of) in MODELS.into_iter().flat_map(|name| cases.map(|of| (name, of))) {
        let model = of.build(name);
        let model = model.density().expect("a density");
        let (d, k) = (dims(model), model.conditional().n_parameters());
        let row = levels(d, of.levels, "row");
        let other = levels(d, of.levels, "other");
        let cuts: Vec<usize> = (0..24).map(|n| n * d / 24).chain([d - 1, d]).collect();
        let x: Vec<f32> =
            cuts.iter().flat_map(|&cut| (0..d).map(|i| if i < cut { row[i] } else { other[i] }).collect::<Vec<_>>()).collect();
        let mut bench = fast();
        bench.weigh(model, 1);
        let y = bench.conditionals(model, &x);
        let bits: Vec<Vec<u32>> = y.chunks_exact(d * k).map(|r| r.iter().map(|v| v.to_bits()).collect()).collect();
        for (n, &cut) in cuts.iter().enumerate() {
            let end = (cut + 1).min(d) * k;
            assert_eq!(bits[n][..end], bits[cuts.len() - 1][..end], "{name} {:?}: what comes from {cut} on is seen", of.shape);
        }
        assert_ne!(bits[0], bits[cuts.len() - 1]);
    }
}

/// Which dimensions change when one does, over some images.
fn reach(bench: &mut Bench, model: &dyn Density, levels_: u32) -> Vec<Vec<bool>> {
    let (d, k) = (dims(model), model.conditional().n_parameters());
    let mut seen = vec![vec![false; d]; d];
    for image in 0..3 {
        let row = levels(d, levels_, &format!("image {image}"));
        let flipped = |at: usize| row.iter().enumerate().map(move |(i, &v)| if i == at { levels_ as f32 - 1.0 - v } else { v });
        let x: Vec<f32> = (0..=d).flat_map(|at| flipped(at).collect::<Vec<_>>()).collect();
        let y = bench.conditionals(model, &x);
        let rows: Vec<&[f32]> = y.chunks_exact(d * k).collect();
        for from in 0..d {
            for at in 0..d {
                seen[at][from] |= rows[from][at * k..(at + 1) * k] != rows[d][at * k..(at + 1) * k];
            }
        }
    }
    seen
}

#[test]
fn a_pixel_depends_on_what_the_architecture_says() {
    let cases = [
        ("pixelcnn", Of { shape: [8, 9, 1], levels: 2, layers: 1, width: 12 }),
        ("pixelcnn", Of { shape: [7, 10, 1], levels: 2, layers: 2, width: 12 }),
        ("row-lstm", Of { shape: [6, 11, 1], levels: 2, layers: 1, width: 12 }),
        ("row-lstm", Of { shape: [6, 12, 1], levels: 2, layers: 2, width: 12 }),
        ("diagonal-bilstm", Of { shape: [7, 7, 1], levels: 2, layers: 1, width: 12 }),
        ("diagonal-bilstm", Of { shape: [6, 8, 1], levels: 2, layers: 2, width: 12 }),
        ("pixelcnn", Of { shape: [5, 7, 3], levels: 2, layers: 1, width: 12 }),
        ("row-lstm", Of { shape: [4, 8, 3], levels: 2, layers: 1, width: 12 }),
        ("diagonal-bilstm", Of { shape: [4, 6, 3], levels: 2, layers: 1, width: 12 }),
    ];
    for (name, of) in cases {
        let model = of.build(name);
        let model = model.density().expect("a density");
        let mut bench = fast();
        bench.weigh(model, 2);
        let seen = reach(&mut bench, model, of.levels);
        for (at, row) in seen.iter().enumerate() {
            for (from, &depends) in row.iter().enumerate() {
                let says = model.sees(at, from);
                assert_eq!(depends, says, "{name} {:?}: {at} on {from}, `sees` says {says}", of.shape);
            }
        }
    }
}

/// Other canvases share the weights.
#[test]
fn another_canvas_has_the_same_states() {
    for name in MODELS {
        let model = Of::bits(8, 2, 6).build(name);
        let density = model.density().expect("a density");
        let states =
            |d: &dyn Density| -> Vec<StateSpec> { density::scoring(d, 1).expect("a program").parameters().cloned().collect() };
        let small = density.canvas([3, 5, 1]).expect("a canvas");
        assert_eq!(small.shape(), [3, 5, 1]);
        assert_eq!(states(density), states(small.density().expect("a density")));
        assert!(density.canvas([8, 8, 3]).is_none());
    }
}

#[test]
fn features_have_their_size() {
    for name in MODELS {
        for (side, cells) in [(9, 16), (2, 4)] {
            let model = Of::bits(side, 2, 6).build(name);
            let program = density::features(model.density().expect("a density"), 3).expect("features").expect("a program");
            let shape = program.outputs().next().expect("an output").1.shape.dims().to_vec();
            assert_eq!(shape, [3, cells * 12]);
        }
    }
}
