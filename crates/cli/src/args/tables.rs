//! Arguments of `count` and `table`.

use std::path::PathBuf;

use clap::Args;

use crate::output::Form;

pub const COUNT_EXAMPLES: &str = "Examples:
  calotype count --pixels 784                           # MNIST's bits: 2^784 - 1, or 1,567, or 784
  calotype count --pixels 1 --channels 3 --levels 256   # one RGB pixel
  calotype count --pixels 64 --levels 17 --order 2";

pub const TABLE_EXAMPLES: &str = "Examples:
  calotype table weather.csv                                    # the joint table; the chain rule
  calotype table weather.csv --given wet=yes --marginal rain    # Bayes: p(rain | wet)
  calotype table weather.csv --independent \"rain,sprinkler|wet\"
  calotype table assets/examples/berkeley.csv --weight people --independent gender,admitted

The file is CSV: a header line, then one observation a line:
  rain,sprinkler,wet
  no,yes,yes
  yes,no,yes";

#[derive(Debug, Args)]
pub struct CountArgs {
    /// Pixels of an image: height x width
    #[arg(long, value_name = "N")]
    pub pixels: u64,

    /// Channels of a pixel: 3 for colour
    #[arg(long, value_name = "C", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub channels: u64,

    /// Levels of a value: 2 for bits
    #[arg(long, value_name = "L", default_value = "2")]
    pub levels: u64,

    /// Order of the Markov assumption: each value depends on the K values before it
    #[arg(long, value_name = "K", default_value = "1")]
    pub order: u64,

    #[command(flatten)]
    pub form: Form,
}

#[derive(Debug, Args)]
pub struct TableArgs {
    /// CSV file with a header line, separated by comma, semicolon or tab
    pub file: PathBuf,

    /// Condition on A = VALUE; may be repeated
    #[arg(long, value_name = "A=VALUE", value_parser = fact)]
    pub given: Vec<(String, String)>,

    /// Marginal distribution of these variables, all others summed out; may be repeated
    #[arg(long, value_name = "B[,C…]")]
    pub marginal: Vec<String>,

    /// Test whether A and B are independent given C, D, …; without `|` unconditionally; may be repeated
    #[arg(long, value_name = "A,B|C,D")]
    pub independent: Vec<String>,

    /// Column with the weight of each observation: counts, or probabilities that sum to 1
    #[arg(long, value_name = "COLUMN")]
    pub weight: Option<String>,

    /// Additive smoothing: added to the count of every combination of values; 1 is Laplace's rule
    #[arg(long, value_name = "ALPHA", default_value = "0", value_parser = smoothing, allow_negative_numbers = true)]
    pub smoothing: f64,

    #[command(flatten)]
    pub form: Form,
}

fn fact(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected a variable and its value, such as rain=yes".to_owned()),
    }
}

fn smoothing(text: &str) -> Result<f64, String> {
    let alpha = text.parse::<f64>().ok().filter(|a| *a >= 0.0 && a.is_finite());
    alpha.ok_or_else(|| "expected a number of 0 or more".to_owned())
}
