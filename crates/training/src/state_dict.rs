//! A network of a run as the state dict of a PyTorch module: one safetensors file, with the names and layouts of public code.

use std::collections::{BTreeMap, HashMap};

use calotype_graph::{HostTensor, StateSpec};
use calotype_models::averages::averaged;
use calotype_models::{Form, Model, Module, Renamed};

use crate::checkpoint::InFile;
use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::layouts::published;
use crate::restore::Restored;
use crate::states::state_of_run;
use crate::weights::{Source, called, states_of_training, weights};

/// A state dict as it is written.
pub struct StateDict {
    pub bytes: Vec<u8>,
    pub n_tensors: usize,
    pub n_values: usize,
    /// Whether it holds the moving averages of the weights.
    pub averaged: bool,
}

/// The networks of a model by name, what it is used for most first; none of a model that counts.
pub fn networks(model: &dyn Model) -> Vec<(&'static str, Module)> {
    let learns = model.learning().descent().is_some();
    let named = |module: Module| (called(&module, model.info().name), module);
    model.modules().into_iter().filter(|_| learns).map(named).collect()
}

/// The names that a module's state dict has, with the shapes of their tensors, in the order of names.
///
/// # Errors
/// A mistake of the model.
pub fn names(model: &dyn Model, module: &Module) -> Result<BTreeMap<String, Vec<usize>>> {
    let specs = states_of_training(model, model.batch())?;
    let own = weights(module, &specs).into_iter().map(|weight| {
        let shape = weight.shape(Source::PublicCode);
        (weight.there().to_owned(), shape.dims().to_vec())
    });
    let made = made(module).map(|(_, there, _)| (there.to_owned(), vec![]));
    Ok(own.chain(made).collect())
}

/// A network with the weights of a checkpoint: their moving averages where samples come from these.
///
/// # Errors
/// A checkpoint that lacks a state.
pub fn state_dict(model: &dyn Model, module: &Module, config: &RunConfig, restored: &Restored) -> Result<StateDict> {
    let specs = states_of_training(model, config.batch)?;
    let damaged = |reason| TrainingError::Damaged { path: restored.path.clone(), reason };
    let value = |spec: &StateSpec| state_of_run(model, config, &restored.checkpoint, spec).map_err(damaged);
    let average = |of: &StateSpec| specs.iter().find(|spec| spec.name != of.name && averaged(&spec.name) == of.name);
    let own = weights(module, &specs);
    let mut tensors = BTreeMap::<String, HostTensor>::new();
    for weight in &own {
        let used = average(weight.spec).unwrap_or(weight.spec);
        tensors.insert(weight.there().to_owned(), weight.published(value(used)?));
    }
    for (here, there, form) in made(module) {
        if let Some(spec) = specs.iter().find(|spec| spec.name == here) {
            tensors.insert(there.to_owned(), published(form, value(spec)?));
        }
    }
    // The mark by which other programs know whose layouts these are.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let views = tensors.iter().map(|(name, tensor)| (name.as_str(), InFile(tensor)));
    Ok(StateDict {
        bytes: safetensors::serialize(views, Some(metadata)).map_err(|e| TrainingError::Report(e.to_string()))?,
        n_tensors: tensors.len(),
        n_values: tensors.values().map(|tensor| tensor.shape.numel()).sum(),
        averaged: own.iter().any(|weight| average(weight.spec).is_some()),
    })
}

/// What public code has that is made from other states of a run: their name here and there.
fn made(module: &Module) -> impl Iterator<Item = (&str, &str, &Form)> {
    let of_state = |renamed: &&Renamed| matches!(renamed.form, Form::Made(_));
    module.renamed.iter().filter(of_state).map(|renamed| (renamed.here.as_str(), renamed.there.as_str(), &renamed.form))
}
