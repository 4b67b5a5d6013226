//! `calotype export`.

use std::fmt::Write as _;

use anyhow::Result;
use calotype_formats::onnx::{Dim, Model, Port};
use calotype_graph::Dtype;
use calotype_training::export::{Part, export, parts};
use calotype_training::grouped;

use super::Ending;
use crate::args::ExportArgs;
use crate::fault::WrongUse;
use crate::output::{counted, ending, has_folder, note, print, replace, writable};
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
        let width = all.iter().map(|part| part.name.len()).max().unwrap_or(0);
        let lines: Vec<String> = all.iter().map(|part| format!("{:width$}  {}", part.name, part.what)).collect();
        print(&lines.join("\n"))?;
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
    print(&told(part, &written, &used))?;
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

/// What was written, a line an input or output.
fn told(part: &Part, model: &Model, used: &Used) -> String {
    let step = counted(used.restored.checkpoint.step, "step");
    let weights = grouped(model.n_weights as u64);
    let mut text =
        format!("{} of {}, {step}: {weights} weights, {} bytes", part.name, used.model.info().name, grouped(model.bytes.len()));
    let ports = model.inputs.iter().map(|port| ("in", port)).chain(model.outputs.iter().map(|port| ("out", port)));
    let all: Vec<(&str, &Port, String)> = ports.map(|(way, port)| (way, port, shape(port))).collect();
    let width = |of: &dyn Fn(&(&str, &Port, String)) -> usize| all.iter().map(of).max().unwrap_or(0);
    let (names, shapes) = (width(&|(_, port, _)| port.name.len()), width(&|(.., shape)| shape.len()));
    for (way, Port { name, doc, .. }, shape) in &all {
        let _ = write!(text, "\n{way:<3}  {name:names$}  {shape:shapes$}  {doc}");
    }
    text
}

fn shape(port: &Port) -> String {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(n) => n.to_string(),
        Dim::Rows(1) => "batch".to_owned(),
        Dim::Rows(n) => format!("{n} batch"),
    };
    let kind = match port.dtype {
        Dtype::F32 => "float",
        Dtype::U32 => "int64",
    };
    format!("{kind} [{}]", port.dims.iter().map(dim).collect::<Vec<_>>().join(", "))
}
