//! Prints the kernels of a DCGAN training step, as planned for a CPU-like device: `cargo run -p calotype-models --example
//! kernels`.

use std::collections::BTreeMap;

use calotype_graph::{DeviceKind, DeviceProfile, PlanOptions, plan};
use calotype_models::{DataShape, Preset, Stages, find};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let profile = DeviceProfile {
        name: "example".into(),
        kind: DeviceKind::Cpu,
        driver: String::new(),
        alignment_bytes: 64,
        max_binding_bytes: 1 << 40,
        max_buffer_bytes: 1 << 40,
        memory_bytes: None,
        parallelism: 2,
        fixed_bytes: 0,
        step_bytes: 0,
        staging_copies: 1,
        guard_bands: false,
        precision: calotype_graph::Precision::Full,
    };
    let data = DataShape { shape: vec![64, 64, 3], levels: Some(256), n_train: 1000, ..DataShape::default() };
    let model = find("dcgan")?.build(Preset::PAPER, &BTreeMap::new(), &data)?;
    let stages = Stages::new(model.learning().descent().ok_or("it learns by steps")?, 64)?;
    let program = stages.program(0);
    let start = std::time::Instant::now();
    let plan = plan(program, &profile, PlanOptions::default())?;
    println!("planned in {:?}: {} ops, {} kernels", start.elapsed(), program.n_ops(), plan.steps.len());
    for step in &plan.steps {
        let reads: Vec<String> = step.reads.iter().map(|r| format!("{}{}", r.ty.shape, short(&r.index))).collect();
        let writes: Vec<String> = step.writes.iter().map(|w| w.ty.shape.to_string()).collect();
        println!("{:20} {} -> {}  ({})", step.stem(), reads.join(" "), writes.join(" "), step.name);
    }
    println!("{:?}, {:.1} GFLOP, {:.2} GB moved", plan.memory, plan.flops() as f64 / 1e9, plan.bytes() as f64 / 1e9);
    Ok(())
}

fn short(index: &calotype_graph::Index) -> &'static str {
    use calotype_graph::Index::{Prefix, Same, Scalar, Strided, Suffix};
    match index {
        Same => "",
        Scalar => "·",
        Suffix(_) => "%",
        Prefix(_) => "/",
        Strided { .. } => "~",
    }
}
