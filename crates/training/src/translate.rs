//! Translation: the programs of a translator on a device, for images of one size.

use std::sync::Arc;

use calotype_graph::{Device, DeviceProfile, Plan, PlanError, PlanOptions, plan};
use calotype_models::{Translator, Way};

use crate::error::Result;
use crate::load::Loader;
use crate::rows::RowProgram;

/// The programs of a translator, planned.
#[derive(Clone, Debug, Default)]
pub struct TranslationPlans {
    ways: Vec<(Way, Arc<Plan>)>,
    /// Of [`Translator::recognition`].
    recognition: Option<Arc<Plan>>,
}

impl TranslationPlans {
    /// For `batch` images of [H, W] at once.
    ///
    /// # Errors
    /// A plan that does not fit the device; a mistake in the model.
    pub fn new(translator: &dyn Translator, batch: usize, size: [usize; 2], profile: &DeviceProfile) -> Result<Self, PlanError> {
        let plan = |program| plan(&program, profile, PlanOptions::default()).map(Arc::new);
        let ways = translator.domains().ways().into_iter();
        let ways =
            ways.map(|way| Ok((way, plan(translator.translation(way, batch, size)?)?))).collect::<Result<_, PlanError>>()?;
        let recognition = translator.recognition(batch, size).map(|program| plan(program?)).transpose()?;
        Ok(TranslationPlans { ways, recognition })
    }

    /// Every plan.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.ways.iter().map(|(_, plan)| plan).chain(&self.recognition)
    }

    /// Planned bytes of all of them, the states once.
    pub fn bytes(&self) -> u64 {
        let states = self.all().map(|plan| plan.memory.state).max().unwrap_or(0);
        self.all().map(|plan| plan.memory.total() - plan.memory.state).sum::<u64>() + states
    }
}

/// The programs of a translator, loaded.
#[derive(Clone, Debug)]
pub struct Translations {
    ways: Vec<(Way, RowProgram)>,
    recognition: Option<RowProgram>,
}

impl Translations {
    /// # Errors
    /// What the device says.
    pub fn load(device: &mut dyn Device, plans: &TranslationPlans, loader: Loader) -> Result<Self> {
        let mut load = |plan: &Arc<Plan>| RowProgram::load(device, plan, loader, 0);
        let ways = plans.ways.iter().map(|(way, plan)| Ok((*way, load(plan)?))).collect::<Result<_>>()?;
        Ok(Translations { ways, recognition: plans.recognition.as_ref().map(load).transpose()? })
    }

    /// Takes all of them off the device.
    pub fn unload(self, device: &mut dyn Device) {
        self.ways.into_iter().for_each(|(_, program)| program.unload(device));
        self.recognition.into_iter().for_each(|program| program.unload(device));
    }

    /// Images [N, H W C] of -1 to 1 become others of 0 to 1. `domains` [N, n], the attributes that each is to have, or nothing.
    ///
    /// # Errors
    /// What the device says.
    pub fn translate(&self, device: &mut dyn Device, way: Way, images: &[f32], domains: &[f32]) -> Result<Vec<f32>> {
        let Some((_, program)) = self.ways.iter().find(|(known, _)| *known == way) else { return Ok(vec![]) };
        if domains.is_empty() {
            return program.all(device, images);
        }
        let n = images.len() / program.n_out().max(1);
        let rows = images.chunks_exact(program.n_out()).zip(domains.chunks_exact(domains.len() / n.max(1)));
        program.all(device, &rows.flat_map(|(image, domain)| image.iter().chain(domain)).copied().collect::<Vec<_>>())
    }

    /// The attributes that images [N, H W C] of -1 to 1 have, as the critic sees them: [N, n]. None where it cannot judge them.
    ///
    /// # Errors
    /// What the device says.
    pub fn recognise(&self, device: &mut dyn Device, images: &[f32]) -> Result<Option<Vec<f32>>> {
        self.recognition.as_ref().map(|program| program.all(device, images)).transpose()
    }
}

/// Images of 0 to 1, as a translator takes them.
pub fn signed(images: &[f32]) -> Vec<f32> {
    images.iter().map(|v| 2.0 * v - 1.0).collect()
}
