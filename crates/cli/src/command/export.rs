//! `calotype export`.

use std::fmt::{self, Formatter};

use anyhow::Result;
use calotype_formats::onnx::{Dim, Model, Port};
use calotype_graph::Dtype;
use calotype_training::export::{Part, export, parts};
use calotype_training::grouped;
use serde::{Serialize, Serializer};

use super::Ending;
use crate::args::ExportArgs;
use crate::fault::WrongUse;
use crate::output::{counted, ending, has_folder, note, replace, writable};
use crate::used::Used;

pub fn run(args: &ExportArgs) -> Result<Ending> {
    if let Some(to) = args.to.as_deref().filter(|_| !args.list) {
        has_folder("--to", Some(to))?;
        ending("--to", to, "onnx")?;
        writable(to)?;
    }
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let model = used.model.as_ref();
    fits(args, &used)?;
    let all = parts(model, args.size);
    let name = model.info().name;
    if all.is_empty() {
        return Err(WrongUse(format!("{name} has no network: it counts, and there is nothing to write as ONNX")).into());
    }
    let Some(to) = args.to.as_deref().filter(|_| !args.list) else {
        args.form.answer(&Parts::of(&all))?;
        return Ok(Ending::Done);
    };
    let part = match &args.part {
        None => &all[0],
        Some(wanted) => all.iter().find(|part| part.name == wanted).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|part| part.name).collect();
            WrongUse(format!("--part {wanted}: {name} has no such part; it has {}", names.join(", ")))
        })?,
    };
    let written = export(part, model, &used.config, &used.restored)?;
    replace(to, |file| std::fs::write(file, &written.bytes))?;
    let others: Vec<&str> = all.iter().map(|p| p.name).filter(|name| *name != part.name).collect();
    if args.part.is_none() && !others.is_empty() {
        note(&format!("the {}; other parts, by --part: {}", part.name, others.join(", ")));
    }
    args.form.answer(&Written::new(part, &written, &used))?;
    Ok(Ending::Done)
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

/// The parts of a run.
#[derive(Serialize)]
struct Parts(Vec<Listed>);

#[derive(Serialize)]
struct Listed {
    part: &'static str,
    what: &'static str,
}

impl Parts {
    fn of(all: &[Part]) -> Self {
        Parts(all.iter().map(|part| Listed { part: part.name, what: part.what }).collect())
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|listed| listed.part.len()).max().unwrap_or(0);
        self.0.iter().try_for_each(|Listed { part, what }| writeln!(f, "{part:width$}  {what}"))
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
