//! What a run makes of the key patches of its test rows, on the CPU: `cargo run --release -p calotype-training --example compositions -- RUN`.
//!
//! Places: the mean over images of the intersection of the mask, from 1/2 on, and the true one, over their union. Patches: the mean absolute
//! difference of the made image from the true one where its patches are, values from 0 to 1. Beside it the same patches placed at random, over
//! the mean image of the training rows; and the mean mask and the mean image of the training rows, which need no patches at all.

use std::path::Path;

use calotype_cpu_reference::Cpu;
use calotype_data::{KeyBox, KeyPatches, Split, mask_of};
use calotype_graph::Device;
use calotype_graph::philox::{Domain, Stream};
use calotype_models::latent::Draws;
use calotype_training::{
    Choice, Compositions, Examined, Loader, Result, RunFolder, TrainingError, Which, choose, composition_plan, default_threads,
    planning_profile, write_states_of_run,
};

const BATCH: usize = 16;
/// Random placements of the patches of an image.
const PLACEMENTS: usize = 16;

/// An image and its patches.
struct Row {
    /// [H, W, C], -1 to 1.
    image: Vec<f32>,
    keys: KeyPatches,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [run] = args.as_slice() else {
        eprintln!("usage: compositions RUN");
        std::process::exit(2);
    };
    let (folder, config) = RunFolder::open(Path::new(run))?;
    let model = config.model()?;
    let restored = choose(&folder, &config.identity(), Choice::default())?;
    let (Some(composer), &[h, w, c]) = (model.composer(), model.shape()) else {
        return Err(TrainingError::Contradiction(format!("{} composes no images", config.model)));
    };
    let (shape, n) = ([h, w, c], composer.n_patches());
    let mut device = Cpu::<f32>::fast(default_threads())?;
    let plan = composition_plan(composer, n, BATCH, &planning_profile(device.profile())).map_err(TrainingError::from)?;
    let programs = Compositions::load(&mut device, composer, &plan, Loader { threads: default_threads() })?;
    write_states_of_run(&mut device, model.as_ref(), &config, &restored, &plan)?;
    let rows = |split| -> Result<Vec<Row>> {
        let of = Examined::open(&config, model.as_ref(), &Which { split: Some(split), ..Which::default() })?;
        let row = |&row: &u32| {
            let image = of.rows.row(row);
            Row { keys: KeyPatches::of(&image, shape, n), image }
        };
        Ok(of.rows.rows().iter().map(row).collect())
    };
    let (train, test) = (rows(Split::Train)?, rows(Split::Test)?);
    let mean_image = mean(train.iter().map(|row| row.image.as_slice()));
    let mean_mask = mean(train.iter().map(|row| row.keys.mask.as_slice()));

    let (parts, seed) = (composer.latents(), config.seed);
    let latents: Vec<Vec<f32>> = (0..test.len()).map(|row| Draws::new(&parts, seed).row(row)).collect();
    let given = test.iter().zip(&latents).map(|(row, z)| (row.keys.patches.as_slice(), z.as_slice()));
    let made = programs.compose(&mut device, given)?;

    let (mut by_model, mut by_chance, mut by_mean) = (Score::default(), Score::default(), Score::default());
    for (at, (row, made)) in test.iter().zip(&made).enumerate() {
        let signed: Vec<f32> = made.image.iter().map(|v| 2.0 * v - 1.0).collect();
        by_model.add(row, &made.mask, &signed, c);
        by_mean.add(row, &mean_mask, &mean_image, c);
        let mut random = Stream::new(0, Domain::Test, "random placement", at as u32);
        for _ in 0..PLACEMENTS {
            let (mask, image) = placed(row, &mean_image, shape, &mut random);
            by_chance.add(row, &mask, &image, c);
        }
    }
    println!("{run}, step {}: {} test rows, {n} patches of each", restored.checkpoint.step, test.len());
    let covered = test.iter().map(|row| covered(&row.keys.mask)).sum::<f64>() / test.len() as f64;
    println!("  true masks cover {covered:.3} of an image");
    println!("  {:<22} {:>8} {:>14}", "", "mask IoU", "L1 of patches");
    for (name, score) in [("the run", by_model), ("random placement", by_chance), ("mean mask and image", by_mean)] {
        println!("  {name:<22} {:>8.3} {:>14.4}", score.iou / score.n, score.l1 / score.n);
    }
    Ok(())
}

/// Sums over images.
#[derive(Default)]
struct Score {
    iou: f64,
    l1: f64,
    n: f64,
}

impl Score {
    /// Of a mask [H, W] and an image [H, W, C] of -1 to 1 that should be a row's.
    fn add(&mut self, row: &Row, mask: &[f32], image: &[f32], c: usize) {
        let truth = &row.keys.mask;
        let both = mask.iter().zip(truth).filter(|(m, t)| **m >= 0.5 && **t > 0.0).count();
        let either = mask.iter().zip(truth).filter(|(m, t)| **m >= 0.5 || **t > 0.0).count();
        let pixels = image.chunks_exact(c).zip(row.image.chunks_exact(c)).zip(truth).filter(|(_, t)| **t > 0.0);
        let differences = pixels.flat_map(|((a, b), _)| a.iter().zip(b)).map(|(a, b)| f64::from(0.5 * (a - b).abs()));
        let n_values = truth.iter().filter(|t| **t > 0.0).count() * c;
        self.iou += both as f64 / either.max(1) as f64;
        self.l1 += differences.sum::<f64>() / n_values.max(1) as f64;
        self.n += 1.0;
    }
}

/// The patches of a row at random places over a background: their mask and the image.
fn placed(row: &Row, background: &[f32], shape @ [h, w, c]: [usize; 3], random: &mut Stream) -> (Vec<f32>, Vec<f32>) {
    let mut image = background.to_vec();
    let mut boxes = vec![];
    for key in &row.keys.boxes {
        let place = |room: usize, random: &mut Stream| random.below(room as u32 + 1) as usize;
        let at = KeyBox { top: place(h - key.side, random), left: place(w - key.side, random), side: key.side };
        for (y, line) in key.cut(&row.image, shape).chunks_exact(key.side * c).enumerate() {
            image[((at.top + y) * w + at.left) * c..][..key.side * c].copy_from_slice(line);
        }
        boxes.push(at);
    }
    (mask_of(&boxes, [h, w]), image)
}

fn covered(mask: &[f32]) -> f64 {
    mask.iter().map(|&v| f64::from(v)).sum::<f64>() / mask.len().max(1) as f64
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let (mut sum, mut n) = (vec![], 0.0);
    for row in rows {
        sum.resize(row.len(), 0.0);
        sum.iter_mut().zip(row).for_each(|(sum, v): (&mut f64, _)| *sum += f64::from(*v));
        n += 1.0;
    }
    sum.iter().map(|v| (v / n) as f32).collect()
}
