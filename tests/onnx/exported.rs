//! What is written as ONNX to be held against another reader: every case of every op, and every part of every model, made small.

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_formats::onnx::{About, ExportError, Model as Onnx, export};
use calotype_graph::op::{Case, Fill, Tolerance, cases};
use calotype_graph::{Device, Dtype, HostTensor, PlanOptions, Program, StateSpec, plan};
use calotype_models::{Model, Values, all, init};
use calotype_parity::{fill, forward, operands, run_once};
use calotype_tests::small;
use calotype_training::export::{Part, parts};

/// Numbers of rows with which a part of a model is run.
const BATCHES: [usize; 2] = [1, 4];
const ABOUT: About = About { name: "test", doc: "", version: "0", port: &|_| String::new() };

/// A program, written, with what comes in and should come out.
pub struct Exported {
    pub name: String,
    pub tolerance: Tolerance,
    pub model: Result<Onnx, ExportError>,
    runs: Vec<Run>,
}

struct Run {
    program: Program,
    inputs: Vec<(String, HostTensor)>,
}

impl Exported {
    /// Inputs and outputs by name, of each run.
    pub fn results(&self) -> Vec<[Vec<(String, HostTensor)>; 2]> {
        self.runs.iter().map(|run| [run.inputs.clone(), outputs(run)]).collect()
    }
}

fn outputs(run: &Run) -> Vec<(String, HostTensor)> {
    let mut device = Cpu::<f32>::plain();
    let planned = Arc::new(plan(&run.program, device.profile(), PlanOptions::default()).expect("it fits"));
    let states: Vec<StateSpec> = run.program.states().cloned().collect();
    let trained: Vec<String> = run.program.parameters().map(|s| s.name.clone()).collect();
    let given: Vec<(&str, &HostTensor)> = run.inputs.iter().map(|(name, value)| (name.as_str(), value)).collect();
    // The states are the device's once the plan is there.
    let id = device.load(&planned).expect("it loads");
    for spec in &states {
        device.write_state(&spec.name, &value(spec, &trained)).expect("a state");
    }
    let values = run_once(&mut device, &planned, &given).expect("it runs");
    device.unload(id);
    run.program.outputs().map(|(name, _)| name.to_owned()).zip(values).collect()
}

/// Of a state: such as it has after some training, so that everything counts.
fn value(spec: &StateSpec, trained: &[String]) -> HostTensor {
    let between = |low, high| fill(&spec.ty, Fill::Uniform { low, high }, &spec.name);
    match spec.name.as_str() {
        name if name.ends_with("running_var") => between(0.5, 1.5),
        name if name.ends_with("running_mean") || name.starts_with("ema.") || trained.contains(&spec.name) => between(-0.5, 0.5),
        _ => init::initial(spec, 5),
    }
}

/// Every case of every op whose values are finite.
pub fn of_ops() -> Vec<Exported> {
    let finite = |case: &Case| !case.nan;
    let exported = |case: Case| {
        let program = forward(&case).expect("a sound case");
        let inputs = operands(&case).into_iter().filter(|(name, _)| name != "dy").collect();
        Exported {
            name: format!("{}: {}", case.stem, case.name),
            tolerance: case.tolerance,
            model: export(&ABOUT, &|_| forward(&case), &mut |spec| Ok(value(spec, &[]))),
            runs: vec![Run { program, inputs }],
        }
    };
    cases().into_iter().filter(finite).map(exported).collect()
}

/// Every part of every model.
pub fn of_models() -> Vec<Exported> {
    let names = all().into_iter().map(|info| info.name);
    let of_model = |name: &str| {
        let model = small(name, [5, 4, 1], 2);
        parts(model.as_ref(), None).iter().map(|part| of_part(model.as_ref(), part)).collect::<Vec<_>>()
    };
    names.flat_map(of_model).collect()
}

fn of_part(model: &dyn Model, part: &Part) -> Exported {
    let run = |batch: usize| {
        let program = part.program(batch).expect("it builds");
        let input = |(name, ty): (&str, &calotype_graph::Type)| {
            let fill_of = match (ty.dtype, model.values()) {
                (Dtype::U32, _) => Fill::Below(70),
                (_, Values::Levels(levels)) if name == "x" => Fill::Below(levels),
                (_, Values::Signed) if name == "x" || name == "patches" => Fill::Uniform { low: -1.0, high: 1.0 },
                _ => Fill::Normal,
            };
            (name.to_owned(), fill(ty, fill_of, name))
        };
        let inputs = program.inputs().map(input).collect();
        Run { program, inputs }
    };
    let runs: Vec<Run> = BATCHES.into_iter().map(run).collect();
    let trained: Vec<String> = runs[0].program.parameters().map(|s| s.name.clone()).collect();
    Exported {
        name: format!("{}: {}", model.info().name, part.name),
        tolerance: Tolerance { atol: 1e-5, rtol: 1e-5 },
        model: export(&ABOUT, &|batch| part.program(batch), &mut |spec| Ok(value(spec, &trained))),
        runs,
    }
}
