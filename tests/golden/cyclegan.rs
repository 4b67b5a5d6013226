//! A CycleGAN by its public code: losses of every step, the gradients of the first, what becomes of the rows of its histories, and where
//! the steps lead.

use std::sync::Arc;

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, Graph, HostTensor, Mode, PlanOptions, Scope, StateSpec, Type, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Preset, Stages, history, init};
use calotype_parity::{read_states, run_step};
use calotype_tests::{Golden, permuted};

use super::{TO_NHWC, check, part, weights};

const STEPS: usize = 3;
const BATCH: usize = 2;
const CAPACITY: u32 = 2;
const SEED: u64 = 7;
const LR: f32 = 1e-3;
const SET: [(&str, &str); 9] = [
    ("size", "24"),
    ("width", "2"),
    ("width_d", "2"),
    ("blocks", "2"),
    ("batch", "2"),
    ("pool", "2"),
    ("constant_steps", "1"),
    ("decay_steps", "3"),
    ("lr", "1e-3"),
];

pub fn cyclegan(device: &mut dyn Device) {
    let golden = Golden::open("cyclegan");
    let set = SET.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = DataShape { shape: vec![24, 24, 3], levels: Some(256), n_train: 40, ..DataShape::default() };
    let info = calotype_models::find("cyclegan").expect("a model of that name");
    let model = info.build(Preset::SMALL, &set, &data).expect("valid settings");
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let program = stages.program(0);
    let networks: Vec<_> = program.parameters().cloned().collect();
    assert_eq!(networks.len(), golden.names("initial/").count(), "the same tensors");
    for spec in program.states() {
        let value = match networks.iter().any(|n| n.name == spec.name) {
            true => weights(&golden, &format!("initial/{}", spec.name), spec.layout),
            false => init::initial(spec, 0),
        };
        device.write_state(&spec.name, &value).expect("the model's shape is PyTorch's");
    }
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let rows = ["a", "b"].map(|name| (name, permuted(&golden.get(name), &[0, 1, 3, 4, 2]))); // [3, 2, 24, 24, 3]
    for step in 0..STEPS {
        let mut fed: Vec<(String, HostTensor)> = rows.iter().map(|(name, all)| ((*name).to_owned(), part(all, step))).collect();
        for (pool, decided) in [("pool_a", "decided_a"), ("pool_b", "decided_b")] {
            let decisions = history::decisions(pool, CAPACITY, BATCH, SEED, step as u64);
            let want = golden.get(decided);
            let n = 2 * BATCH;
            assert_eq!(decisions.as_u32().expect("words"), &want.as_u32().expect("words")[step * n..(step + 1) * n], "{pool}");
            fed.push((pool.to_owned(), decisions));
        }
        let inputs = stages.inputs(&descent.at(step as u64, 1.0), fed, SEED, step as u64);
        let losses = run_step(device, id, &borrowed(&inputs)).expect("it runs");
        for ((name, _), loss) in program.outputs().zip(&losses) {
            let tolerance = Tolerance { atol: 2e-6 * (step + 1) as f32, rtol: 2e-6 };
            check(&format!("{name}, step {step}"), loss, &part(&golden.get(name), step), tolerance);
        }
        if step == 0 {
            networks.iter().for_each(|spec| first_gradient(device, &golden, spec));
        }
    }
    for spec in &networks {
        let got = read_states(device, &[&spec.name]).expect("a state").remove(0);
        let want = weights(&golden, &format!("final/{}", spec.name), spec.layout);
        // What Adam makes of a gradient of rounding is a step of either sign.
        let atol = if is_before_norm(spec) { 2.0 * STEPS as f32 * LR } else { 2e-5 };
        check(&format!("final {}", spec.name), &got, &want, Tolerance { atol, rtol: 1e-5 });
    }
    for pool in ["pool_a", "pool_b"] {
        let got = read_states(device, &[&format!("state.{pool}")]).expect("a state").remove(0);
        check(pool, &got, &permuted(&golden.get(pool), TO_NHWC), Tolerance { atol: 2e-5, rtol: 1e-5 });
    }
    device.unload(id);
}

/// Twenty steps of three rows, each its own number, through a history of five.
pub fn histories(device: &mut dyn Device) {
    const NAME: &str = "trace";
    let golden = Golden::open("cyclegan");
    let graph = Graph::new("history");
    let (rows, decided) = (graph.input("rows", Type::f32([3, 1])), graph.input("decided", Type::u32([3, 2])));
    graph.output("shown", &history::shown(&Scope::new(&graph, Mode::Train), NAME, 5, &rows, &decided));
    let program = graph.finish().expect("a sound graph");
    device.write_state("state.trace", &HostTensor::f32([5, 1], vec![0.0; 5])).expect("a new state");
    let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let (decided, shown) = (golden.get("trace/decided"), golden.get("trace/shown"));
    for step in 0..20 {
        let decisions = history::decisions(NAME, 5, 3, SEED, step as u64);
        assert_eq!(decisions.as_u32().expect("words"), &decided.as_u32().expect("words")[6 * step..][..6], "step {step}");
        let rows = HostTensor::f32([3, 1], (0..3).map(|n| (3 * step + n) as f32).collect::<Vec<_>>());
        let got = run_step(device, id, &[("rows", &rows), ("decided", &decisions)]).expect("it runs").remove(0);
        assert_eq!(got.as_f32().expect("floats"), part(&shown, step).as_f32().expect("floats"), "step {step}");
    }
    let kept = read_states(device, &["state.trace"]).expect("a state").remove(0);
    assert_eq!(kept.as_f32().expect("floats"), golden.get("trace/kept").as_f32().expect("floats"));
    device.unload(id);
}

/// A bias before instance norm moves nothing.
fn is_before_norm(spec: &StateSpec) -> bool {
    let last = if spec.name.starts_with("netG") { ["model.19.bias"; 2] } else { ["model.0.bias", "model.11.bias"] };
    spec.name.ends_with(".bias") && !last.iter().any(|name| spec.name.ends_with(name))
}

/// After the first step Adam's first moment is (1 - 0.5) times the gradient, exactly.
fn first_gradient(device: &mut dyn Device, golden: &Golden, spec: &StateSpec) {
    let optimiser = if spec.name.starts_with("netG") { "generators" } else { "discriminators" };
    let moment = read_states(device, &[&format!("optimizer.{optimiser}.{}.exp_avg", spec.name)]).expect("Adam's").remove(0);
    let gradient: Vec<f32> = moment.as_f32().expect("floats").iter().map(|m| 2.0 * m).collect();
    let want = weights(golden, &format!("gradient/{}", spec.name), spec.layout);
    let largest = want.as_f32().expect("floats").iter().fold(0.0f32, |m, v| m.max(v.abs()));
    // Against the largest element: small ones are differences of large ones, through up to sixteen norms.
    let rounding = if is_before_norm(spec) { 1e-5 } else { 0.0 };
    let tolerance = Tolerance { atol: 1e-4 * largest + rounding, rtol: 2e-5 };
    check(&format!("gradient of {}", spec.name), &HostTensor::f32(moment.shape, gradient), &want, tolerance);
}
