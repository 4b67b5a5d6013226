//! Checks of a trained density, on its own weights: its probabilities sum to 1, no conditional looks ahead, each depends on what
//! its architecture says, and samples follow the scores. One file a claim.

mod ahead;
mod context;
mod desk;
mod drawn;
mod finding;
mod integrals;
mod reach;
mod rows;
mod samples;
mod sums;
#[cfg(test)]
mod tests;

use calotype_graph::{Device, HostTensor, StateSpec};
use calotype_models::Density;

pub use context::{ContextMap, Sight, context_map};
pub use finding::{Bound, Claim, Finding};

use crate::error::Result;
use crate::load::Loader;
use desk::Desk;

/// A density and the values of its states.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub density: &'a dyn Density,
    /// The value of a state of any of its programs but a sampler's own.
    pub state: &'a dyn Fn(&StateSpec) -> Result<HostTensor>,
}

/// What a person is told meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    Doing(&'a str),
    Found(&'a Finding),
}

/// A check of one claim or two.
type Check = fn(&mut Desk<'_>) -> Result<Vec<Finding>>;

/// In the order in which they are told.
const CHECKS: [Check; 6] = [sums::check, integrals::check, ahead::check, reach::check, samples::check, drawn::check];

/// Holds a density to everything that is claimed of it. The device must hold no plans; it is left without plans and states.
///
/// # Errors
/// What the device says; a plan that does not fit. A claim that fails is a finding, no error.
pub fn verify(subject: Subject, device: &mut dyn Device, loader: Loader, tell: &mut dyn FnMut(Told<'_>)) -> Result<Vec<Finding>> {
    let mut all = Vec::new();
    for check in CHECKS {
        let mut desk = Desk::new(subject, device, loader, tell);
        let found = check(&mut desk)?;
        desk.clear()?;
        found.iter().for_each(|finding| tell(Told::Found(finding)));
        all.extend(found);
    }
    Ok(all)
}
