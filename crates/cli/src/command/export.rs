//! `calotype export`.

use std::fmt::{self, Formatter};
use std::path::Path;

use anyhow::Result;
use calotype_formats::onnx::{Dim, Model, Port};
use calotype_graph::Dtype;
use calotype_models::Module;
use calotype_training::export::{Part, export, parts};
use calotype_training::grouped;
use calotype_training::state_dict::{StateDict, networks, state_dict};
use serde::{Serialize, Serializer};

use super::Ending;
use crate::args::ExportArgs;
use crate::fault::WrongUse;
use crate::output::{counted, has_folder, note, one_of_endings, replace, writable};
use crate::used::Used;

/// Endings of what is written.
const ONNX: &str = "onnx";
const STATE_DICT: &str = "safetensors";
/// What a network is as such a file.
const WEIGHTS: &str = "weights for PyTorch, --to FILE.safetensors";

pub fn run(args: &ExportArgs) -> Result<Ending> {
    let to = args.to.as_deref().filter(|_| !args.list);
    let to = match to {
        None => None,
        Some(to) => {
            has_folder("--to", Some(to))?;
            let ending = one_of_endings("--to", to, &[ONNX, STATE_DICT])?;
            writable(to)?;
            Some((to, ending))
        }
    };
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let (all, modules) = (parts(used.model.as_ref(), args.size), networks(used.model.as_ref()));
    match to {
        None => {
            fits(args, &used)?;
            args.form.answer(&Parts::of(&all, &modules))?;
        }
        Some((to, STATE_DICT)) => write_state_dict(args, &used, to, &modules)?,
        Some((to, _)) => {
            fits(args, &used)?;
            write_onnx(args, &used, to, &all)?;
        }
    }
    Ok(Ending::Done)
}

fn write_onnx(args: &ExportArgs, used: &Used, to: &Path, all: &[Part]) -> Result<()> {
    let part = &all[chosen(args, used, &all.iter().map(|part| part.name).collect::<Vec<_>>())?];
    let written = export(part, used.model.as_ref(), &used.config, &used.restored)?;
    replace(to, |file| std::fs::write(file, &written.bytes))?;
    args.form.answer(&Written::new(part, &written, used))
}

fn write_state_dict(args: &ExportArgs, used: &Used, to: &Path, modules: &[(&'static str, Module)]) -> Result<()> {
    if args.size.is_some() {
        return Err(WrongUse(format!("--size has no effect on weights, which a .{STATE_DICT} file holds; leave it out")).into());
    }
    let (name, module) = &modules[chosen(args, used, &modules.iter().map(|(name, _)| *name).collect::<Vec<_>>())?];
    let written = state_dict(used.model.as_ref(), module, &used.config, &used.restored)?;
    replace(to, |file| std::fs::write(file, &written.bytes))?;
    args.form.answer(&Weights::new(name, &written, used))
}

/// Which of these is asked for; the first where nothing is said, with a note of the others.
fn chosen(args: &ExportArgs, used: &Used, names: &[&str]) -> Result<usize> {
    let model = used.model.info().name;
    match (&args.part, names) {
        (_, []) => Err(WrongUse(format!("{model} has no network: it counts, and there is nothing to write")).into()),
        (Some(wanted), _) => names
            .iter()
            .position(|name| name == wanted)
            .ok_or_else(|| WrongUse(format!("--part {wanted}: {model} has no such part; it has {}", names.join(", "))).into()),
        (None, [_]) => Ok(0),
        (None, [first, others @ ..]) => {
            note(&format!("the {first}; other parts, by --part: {}", others.join(", ")));
            Ok(0)
        }
    }
}

/// That a size is given for what takes one, and is one that it takes.
fn fits(args: &ExportArgs, used: &Used) -> Result<()> {
    let Some([h, w]) = args.size else { return Ok(()) };
    let Some(translator) = used.model.translator() else {
        let name = used.model.info().name;
        return Err(WrongUse(format!("--size is for models that translate images, and {name} does not; leave it out")).into());
    };
    let multiple = translator.multiple();
    match h.is_multiple_of(multiple) && w.is_multiple_of(multiple) {
        true => Ok(()),
        false => Err(WrongUse(format!("--size {h}x{w}: expected multiples of {multiple}")).into()),
    }
}

/// The parts of a run, and its networks as weights for PyTorch.
#[derive(Serialize)]
struct Parts(Vec<Listed>);

#[derive(Serialize)]
struct Listed {
    part: &'static str,
    what: &'static str,
    /// The ending of the file.
    to: &'static str,
}

impl Parts {
    fn of(all: &[Part], modules: &[(&'static str, Module)]) -> Self {
        let parts = all.iter().map(|part| Listed { part: part.name, what: part.what, to: ONNX });
        let weights = modules.iter().map(|(name, _)| Listed { part: name, what: WEIGHTS, to: STATE_DICT });
        Parts(parts.chain(weights).collect())
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|listed| listed.part.len()).max().unwrap_or(0);
        self.0.iter().try_for_each(|Listed { part, what, .. }| writeln!(f, "{part:width$}  {what}"))
    }
}

/// Weights that were written.
#[derive(Serialize)]
struct Weights {
    part: &'static str,
    model: &'static str,
    step: u64,
    n_tensors: u64,
    n_values: u64,
    averaged: bool,
}

impl Weights {
    fn new(part: &'static str, written: &StateDict, used: &Used) -> Self {
        Weights {
            part,
            model: used.model.info().name,
            step: used.restored.checkpoint.step,
            n_tensors: written.n_tensors as u64,
            n_values: written.n_values as u64,
            averaged: written.averaged,
        }
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let &Weights { part, model, step, n_tensors, n_values, averaged } = self;
        let (step, tensors, values) = (counted(step, "step"), counted(n_tensors, "tensor"), counted(n_values, "number"));
        let averages = if averaged { ", moving averages of its weights" } else { "" };
        write!(f, "{part} of {model}, {step}: {tensors}, {values}{averages}")
    }
}

/// What was written.
#[derive(Serialize)]
struct Written {
    part: &'static str,
    model: &'static str,
    step: u64,
    n_weights: u64,
    bytes: usize,
    inputs: Vec<Shown>,
    outputs: Vec<Shown>,
}

/// An input or output.
#[derive(Serialize)]
struct Shown {
    name: String,
    kind: &'static str,
    #[serde(serialize_with = "as_sizes")]
    shape: Vec<Dim>,
    about: String,
}

/// Sizes as numbers, and those that go with the rows as `batch`, `2 batch`, as they are named in the file.
fn as_sizes<S: Serializer>(shape: &[Dim], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(shape.iter().map(|dim| match dim {
        Dim::Fixed(n) => serde_json::json!(n),
        rows => serde_json::json!(size(rows)),
    }))
}

impl Written {
    fn new(part: &Part, model: &Model, used: &Used) -> Self {
        let shown = |ports: &[Port]| ports.iter().map(Shown::new).collect();
        Written {
            part: part.name,
            model: used.model.info().name,
            step: used.restored.checkpoint.step,
            n_weights: model.n_weights as u64,
            bytes: model.bytes.len(),
            inputs: shown(&model.inputs),
            outputs: shown(&model.outputs),
        }
    }
}

impl Shown {
    fn new(port: &Port) -> Self {
        let kind = match port.dtype {
            Dtype::F32 => "float",
            Dtype::U32 => "int64",
        };
        Shown { name: port.name.clone(), kind, shape: port.dims.clone(), about: port.doc.clone() }
    }

    /// `float [batch, 4]`
    fn shape_text(&self) -> String {
        format!("{} [{}]", self.kind, self.shape.iter().map(size).collect::<Vec<_>>().join(", "))
    }
}

fn size(dim: &Dim) -> String {
    match dim {
        Dim::Fixed(n) => n.to_string(),
        Dim::Rows(1) => "batch".to_owned(),
        Dim::Rows(n) => format!("{n} batch"),
    }
}

/// A line an input or output.
impl fmt::Display for Written {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Written { part, model, step, n_weights, bytes, inputs, outputs } = self;
        let (step, n_weights, bytes) = (counted(*step, "step"), grouped(n_weights), grouped(bytes));
        writeln!(f, "{part} of {model}, {step}: {n_weights} weights, {bytes} bytes")?;
        let all = || inputs.iter().map(|port| ("in", port)).chain(outputs.iter().map(|port| ("out", port)));
        let width = |of: &dyn Fn(&Shown) -> usize| all().map(|(_, port)| of(port)).max().unwrap_or(0);
        let (names, shapes) = (width(&|port| port.name.len()), width(&|port| port.shape_text().len()));
        for (way, port) in all() {
            writeln!(f, "{way:<3}  {:names$}  {:shapes$}  {}", port.name, port.shape_text(), port.about)?;
        }
        Ok(())
    }
}
