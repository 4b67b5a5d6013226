//! Weights that a run begins with, from safetensors files: of PyTorch implementations with the same names and layouts, or of another
//! run's checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use calotype_data::hex;
use calotype_graph::{Dtype, HostTensor, Init, StateSpec};
use calotype_models::averages::averaged;
use calotype_models::{Form, Model, Module, NO_WEIGHTS, init, nearest};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::fit::Plans;
use crate::foreign::{Found, read};
use crate::states::States;
use crate::weights::{Source, Weight, called, weights};

/// A file that a run began with, in `run.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitConfig {
    /// The network whose names it has; empty where they say it themselves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub network: String,
    pub path: String,
    /// Of its bytes.
    pub sha256: String,
}

/// A file that was asked for: `FILE`, or `NETWORK=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitFile {
    pub network: Option<String>,
    pub path: PathBuf,
}

impl InitFile {
    /// As it is typed.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((network, path)) if !Path::new(text).exists() && !network.is_empty() => {
                InitFile { network: Some(network.to_owned()), path: path.into() }
            }
            _ => InitFile { network: None, path: text.into() },
        }
    }
}

/// Ends of names of running statistics: public files have them where networks here use none.
const STATISTICS: [&str; 3] = [".running_mean", ".running_var", ".num_batches_tracked"];

/// How a run begins with weights that it was given.
pub struct Begun {
    /// Of step 0.
    pub checkpoint: Checkpoint,
    /// For `run.toml`.
    pub described: Vec<InitConfig>,
    /// For whoever began it: what was taken from which file, and what was not.
    pub notes: Vec<String>,
}

/// The first checkpoint of a run that begins with the weights of files. A network is given whole or not at all; those of which no file says
/// anything have their initial weights. Weights of stages to come are held as well.
///
/// # Errors
/// A model that counts; a file that cannot be read; tensors of other names or shapes than the networks have, or fewer; a network that is given twice.
pub fn first_checkpoint(config: &RunConfig, model: &dyn Model, plans: &Plans, files: &[InitFile]) -> Result<Begun> {
    if plans.training.is_none() {
        let message = format!("--init has no effect on {}, which counts every row; leave it out", config.model);
        return Err(TrainingError::Contradiction(message));
    }
    let (states, modules) = (States::of(plans), model.modules());
    let networks = Networks { model: model.info().name, modules: &modules, specs: &states.trained() };
    let mut given = BTreeMap::<String, HostTensor>::new();
    let (mut described, mut notes, mut names) = (vec![], vec![], BTreeSet::new());
    for file in files {
        let bytes = fs::read(&file.path).map_err(TrainingError::io(&file.path))?;
        let wrong = |reason: String| TrainingError::Init { path: file.path.clone(), reason };
        let found = read(&bytes, &file.path).map_err(wrong)?;
        let fitted = networks.fitting(found, file.network.as_deref()).map_err(wrong)?;
        let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone()).display().to_string();
        notes.push(format!("begins with the weights of {path}: {}", fitted.in_words()));
        names.extend(fitted.networks);
        for (name, value) in fitted.values {
            if given.insert(name.clone(), value).is_some() {
                return Err(wrong(format!("`{name}` is in another file too; give each network once")));
            }
        }
        let network = file.network.clone().unwrap_or_default();
        described.push(InitConfig { network, path, sha256: hex(&Sha256::digest(&bytes)) });
    }
    let others: Vec<&str> = networks.all().filter(|name| !names.contains(name)).collect();
    if !others.is_empty() {
        notes.push(format!("initial weights: {}", others.join(", ")));
    }
    // An average begins at what it is the average of.
    let known = |spec: &StateSpec| given.get(averaged(&spec.name));
    let at_first: BTreeSet<&str> = states.begun(0).into_iter().map(|spec| spec.name.as_str()).collect();
    let held = states.trained().into_iter().filter(|spec| at_first.contains(spec.name.as_str()) || known(spec).is_some());
    let value = |spec: &StateSpec| known(spec).cloned().unwrap_or_else(|| init::initial(spec, config.seed));
    let checkpoint = Checkpoint::new(config.identity(), 0, held.map(|spec| (spec, value(spec))));
    Ok(Begun { checkpoint, described, notes })
}

/// The networks that a file may have weights of.
struct Networks<'a> {
    model: &'a str,
    modules: &'a [Module],
    /// All states that are trained.
    specs: &'a [&'a StateSpec],
}

/// What a file has of them.
#[derive(Debug)]
struct Fitted<'a> {
    networks: Vec<&'a str>,
    /// By their names here, as a device has them.
    values: Vec<(String, HostTensor)>,
    /// Tensors of the file that are of no use here.
    passed_over: Vec<String>,
}

impl Fitted<'_> {
    fn in_words(&self) -> String {
        let n = self.values.len();
        let tensors = if n == 1 { "tensor" } else { "tensors" };
        let taken = format!("{n} {tensors} of {}", self.networks.join(", "));
        match self.passed_over.as_slice() {
            [] => taken,
            others => format!("{taken}; passed over: {}", listed(others.iter().map(String::as_str))),
        }
    }
}

impl<'a> Networks<'a> {
    fn all(&self) -> impl Iterator<Item = &'a str> {
        let model = self.model;
        self.modules.iter().map(move |module| called(module, model))
    }

    /// Those that `--init NETWORK=FILE` means.
    fn meant(&self, network: Option<&str>) -> Result<Vec<&'a Module>, String> {
        let Some(network) = network else { return Ok(self.modules.iter().collect()) };
        match self.modules.iter().find(|module| called(module, self.model) == network) {
            Some(module) => Ok(vec![module]),
            None => {
                let guess = nearest(network, self.all()).map_or_else(String::new, |g| format!(" (did you mean `{g}`?)"));
                Err(format!("no network `{network}`{guess}; there are: {}", listed(self.all())))
            }
        }
    }

    /// Those that are weights of networks, under their names here and as a device has them.
    fn fitting(&self, mut found: BTreeMap<String, Found>, network: Option<&str>) -> Result<Fitted<'a>, String> {
        let meant = self.meant(network)?;
        let (mut networks, mut values, mut missing, mut expected) = (vec![], vec![], vec![], vec![]);
        for module in &meant {
            // With the network's name before it, unless that was said.
            let full = |name: &str| match (network, module.scope) {
                (Some(_), _) | (None, "") => name.to_owned(),
                (None, scope) => format!("{scope}.{name}"),
            };
            let (before, mut lacks) = (values.len(), vec![]);
            for weight in weights(module, self.specs.iter().copied()) {
                let mut names = weight.names().map(|(name, source)| (full(name), source));
                match names.find_map(|(name, source)| Some((found.remove(&name)?, name, source))) {
                    Some((value, name, source)) => values.push((weight.spec.name.clone(), taken(&weight, value, &name, source)?)),
                    None => lacks.push(full(weight.there())),
                }
            }
            let is_there = values.len() > before;
            if is_there { &mut missing } else { &mut expected }.extend(lacks);
            networks.extend(is_there.then(|| called(module, self.model)));
        }
        self.agree(&found)?;
        found.retain(|name, _| network.is_some() || !self.is_beside(name));
        let (passed_over, strange): (Vec<String>, Vec<String>) = found.into_keys().partition(|name| is_passed_over(name, &meant));
        if values.is_empty() {
            return Err(self.nothing(&strange, &expected, network));
        }
        if !strange.is_empty() {
            return Err(format!("tensors that no network here has: {}", listed(&strange)));
        }
        if !missing.is_empty() {
            return Err(format!("it lacks {}", listed(&missing)));
        }
        Ok(Fitted { networks, values, passed_over })
    }

    /// # Errors
    /// Weights that belong to other settings: of dimensions in another order.
    fn agree(&self, found: &BTreeMap<String, Found>) -> Result<(), String> {
        let differs = |spec: &&&StateSpec| match (&spec.init, found.get(&spec.name)) {
            (Init::Given(own), Some(Found::Numbers(value))) => spec.ty.dtype == Dtype::U32 && own != value,
            _ => false,
        };
        match self.specs.iter().find(differs) {
            Some(StateSpec { name, .. }) => {
                Err(format!("`{name}` is another one than that of this run; give the setting that the weights were trained with"))
            }
            None => Ok(()),
        }
    }

    /// Whether it is a state that a run keeps beside its weights.
    fn is_beside(&self, name: &str) -> bool {
        name.split('.').next().is_some_and(|scope| NO_WEIGHTS.contains(&scope)) || self.specs.iter().any(|spec| spec.name == name)
    }

    /// Why a file has nothing that could be taken.
    fn nothing(&self, found: &[String], expected: &[String], network: Option<&str>) -> String {
        if found.is_empty() {
            return format!("it holds no weights of {}", listed(self.all()));
        }
        let has = |module: &&Module| {
            let own = weights(module, self.specs.iter().copied());
            own.iter().flat_map(Weight::names).any(|(name, _)| found.iter().any(|f| f == name))
        };
        let within: Vec<&str> = self.modules.iter().filter(has).map(|module| called(module, self.model)).collect();
        let hint = match (network, within.as_slice()) {
            (None, [first, ..]) => {
                format!("; these are names within {}: say which, as in --init {first}=FILE", within.join(", "))
            }
            _ => String::new(),
        };
        format!("no name of a tensor matches: found {}; expected {}{hint}", listed(found), listed(expected))
    }
}

/// Whether nobody misses it here: running statistics of networks that use none, and what public code has for itself.
fn is_passed_over(name: &str, modules: &[&Module]) -> bool {
    let mut made = modules.iter().flat_map(|module| &module.renamed).filter(|renamed| matches!(renamed.form, Form::Made(_)));
    let is_made = made.any(|renamed| name.split('.').next_back() == Some(renamed.there.as_str()));
    is_made || STATISTICS.iter().any(|end| name.ends_with(end))
}

/// What a file has of a weight, as a device has it.
fn taken(weight: &Weight, value: Found, name: &str, source: Source) -> Result<HostTensor, String> {
    let kind = |dtype: &str| format!("`{name}` holds {dtype}; expected floating-point numbers: F32, F16, BF16 or F64");
    let value = match value {
        Found::Numbers(value) if value.as_f32().is_some() => value,
        Found::Numbers(_) => return Err(kind("U32")),
        Found::Other(dtype) => return Err(kind(&format!("{dtype:?}"))),
    };
    let expected = weight.shape(source);
    match value.shape == expected {
        true => Ok(weight.taken(value, source)),
        false => Err(format!(
            "shape mismatch of `{name}`: expected {expected}, found {}; the settings of the run decide the sizes (width, latents, …)",
            value.shape
        )),
    }
}

/// `a, b, c and 12 more`.
fn listed(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    const MOST: usize = 5;
    let names: Vec<_> = names.into_iter().collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.len().checked_sub(MOST) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{Layout, Type};

    fn spec(name: &str, shape: &[usize], layout: Layout) -> StateSpec {
        StateSpec { name: name.into(), ty: Type::f32(shape), init: Init::Zeros, layout }
    }

    fn specs() -> Vec<StateSpec> {
        vec![
            spec("g.main.0.weight", &[3, 1], Layout::Linear),
            spec("g.main.0.bias", &[1], Layout::Plain),
            spec("d.main.0.weight", &[2], Layout::Plain),
            spec("optimizer.g.main.0.bias.exp_avg", &[1], Layout::Plain),
        ]
    }

    /// `d` has a name and a form of its own in public code.
    fn modules() -> Vec<Module> {
        let [g, d] = Module::scopes(["g", "d"]).try_into().expect("two");
        let renamed =
            [("main.0.weight", "scale", Form::Shape(vec![2, 1])), ("state.level", "lod", Form::Made(HostTensor::clone))];
        vec![g, d.renamed(renamed.map(|(here, there, form)| (here.to_owned(), there.to_owned(), form)))]
    }

    fn numbers(shape: &[usize]) -> HostTensor {
        HostTensor::f32(shape, (0..shape.iter().product::<usize>()).map(|v| v as f32).collect::<Vec<_>>())
    }

    /// The values that are taken, by name; or the error.
    fn fit(found: &[(&str, &[usize])], network: Option<&str>) -> Result<(Vec<(String, HostTensor)>, String), String> {
        let (specs, modules) = (specs(), modules());
        let networks = Networks { model: "m", modules: &modules, specs: &specs.iter().collect::<Vec<_>>() };
        let found = found.iter().map(|(name, shape)| ((*name).to_owned(), Found::Numbers(numbers(shape)))).collect();
        networks.fitting(found, network).map(|fitted| (fitted.values.clone(), fitted.in_words()))
    }

    #[test]
    fn a_network_is_taken_by_its_names_and_turned_to_the_layout_here() {
        let found: &[(&str, &[usize])] = &[("main.0.weight", &[1, 3]), ("main.0.bias", &[1]), ("main.1.running_mean", &[4])];
        let (values, words) = fit(found, Some("g")).expect("it fits");
        assert_eq!(words, "2 tensors of g; passed over: main.1.running_mean");
        assert_eq!(values[0], ("g.main.0.weight".to_owned(), numbers(&[3, 1])));
        // What lies beside the weights of a checkpoint is not told of.
        let found: &[(&str, &[usize])] = &[("g.main.0.weight", &[1, 3]), ("g.main.0.bias", &[1]), ("optimizer.d.t", &[1])];
        assert_eq!(fit(found, None).expect("it fits").1, "2 tensors of g");
        let beside = [found, &[("optimizer.g.t", &[1])]].concat();
        // With the name of the network twice.
        assert!(
            fit(&beside, Some("g")).expect_err("strange names").contains("found g.main.0.bias, g.main.0.weight, optimizer.d.t")
        );
    }

    /// By either name, each in its form.
    #[test]
    fn names_of_public_code_are_taken_with_their_form() {
        let want = vec![("d.main.0.weight".to_owned(), numbers(&[2]))];
        let fitted = |found: &[(&str, &[usize])], network| fit(found, network).expect("it fits");
        assert_eq!(fitted(&[("main.0.weight", &[2])], Some("d")).0, want);
        let public = [("scale", [2, 1].as_slice()), ("lod", &[])];
        assert_eq!(fitted(&public, Some("d")), (want.clone(), "1 tensor of d; passed over: lod".to_owned()));
        assert_eq!(fitted(&[("d.scale", &[2, 1])], None).0, want);
        let message = fit(&[("scale", &[2])], Some("d")).expect_err("another shape");
        assert!(message.contains("shape mismatch of `scale`: expected [2, 1], found [2]"), "{message}");
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let message = |found: &[(&str, &[usize])], network| fit(found, network).expect_err("it does not fit");
        let without = message(&[("main.0.weight", &[1, 3])], None);
        assert!(without.contains("within g, d: say which, as in --init g=FILE"), "{without}");
        let nothing = message(&[("x", &[3]), ("y", &[3])], None);
        assert_eq!(nothing, "no name of a tensor matches: found x, y; expected g.main.0.weight, g.main.0.bias, d.scale");
        assert!(message(&[("main.0.weight", &[1, 3])], Some("g")).contains("it lacks main.0.bias"));
        assert!(message(&[("scale", &[2, 1]), ("x", &[3])], Some("d")).contains("no network here has: x"));
        let shape = message(&[("main.0.weight", &[3, 1])], Some("g"));
        assert!(shape.contains("shape mismatch of `main.0.weight`: expected [1, 3], found [3, 1]"), "{shape}");
        assert!(message(&[("x", &[3])], Some("dd")).contains("no network `dd` (did you mean `d`?); there are: g, d"));
        assert!(message(&[], None).contains("no weights of g, d"));
    }

    #[test]
    fn a_network_may_be_named_before_the_file() {
        let named = InitFile::parse("netG_A=weights/a.safetensors");
        assert_eq!((named.network.as_deref(), named.path), (Some("netG_A"), PathBuf::from("weights/a.safetensors")));
        assert_eq!(InitFile::parse("a.safetensors").network, None);
    }
}
