//! `calotype compose`.

use std::path::PathBuf;

use calotype_training::Choice;
use clap::Args;

use super::seed;

pub const EXAMPLES: &str = "Examples:
  calotype compose runs/puzzle-gan-fashion-mnist-001 collar.png sleeve.png hem.png --out shirt.png
  calotype compose runs/puzzle-gan-fashion-mnist-001 parts --count 16 --out shirts.png    # a folder; 16 images of other latents
  calotype compose runs/puzzle-gan-fashion-mnist-001 --from test:12 --out puzzle.png      # patches, mask, result, original
  calotype compose runs/puzzle-gan-emoji-001 --from face.png --cut parts --out puzzle.png # keeps the patches, too

Neither the order of patches nor where they belong is told, and their order changes not a bit. The path of the file is printed.";

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct ComposeArgs {
    /// Run folder, as made by `calotype train`
    pub run: PathBuf,

    /// Patches: image files or folders of them. Each is a part of an image, at the scale of those that the run learned from
    #[arg(value_name = "PATCH", conflicts_with = "from")]
    pub patches: Vec<PathBuf>,

    /// Takes the patches from an image: as many as the run learned from, where it has most edges. An image file, or `test:N` for row N of
    /// the run's test data
    #[arg(long, value_name = "IMAGE|test:N")]
    pub from: Option<String>,

    /// Writes the patches that --from takes as image files into a folder, which is created: files that `compose` takes
    #[arg(long, value_name = "DIR")]
    pub cut: Option<PathBuf>,

    /// Number of images, of the same patches and other latents
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub count: u16,

    /// Seed of the latents
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,

    /// Output file. A .png: the image; several in a sheet; with --from the patches, the mask of their places, the images, and the original
    /// beside each other. A .npy: the images, f32 [N, H, W, C] from 0 to 1
    #[arg(long, value_name = "FILE.png|.npy")]
    pub out: PathBuf,

    /// Checkpoint: `last` or a step [default: last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}
