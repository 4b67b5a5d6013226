//! `calotype export`.

use std::path::PathBuf;

use calotype_training::Choice;
use clap::Args;

use crate::output::Form;

pub const EXAMPLES: &str = "Examples:
  calotype export runs/dcgan-emoji-001 --to generator.onnx
  calotype export runs/vae-digits-001 --part encoder --to encoder.onnx
  calotype export runs/cyclegan-emoji-001 --part translator-to-b --size 256x256 --to to-b.onnx
  calotype export runs/dcgan-emoji-001 --to generator.safetensors    # for load_state_dict of a PyTorch module
  calotype export runs/nade-digits-001 --list            # the parts that a run has

Networks have the weights of the best checkpoint, or of the newest where none is best; averages of weights where samples come from them. An
ONNX model takes any number of rows: their axis is named `batch`. Images are [batch, height, width, channels]. Recurrences over neighbours
(row-lstm, diagonal-bilstm) are not in ONNX and are refused.";

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Run folder, as made by `calotype train`
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Output file: `.onnx` for a model that other programs run, `.safetensors` for the weights of a network as PyTorch's
    /// `load_state_dict` takes them
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    pub to: Option<PathBuf>,

    /// Part of the model; of weights the network [default: the first that --list shows]
    #[arg(long, value_name = "PART")]
    pub part: Option<String>,

    /// Of images that are translated: pixels, as HEIGHTxWIDTH [default: the model's]
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub size: Option<[usize; 2]>,

    /// Show the parts, and write nothing
    #[arg(long)]
    pub list: bool,

    /// Checkpoint: `last`, `best` (on the held-out set) or a step [default: best if the run has a held-out set, else last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    #[command(flatten)]
    pub form: Form,
}

fn size(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.parse::<usize>().ok().filter(|n| (1..=4096).contains(n));
    let both = text.split_once('x').and_then(|(h, w)| Some([side(h)?, side(w)?]));
    both.ok_or_else(|| "expected HEIGHTxWIDTH, such as 256x256, each 1 to 4096".to_owned())
}
