//! Named data against figures from outside: counts, splits and the scores of counting models.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use calotype_data::{
    Binarise, CATALOGUE, DataError, Dataset, DatasetSpec, Encoding, Evaluation, Options, Preparation, Prepared, Split, Values,
    open, toy,
};

fn named(name: &str) -> Dataset {
    open(name, &Options::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Rows of a split, encoded: [N][D].
fn rows(dataset: &Dataset, encoding: Encoding, split: Split) -> Vec<Vec<f32>> {
    let prepared = Arc::new(Prepared::new(dataset, &Preparation { encoding, ..Preparation::default() }).unwrap());
    let n_values = prepared.n_values();
    let batches = Evaluation::new(prepared, dataset.rows(split).unwrap(), 100, 0).unwrap();
    let valid = |b: calotype_data::EvaluationBatch| -> Vec<Vec<f32>> {
        b.batch.images.chunks_exact(n_values).take(b.n_valid).map(<[f32]>::to_vec).collect()
    };
    batches.iter().flat_map(valid).collect()
}

/// Mean test score, nats an image, of independent columns counted on the training split with add-one smoothing.
fn independent_nats(dataset: &Dataset, encoding: Encoding, n_levels: usize) -> f64 {
    let (train, test) = (rows(dataset, encoding, Split::Train), rows(dataset, encoding, Split::Test));
    let mut counts = vec![vec![1_u32; n_levels]; train[0].len()];
    train.iter().for_each(|row| row.iter().zip(&mut counts).for_each(|(&v, n)| n[v as usize] += 1));
    let total = (train.len() + n_levels) as f64;
    let score = |row: &Vec<f32>| -> f64 { row.iter().zip(&counts).map(|(&v, n)| -(f64::from(n[v as usize]) / total).ln()).sum() };
    test.iter().map(score).sum::<f64>() / test.len() as f64
}

fn close(got: f64, want: f64, within: f64) -> bool {
    (got - want).abs() <= within
}

#[test]
fn fashion_mnist_has_the_published_baselines() {
    let data = named("fashion-mnist");
    assert_eq!((data.n_rows(), data.shape(), data.levels()), (10_000, [28, 28, 1].as_slice(), Some(256)));
    assert_eq!(data.rows(Split::Train).unwrap(), (0..9_000).collect::<Vec<_>>());
    assert_eq!(data.rows(Split::Test).unwrap(), (9_000..10_000).collect::<Vec<_>>());
    let bits = independent_nats(&data, Encoding::Bits(Binarise::Threshold), 2);
    assert!(close(bits, 389.47, 0.005), "{bits}");
    let bits_per_dim = independent_nats(&data, Encoding::Levels(8), 8) / 784.0 / 2_f64.ln();
    assert!(close(bits_per_dim, 1.9432, 5e-5), "{bits_per_dim}");
    assert_eq!(data.class_names()[9], "ankle boot");
    assert_eq!(data.labels().unwrap()[0], 9, "the test file begins with an ankle boot");
}

#[test]
fn digits_has_the_published_baselines() {
    let data = named("digits");
    assert_eq!((data.n_rows(), data.shape(), data.levels()), (1_797, [8, 8, 1].as_slice(), Some(17)));
    let test = data.rows(Split::Test).unwrap();
    assert!(test.len() == 359 && test.iter().all(|r| r % 5 == 4));
    let bits = independent_nats(&data, Encoding::Bits(Binarise::Threshold), 2);
    assert!(close(bits, 24.765, 5e-4), "{bits}");
    let bits_per_dim = independent_nats(&data, Encoding::Levels(17), 17) / 64.0 / 2_f64.ln();
    assert!(close(bits_per_dim, 2.407, 5e-4), "{bits_per_dim}");
}

#[test]
fn emoji_have_the_published_counts_and_split_by_base() {
    let noto = named("emoji-noto");
    assert_eq!((noto.n_rows(), noto.shape()), (1_911, [64, 64, 3].as_slice()));
    assert_eq!(noto.rows(Split::Test).unwrap().len(), 185);
    let tone = noto.factor("tone").unwrap();
    assert_eq!(tone.of_row.iter().filter(|&&t| t == 0).count(), 1_906);

    let all = open("emoji", &Options { tones: true, ..Options::default() }).unwrap();
    assert_eq!(all.n_rows(), 2 * 3_786);
    let base = &all.factor("base").unwrap().of_row;
    let bases = |split| all.rows(split).unwrap().iter().map(|&r| base[r as usize]).collect::<HashSet<_>>();
    let (train, test) = (bases(Split::Train), bases(Split::Test));
    assert_eq!((train.len(), test.len()), (1_726, 185));
    assert!(train.is_disjoint(&test));

    // Default and five single tones: 316 bases, 32 of them in the test split.
    let tones = &all.factor("tone").unwrap().of_row;
    let mut of_base: HashMap<u32, HashSet<u32>> = HashMap::new();
    for row in 0..3_786 {
        of_base.entry(base[row]).or_default().insert(tones[row]);
    }
    let families: Vec<u32> = of_base.iter().filter(|(_, t)| (0..=5).all(|tone| t.contains(&tone))).map(|(&b, _)| b).collect();
    assert_eq!((families.len(), families.iter().filter(|b| test.contains(b)).count()), (316, 32));

    let (kept, held_out) = all.hold_out(&all.rows(Split::Train).unwrap(), 0.1);
    let of = |rows: &[u32]| rows.iter().map(|&r| base[r as usize]).collect::<HashSet<_>>();
    assert!(of(&kept).is_disjoint(&of(&held_out)));
    assert_eq!(of(&held_out).len(), 172);
}

/// The first row of that name.
fn row_of(data: &Dataset, name: &str) -> u32 {
    let captions = data.captions().unwrap();
    (0..data.n_rows() as u32).find(|&row| captions.first(row) == name).unwrap()
}

#[test]
fn emoji_are_the_named_drawings() {
    let (noto, twemoji) = (named("emoji-noto"), named("emoji-twemoji"));
    assert_eq!(noto.captions(), twemoji.captions());
    let pixel = |data: &Dataset, name: &str, y: usize, x: usize| -> [u8; 3] {
        let row = row_of(data, name) as usize;
        let Values::Levels { data, .. } = data.values() else { panic!("levels") };
        data[(row * 64 + y) * 192 + 3 * x..][..3].try_into().unwrap()
    };
    // The middle of each circle is its colour, the corner of each picture white.
    for data in [&noto, &twemoji] {
        let [r, g, b] = pixel(data, "large red circle", 32, 32);
        assert!(r > 180 && g < 90 && b < 90, "{r} {g} {b}");
        let [r, g, b] = pixel(data, "large green circle", 32, 32);
        assert!(g > r && g > b, "{r} {g} {b}");
        assert_eq!(pixel(data, "large red circle", 0, 0), [255; 3]);
    }
    let tones = open("emoji-noto", &Options { tones: true, ..Options::default() }).unwrap();
    assert!(tones.captions().unwrap().texts().iter().any(|c| c == "waving hand sign; medium-dark skin tone"));
}

/// Doing nothing, L1 between the vendors over all glyphs: 0.172.
#[test]
fn emoji_vendors_differ_as_published() {
    let both = open("emoji", &Options { tones: true, ..Options::default() }).unwrap();
    let Values::Levels { data, .. } = both.values() else { panic!("levels") };
    let (noto, twemoji) = data.split_at(data.len() / 2);
    let l1 = noto.iter().zip(twemoji).map(|(&a, &b)| f64::from(a.abs_diff(b)) / 255.0).sum::<f64>() / noto.len() as f64;
    assert!(close(l1, 0.172, 0.0005), "{l1}");
    let vendor = &both.factor("vendor").unwrap().of_row;
    assert_eq!((vendor[3_785], vendor[3_786]), (0, 1));
}

#[test]
fn ring_rows_lie_at_their_modes() {
    let (ring, mixture) = (named("ring"), toy::ring_mixture());
    let Values::Continuous(data) = ring.values() else { panic!("continuous") };
    let mut counts = [0; 8];
    for (point, &label) in data.chunks_exact(2).zip(ring.labels().unwrap()) {
        let (mode, deviations) = mixture.nearest([f64::from(point[0]), f64::from(point[1])]);
        assert!(mode == label as usize && deviations < 6.0);
        counts[mode] += 1;
    }
    assert!(counts.iter().all(|n| (1_100..1_400).contains(n)), "{counts:?}");
    let again = open("ring", &Options { seed: 1, ..Options::default() }).unwrap();
    assert_ne!(ring.content_hash(), again.content_hash());
    assert_eq!(ring.content_hash(), named("ring").content_hash());
}

#[test]
fn toys_have_their_published_spread() {
    let spread = |name: &str| {
        let Values::Continuous(data) = named(name).values().clone() else { panic!("continuous") };
        let n = data.len() as f64;
        let mean = data.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        (mean, data.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n)
    };
    // {-2..2}: variance 2, plus 0.05^2.
    let (mean, variance) = spread("grid");
    assert!(mean.abs() < 0.05 && close(variance, 2.0025, 0.05), "{mean} {variance}");
    // 0.5 (-1) + 0.3 (0.5) + 0.2 (2) = 0.05; second moment 0.5 (1.09) + 0.3 (0.29) + 0.2 (4.25) = 1.482.
    let (mean, variance) = spread("mixture-1d");
    assert!(close(mean, 0.05, 0.05) && close(variance, 1.482 - 0.0025, 0.06), "{mean} {variance}");
    let Values::Continuous(roll) = named("swiss-roll").values().clone() else { panic!("continuous") };
    assert!(roll.chunks_exact(2).all(|p| (0.4..2.3).contains(&p[0].hypot(p[1]))));
}

#[test]
fn shapes_hold_out_combinations_and_paint_what_they_say() {
    let shapes = open("shapes", &Options { size: Some(32), rows: Some(1_620), ..Options::default() }).unwrap();
    let captions = shapes.captions().unwrap();
    let of = |split| shapes.rows(split).unwrap().into_iter().map(|r| captions.first(r)).collect::<HashSet<_>>();
    let (train, test) = (of(Split::Train), of(Split::Test));
    assert!(train.is_disjoint(&test) && train.len() + test.len() == 810);
    assert!(test.contains("a small red circle, top left") && (70..95).contains(&test.len()), "{}", test.len());
    for factor in shapes.factors() {
        for split in [Split::Train, Split::Test] {
            let seen: HashSet<u32> = shapes.rows(split).unwrap().iter().map(|&r| factor.of_row[r as usize]).collect();
            assert_eq!(seen.len(), factor.values.len(), "{} in {split}", factor.name);
        }
    }
    // Each phrase says all of it, and rows of one combination say the same, whichever phrase is taken.
    for row in 0..810 {
        let words = |text: &str| text.replace([',', ':'], "").split(' ').map(str::to_owned).collect::<HashSet<_>>();
        let said: Vec<&str> = captions.of(row).collect();
        let all = ["shape", "colour", "place"].map(|f| {
            let factor = shapes.factor(f).unwrap();
            factor.values[factor.of_row[row as usize] as usize].as_str()
        });
        let says_all = |text: &str| all.iter().flat_map(|value| value.split(' ')).all(|word| words(text).contains(word));
        assert!(said.len() == 5 && said.iter().all(|text| says_all(text)), "{said:?}");
        let size =
            |text: &str| ["small little", "medium medium", "large big"].map(|s| s.split(' ').any(|w| words(text).contains(w)));
        assert!(said.iter().all(|text| size(text) == size(said[0])), "{said:?}");
    }
    let meanings: HashSet<u32> = (0..1_620).map(|row| captions.meaning(row)).collect();
    assert!(meanings.len() == 810 && captions.meaning(5) == captions.meaning(815));
    // The painted pixels' centre lies in the named third, and larger sizes paint more.
    let Values::Levels { data, .. } = shapes.values() else { panic!("levels") };
    let mut painted = [[0.0_f64; 3]; 5];
    for (row, image) in data.chunks_exact(32 * 32 * 3).enumerate() {
        let (mut n, mut sx, mut sy) = (0.0, 0.0, 0.0);
        for (at, _) in image.chunks_exact(3).enumerate().filter(|(_, p)| p.iter().any(|&v| v < 128)) {
            (n, sx, sy) = (n + 1.0, sx + (at % 32) as f64, sy + (at / 32) as f64);
        }
        let place = shapes.factor("place").unwrap().of_row[row] as usize;
        let centre = |third: usize| 7.5 + 8.0 * third as f64;
        assert!(close(sx / n, centre(place % 3), 2.0) && close(sy / n, centre(place / 3), 2.0), "{}", captions.first(row as u32));
        let [shape, size] = ["shape", "size"].map(|f| shapes.factor(f).unwrap().of_row[row] as usize);
        painted[shape][size] += n;
    }
    assert!(painted.iter().all(|sizes| sizes[0] < sizes[1] && sizes[1] < sizes[2]), "{painted:?}");
}

#[test]
fn scenes_are_shapes_tilted_and_on_backgrounds() {
    let scenes = open("scenes", &Options { size: Some(32), rows: Some(7_776), ..Options::default() }).unwrap();
    let captions = scenes.captions().unwrap();
    let value = |name: &str, row: u32| {
        let factor = scenes.factor(name).unwrap();
        factor.values[factor.of_row[row as usize] as usize].as_str()
    };
    let meanings: HashSet<u32> = (0..7_776).map(|row| captions.meaning(row)).collect();
    assert_eq!(meanings.len(), 3_888, "each combination twice");
    let Values::Levels { data, .. } = scenes.values() else { panic!("levels") };
    for row in 0..3_888 {
        let image = &data[row as usize * 32 * 32 * 3..][..32 * 32 * 3];
        let level = match value("background", row) {
            "white" => 255,
            "grey" => 160,
            _ => 0,
        };
        let corners = [0, 31, 31 * 32, 32 * 32 - 1].map(|at| image[3 * at]);
        assert!(corners.iter().filter(|&&v| v == level).count() >= 3, "{corners:?} of {}", captions.first(row));
        let says = |word: &str| captions.of(row).all(|text| text.split([' ', ',']).any(|w| w == word));
        assert!(
            says(value("background", row)) && says("tilted") == (value("rotation", row) == "tilted"),
            "{}",
            captions.first(row)
        );
    }
    for factor in scenes.factors() {
        for split in [Split::Train, Split::Test] {
            let seen: HashSet<u32> = scenes.rows(split).unwrap().iter().map(|&r| factor.of_row[r as usize]).collect();
            assert_eq!(seen.len(), factor.values.len(), "{} in {split}", factor.name);
        }
    }
    // A tilted square is wider than an upright one.
    let width = |row: u32| {
        let image = &data[row as usize * 32 * 32 * 3..][..32 * 32 * 3];
        let painted = |x: usize| (0..32).any(|y| image[3 * (32 * y + x) + 1] < 200);
        (0..32).filter(|&x| painted(x)).count()
    };
    let of = |name: &str| (0..3_888).find(|&row| captions.of(row).any(|text| text == name)).unwrap();
    let [upright, tilted] =
        ["a large blue square, centre, on white", "a large blue tilted square, centre, on white"].map(|name| width(of(name)));
    assert!(upright + 2 <= tilted, "{upright} {tilted}");
}

#[test]
fn every_name_opens_or_says_how_to_fetch_it() {
    let empty = tempfile::tempdir().unwrap();
    let options = Options { cache: Some(empty.path().to_owned()), rows: Some(50), ..Options::default() };
    for entry in &CATALOGUE {
        match open(entry.name, &options) {
            Ok(data) => {
                assert!(!entry.fetched && data.name() == entry.name && data.has_splits(), "{}", entry.name);
                assert!(data.summary().to_string().contains(data.content_hash()));
            }
            Err(e) => {
                assert!(entry.fetched && e.to_string().contains("calotype data fetch fashion-mnist-60k"), "{e}");
            }
        }
    }
}

#[test]
fn fetched_training_images_join_the_bundled_test_images() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("fashion-mnist-60k");
    std::fs::create_dir(&folder).unwrap();
    let idx = |head: &[u8], n: usize| [head, &vec![3; n]].concat();
    let images = idx(&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28], 2 * 784);
    std::fs::write(folder.join("train-images-idx3-ubyte.gz"), images).unwrap();
    std::fs::write(folder.join("train-labels-idx1-ubyte.gz"), idx(&[0, 0, 8, 1, 0, 0, 0, 2], 2)).unwrap();
    let data = open("fashion-mnist-60k", &Options { cache: Some(cache.path().to_owned()), ..Options::default() }).unwrap();
    assert_eq!((data.rows(Split::Train).unwrap(), data.rows(Split::Test).unwrap().len()), (vec![0, 1], 10_000));
    assert_eq!(data.labels().unwrap()[..3], [3, 3, 9]);
}

#[test]
fn an_unknown_name_lists_the_names_and_guesses() {
    let error = DatasetSpec::parse("fashion-mnst").unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, DataError::UnknownName { guess: Some(ref g), .. } if g == "fashion-mnist"), "{text}");
    assert!(text.contains("swiss-roll") && text.contains("did you mean `fashion-mnist`"), "{text}");
    assert!(matches!(DatasetSpec::parse("some/folder").unwrap_err(), DataError::NotFound { .. }));
    assert!(matches!(DatasetSpec::parse("zebra").unwrap_err(), DataError::UnknownName { guess: None, .. }));
}

#[test]
fn wrong_settings_of_made_data_are_errors() {
    let open_with = |options| open("shapes", &options).unwrap_err();
    assert!(matches!(open_with(Options { size: Some(0), ..Options::default() }), DataError::Setting { key: "size", .. }));
    assert!(matches!(open_with(Options { rows: Some(0), ..Options::default() }), DataError::Setting { key: "rows", .. }));
    let huge = Options { rows: Some(4_000_000_000), ..Options::default() };
    assert!(matches!(open_with(huge.clone()), DataError::TooLarge { .. }));
    assert!(matches!(open("ring", &huge).unwrap_err(), DataError::TooLarge { .. }));
    let tight = Options { max_bytes: 1_000, ..Options::default() };
    for name in ["fashion-mnist", "digits", "emoji"] {
        assert!(matches!(open(name, &tight).unwrap_err(), DataError::TooLarge { .. }), "{name}");
    }
}

#[test]
fn emoji_tones_are_all_drawn_in_every_tone() {
    let data = named("emoji-tones");
    assert_eq!(data.class_names(), ["default", "light", "medium-light", "medium", "medium-dark", "dark"]);
    let labels = data.labels().unwrap();
    let n = |tone: u32| labels.iter().filter(|&&label| label == tone).count();
    assert!((1..6).all(|tone| n(tone) == n(0)), "equally many of each");
    let captions = data.captions().unwrap();
    let row = row_of(&data, "waving hand sign");
    assert_eq!(labels[row as usize], 0);
    let dark = data.twin(row, "tone", 5).unwrap();
    assert_eq!(captions.first(dark), "waving hand sign; dark skin tone");
    let twemoji = data.twin(row, "vendor", 1).unwrap();
    assert_eq!((data.twin(dark, "tone", 0), captions.first(twemoji)), (Some(row), "waving hand sign"));
    assert_eq!((data.twin(row, "tone", 6), data.twin(row, "size", 0)), (None, None), "no such value, no such factor");
    assert_eq!(named("shapes").twin(0, "colour", 1), None, "each of its rows is its own");
    let test: Vec<u32> = data.rows(Split::Test).unwrap();
    assert!(
        test.iter().all(|&row| (0..6).all(|tone| test.contains(&data.twin(row, "tone", tone).unwrap()))),
        "bases stay together"
    );
}
