//! How long a data set takes to open: `cargo run --release -p calotype-data --example opening -- PATH [SIZE]`.

use std::time::Instant;

use calotype_data::{Options, open, without_cache};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("give a path")?;
    let size = args.next().map(|size| size.parse()).transpose()?;
    if args.next().is_none() {
        without_cache();
    }
    let start = Instant::now();
    let dataset = open(&path, &Options { size, ..Options::default() })?;
    println!("{} rows of {:?} in {:.2} s", dataset.n_rows(), dataset.shape(), start.elapsed().as_secs_f64());
    Ok(())
}
