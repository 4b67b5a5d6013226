//! Times how the pixel models draw binary images of 28x28 pixels on the CPU: sixteen at once, weights as they start, the paper's
//! sizes unless settings say otherwise.
//!
//! `cargo run --release -p calotype-models --example drawing [pixelcnn|row-lstm|diagonal-bilstm|all] [REPETITIONS] [THREADS]
//! [BATCH] [KEY=VALUE…]`
//!
//! With `CALOTYPE_STEPS=1` it prints where the time of a pixel and of a row goes, too.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use calotype_cpu_reference::Cpu;
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, HostTensor, Plan, PlanId, PlanOptions, Program, plan};
use calotype_models::init;

mod timing;

use timing::{Outcome, by_kernel, median, model};

fn load(cpu: &mut Cpu<f32>, program: &Program) -> Outcome<(PlanId, Arc<Plan>)> {
    let plan = Arc::new(plan(program, cpu.profile(), PlanOptions::default())?);
    Ok((cpu.load(&plan)?, plan))
}

fn measure(name: &str, repetitions: usize, threads: usize, batch: usize, given: &[String]) -> Outcome<()> {
    let model = model(name, given)?;
    let density = model.density().ok_or("a model with a density")?;
    let dims: usize = model.shape().iter().product();
    let mut cpu = Cpu::fast(threads)?;
    let drawing = density.drawing(batch)?;
    let (begin, plan) = load(&mut cpu, &drawing.begin)?;
    for spec in &plan.states {
        cpu.write_state(&spec.name, &init::initial(spec, 0))?;
    }
    let parts: Vec<(PlanId, Arc<Plan>, usize)> = drawing
        .round
        .iter()
        .map(|(program, n)| load(&mut cpu, program).map(|(id, plan)| (id, plan, *n)))
        .collect::<Outcome<_>>()?;
    let (end, _) = load(&mut cpu, &drawing.end)?;
    let mut random = Stream::new(0, Domain::Latent, "noise", 0);
    let noise = HostTensor::f32([batch, dims, 1], (0..batch * dims).map(|_| random.uniform()).collect::<Vec<_>>());
    let zeros = HostTensor::f32([batch, dims], vec![0.0; batch * dims]);
    let inputs: Vec<(&str, &HostTensor)> = vec![("noise", &noise), ("known", &zeros), ("mask", &zeros)];
    let mut seconds = Vec::new();
    for _ in 0..repetitions + 1 {
        let start = Instant::now();
        let ticket = cpu.submit(begin, &inputs)?;
        cpu.forget(ticket);
        for _ in 0..drawing.rounds {
            for (id, _, n) in &parts {
                cpu.replay(*id, *n)?;
            }
        }
        let ticket = cpu.submit(end, &[])?;
        cpu.forget(ticket);
        seconds.push(start.elapsed().as_secs_f64());
    }
    let kernels: Vec<String> = parts.iter().map(|(_, plan, _)| plan.steps.len().to_string()).collect();
    let best = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{name}: {batch} images, median {:.4} s, best {best:.4} s, {} kernels", median(seconds), kernels.join(" + "));
    if std::env::var_os("CALOTYPE_STEPS").is_some() {
        let ticket = cpu.submit(begin, &inputs)?;
        cpu.forget(ticket);
        for (id, plan, n) in &parts {
            let runs: Vec<Vec<f64>> = (0..*n.max(&20)).map(|_| cpu.time_steps(*id, &[])).collect::<Result<_, _>>()?;
            let all: Vec<f64> = runs.iter().map(|r| r.iter().sum()).collect();
            println!(" {}: {:.1} us", plan.name, 1e6 * all.into_iter().fold(f64::INFINITY, f64::min));
            by_kernel(plan, &runs);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, otherwise: usize| arguments.get(n).map_or(Ok(otherwise), |a| a.parse());
    let (repetitions, threads, batch) = (number(1, 10)?, number(2, 2)?, number(3, 16)?);
    let wanted = |name: &str| arguments.first().is_none_or(|a| a == name || a == "all");
    for name in ["pixelcnn", "row-lstm", "diagonal-bilstm"].into_iter().filter(|name| wanted(name)) {
        measure(name, repetitions, threads, batch, arguments.get(4..).unwrap_or_default())?;
    }
    Ok(())
}
