//! Composition: what a model of key patches is fed of a batch, and its program on a device.

use std::sync::Arc;

use calotype_data::{KeyPatches, sort_patches};
use calotype_graph::{Device, DeviceProfile, HostTensor, Plan, PlanError, PlanOptions, plan};
use calotype_models::Composer;

use crate::error::{Result, TrainingError};
use crate::load::Loader;
use crate::rows::RowProgram;

/// The key patches of a batch, each to be taken once.
#[derive(Debug)]
pub(crate) struct FedPatches {
    /// [B, n, H, W, C].
    pub patches: Option<HostTensor>,
    /// [B, H, W, 1].
    pub mask: Option<HostTensor>,
}

impl FedPatches {
    /// Of images [B, H, W, C]; none of vectors.
    pub fn of(images: &[f32], shape: &[usize], n: usize) -> Option<Self> {
        let &[h, w, c] = shape else { return None };
        let of_image = |image: &[f32]| {
            let KeyPatches { patches, mask, .. } = KeyPatches::of(image, [h, w, c], n);
            (patches, mask)
        };
        let (patches, masks): (Vec<_>, Vec<_>) = images.chunks_exact(h * w * c).map(of_image).unzip();
        let b = masks.len();
        let (patches, mask) = (HostTensor::f32([b, n, h, w, c], patches.concat()), HostTensor::f32([b, h, w, 1], masks.concat()));
        Some(FedPatches { patches: Some(patches), mask: Some(mask) })
    }
}

/// The plan of a composer's program for `n` patches an image, `batch` images at once.
///
/// # Errors
/// A plan that does not fit the device; a mistake in the model.
pub fn composition_plan(
    composer: &dyn Composer,
    n: usize,
    batch: usize,
    profile: &DeviceProfile,
) -> Result<Arc<Plan>, PlanError> {
    plan(&composer.composition(n, batch)?, profile, PlanOptions::default()).map(Arc::new)
}

/// A composer's program, loaded.
#[derive(Clone, Debug)]
pub struct Compositions {
    program: RowProgram,
    /// [H, W, C].
    shape: [usize; 3],
}

/// An image that was composed.
#[derive(Clone, Debug, PartialEq)]
pub struct Composition {
    /// [H, W, C], 0 to 1.
    pub image: Vec<f32>,
    /// [H, W], 0 to 1: where the image holds the patches, as the model has it.
    pub mask: Vec<f32>,
}

impl Compositions {
    /// Of a plan of [`composition_plan`].
    ///
    /// # Errors
    /// A model of vectors; what the device says.
    pub fn load(device: &mut dyn Device, composer: &dyn Composer, plan: &Arc<Plan>, loader: Loader) -> Result<Self> {
        let &[h, w, c] = composer.shape() else {
            return Err(TrainingError::Contradiction(format!("{} composes no images", composer.info().name)));
        };
        Ok(Compositions { program: RowProgram::load(device, plan, loader, 0)?, shape: [h, w, c] })
    }

    /// Images from the patches and the latents of each: [n, H, W, C] of -1 to 1, in any order, which changes not a bit; and [Z].
    ///
    /// # Errors
    /// What the device says.
    pub fn compose<'a>(
        &self,
        device: &mut dyn Device,
        images: impl Iterator<Item = (&'a [f32], &'a [f32])>,
    ) -> Result<Vec<Composition>> {
        let [h, w, c] = self.shape;
        let mut rows = vec![];
        for (patches, z) in images {
            let from = rows.len();
            rows.extend_from_slice(patches);
            sort_patches(&mut rows[from..], h * w * c);
            rows.extend_from_slice(z);
        }
        let composed = self.program.all(device, &rows)?;
        let of_row = |row: &[f32]| Composition {
            image: row.chunks_exact(c + 1).flat_map(|pixel| &pixel[..c]).copied().collect(),
            mask: row.chunks_exact(c + 1).map(|pixel| pixel[c]).collect(),
        };
        Ok(composed.chunks_exact(h * w * (c + 1)).map(of_row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeder::{FeedSet, Feeder};
    use crate::material::Told;
    use calotype_data::{Dataset, Encoding, Preparation, Prepared, Values, mask_of};
    use calotype_models::{DataShape, Preset, find};

    const SHAPE: [usize; 3] = [16, 16, 1];
    const BATCH: usize = 4;

    /// Patches are of the rows of the same step, mirrored ones too, and the mask is of the same boxes.
    #[test]
    fn a_step_is_fed_the_patches_of_its_own_rows() {
        let data: Vec<u8> = (0..8 * 256).map(|i| (i * 7919 % 251) as u8).collect();
        let dataset = Dataset::new("test", &SHAPE, Values::Levels { data: Arc::new(data), levels: 256 }).expect("images");
        let preparation = Preparation { encoding: Encoding::Signed, flips: true, ..Preparation::default() };
        let prepared = Arc::new(Prepared::new(&dataset, &preparation).expect("levels"));
        let set = [("size", "16"), ("width", "1"), ("batch", "4"), ("patches", "2")];
        let set = set.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let shape = DataShape { shape: SHAPE.to_vec(), levels: Some(256), n_train: 8, ..DataShape::default() };
        let model = find("puzzle-gan").expect("a model").build(Preset::SMALL, &set, &shape).expect("valid settings");
        let sets = [FeedSet { prepared: Arc::clone(&prepared), rows: (0..8).collect(), n_classes: 0, told: Told::default() }];
        let feeder = Feeder::new(model, &sets, 3).expect("it feeds");
        let mut mirrored = 0;
        for step in 0..6 {
            let fed = feeder.feed(step);
            let names: Vec<(&str, &[usize])> = fed.iter().map(|(name, v)| (name.as_str(), v.shape.dims())).collect();
            assert_eq!(names, [("x", &[4, 16, 16, 1][..]), ("patches", &[4, 2, 16, 16, 1]), ("mask", &[4, 16, 16, 1])]);
            let [x, patches, mask] = [0, 1, 2].map(|n| fed[n].1.as_f32().expect("floats"));
            for row in 0..BATCH {
                let image = &x[row * 256..(row + 1) * 256];
                let keys = KeyPatches::of(image, SHAPE, 2);
                assert_eq!(patches[row * 512..(row + 1) * 512], keys.patches, "step {step}, row {row}");
                assert_eq!(mask[row * 256..(row + 1) * 256], mask_of(&keys.boxes, [16, 16]), "step {step}, row {row}");
                let as_read = |image: &[f32]| (0..8).any(|row| image == unflipped(&prepared, row));
                mirrored += usize::from(!as_read(image));
            }
        }
        assert!((6..18).contains(&mirrored), "half of 24 by chance: {mirrored}");
        assert_eq!(feeder.feed(5), feeder.feed(5), "a pure function of the step");
    }

    fn unflipped(prepared: &Arc<Prepared>, row: u32) -> Vec<f32> {
        calotype_data::Evaluation::new(Arc::clone(prepared), vec![row], 1, 0).expect("a row").row(row)
    }
}
