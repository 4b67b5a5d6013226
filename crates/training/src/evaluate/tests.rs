use super::neighbours::{authentic, nearest};
use super::*;
use calotype_graph::philox::{Domain, Stream};

const N: usize = 200;
const SHAPE: [usize; 3] = [16, 16, 1];

/// Blurred noise in which a bright square lies somewhere: [n, 16, 16, 1].
fn images(n: usize, seed: u64) -> Vec<f32> {
    let image = |i: usize| {
        let mut random = Stream::new(seed, Domain::Test, "image", i as u32);
        let (y, x) = (random.below(10) as usize, random.below(10) as usize);
        let within = |at: usize| (y..y + 6).contains(&(at / 16)) && (x..x + 6).contains(&(at % 16));
        (0..256).map(|at| 0.2 * random.uniform() + if within(at) { 0.7 } else { 0.0 }).collect::<Vec<f32>>()
    };
    (0..n).flat_map(image).collect()
}

/// Where the square is, and how bright.
fn features(images: &[f32]) -> Vec<f32> {
    let of = |image: &[f32]| {
        let sum = |weight: &dyn Fn(usize) -> f32| image.iter().enumerate().map(|(at, v)| v * weight(at)).sum::<f32>() / 40.0;
        [sum(&|_| 1.0), sum(&|at| (at / 16) as f32 / 8.0), sum(&|at| (at % 16) as f32 / 8.0)]
    };
    images.chunks_exact(256).flat_map(of).collect()
}

fn evaluated(samples: &[f32]) -> Evaluated {
    let (training, held_out) = (images(4 * N, 1), images(N, 2));
    let learned = &training[..N * 256];
    let [made, of_learned, of_held_out] = [samples, learned, &held_out].map(features);
    let sets = Sets { shape: &SHAPE, samples, learned, held_out: &held_out, training: &training, all_learned: false, seed: 3 };
    let features = Features { name: "squares", d: 3, samples: &made, learned: &of_learned, held_out: &of_held_out };
    evaluate(&sets, Some(&features), None)
}

fn value(of: &Evaluated, name: &str) -> (Estimate, Estimate) {
    let figure = of.figures.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no figure {name}"));
    (figure.samples, figure.floor.expect("a floor"))
}

/// Training rows, one image again and again, other images of the kind, and noise: each is named for what it is.
#[test]
fn what_samples_are_is_said() {
    let by_heart = evaluated(&images(4 * N, 1)[N * 256..2 * N * 256]);
    assert!(by_heart.verdicts[0].starts_with("learned by heart: 100 %"), "{:?}", by_heart.verdicts);
    assert_eq!((value(&by_heart, AUTHENTIC).0.value, value(&by_heart, NEAREST).0.value), (0.0, 0.0));
    assert!(by_heart.nearest.iter().enumerate().all(|(i, &(at, distance))| (at, distance) == (N + i, 0.0)));
    let collapsed = evaluated(&images(1, 9).repeat(N));
    assert!(collapsed.verdicts[0].starts_with("collapsed"), "{:?}", collapsed.verdicts);
    assert!(value(&collapsed, COVERAGE).0.value < 0.1 && value(&collapsed, LIKENESS).0.value > 0.99);
    let alike = evaluated(&images(N, 7));
    assert_eq!(alike.verdicts, ["not told from the data by these figures"], "{:?}", alike.figures);
    let mut random = Stream::new(1, Domain::Test, "noise", 0);
    let noise: Vec<f32> = (0..N * 256).map(|_| random.uniform()).collect();
    assert!(evaluated(&noise).verdicts.iter().any(|v| v.starts_with("unreal")));
}

/// Samples that are like the data have figures within a few errors of the floor, and others are many away.
#[test]
fn figures_of_other_images_of_the_kind_are_at_the_floor() {
    let alike = evaluated(&images(N, 7));
    let darker = evaluated(&images(N, 7).iter().map(|v| 0.6 * v).collect::<Vec<f32>>());
    for name in [DISTANCE, "FID-squares", "KID-squares"] {
        let away = |of: &Evaluated| {
            let (samples, floor) = value(of, name);
            (samples.value - floor.value) / samples.error.hypot(floor.error)
        };
        assert!(away(&alike).abs() < 4.0 && away(&darker) > 6.0, "{name}: {} and {}", away(&alike), away(&darker));
    }
}

#[test]
fn errors_are_those_of_a_mean() {
    let mut random = Stream::new(1, Domain::Test, "numbers", 0);
    let all: Vec<f64> = (0..1000).map(|_| f64::from(random.normal())).collect();
    let mean = Estimate::mean(&all);
    let again = Estimate::jackknife(all.len(), |kept| kept.iter().map(|&i| all[i]).sum::<f64>() / kept.len() as f64);
    assert!((mean.value - again.value).abs() < 1e-12 && (mean.error - 0.0316).abs() < 0.003, "{mean:?}");
    assert!((again.error / mean.error - 1.0).abs() < 0.6, "of ten groups: {again:?} for {mean:?}");
    // |mean| of standard normal numbers has the deviation √((1 - 2/π) / n): of 200 sets, as far as ten groups tell.
    let errors = (0..200).map(|_| {
        let all: Vec<f64> = (0..100).map(|_| f64::from(random.normal())).collect();
        let of = |kept: &[usize]| (kept.iter().map(|&i| all[i]).sum::<f64>() / kept.len() as f64).abs();
        Estimate::by_groups(all.len(), of).error
    });
    let mean = errors.sum::<f64>() / 200.0;
    let want = ((1.0 - 2.0 / std::f64::consts::PI) / 100.0_f64).sqrt();
    assert!((mean / want - 1.0).abs() < 0.15, "{mean} for {want}");
    assert_eq!(Estimate { value: 123.456, error: 0.2 }.to_string(), "123.5 \u{b1} 0.2");
    assert_eq!(Estimate { value: 0.5, error: f64::NAN }.to_string(), "0.500");
}

/// Nine of ten samples are of one class.
#[test]
fn classes_that_are_missing_are_counted() {
    let even: Vec<u32> = (0..100).map(|i| i % 4).collect();
    let mostly: Vec<u32> = (0..100).map(|i| u32::from(i % 10 == 0)).collect();
    let figures = of_classes(&Classes { n_classes: 4, samples: &mostly, learned: &even, held_out: &even });
    let values: Vec<(f64, f64)> = figures.iter().map(|f| (f.samples.value, f.floor.expect("a floor").value)).collect();
    assert_eq!(values[0], (2.0, 4.0));
    assert!((values[1].0 - 0.65).abs() < 1e-12 && values[1].1 == 0.0, "{values:?}");
}

#[test]
fn large_images_are_made_smaller_before_they_are_compared() {
    let image: Vec<f32> = (0..64 * 64 * 3).map(|i| (i % 3) as f32).collect();
    let small = reduced(&image, &[64, 64, 3]);
    assert_eq!(small.len(), 16 * 16 * 3);
    assert!(small.iter().enumerate().all(|(i, v)| *v == (i % 3) as f32), "channels stay apart");
    assert_eq!(reduced(&[1.0, 2.0], &[2]), [1.0, 2.0]);
    let half: Vec<f32> = (0..64 * 32).map(|i| if i < 32 * 32 { 1.0 } else { 0.0 }).collect();
    assert_eq!(reduced(&half, &[64, 32, 1]).iter().sum::<f32>(), 256.0);
}

/// scikit-learn, SciPy and pytorch-msssim on the same numbers: `assets/golden/figures.py`.
mod golden {
    use super::*;
    use safetensors::{Dtype, SafeTensors};

    struct Golden(Vec<u8>);

    impl Golden {
        fn read() -> Self {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/golden/figures.safetensors");
            Golden(std::fs::read(path).expect("it is in the repository"))
        }

        fn file(&self) -> SafeTensors<'_> {
            SafeTensors::deserialize(&self.0).expect("a safetensors file")
        }

        /// Numbers and the shape.
        fn of(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
            let file = self.file();
            let tensor = file.tensor(name).unwrap_or_else(|_| panic!("no tensor {name}"));
            let words = tensor.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
            let numbers = match tensor.dtype() {
                Dtype::F32 => words.map(f32::from_le_bytes).collect(),
                _ => words.map(|b| i32::from_le_bytes(b) as f32).collect(),
            };
            (numbers, tensor.shape().to_vec())
        }

        fn number(&self, name: &str) -> f64 {
            f64::from(self.of(name).0[0])
        }

        /// The middle parts of names `PART/CASE/..`.
        fn cases(&self, part: &str) -> Vec<String> {
            let file = self.file();
            let of = |name: &&str| name.strip_prefix(part).and_then(|rest| rest.split('/').nth(1)).map(str::to_owned);
            let mut cases: Vec<String> = file.names().iter().filter_map(of).collect();
            cases.sort();
            cases.dedup();
            cases
        }
    }

    /// To four digits, or 1e-6 where both are nearly 0.
    fn equal(what: &str, got: f64, want: f64) {
        assert!((got - want).abs() <= 5e-5 * want.abs() + 1e-6, "{what}: {got} for {want}");
    }

    #[test]
    fn figures_of_features_are_those_of_scikit_learn() {
        let golden = Golden::read();
        let cases = golden.cases("features");
        assert_eq!(cases.len(), 3);
        for case in cases {
            let of = |key: &str| golden.of(&format!("features/{case}/{key}"));
            let number = |key: &str| golden.number(&format!("features/{case}/{key}"));
            let ((samples, shape), (held_out, _)) = (of("samples"), of("held_out"));
            let (samples, held_out): (Vec<&[f32]>, Vec<&[f32]>) =
                (samples.chunks_exact(shape[1]).collect(), held_out.chunks_exact(shape[1]).collect());
            let normal = |rows: &[&[f32]]| frechet::Normal::of(rows, shape[1]);
            equal(&format!("{case}, Fréchet"), normal(&samples).distance(&normal(&held_out)), number("frechet"));
            equal(&format!("{case}, the other way"), normal(&held_out).distance(&normal(&samples)), number("frechet"));
            equal(&format!("{case}, kernel"), kernel::kernel_distance(&samples, &held_out, shape[1]).value, number("kernel"));
            let among = Among::new(&held_out, &samples);
            for (key, got) in [
                ("precision", among.precision),
                ("recall", among.recall),
                ("density", among.density),
                ("coverage", among.coverage),
            ] {
                equal(&format!("{case}, {key}"), got.value, number(key));
            }
        }
    }

    #[test]
    fn nearest_rows_are_those_of_scikit_learn() {
        let golden = Golden::read();
        let ((samples, shape), (training, _)) = (golden.of("authentic/samples"), golden.of("authentic/training"));
        let (samples, training): (Vec<&[f32]>, Vec<&[f32]>) =
            (samples.chunks_exact(shape[1]).collect(), training.chunks_exact(shape[1]).collect());
        let to = nearest(&samples, &training, |_| None);
        let (want, distance) = (golden.of("authentic/nearest").0, golden.of("authentic/distance").0);
        for ((to, want), distance) in to.iter().flatten().zip(&want).zip(&distance) {
            assert_eq!(to.at as f32, *want);
            assert!((to.distance - distance).abs() < 1e-5);
        }
        let found = authentic(&to, &training);
        let part = found.iter().filter(|hit| **hit).count() as f64 / found.len() as f64;
        equal("authentic", part, golden.number("authentic/authentic"));
    }

    #[test]
    fn similarity_is_that_of_pytorch_msssim() {
        let golden = Golden::read();
        let cases = golden.cases("similarity");
        assert_eq!(cases.len(), 2);
        for case in cases {
            let of = |key: &str| golden.of(&format!("similarity/{case}/{key}"));
            let ((a, shape), (b, _), (want, _)) = (of("a"), of("b"), of("value"));
            let d = shape[1..].iter().product();
            for ((a, b), want) in a.chunks_exact(d).zip(b.chunks_exact(d)).zip(want) {
                let got = similarity::of_pair(a, b, [shape[1], shape[2], shape[3]]);
                equal(&case, got, f64::from(want));
            }
        }
    }
}
