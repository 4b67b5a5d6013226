//! Weights that a run begins with, from safetensors files: of PyTorch implementations with the same names and layouts, or of another
//! run's checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use calotype_data::hex;
use calotype_graph::{HostTensor, StateSpec};
use calotype_models::{init, nearest};
use half::f16;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checkpoint::{Checkpoint, inward};
use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::fit::Plans;
use crate::states::States;

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

/// Names of states that a run keeps beside its weights.
const NO_WEIGHTS: [&str; 3] = ["optimizer.", "state.", "ema."];
/// Ends of names of running statistics: public files have them where networks here use none.
const STATISTICS: [&str; 3] = [".running_mean", ".running_var", ".num_batches_tracked"];

/// The checkpoint of step 0 of a run that begins with the weights of files, and what `run.toml` says of these. A network is given whole or
/// not at all; those of which no file says anything have their initial weights.
///
/// # Errors
/// A model that counts; a file that cannot be read; tensors of other names or shapes than the networks have, or fewer; a network that is given twice.
pub fn first_checkpoint(config: &RunConfig, plans: &Plans, files: &[InitFile]) -> Result<(Checkpoint, Vec<InitConfig>)> {
    if plans.training.is_none() {
        let message = format!("--init has no effect on {}, which counts every row; leave it out", config.model);
        return Err(TrainingError::Contradiction(message));
    }
    let states = States::of(plans);
    let specs = states.begun(0);
    let is_weight = |name: &str| !NO_WEIGHTS.iter().any(|prefix| name.starts_with(prefix));
    let weights: BTreeMap<&str, &StateSpec> =
        specs.iter().filter(|s| is_weight(&s.name)).map(|s| (s.name.as_str(), *s)).collect();
    let (mut given, mut described) = (BTreeMap::<String, HostTensor>::new(), vec![]);
    for file in files {
        let bytes = fs::read(&file.path).map_err(TrainingError::io(&file.path))?;
        let wrong = |reason: String| TrainingError::Foreign { path: file.path.clone(), reason };
        let found = read(&bytes).map_err(wrong)?;
        let own = fitting(found, file.network.as_deref(), &weights).map_err(wrong)?;
        for (name, value) in own {
            if given.insert(name.clone(), value).is_some() {
                return Err(wrong(format!("`{name}` is in another file too; give each network once")));
            }
        }
        described.push(InitConfig {
            network: file.network.clone().unwrap_or_default(),
            path: std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone()).display().to_string(),
            sha256: hex(&Sha256::digest(&bytes)),
        });
    }
    let value = |spec: &StateSpec| given.remove(&spec.name).unwrap_or_else(|| init::initial(spec, config.seed));
    let mut value = value;
    let all: Vec<(&StateSpec, HostTensor)> = specs.iter().map(|&spec| (spec, value(spec))).collect();
    Ok((Checkpoint::new(config.identity(), 0, all), described))
}

/// The numbers of a file by name as f32; other than floating-point numbers are left out.
fn read(bytes: &[u8]) -> Result<BTreeMap<String, HostTensor>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| {
        format!("not a whole safetensors file ({e}); of a PyTorch file: safetensors.torch.save_file(torch.load(FILE), \"FILE.safetensors\")")
    })?;
    let mut all = BTreeMap::new();
    for (name, view) in file.tensors() {
        let words = |n: usize| view.data().chunks_exact(n);
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => words(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Dtype::BF16 => words(2).map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16)).collect(),
            Dtype::F64 => words(8).map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32).collect(),
            Dtype::F16 => words(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            _ => continue,
        };
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(format!("`{name}` holds {bad}"));
        }
        all.insert(name, HostTensor::f32(view.shape(), values));
    }
    Ok(all)
}

/// Those that are weights of networks, by their names here and as they lie here.
fn fitting(
    found: BTreeMap<String, HostTensor>,
    network: Option<&str>,
    weights: &BTreeMap<&str, &StateSpec>,
) -> Result<Vec<(String, HostTensor)>, String> {
    let networks: BTreeSet<&str> = weights.keys().filter_map(|name| name.split('.').next()).collect();
    if let Some(unknown) = network.filter(|n| !networks.contains(n)) {
        let guess = nearest(unknown, networks.iter().copied()).map_or_else(String::new, |g| format!(" (did you mean `{g}`?)"));
        return Err(format!("no network `{unknown}`{guess}; there are: {}", listed(networks.iter().copied())));
    }
    let named = |name: String| network.map_or(name.clone(), |network| format!("{network}.{name}"));
    let is_kept = |name: &String| !NO_WEIGHTS.iter().any(|prefix| name.starts_with(prefix));
    let found: BTreeMap<String, HostTensor> =
        found.into_iter().map(|(name, value)| (named(name), value)).filter(|(name, _)| is_kept(name)).collect();
    let is_statistic = |name: &str| STATISTICS.iter().any(|end| name.ends_with(end));
    let strange: Vec<&str> =
        found.keys().map(String::as_str).filter(|name| !weights.contains_key(name) && !is_statistic(name)).collect();
    if !strange.is_empty() {
        let hint = match network {
            None => format!(
                "; if the names lack that of the network, give it: --init NETWORK=FILE, of {}",
                listed(networks.iter().copied())
            ),
            Some(_) => String::new(),
        };
        return Err(format!("tensors that no network here has: {}{hint}", listed(strange)));
    }
    let touched: BTreeSet<&str> = found.keys().filter_map(|name| name.split('.').next()).collect();
    let of_touched = |name: &&&str| name.split('.').next().is_some_and(|network| touched.contains(network));
    let missing: Vec<&str> = weights.keys().filter(of_touched).copied().filter(|name| !found.contains_key(*name)).collect();
    if !missing.is_empty() {
        return Err(format!("it lacks {}", listed(missing)));
    }
    let value = |(name, tensor): (String, HostTensor)| {
        let spec = weights.get(name.as_str())?;
        let value = inward(spec.layout, &tensor);
        Some(match value.ty() == spec.ty {
            true => Ok((name, value)),
            false => Err(format!("shape mismatch of `{name}`: expected {}, found {} (both as here)", spec.ty, value.ty())),
        })
    };
    let all = found.into_iter().filter_map(value).collect::<Result<Vec<_>, String>>()?;
    if all.is_empty() {
        return Err(format!("it holds no weights of {}", listed(networks)));
    }
    Ok(all)
}

/// `a, b, c and 12 more`.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 5;
    let names: Vec<&str> = names.into_iter().collect();
    match names.len().checked_sub(MOST) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{Init, Layout, Type};

    fn spec(name: &str, shape: &[usize], layout: Layout) -> StateSpec {
        StateSpec { name: name.into(), ty: Type::f32(shape), init: Init::Zeros, layout }
    }

    fn specs() -> Vec<StateSpec> {
        vec![
            spec("g.main.0.weight", &[3, 1], Layout::Linear),
            spec("g.main.0.bias", &[1], Layout::Plain),
            spec("d.main.0.weight", &[2], Layout::Plain),
        ]
    }

    fn fit(found: &[(&str, &[usize])], network: Option<&str>) -> Result<Vec<(String, HostTensor)>, String> {
        let specs = specs();
        let weights = specs.iter().map(|s| (s.name.as_str(), s)).collect();
        let tensor =
            |shape: &[usize]| HostTensor::f32(shape, (0..shape.iter().product::<usize>()).map(|v| v as f32).collect::<Vec<_>>());
        fitting(found.iter().map(|(name, shape)| ((*name).to_owned(), tensor(shape))).collect(), network, &weights)
    }

    #[test]
    fn a_network_is_taken_by_its_names_and_turned_to_the_layout_here() {
        let all = fit(
            &[("main.0.weight", &[1, 3]), ("main.0.bias", &[1]), ("main.1.running_mean", &[4]), ("optimizer.g.t", &[1])],
            Some("g"),
        )
        .map_err(|e| e.clone());
        // `g.optimizer…` is no name of a run.
        assert!(all.expect_err("a strange name").contains("g.optimizer.g.t"));
        let all = fit(
            &[("g.main.0.weight", &[1, 3]), ("g.main.0.bias", &[1]), ("g.x.running_var", &[4]), ("optimizer.d.t", &[1])],
            None,
        );
        let names: Vec<(String, Vec<usize>)> =
            all.expect("it fits").into_iter().map(|(n, t)| (n, t.shape.dims().to_vec())).collect();
        assert_eq!(names, [("g.main.0.bias".to_owned(), vec![1]), ("g.main.0.weight".to_owned(), vec![3, 1])]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let message = |found: &[(&str, &[usize])], network| fit(found, network).expect_err("it does not fit");
        assert!(message(&[("main.0.weight", &[1, 3])], None).contains("--init NETWORK=FILE, of d, g"));
        assert!(message(&[("main.0.weight", &[1, 3])], Some("g")).contains("it lacks g.main.0.bias"));
        assert!(message(&[("main.0.weight", &[3])], Some("d")).contains("shape mismatch of `d.main.0.weight`"));
        assert!(message(&[("x", &[3])], Some("gen")).contains("no network `gen`"));
        assert!(message(&[], None).contains("no weights"));
        assert!(read(b"not one").expect_err("no safetensors").contains("safetensors.torch.save_file"));
    }

    /// 1.5 and -2 in each kind of number; counters of batches are passed over.
    #[test]
    fn numbers_of_all_widths_are_read() {
        use safetensors::tensor::TensorView;
        let kinds: [(&str, Dtype, &[u8]); 5] = [
            ("half", Dtype::F16, &[0x00, 0x3e, 0x00, 0xc0]),
            ("brain", Dtype::BF16, &[0xc0, 0x3f, 0x00, 0xc0]),
            ("single", Dtype::F32, &[0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0]),
            ("double", Dtype::F64, &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]),
            ("num_batches_tracked", Dtype::I64, &[7, 0, 0, 0, 0, 0, 0, 0]),
        ];
        let view = |(name, dtype, bytes): (&'static str, Dtype, &'static [u8])| {
            let n = if dtype == Dtype::I64 { 1 } else { 2 };
            (name, TensorView::new(dtype, vec![n], bytes).expect("as many bytes"))
        };
        let found = read(&safetensors::serialize(kinds.map(view), None).expect("a file")).expect("it reads");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["brain", "double", "half", "single"]);
        assert!(found.values().all(|tensor| *tensor == HostTensor::f32([2], [1.5, -2.0])), "{found:?}");
        let infinite = [("half", TensorView::new(Dtype::F16, vec![1], &[0x00, 0x7c]).expect("two bytes"))];
        let message = read(&safetensors::serialize(infinite, None).expect("a file")).expect_err("it is infinite");
        assert!(message.contains("`half` holds inf"), "{message}");
    }

    #[test]
    fn a_network_may_be_named_before_the_file() {
        let named = InitFile::parse("netG_A=weights/a.safetensors");
        assert_eq!((named.network.as_deref(), named.path), (Some("netG_A"), PathBuf::from("weights/a.safetensors")));
        assert_eq!(InitFile::parse("a.safetensors").network, None);
    }
}
