//! Pictures that are cut out of sheets of samples: how a model grew, and what became of one latent. They are made of what lies in the
//! folder, so that a run that was stopped and resumed makes them as one that never was.

use std::io;
use std::ops::Range;

use calotype_data::picture::{self, RgbImage, read_png, write_gif};
use calotype_models::{Model, Stage};

use super::grid::ABOUT_PIXELS;
use super::{Kind, film, save};
use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::replace::replace;

/// Latents of the picture of the growth.
const GROWN: usize = 8;
/// The film of one latent is about as wide.
const LATENT_PIXELS: usize = 192;

/// How images lie in a model's sheets of samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    /// Pixels of an image.
    pub height: usize,
    pub width: usize,
    pub columns: usize,
}

impl Sheet {
    /// Images of a sheet of a step, by number; fewer where there is no such sheet.
    fn images(&self, folder: &RunFolder, step: u64, numbers: Range<usize>) -> Vec<RgbImage> {
        let Ok(sheet) = read_png(&folder.picture(Kind::SAMPLES, step)) else { return vec![] };
        let size = [self.height, self.width];
        numbers.map_while(|n| picture::image_of_sheet(&sheet, size, self.columns, ABOUT_PIXELS, n)).collect()
    }
}

/// The steps of each level of a model that grows: whose stages are fed rows of other sizes. None of other models.
pub(super) fn levels(model: &dyn Model) -> Vec<Range<u64>> {
    let stages = model.learning().descent().map_or_else(Vec::new, |descent| descent.stages(model.batch()));
    stages.into_iter().filter(Stage::is_level).map(|stage| stage.span).collect()
}

/// Writes one column a level that was begun after `step` steps: the same latents as they were when its training ended, or as they are.
///
/// # Errors
/// What the system says.
pub(super) fn growth(folder: &RunFolder, sheet: Sheet, levels: &[Range<u64>], step: u64) -> Result<()> {
    let ends = levels.iter().filter(|steps| steps.start < step).map(|steps| steps.end.min(step));
    let columns: Vec<Vec<RgbImage>> = ends.map(|end| sheet.images(folder, end, 0..GROWN)).filter(|c| !c.is_empty()).collect();
    match picture::columns(&columns) {
        Some(picture) => save(&folder.growth(), &picture),
        None => Ok(()),
    }
}

/// Writes the film of the first latent.
///
/// # Errors
/// What the system says.
pub(super) fn latent(folder: &RunFolder, sheet: Sheet) -> Result<()> {
    let first = |step: u64| sheet.images(folder, step, 0..1).pop();
    let frames = film::chosen(&folder.picture_steps(Kind::SAMPLES)?).into_iter().filter_map(first);
    let frames: Vec<RgbImage> = frames.map(|image| picture::enlarged_to(&image, LATENT_PIXELS)).collect();
    let Some(frames) = film::frames(frames) else { return Ok(()) };
    let path = folder.latent();
    let written = replace(&path, |file| write_gif(file, &frames, film::FRAME_MS).map_err(io::Error::other));
    written.map_err(TrainingError::io(&path))
}
