//! The sliced Wasserstein distance of samples from the test rows of a run's data, by level of the pyramid, beside that of training rows:
//! `calotype sample RUN --count 1000 --out samples.npy`, then
//! `cargo run --release -p calotype-training --example quality -- RUN samples.npy`.

use std::path::Path;

use calotype_data::{Split, read_npy};
use calotype_training::{Examined, Reference, Result, RunFolder, TrainingError, Which, brightness};

const MOST_BYTES: u64 = 1 << 30;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [run, samples] = args.as_slice() else {
        eprintln!("usage: quality RUN SAMPLES.npy");
        std::process::exit(2);
    };
    let (_, config) = RunFolder::open(Path::new(run))?;
    let model = config.model()?;
    let samples = read_npy(Path::new(samples), MOST_BYTES).map_err(TrainingError::from)?;
    let n_values: usize = model.shape().iter().product();
    let of = |split| Examined::open(&config, model.as_ref(), &Which { split: Some(split), ..Which::default() });
    let (test, train) = (of(Split::Test)?, of(Split::Train)?);
    let n = samples.data.len() / n_values;
    let n = n.min(test.rows.rows().len()).min(train.rows.rows().len());
    let rows = |of: &Examined| {
        let rows: Vec<f32> = of.rows.spaced(n).into_iter().flat_map(|row| of.rows.row(row)).collect();
        brightness(model.values(), &rows)
    };
    let reference = Reference::new(&rows(&test), model.shape(), 0);
    let found = reference.distances(&samples.data[..n * n_values]);
    println!("{n} rows, sliced Wasserstein distance x 1000 from test rows");
    println!("  samples        {found}; diversity {:.2}", found.diversity);
    println!("  training rows  {}", reference.distances(&rows(&train)));
    Ok(())
}
