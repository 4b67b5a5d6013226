//! `calotype translate`.

use std::path::PathBuf;

use calotype_data::Split;
use calotype_training::Choice;
use clap::Args;

pub const EXAMPLES: &str = "Examples:
  calotype translate runs/cyclegan-emoji-noto-001 emoji-noto --to B --out twemoji --grid sheet.png
  calotype translate runs/cyclegan-summerA-001 photos holiday.jpg --to B --size 256 --out winter
  calotype translate runs/stargan-emoji-tones-001 hand.png --to dark --out out
  calotype translate runs/stargan-celeba-001 faces --to Blond_Hair,Male=no --out out
  calotype translate runs/stargan-emoji-tones-001 emoji-tones --to light --to dark --out out --grid sheet.png

Every image becomes a PNG of the same name and size in the output folder. The last lines of standard output are the folder and the sheet.";

#[derive(Debug, Args)]
pub struct TranslateArgs {
    /// Run folder, as made by `calotype train`
    pub run: PathBuf,

    /// Images: files, folders of them, or a named data set
    #[arg(value_name = "IMAGE|FOLDER|NAME", required = true)]
    pub images: Vec<String>,

    /// What they become. Of a run on two data sets: A or B. Of a run on attributes: a value (dark), an attribute (Male, Male=no), or
    /// several with commas; what is not said stays as the image has it, as the critic sees it. May be repeated: each gets a folder of
    /// its own, and a column of --grid
    #[arg(long, value_name = "DOMAIN[,ATTRIBUTE=V]", required = true)]
    pub to: Vec<String>,

    /// Output folder; it is created
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Writes a sheet: a line an image, itself and what it became; of the first 64, at the model's size
    #[arg(long, value_name = "FILE.png")]
    pub grid: Option<PathBuf>,

    /// Resizes image files first, so that their shorter side has N pixels [default: they keep their size]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(16..=8192))]
    pub size: Option<u16>,

    /// Of a named data set: `train`, `test` or `all` [default: test if it has test rows, else all]
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<Split>,

    /// Checkpoint: `last`, `best` (on the held-out set) or a step [default: best if the run has a held-out set, else last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}
