//! Preparation, batches, evaluation and prefetch.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use calotype_data::{
    Batches, Binarise, DataError, Dataset, Encoding, Evaluation, Options, Prefetch, Preparation, Prepared, Split, Standard,
    Values, open,
};
use proptest::prelude::*;

fn bytes(shape: &[usize], levels: u32, data: Vec<u8>) -> Dataset {
    Dataset::new("bytes", shape, Values::Levels { data: Arc::new(data), levels }).unwrap()
}

fn floats(shape: &[usize], data: Vec<f32>) -> Dataset {
    Dataset::new("floats", shape, Values::Continuous(Arc::new(data))).unwrap()
}

fn prepare(data: &Dataset, preparation: Preparation) -> Arc<Prepared> {
    Arc::new(Prepared::new(data, &preparation).unwrap())
}

fn encoded(encoding: Encoding) -> Preparation {
    Preparation { encoding, ..Preparation::default() }
}

/// All rows, prepared, in order.
fn all(data: &Dataset, preparation: Preparation) -> Vec<f32> {
    let prepared = prepare(data, preparation);
    let rows: Vec<u32> = (0..data.n_rows() as u32).collect();
    let evaluation = Evaluation::new(prepared, rows, data.n_rows(), 0).unwrap();
    let mut batches: Vec<_> = evaluation.iter().collect();
    assert_eq!((batches.len(), batches[0].n_valid), (1, data.n_rows()));
    batches.remove(0).batch.images
}

// ---- encodings

#[test]
fn encodings_follow_their_formulas() {
    let data = bytes(&[4], 256, vec![0, 127, 128, 255]);
    let third = 1.0 / 255.0;
    assert_eq!(all(&data, encoded(Encoding::Raw)), [0.0, 127.0, 128.0, 255.0]);
    assert_eq!(all(&data, encoded(Encoding::Unit)), [0.0, 127.0 / 255.0, 128.0 / 255.0, 1.0]);
    let signed = all(&data, encoded(Encoding::Signed));
    assert!(signed.iter().zip([-1.0, -third, third, 1.0]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{signed:?}");
    assert_eq!(all(&data, encoded(Encoding::Bits(Binarise::Threshold))), [0.0, 0.0, 1.0, 1.0]);
    let data = bytes(&[6], 256, vec![0, 31, 32, 63, 64, 255]);
    assert_eq!(all(&data, encoded(Encoding::Levels(8))), [0.0, 0.0, 1.0, 1.0, 2.0, 7.0]);
    let digits = bytes(&[4], 17, vec![0, 7, 8, 16]);
    assert_eq!(all(&digits, encoded(Encoding::Bits(Binarise::Threshold))), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(all(&digits, encoded(Encoding::Levels(17))), [0.0, 7.0, 8.0, 16.0]);
    let bits = bytes(&[2], 2, vec![0, 1]);
    assert_eq!(all(&bits, encoded(Encoding::Bits(Binarise::Threshold))), [0.0, 1.0]);
    let unit = floats(&[4], vec![0.0, 0.499, 0.5, 1.0]);
    assert_eq!(all(&unit, encoded(Encoding::Bits(Binarise::Threshold))), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(all(&unit, encoded(Encoding::Levels(4))), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(all(&unit, encoded(Encoding::Signed)), [-1.0, 2.0 * 0.499 - 1.0, 0.0, 1.0]);
}

#[test]
fn standardised_columns_have_mean_0_and_deviation_1_on_the_training_split() {
    let data = floats(&[3], vec![1.0, 5.0, 10.0, 3.0, 5.0, 30.0, 100.0, 100.0, 100.0]);
    let data = data.with_test_rows(vec![false, false, true]).unwrap();
    let prepared = prepare(&data, encoded(Encoding::Standard));
    let standard = prepared.standard().unwrap().clone();
    assert_eq!(
        (standard.mean.as_slice(), standard.deviation.as_slice()),
        ([2.0, 5.0, 20.0].as_slice(), [1.0, 1.0, 10.0].as_slice())
    );
    assert_eq!(all(&data, encoded(Encoding::Standard)), [-1.0, 0.0, -1.0, 1.0, 0.0, 1.0, 98.0, 95.0, 8.0]);
    // A run's own figures on other data.
    let other = floats(&[3], vec![2.0, 6.0, 40.0]);
    let prepared = Arc::new(Prepared::with_standard(&other, &encoded(Encoding::Standard), standard).unwrap());
    let evaluation = Evaluation::new(prepared, vec![0], 1, 0).unwrap();
    assert_eq!(evaluation.iter().next().unwrap().batch.images, [0.0, 1.0, 2.0]);
    for (mean, deviation) in [(vec![0.0; 2], vec![1.0; 3]), (vec![0.0; 3], vec![1.0, 0.0, 1.0])] {
        let standard = Standard { mean, deviation };
        let error = Prepared::with_standard(&other, &encoded(Encoding::Standard), standard).unwrap_err();
        assert!(matches!(error, DataError::Format { .. }), "{error}");
    }
}

#[test]
fn drawn_bits_have_the_brightness_as_probability() {
    let data = bytes(&[1_000], 256, [[0; 1_000], [64; 1_000], [255; 1_000]].concat());
    for binarise in [Binarise::Fixed(5), Binarise::Dynamic] {
        let drawn = all(&data, encoded(Encoding::Bits(binarise)));
        let ones: Vec<f32> = drawn.chunks(1_000).map(|row| row.iter().sum()).collect();
        // 251 expected in the middle, deviation 14.
        assert!(ones[0] == 0.0 && (190.0..310.0).contains(&ones[1]) && ones[2] == 1_000.0, "{binarise}: {ones:?}");
        assert!(drawn.iter().all(|&v| v == 0.0 || v == 1.0));
    }
}

#[test]
fn fixed_bits_stay_and_dynamic_bits_change() {
    let data = bytes(&[200], 256, vec![128; 400]);
    let at = |binarise, seed, step| {
        Batches::new(prepare(&data, encoded(Encoding::Bits(binarise))), vec![1], 1, seed).unwrap().batch(step).images
    };
    assert_eq!(at(Binarise::Fixed(3), 1, 0), at(Binarise::Fixed(3), 2, 9));
    assert_ne!(at(Binarise::Fixed(3), 1, 0), at(Binarise::Fixed(4), 1, 0));
    assert_eq!(at(Binarise::Dynamic, 1, 5), at(Binarise::Dynamic, 1, 5));
    assert_ne!(at(Binarise::Dynamic, 1, 5), at(Binarise::Dynamic, 1, 6));
    assert_ne!(at(Binarise::Dynamic, 1, 5), at(Binarise::Dynamic, 2, 5));
}

#[test]
fn preparations_are_written_as_they_are_typed() {
    for text in ["raw", "unit", "signed", "bits:threshold", "bits:fixed:77", "bits:dynamic", "levels:8", "standard"] {
        assert_eq!(text.parse::<Encoding>().unwrap().to_string(), text);
    }
    let preparation = Preparation { size: Some(32), flips: true, ..encoded(Encoding::Bits(Binarise::Fixed(7))) };
    let json = serde_json::to_string(&preparation).unwrap();
    assert!(json.contains("\"bits:fixed:7\""), "{json}");
    assert_eq!(serde_json::from_str::<Preparation>(&json).unwrap(), preparation);
    assert!(serde_json::from_str::<Preparation>("{\"sizes\": 3}").is_err());
    for text in ["bits", "bits:fixed", "bits:fixed:-1", "levels:x", ""] {
        assert!(matches!(text.parse::<Encoding>().unwrap_err(), DataError::Setting { .. }), "{text}");
    }
}

#[test]
fn constant_columns_are_found_and_count_as_of_deviation_1() {
    // The mean of 0.1 over so many rows is not 0.1.
    for n_rows in 2..40 {
        let data = (0..n_rows).flat_map(|row| [row as f32, 0.1, 7.0]).collect();
        let data = floats(&[3], data);
        assert_eq!(data.constant_columns(&data.rows(Split::Train).unwrap()), [1, 2]);
        assert_eq!(prepare(&data, encoded(Encoding::Standard)).standard().unwrap().deviation[1..], [1.0, 1.0], "{n_rows} rows");
    }
    let data = bytes(&[2], 4, vec![1, 2, 1, 3, 0, 3]);
    assert_eq!(data.constant_columns(&[0, 1]), [0]);
    assert_eq!(data.constant_columns(&[1, 2]), [1]);
    assert!(data.constant_columns(&[0, 1, 2]).is_empty() && data.constant_columns(&[]).is_empty());
    assert_eq!((data.column(0), data.column(1)), ("column 1".to_owned(), "column 2".to_owned()));
    let data = data.with_columns(vec!["".into(), "x".into()]).unwrap();
    assert_eq!((data.column(0), data.column(1)), ("column 1".to_owned(), "column 2 `x`".to_owned()));
    assert!(matches!(data.with_columns(vec!["x".into()]), Err(DataError::Format { .. })));
}

#[test]
fn preparations_that_make_no_sense_are_errors_with_a_remedy() {
    let points = floats(&[2], vec![1.5, -3.0]);
    let image = bytes(&[4, 4, 2], 256, vec![0; 32]);
    let error = |data: &Dataset, preparation: Preparation| Prepared::new(data, &preparation).unwrap_err();
    let refused = error(&points, encoded(Encoding::Signed));
    assert!(
        matches!(refused, DataError::Preparation { .. }) && refused.to_string().contains("scale its columns to 0..1"),
        "{refused}"
    );
    let none = Preparation::default();
    let raw = encoded(Encoding::Raw);
    assert!(matches!(error(&points, Preparation { size: Some(8), ..raw.clone() }), DataError::Preparation { .. }));
    assert!(matches!(error(&points, Preparation { flips: true, ..raw }), DataError::Preparation { .. }));
    assert!(matches!(error(&image, Preparation { channels: Some(3), ..none.clone() }), DataError::Preparation { .. }));
    assert!(matches!(error(&image, Preparation { size: Some(0), ..none.clone() }), DataError::Setting { key: "size", .. }));
    assert!(matches!(error(&image, Preparation { inner: Some(5), ..none }), DataError::Setting { key: "inner", .. }));
    assert!(matches!(error(&image, encoded(Encoding::Levels(1))), DataError::Setting { key: "levels", .. }));
    let many = bytes(&[1, 1, 1], 256, vec![0; 1 << 20]);
    let vast = Preparation { size: Some(4096), ..Preparation::default() };
    assert!(matches!(error(&many, vast), DataError::TooLarge { .. }));
}

#[test]
fn prepared_images_are_held_against_the_limit_before_memory_is_taken() {
    let digits = open("digits", &Options::default()).unwrap();
    let of_size = |size| Preparation { size: Some(size), ..Preparation::default() };
    let message = Prepared::new(&digits, &of_size(4096)).unwrap_err().to_string();
    for part in ["1797 prepared images of 4096x4096x1", "30148657152 bytes", "the limit is 8589934592", "smaller --set size="] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    // The limit is that of the data's own options, and what it just holds is prepared; a value of f32 takes four bytes.
    let tight = |max_bytes| open("digits", &Options { max_bytes, ..Options::default() }).unwrap();
    assert!(Prepared::new(&tight(1797 * 256), &of_size(16)).is_ok());
    assert!(matches!(Prepared::new(&tight(1797 * 256 - 1), &of_size(16)), Err(DataError::TooLarge { .. })));
    let grey = || floats(&[2, 2, 1], vec![0.5; 8]);
    assert!(Prepared::new(&grey().with_max_bytes(128), &of_size(4)).is_ok());
    assert!(matches!(Prepared::new(&grey().with_max_bytes(127), &of_size(4)), Err(DataError::TooLarge { .. })));
}

// ---- geometry

#[test]
fn fashion_becomes_32_by_two_black_pixels_a_side() {
    let fashion = open("fashion-mnist", &Options::default()).unwrap();
    let prepared = prepare(&fashion, Preparation { size: Some(32), ..encoded(Encoding::Raw) });
    assert_eq!(prepared.shape(), [32, 32, 1]);
    let wide = Evaluation::new(prepared, vec![17], 1, 0).unwrap().iter().next().unwrap().batch.images;
    let Values::Levels { data, .. } = fashion.values() else { panic!("levels") };
    for (at, &value) in wide.iter().enumerate() {
        let (y, x) = (at / 32, at % 32);
        let inside = (2..30).contains(&y) && (2..30).contains(&x);
        let expected = if inside { data[17 * 784 + (y - 2) * 28 + x - 2] } else { 0 };
        assert_eq!(value, f32::from(expected), "{y} {x}");
    }
}

#[test]
fn grey_becomes_colour_and_back() {
    let grey = bytes(&[1, 2, 1], 256, vec![10, 200]);
    let raw = |channels| Preparation { channels: Some(channels), ..encoded(Encoding::Raw) };
    assert_eq!(all(&grey, raw(3)), [10.0, 10.0, 10.0, 200.0, 200.0, 200.0]);
    let colour = bytes(&[1, 4, 3], 256, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90]);
    assert_eq!(all(&colour, raw(1)), [76.0, 150.0, 29.0, 90.0]);
    let colour = floats(&[1, 1, 3], vec![1.0, 0.5, 0.0]);
    assert!((all(&colour, raw(1))[0] - (0.299 + 0.2935)).abs() < 1e-6);
}

#[test]
fn resizing_keeps_flat_colour_crops_the_middle_and_mirrors_symmetry() {
    // The left and right quarters of 4 x 8 are cropped away.
    let wide: Vec<u8> = (0..32).map(|at| if (2..6).contains(&(at % 8)) { 77 } else { 255 }).collect();
    let data = bytes(&[4, 8, 1], 256, wide);
    for size in [2, 3, 9] {
        let small = all(&data, Preparation { size: Some(size), ..encoded(Encoding::Raw) });
        assert_eq!(small, vec![77.0; size * size], "{size}");
    }
    let ramp = bytes(&[8, 8, 1], 17, (0..64).map(|at| 2 * (at % 8)).collect());
    let prepared = prepare(&ramp, Preparation { size: Some(4), ..encoded(Encoding::Raw) });
    assert_eq!(prepared.levels(), Some(256), "resized levels are grey levels");
    let small = all(&ramp, Preparation { size: Some(4), ..encoded(Encoding::Raw) });
    assert!(small.chunks(4).all(|row| row == &small[..4] && row.windows(2).all(|w| w[0] < w[1])), "{small:?}");
    let bordered = all(&ramp, Preparation { size: Some(12), inner: Some(8), ..encoded(Encoding::Raw) });
    assert_eq!(bordered[2 * 12 + 2..][..8], [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0], "a border changes no level");
    assert_eq!(bordered.iter().sum::<f32>(), 8.0 * 56.0);
    // Channels do not mix.
    let two = floats(&[2, 2, 2], vec![0.25, 1.0, 0.25, 1.0, 0.25, 1.0, 0.25, 1.0]);
    let grown = all(&two, Preparation { size: Some(5), ..encoded(Encoding::Raw) });
    assert!(grown.chunks(2).all(|p| (p[0] - 0.25).abs() < 1e-6 && (p[1] - 1.0).abs() < 1e-6), "{grown:?}");
}

// ---- batches

fn numbered(n: usize) -> Dataset {
    floats(&[1, 2, 1], (0..n).flat_map(|row| [row as f32, row as f32 + 0.5]).collect())
        .with_labels((0..n as u32).map(|row| row % 3).collect(), ["a", "b", "c"].map(str::to_owned).to_vec(), "labels")
        .unwrap()
}

proptest! {
    #[test]
    fn an_epoch_shows_no_row_twice_and_whole_ones_show_every_row(n in 1..60_usize, batch in 1..20_usize, seed: u64, epoch in 0..4_u64) {
        let prepared = prepare(&numbered(n), encoded(Encoding::Raw));
        let rows: Vec<u32> = (0..n as u32).rev().collect();
        let made = Batches::new(prepared, rows, batch, seed);
        if batch > n {
            let error = made.unwrap_err();
            let named = matches!(error, DataError::BatchTooLarge { batch: b, rows } if (b, rows) == (batch, n));
            prop_assert!(named, "{}", error);
            let text = error.to_string();
            prop_assert!(text.contains(&batch.to_string()) && text.contains(&n.to_string()));
            return Ok(());
        }
        let batches = made.unwrap();
        let steps = batches.steps_per_epoch();
        prop_assert_eq!(steps, (n / batch) as u64);
        let shown: Vec<u32> = (epoch * steps..(epoch + 1) * steps).flat_map(|step| batches.indices(step)).collect();
        let different: HashSet<u32> = shown.iter().copied().collect();
        prop_assert_eq!(different.len(), shown.len());
        prop_assert_eq!(shown.len(), n - n % batch);
        prop_assert!(shown.iter().all(|&row| (row as usize) < n));
    }
}

#[test]
fn a_batch_is_a_function_of_seed_and_step() {
    let data = numbered(50);
    let make = |seed| {
        let preparation = Preparation { flips: true, ..encoded(Encoding::Raw) };
        Batches::new(prepare(&data, preparation), (0..50).collect(), 8, seed).unwrap()
    };
    let (forward, backward) = (make(1), make(1));
    let ahead: Vec<_> = (0..30).map(|step| forward.batch(step)).collect();
    for step in (0..30).rev() {
        assert_eq!(backward.batch(step), ahead[step as usize], "{step}");
    }
    assert_ne!(make(2).indices(0), ahead[0].indices);
    let epochs: HashSet<Vec<u32>> = (0..10).map(|epoch| forward.indices(6 * epoch)).collect();
    assert_eq!(epochs.len(), 10, "every epoch has an order of its own");
}

/// The order is part of every run's identity: a change of it is a change of every result.
#[test]
fn the_order_of_seed_0_is_as_it_was() {
    let batches = Batches::new(prepare(&numbered(10), encoded(Encoding::Raw)), (0..10).collect(), 10, 0).unwrap();
    assert_eq!(batches.indices(0), [3, 4, 5, 1, 7, 0, 2, 6, 8, 9]);
}

#[test]
fn rows_labels_and_values_belong_together() {
    let batches = Batches::new(prepare(&numbered(20), encoded(Encoding::Raw)), (5..15).collect(), 4, 3).unwrap();
    for step in 0..6 {
        let batch = batches.batch(step);
        for (nth, &row) in batch.indices.iter().enumerate() {
            assert!((5..15).contains(&row));
            assert_eq!(batch.labels[nth], row % 3);
            assert_eq!(batch.images[2 * nth..][..2], [row as f32, row as f32 + 0.5]);
        }
    }
    let unlabelled = Batches::new(prepare(&floats(&[1], vec![0.0; 4]), encoded(Encoding::Raw)), vec![0, 1], 2, 0).unwrap();
    assert!(unlabelled.batch(0).labels.is_empty());
}

#[test]
fn flips_mirror_half_the_rows_of_training_and_none_of_evaluation() {
    let data = bytes(&[1, 3, 2], 256, [1, 2, 3, 4, 5, 6].repeat(500));
    let prepared = prepare(&data, Preparation { flips: true, ..encoded(Encoding::Raw) });
    let batches = Batches::new(Arc::clone(&prepared), (0..500).collect(), 500, 9).unwrap();
    let flipped = |step| -> Vec<bool> {
        let images = batches.batch(step).images;
        let kind = |row: &[f32]| match row {
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] => false,
            [5.0, 6.0, 3.0, 4.0, 1.0, 2.0] => true,
            other => panic!("neither: {other:?}"),
        };
        images.chunks(6).map(kind).collect()
    };
    let (first, second) = (flipped(0), flipped(1));
    // 250 expected, deviation 11.
    assert!((200..300).contains(&first.iter().filter(|&&f| f).count()));
    assert_ne!(first, second);
    let evaluation = Evaluation::new(prepared, (0..500).collect(), 64, 9).unwrap();
    assert!(evaluation.iter().all(|b| b.batch.images.chunks(6).all(|row| row[0] == 1.0)));
}

#[test]
fn wrong_batches_are_errors() {
    let prepared = prepare(&numbered(4), encoded(Encoding::Raw));
    let with = |rows: Vec<u32>, batch| Batches::new(Arc::clone(&prepared), rows, batch, 0).unwrap_err();
    assert!(matches!(with(vec![0], 0), DataError::Setting { key: "batch", .. }));
    assert!(matches!(with(vec![0, 4], 1), DataError::Setting { key: "rows", .. }));
    assert!(matches!(with(vec![], 1), DataError::BatchTooLarge { batch: 1, rows: 0 }));
    assert!(matches!(Evaluation::new(prepared, vec![9], 1, 0).unwrap_err(), DataError::Setting { key: "rows", .. }));
}

#[test]
fn evaluation_pads_its_tail_and_its_batch_changes_nothing() {
    let data = bytes(&[40], 256, vec![100; 40 * 7]);
    let prepared = prepare(&data, encoded(Encoding::Bits(Binarise::Dynamic)));
    let by = |batch| {
        let evaluation = Evaluation::new(Arc::clone(&prepared), (0..7).collect(), batch, 5).unwrap();
        let batches: Vec<_> = evaluation.iter().collect();
        assert_eq!(batches.len(), evaluation.n_batches());
        assert!(batches.iter().all(|b| b.batch.images.len() == batch * 40));
        batches.into_iter().flat_map(|b| b.batch.images[..b.n_valid * 40].to_vec()).collect::<Vec<f32>>()
    };
    let whole = by(7);
    assert_eq!(whole.len(), 280);
    for batch in [1, 2, 3, 10] {
        assert_eq!(by(batch), whole, "{batch}");
    }
    let tail = Evaluation::new(Arc::clone(&prepared), (0..7).collect(), 3, 5).unwrap().iter().last().unwrap();
    assert_eq!((tail.n_valid, tail.batch.indices), (1, vec![6, 6, 6]));
    assert_eq!(Evaluation::new(prepared, vec![], 3, 5).unwrap().iter().count(), 0);
}

#[test]
fn held_out_rows_are_about_the_fraction() {
    let data = numbered(100);
    let rows = data.rows(Split::Train).unwrap();
    let (kept, held_out) = data.hold_out(&rows, 0.1);
    assert_eq!(held_out, (0..10).map(|k| 10 * k + 9).collect::<Vec<_>>());
    assert_eq!(kept.len(), 90);
    assert!(kept.iter().all(|r| !held_out.contains(r)));
    for none in [0.0, -1.0, f64::NAN] {
        assert_eq!(data.hold_out(&rows, none), (rows.clone(), vec![]));
    }
}

// ---- prefetch

#[test]
fn prefetched_batches_equal_direct_ones() {
    let digits = open("digits", &Options::default()).unwrap();
    let preparation = Preparation { flips: true, ..encoded(Encoding::Bits(Binarise::Dynamic)) };
    let rows = digits.rows(Split::Train).unwrap();
    let batches = Arc::new(Batches::new(prepare(&digits, preparation), rows, 100, 3).unwrap());
    let mut prefetch = Prefetch::new(Arc::clone(&batches), 12);
    for step in 12..50 {
        assert_eq!(prefetch.step(), step);
        assert_eq!(prefetch.next().unwrap(), batches.batch(step));
    }
}

#[test]
fn prefetch_stays_within_its_depth_and_ends_when_dropped() {
    let made = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&made);
    let mut prefetch = Prefetch::spawn(0, 3, move |step| {
        counter.fetch_add(1, SeqCst);
        Ok(step)
    });
    assert_eq!(prefetch.next().unwrap(), 0);
    // One taken, three ready, one in hand; then no more.
    let patience = Instant::now();
    while made.load(SeqCst) < 5 && patience.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(made.load(SeqCst), 5);
    drop(prefetch);
    assert_eq!(Arc::strong_count(&made), 1, "the thread has gone, and its function with it");
}

#[test]
fn prefetch_hands_on_errors_and_survives_a_panic() {
    let mut failing = Prefetch::spawn(7, 2, |step| match step {
        9 => Err(DataError::NoCache),
        _ => Ok(step),
    });
    assert_eq!((failing.next().unwrap(), failing.next().unwrap()), (7, 8));
    assert!(matches!(failing.next().unwrap_err(), DataError::NoCache));
    assert!(matches!(failing.next().unwrap_err(), DataError::PrefetchStopped { step: 9 }));
    let mut panicking = Prefetch::<u64>::spawn(0, 1, |_| panic!("on purpose"));
    assert!(matches!(panicking.next().unwrap_err(), DataError::PrefetchStopped { step: 0 }));
}

// ---- smaller sizes

fn at_sides(data: &Dataset, preparation: Preparation, sides: &[usize]) -> Vec<Vec<f32>> {
    let rows: Vec<u32> = (0..data.n_rows() as u32).collect();
    let values = |prepared: Prepared| {
        let evaluation = Evaluation::new(Arc::new(prepared), rows.clone(), data.n_rows(), 0).unwrap();
        evaluation.iter().next().unwrap().batch.images
    };
    prepare(data, preparation).reduced(sides).unwrap().into_iter().map(values).collect()
}

/// The mean of each square, from the full size, rounded once; of floats not at all.
#[test]
fn smaller_sizes_are_means_of_the_full_one() {
    let row: Vec<u8> = (0..2 * 16).map(|i| (i * 37 % 251) as u8).collect();
    let data = bytes(&[4, 4, 1], 256, row.clone());
    let mean = |image: usize, (top, left): (usize, usize), side: usize| {
        let sum: u32 = (0..side * side).map(|i| u32::from(row[image * 16 + (top + i / side) * 4 + left + i % side])).sum();
        (f64::from(sum) / (side * side) as f64).round() as f32
    };
    let units = |values: &[f32]| values.iter().map(|v| (v * 255.0).round()).collect::<Vec<_>>();
    let got = at_sides(&data, encoded(Encoding::Unit), &[2, 1, 4]);
    let halves: Vec<f32> = (0..8).map(|i| mean(i / 4, (i / 2 % 2 * 2, i % 2 * 2), 2)).collect();
    assert_eq!(units(&got[0]), halves);
    assert_eq!(units(&got[1]), [mean(0, (0, 0), 4), mean(1, (0, 0), 4)], "of the full size, not of the level above");
    assert_eq!(got[2], all(&data, encoded(Encoding::Unit)));
    // 1.5, 0 and 0 above 0 each round to 2 and 0, whose mean is 0.5 and would become 1.
    let twice = bytes(&[4, 4, 1], 256, vec![1, 2, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(units(&at_sides(&twice, encoded(Encoding::Unit), &[1])[0]), [0.0], "6 / 16 is rounded once");
    // Of few levels a mean is one of 256: 0, 0, 16, 8 of 17 levels.
    let few = bytes(&[2, 2, 1], 17, vec![0, 0, 16, 8]);
    assert_eq!(units(&at_sides(&few, encoded(Encoding::Unit), &[1])[0]), [96.0]);
    let colours: Vec<f32> = (0..12).map(|i| i as f32 / 16.0).collect();
    let [mean] = at_sides(&floats(&[2, 2, 3], colours), encoded(Encoding::Signed), &[1]).try_into().unwrap();
    assert!(mean.iter().zip([4.5, 5.5, 6.5]).all(|(got, want): (&f32, f32)| (got - (want / 8.0 - 1.0)).abs() < 1e-6), "{mean:?}");
}

#[test]
fn rows_of_a_smaller_size_are_mirrored_when_the_full_ones_are() {
    let data = bytes(&[4, 4, 1], 256, (0..8 * 16).map(|i| (i * 53 % 256) as u8).collect());
    let full = prepare(&data, Preparation { flips: true, ..encoded(Encoding::Unit) });
    let half = Arc::new(full.reduced(&[2]).unwrap().remove(0));
    let batches = |prepared: &Arc<Prepared>| Batches::new(Arc::clone(prepared), (0..8).collect(), 8, 3).unwrap();
    let (full, half) = (batches(&full), batches(&half));
    for step in 0..4 {
        let (full, half) = (full.batch(step), half.batch(step));
        assert_eq!(full.indices, half.indices);
        for (image, small) in full.images.chunks_exact(16).zip(half.images.chunks_exact(4)) {
            let mean = |at: usize| [0, 1, 4, 5].map(|d| image[at / 2 * 8 + at % 2 * 2 + d]).iter().sum::<f32>() / 4.0;
            assert!((0..4).all(|at| (small[at] - mean(at)).abs() <= 0.5 / 255.0 + 1e-6), "{image:?} {small:?}");
        }
    }
}

#[test]
fn smaller_sizes_that_cannot_be_are_refused() {
    let images = bytes(&[4, 4, 1], 256, vec![0; 32]);
    let of = |data: &Dataset, encoding, sides: &[usize]| prepare(data, encoded(encoding)).reduced(sides).unwrap_err().to_string();
    assert!(of(&images, Encoding::Unit, &[3]).contains("a whole part of the 4 pixels"));
    assert!(of(&images, Encoding::Standard, &[2]).contains("4x4, as `standard`"));
    assert!(of(&bytes(&[2, 4, 1], 256, vec![0; 16]), Encoding::Unit, &[2]).contains("2x4"));
    assert!(of(&bytes(&[4], 256, vec![0; 8]), Encoding::Unit, &[2]).contains("vectors"));
    // 32 bytes of the images and 8 of their half size.
    let limited = |max: u64| {
        let images = bytes(&[4, 4, 1], 256, vec![0; 32]).with_max_bytes(max);
        prepare(&images, encoded(Encoding::Unit)).reduced(&[2])
    };
    assert!(limited(40).is_ok());
    let Err(DataError::TooLarge { claimed_bytes: 40, limit_bytes: 39, .. }) = limited(39) else { panic!("it does not fit") };
}

#[test]
fn spaced_rows_come_from_all_of_them() {
    let data = bytes(&[1], 256, (0..100).map(|i| i as u8).collect());
    let rows: Vec<u32> = (0..50).map(|n| 2 * n).collect();
    let evaluation = Evaluation::new(prepare(&data, Preparation::default()), rows.clone(), 8, 0).unwrap();
    assert_eq!(evaluation.spaced(5), [0, 20, 40, 60, 80]);
    assert_eq!((evaluation.spaced(50), evaluation.spaced(999), evaluation.spaced(0)), (rows.clone(), rows, vec![]));
}

/// A square is cut from each image, at a place of its own in every step of training and in the middle in evaluation.
#[test]
fn training_cuts_squares_at_random() {
    // 4x4 images of the numbers 0 to 15, two channels of one number.
    let image: Vec<u8> = (0..16).flat_map(|v| [v, v]).collect();
    let data = bytes(&[4, 4, 2], 256, image.repeat(300));
    let cut = Preparation { crop: Some(3), ..encoded(Encoding::Raw) };
    let prepared = prepare(&data, cut.clone());
    assert_eq!(prepared.shape(), [3, 3, 2]);
    let batches = Batches::new(Arc::clone(&prepared), (0..300).collect(), 300, 9).unwrap();
    let corner = |row: &[f32]| {
        let at = row[0] as usize;
        let want: Vec<f32> = (0..9).map(|n| (at + n / 3 * 4 + n % 3) as f32).flat_map(|v| [v, v]).collect();
        assert_eq!(row, want, "a square of the image");
        at
    };
    let corners = |step| batches.batch(step).images.chunks(18).map(corner).collect::<Vec<_>>();
    let first = corners(0);
    for at in [0, 1, 4, 5] {
        // 75 expected, deviation 7.5.
        assert!((45..105).contains(&first.iter().filter(|&&c| c == at).count()), "{at}");
    }
    assert_eq!((first.clone(), first != corners(1)), (corners(0), true), "a pure function of the step");
    let evaluation = Evaluation::new(prepared, vec![7], 1, 9).unwrap();
    assert_eq!(corner(&evaluation.row(7)), 0);
    for crop in [0, 5] {
        let error = Prepared::new(&data, &Preparation { crop: Some(crop), ..cut.clone() }).unwrap_err().to_string();
        assert!(error.contains("crop"), "{error}");
    }
    assert!(Prepared::new(&bytes(&[6], 256, vec![0; 6]), &cut).is_err(), "vectors have no squares");
}

#[test]
fn every_data_set_of_a_run_has_a_seed_of_its_own() {
    let seeds = [0, 1, 2].map(|nth| calotype_data::seed_of(7, nth));
    assert_eq!(seeds[0], 7);
    assert!(seeds[1] != 7 && seeds[1] != seeds[2] && seeds[1] != calotype_data::seed_of(8, 1));
}
