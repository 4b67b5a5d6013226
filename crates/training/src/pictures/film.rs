//! The film of a run: its pictures of one kind, one after the other.

use std::io;

use calotype_data::picture::{RgbImage, read_png, write_gif};

use super::Kind;
use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::replace::replace;

/// At most so many pictures, evenly spaced, the last among them.
const FRAMES: usize = 60;
pub(super) const FRAME_MS: u32 = 120;
/// The last picture stays so many times as long.
const LAST_FRAMES: usize = 12;

/// Of at least two pictures; of fewer there is none. A picture that cannot be read, or has another size than the last one, is left
/// out: a film is no reason for a run to fail.
///
/// # Errors
/// What the system says when it is written.
pub(super) fn write(folder: &RunFolder, kind: Kind) -> Result<()> {
    let steps = chosen(&folder.picture_steps(kind)?);
    let pictures = steps.iter().filter_map(|&step| read_png(&folder.picture(kind, step)).ok());
    let Some(frames) = frames(pictures.collect()) else { return Ok(()) };
    let path = folder.samples().join(kind.film);
    let written = replace(&path, |file| write_gif(file, &frames, FRAME_MS).map_err(io::Error::other));
    written.map_err(TrainingError::io(&path))
}

/// Pictures as the frames of a film, the last one longer; none of fewer than two of the last one's size.
pub(super) fn frames(mut pictures: Vec<RgbImage>) -> Option<Vec<RgbImage>> {
    let last = pictures.last()?.clone();
    pictures.retain(|f| f.dimensions() == last.dimensions());
    if pictures.len() < 2 {
        return None;
    }
    pictures.extend(std::iter::repeat_n(last, LAST_FRAMES - 1));
    Some(pictures)
}

/// Steps of pictures that a film shows.
pub(super) fn chosen(steps: &[u64]) -> Vec<u64> {
    let n = steps.len().min(FRAMES);
    (1..=n).map(|i| steps[i * steps.len() / n - 1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_picture_is_in_the_film() {
        assert!(chosen(&[]).is_empty());
        for n in [1, 2, FRAMES, FRAMES + 1, 1000] {
            let steps: Vec<u64> = (0..n as u64).collect();
            let chosen = chosen(&steps);
            assert_eq!((chosen.len(), chosen.last()), (n.min(FRAMES), steps.last()));
            assert!(chosen.windows(2).all(|w| w[0] < w[1]));
        }
    }
}
