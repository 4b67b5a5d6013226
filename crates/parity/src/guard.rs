//! Guard bands: memory that nobody owns is poisoned before a run and must be untouched after it.

use calotype_graph::{Device, DeviceError, Plan, PlanId, Region};

/// A NaN that no kernel makes: an element that was not written, or a gap that was, shows.
pub const POISON: u32 = 0x7FC0_DEAD;

/// Regions that a step may write and that do not outlive it.
fn scratch(plan: &Plan) -> impl Iterator<Item = Region> {
    std::iter::once(Region::Output).chain((0..plan.arenas.len() as u32).map(Region::Arena))
}

/// Fills the outputs and all arenas of a loaded plan with [`POISON`].
///
/// # Errors
/// The device's.
pub fn poison(device: &mut dyn Device, id: PlanId, plan: &Plan) -> Result<(), DeviceError> {
    scratch(plan).try_for_each(|region| device.fill(id, region, POISON))
}

/// After a run of a plan that was poisoned before: `None` if no word outside all tensors changed, else what was found
/// where.
///
/// # Errors
/// The device's.
pub fn unharmed(device: &mut dyn Device, id: PlanId, plan: &Plan) -> Result<Option<String>, DeviceError> {
    for region in scratch(plan) {
        let words = device.dump(id, region)?;
        let owned = owned(plan, region, words.len());
        let hit = (0..words.len()).find(|&i| !owned[i] && words[i] != POISON);
        if let Some(i) = hit {
            let before = nearest(plan, region, i);
            return Ok(Some(format!("{region:?} word {i}, {before}, was overwritten with {:#010x}", words[i])));
        }
    }
    Ok(None)
}

/// Which words of a region belong to a tensor or to a step's scratch.
fn owned(plan: &Plan, region: Region, len: usize) -> Vec<bool> {
    let mut owned = vec![false; len];
    for (_, place) in places(plan).filter(|(_, p)| p.region == region) {
        owned[place.offset..place.offset + place.len].fill(true);
    }
    owned
}

fn places(plan: &Plan) -> impl Iterator<Item = (&str, calotype_graph::Place)> {
    let steps = plan.steps.iter().flat_map(|s| {
        let touched = s.reads.iter().map(|r| r.place).chain(s.writes.iter().map(|w| w.place)).chain(s.workspace);
        touched.map(|p| (s.name.as_str(), p))
    });
    let ports = plan.inputs.iter().chain(&plan.outputs).map(|p| (p.name.as_str(), p.place));
    steps.chain(ports)
}

/// Whose end lies next before word `i`, for the message.
fn nearest(plan: &Plan, region: Region, i: usize) -> String {
    let before = places(plan).filter(|(_, p)| p.region == region && p.offset + p.len <= i);
    match before.max_by_key(|(_, p)| p.offset + p.len) {
        Some((name, p)) => format!("{} after the end of a tensor of `{name}`", i - (p.offset + p.len)),
        None => "before all tensors".to_owned(),
    }
}
