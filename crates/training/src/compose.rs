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
