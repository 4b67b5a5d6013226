//! The weights of a model's networks, under their names here and in public PyTorch code.

use calotype_graph::{Dtype, GraphError, HostTensor, Shape, StateSpec};
use calotype_models::{Form, Model, Module, Renamed, Stages};

use crate::layouts::{inward, outward, published, shape_outward, shape_published, unpublished};

/// A state of a network: a weight, or a running statistic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight<'a> {
    pub spec: &'a StateSpec,
    /// Its name within its module, in a checkpoint.
    pub here: &'a str,
    renamed: Option<&'a Renamed>,
}

/// Which of its two forms a tensor in a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Checkpoint,
    PublicCode,
}

impl<'a> Weight<'a> {
    /// Its name within its module, in public code.
    pub fn there(&self) -> &'a str {
        self.renamed.map_or(self.here, |renamed| &renamed.there)
    }

    /// Both names, the public one first; once where they are one.
    pub fn names(&self) -> impl Iterator<Item = (&'a str, Source)> {
        let here = Some((self.here, Source::Checkpoint)).filter(|_| self.here != self.there());
        [(self.there(), Source::PublicCode)].into_iter().chain(here)
    }

    fn form(&self, source: Source) -> &'a Form {
        match (source, self.renamed) {
            (Source::PublicCode, Some(renamed)) => &renamed.form,
            _ => &Form::Same,
        }
    }

    /// Its shape in a file.
    pub fn shape(&self, source: Source) -> Shape {
        shape_published(self.form(source), &shape_outward(self.spec.layout, &self.spec.ty.shape))
    }

    /// As public code has what a device has.
    pub fn published(&self, value: HostTensor) -> HostTensor {
        published(self.form(Source::PublicCode), outward(self.spec.layout, value))
    }

    /// As a device has what a file has, which is of the shape of [`Weight::shape`].
    pub fn taken(&self, value: HostTensor, source: Source) -> HostTensor {
        let value = unpublished(self.form(source), value, shape_outward(self.spec.layout, &self.spec.ty.shape));
        inward(self.spec.layout, &value)
    }
}

/// Those of a module among the states of a model. Whole numbers are no weights: settings decide them, as they do an order of dimensions.
pub(crate) fn weights<'a>(module: &'a Module, specs: impl IntoIterator<Item = &'a StateSpec>) -> Vec<Weight<'a>> {
    let weight = |spec: &'a StateSpec| {
        let here = module.within(&spec.name)?;
        Some(Weight { spec, here, renamed: module.renamed.iter().find(|renamed| renamed.here == here) })
    };
    specs.into_iter().filter(|spec| spec.ty.dtype == Dtype::F32).filter_map(weight).collect()
}

/// What a module is called: by its scope, or where the model is one module by the model.
pub(crate) fn called<'a>(module: &Module, model: &'a str) -> &'a str {
    if module.scope.is_empty() { model } else { module.scope }
}

/// Every state of the stages of training, in the order of their names; none of a model that counts.
///
/// # Errors
/// A mistake of the model.
pub(crate) fn states_of_training(model: &dyn Model, batch: usize) -> Result<Vec<StateSpec>, GraphError> {
    let Some(descent) = model.learning().descent() else { return Ok(vec![]) };
    let stages = Stages::new(descent, batch)?;
    let mut all: Vec<StateSpec> = stages.iter().flat_map(|(_, program)| program.states().cloned()).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.dedup_by(|a, b| a.name == b.name);
    Ok(all)
}
