//! Plans: states are updated in place and yet have the values that were written; memory is what was planned, reused and
//! never written twice at once; what does not fit is refused.

mod casts;
mod compositions;
mod growth;
mod mistakes;
mod rows;

use std::sync::Arc;

use calotype_graph::op::{Distribution, Tolerance, cases};
use calotype_graph::{
    Device, DeviceKind, DeviceProfile, Dtype, Graph, HostTensor, Init, Layout, Plan, PlanError, PlanOptions, Program, Tensor,
    Type, is_sound, memory_bytes, philox, plan,
};
use calotype_models::{DataShape, Preset, Stages, init};
use calotype_parity::{compare, forward, gradient, read_states, run_once, run_step};
use calotype_tests::Suite;

const ALL_OPTIONS: [PlanOptions; 4] = [
    PlanOptions { simplify: false, fuse: false },
    PlanOptions { simplify: true, fuse: false },
    PlanOptions { simplify: false, fuse: true },
    PlanOptions { simplify: true, fuse: true },
];

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    suite.devices("a state's versions", versions);
    suite.devices("states exchange their values", exchanges);
    suite.devices("a state is updated by an op that reads all of it", whole_reads);
    suite.devices("a sampler's rows", rows::sampler);
    suite.devices("two rows of a state are written", rows::two_writes);
    suite.devices("words keep every bit beside floats", words);
    suite.devices("casts to words of results", casts::of_results);
    suite.devices("casts to words that go on as floats", casts::then_floats);
    suite.devices("single words as floats", casts::of_single_words);
    suite.devices("large graphs compute what was written", growth::computes_what_was_written);
    suite.devices("planned bytes are allocated bytes", planned_is_allocated);
    suite.devices("random words are Philox's", random_words);
    suite.test("no step writes where it reads or writes", sound);
    suite.test("rows are written in place", rows::in_place);
    suite.test("compositions are few kernels", compositions::counts);
    suite.test("random streams with one hash are refused", mistakes::streams_collide);
    suite.test("a state is asked for as it was made", mistakes::states_conflict);
    suite.test("results overwrite values of their own type", mistakes::in_place_keeps_the_type);
    suite.test("steps that spoil their operands are found", mistakes::planted);
    suite.test("arenas are reused", arenas);
    suite.test("planning is deterministic", deterministic);
    suite.test("planning takes time in proportion to a graph's size", growth::is_proportional);
    suite.test("too much is refused", refusals);
    suite.test("random numbers differ by seed, step and name", streams);
    suite.run()
}

/// Plans a program in every way, runs it twice from the same initial states and compares all states after each step with
/// what `expected` computes from those before it.
fn check_states(
    device: &mut dyn Device,
    name: &str,
    initial: &[(&str, HostTensor)],
    build: impl Fn(&Graph, &[Tensor]),
    expected: impl Fn(&[HostTensor]) -> Vec<HostTensor>,
) {
    let graph = Graph::new(name);
    let states: Vec<Tensor> = initial.iter().map(|(n, t)| graph.state(n, t.ty(), Init::Zeros, Layout::Plain, true)).collect();
    build(&graph, &states);
    let program = graph.finish().unwrap_or_else(|e| panic!("{name}: {e}"));
    let names: Vec<&str> = initial.iter().map(|(n, _)| *n).collect();
    for options in ALL_OPTIONS {
        initial.iter().for_each(|(n, t)| device.write_state(n, t).expect("a state of that type"));
        let plan = Arc::new(plan(&program, device.profile(), options).expect("it fits"));
        let id = device.load(&plan).expect("it loads");
        let mut want: Vec<HostTensor> = initial.iter().map(|(_, t)| t.clone()).collect();
        for step in 0..2 {
            want = expected(&want);
            run_step(device, id, &[]).expect("it runs");
            let got = read_states(device, &names).expect("they are there");
            for ((got, want), state) in got.iter().zip(&want).zip(&names) {
                if let Err(why) = compare(got, want, Tolerance { atol: 1e-6, rtol: 1e-6 }) {
                    panic!("{name}: `{state}` after step {step}, {options:?}: {why}");
                }
            }
        }
        device.unload(id);
    }
    names.iter().for_each(|n| device.remove_state(n).expect("no plan uses it"));
}

fn floats(values: &[f32]) -> HostTensor {
    HostTensor::f32([values.len()], values)
}

fn map(t: &HostTensor, f: impl Fn(f32) -> f32) -> HostTensor {
    HostTensor::f32(t.shape.clone(), t.as_f32().expect("floats").iter().map(|&x| f(x)).collect::<Vec<_>>())
}

/// The latest version of a state.
fn now(g: &Graph, name: &str, like: &Tensor) -> Tensor {
    g.state(name, like.ty(), Init::Zeros, Layout::Plain, true)
}

fn versions(device: &mut dyn Device) {
    let start = || floats(&[1.0, -2.0, 0.5]);
    check_states(
        device,
        "read, assign, read",
        &[("s", start()), ("before", start()), ("after", start())],
        |g, t| {
            g.assign("s", &(&t[0] * 2.0));
            g.assign("after", &(now(g, "s", &t[0]) + 1.0));
            g.assign("before", &(&t[0] + 1.0)); // the old version, used after the assignment
        },
        |s| vec![map(&s[0], |x| 2.0 * x), map(&s[0], |x| x + 1.0), map(&s[0], |x| 2.0 * x + 1.0)],
    );
    check_states(
        device,
        "assigned twice",
        &[("s", start()), ("middle", start())],
        |g, t| {
            g.assign("s", &(&t[0] + 1.0));
            let middle = now(g, "s", &t[0]);
            g.assign("middle", &middle);
            g.assign("s", &(&middle * -0.5));
        },
        |s| vec![map(&s[0], |x| (x + 1.0) * -0.5), map(&s[0], |x| x + 1.0)],
    );
    check_states(
        device,
        "assigned itself",
        &[("s", start()), ("t", start())],
        |g, t| {
            g.assign("s", &t[0]);
            g.assign("t", &(&t[1] + &t[0]));
        },
        |s| vec![s[0].clone(), HostTensor::f32([3], sum(&s[0], &s[1]))],
    );
    check_states(
        device,
        "two states take one value",
        &[("a", start()), ("b", start())],
        |g, t| {
            let value = (&t[0] * 0.5).tanh();
            g.assign("a", &value);
            g.assign("b", &value);
        },
        |s| vec![map(&s[0], |x| (0.5 * x).tanh()), map(&s[0], |x| (0.5 * x).tanh())],
    );
}

fn sum(a: &HostTensor, b: &HostTensor) -> Vec<f32> {
    a.as_f32().into_iter().flatten().zip(b.as_f32().into_iter().flatten()).map(|(a, b)| a + b).collect()
}

fn exchanges(device: &mut dyn Device) {
    let (a, b, c) = (floats(&[1.0, 2.0]), floats(&[3.0, 4.0]), floats(&[5.0, 6.0]));
    check_states(
        device,
        "swap",
        &[("a", a.clone()), ("b", b.clone())],
        |g, t| {
            g.assign("a", &t[1]);
            g.assign("b", &t[0]);
        },
        |s| vec![s[1].clone(), s[0].clone()],
    );
    check_states(
        device,
        "rotation, with arithmetic",
        &[("a", a.clone()), ("b", b.clone()), ("c", c)],
        |g, t| {
            g.assign("a", &(&t[1] + 1.0));
            g.assign("b", &(&t[2] * 2.0));
            g.assign("c", &t[0]);
        },
        |s| vec![map(&s[1], |x| x + 1.0), map(&s[2], |x| 2.0 * x), s[0].clone()],
    );
    check_states(
        device,
        "one from another that moves on",
        &[("a", a), ("b", b)],
        |g, t| {
            g.assign("a", &t[1]);
            g.assign("b", &(&t[1] + 10.0));
        },
        |s| vec![s[1].clone(), map(&s[1], |x| x + 10.0)],
    );
    let words = |v: [u32; 3]| HostTensor::u32([3], v);
    check_states(
        device,
        "swap of words",
        &[("u", words([1 << 31, 16_777_217, 3])), ("v", words([u32::MAX, 0, 33_554_433]))],
        |g, t| {
            g.assign("u", &t[1]);
            g.assign("v", &t[0]);
        },
        |s| vec![s[1].clone(), s[0].clone()],
    );
}

fn whole_reads(device: &mut dyn Device) {
    check_states(
        device,
        "reversed in place, while its sum is taken",
        &[("s", floats(&[1.0, 2.0, 4.0, 8.0, 16.0])), ("sum", HostTensor::scalar(0.0))],
        |g, t| {
            g.assign("s", &t[0].flip(0));
            g.assign("sum", &t[0].sum_all());
        },
        |s| {
            let mut v = s[0].as_f32().expect("floats").to_vec();
            let sum = v.iter().sum();
            v.reverse();
            vec![floats(&v), HostTensor::scalar(sum)]
        },
    );
    check_states(
        device,
        "its own square as a matrix, and a residual",
        &[("m", HostTensor::f32([2, 2], [0.5, 0.25, -0.5, 1.0]))],
        |g, t| g.assign("m", &(&t[0].matmul(&t[0]) + &t[0])),
        |s| {
            let m = s[0].as_f32().expect("floats");
            let at = |i: usize, j: usize| m[2 * i] * m[j] + m[2 * i + 1] * m[2 + j] + m[2 * i + j];
            vec![HostTensor::f32([2, 2], [at(0, 0), at(0, 1), at(1, 0), at(1, 1)])]
        },
    );
    check_states(
        device,
        "scaled by its own first element",
        &[("s", floats(&[2.0, 3.0, -1.0]))],
        |g, t| g.assign("s", &(&t[0] * &t[0].slice(0, 0, 1))),
        |s| {
            let first = s[0].as_f32().expect("floats")[0];
            vec![map(&s[0], |x| x * first)]
        },
    );
}

/// A kernel works in floats; words that pass it by must not go through one.
fn words(device: &mut dyn Device) {
    let given = HostTensor::u32([4], [16_777_217, u32::MAX, 0x7FC0_DEAD, 7]);
    for options in ALL_OPTIONS {
        let g = Graph::new("words");
        let x = g.input("x", given.ty());
        let f = g.input("f", Type::f32([4]));
        g.output("as they are", &x);
        g.output("reversed", &x.flip(0));
        g.output("as floats", &(x.cast(Dtype::F32) * 0.5));
        g.output("in a sum", &(x.cast(Dtype::F32) + &f));
        g.output("floats as they are", &f);
        let program = g.finish().expect("a graph");
        let nan = f32::from_bits(0x7FC0_BEEF);
        let f = HostTensor::f32([4], [1.0, nan, -0.0, 2.0]);
        let plan = Arc::new(plan(&program, device.profile(), options).expect("it fits"));
        let got = run_once(device, &plan, &[("x", &given), ("f", &f)]).expect("it runs");
        assert_eq!(got[0], given, "{options:?}");
        assert_eq!(got[1].words(), [7, 0x7FC0_DEAD, u32::MAX, 16_777_217], "{options:?}");
        assert_eq!(got[2].as_f32().map(|v| (v[0], v[3])), Some((8_388_608.0, 3.5)), "{options:?}");
        assert_eq!(got[3].as_f32().map(|v| v[3]), Some(9.0), "{options:?}");
        assert_eq!(got[4].words(), f.words(), "{options:?}");
    }
}

/// A small model's training step.
fn dcgan() -> Program {
    let settings = [("size", "32"), ("width", "4")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = DataShape { shape: vec![32, 32, 1], levels: Some(256), n_train: 40, ..DataShape::default() };
    let model = calotype_models::find("dcgan").expect("it is there").build(Preset::SMALL, &settings, &data);
    let model = model.expect("valid settings");
    let stages = Stages::new(model.learning().descent().expect("steps"), 4).expect("it builds");
    stages.program(0).clone()
}

fn planned_is_allocated(device: &mut dyn Device) {
    // Some of all cases, and those whose one step is many dispatches.
    let some = cases().into_iter().enumerate().filter(|(n, c)| n % 5 == 0 || c.name.starts_with("by steps"));
    let mut programs: Vec<Program> = some.map(|(_, c)| forward(&c).expect("a case")).collect();
    programs.push(dcgan());
    for program in programs {
        for guard_bands in [false, true] {
            let profile = DeviceProfile { guard_bands, ..device.profile().clone() };
            let plan = Arc::new(plan(&program, &profile, PlanOptions::default()).expect("it fits"));
            let names: Vec<String> = program.states().map(|s| s.name.clone()).collect();
            program.states().for_each(|s| device.write_state(&s.name, &init::initial(s, 0)).expect("a new state"));
            let id = device.load(&plan).expect("it loads");
            assert_eq!(device.allocated_bytes(), plan.memory.total(), "{}: {:?}", plan.name, plan.memory);
            device.unload(id);
            names.iter().for_each(|n| device.remove_state(n).expect("no plan uses it"));
        }
    }
}

fn random_words(device: &mut dyn Device) {
    let g = Graph::new("words");
    g.output("words", &g.random("layer.noise", Distribution::Words, [2, 5]));
    let plan = Arc::new(plan(&g.finish().expect("a draw"), device.profile(), PlanOptions::default()).expect("it fits"));
    let (seed, step) = (0x0123_4567_89AB_CDEF_u64, 41);
    let key = philox::key(seed);
    let inputs = [("seed", &HostTensor::u32([2], key)), ("step", &HostTensor::u32([1], [step]))];
    let got = run_once(device, &plan, &inputs).expect("it runs").remove(0);
    let block = |n: u32| philox::philox([n, philox::stream("layer.noise"), step, 0], key);
    assert_eq!(got.words(), &[block(0), block(1), block(2)].concat()[..10]);
}

/// As a GPU is planned for: 256-byte alignment, small buffers, wide enough for split sums.
fn gpu_profile() -> DeviceProfile {
    DeviceProfile {
        name: "a GPU".into(),
        kind: DeviceKind::DiscreteGpu,
        driver: String::new(),
        alignment_bytes: 256,
        max_binding_bytes: 128 << 20,
        max_buffer_bytes: 256 << 20,
        memory_bytes: None,
        parallelism: 256,
        fixed_bytes: 0,
        step_bytes: 0,
        staging_copies: 0,
        guard_bands: false,
        precision: calotype_graph::Precision::Full,
    }
}

fn planned(program: &Program, options: PlanOptions) -> Plan {
    plan(program, &gpu_profile(), options).unwrap_or_else(|e| panic!("{}: {e}", program.name()))
}

fn sound() {
    let cases = cases();
    let forward = cases.iter().map(|c| forward(c).expect("a case"));
    let gradients = cases.iter().filter(|c| c.gradient).map(|c| gradient(c).expect("a case"));
    for program in forward.chain(gradients).chain([dcgan()]) {
        for options in ALL_OPTIONS {
            let plan = planned(&program, options);
            for step in &plan.steps {
                assert!(is_sound(step), "{}: {step:?}", plan.name);
                let places = step.reads.iter().map(|r| r.place).chain(step.writes.iter().map(|w| w.place));
                for place in places.chain(step.workspace) {
                    assert!(place.offset + place.len <= plan.region_len(place.region), "{}: {place:?}", plan.name);
                    assert_eq!(place.offset % 64, 0, "{}: {place:?}", plan.name);
                }
            }
        }
    }
}

fn arenas() {
    let g = Graph::new("chain");
    let w = g.input("w", Type::f32([64, 64]));
    let mut x = g.input("x", Type::f32([64, 64]));
    for _ in 0..20 {
        x = x.matmul(&w).tanh();
    }
    g.output("y", &x);
    let plan = planned(&g.finish().expect("a chain"), PlanOptions::default());
    assert_eq!(plan.steps.len(), 20, "each tanh is its product's epilogue");
    assert!(plan.memory.arenas <= 2 * 64 * 64 * 4, "{:?}", plan.memory);

    let plan = planned(&dcgan(), PlanOptions::default());
    let written: usize = plan.steps.iter().flat_map(|s| &s.writes).map(|w| w.place.len).sum();
    let arenas: usize = plan.arenas.iter().sum();
    assert!(2 * arenas < written, "{arenas} elements of arenas for {written} that are written");
}

fn deterministic() {
    let program = dcgan();
    assert_eq!(planned(&program, PlanOptions::default()), planned(&dcgan(), PlanOptions::default()));
    assert_eq!(memory_bytes(&program, &gpu_profile()).ok(), Some(planned(&program, PlanOptions::default()).memory));
}

fn refusals() {
    let program = dcgan();
    let whole = planned(&program, PlanOptions::default());
    let largest = whole.largest_binding();
    let small = DeviceProfile { max_binding_bytes: largest - 4, ..gpu_profile() };
    match plan(&program, &small, PlanOptions::default()) {
        Err(PlanError::TensorTooLarge { bytes, limit, device, .. }) => {
            assert_eq!((bytes, limit, device.as_str()), (largest, largest - 4, "a GPU"));
        }
        other => panic!("{other:?}"),
    }
    let enough = DeviceProfile { max_binding_bytes: largest, memory_bytes: Some(whole.memory.total()), ..gpu_profile() };
    assert!(plan(&program, &enough, PlanOptions::default()).is_ok());
    let short = DeviceProfile { memory_bytes: Some(whole.memory.total() - 1), ..gpu_profile() };
    let error = plan(&program, &short, PlanOptions::default()).expect_err("one byte is missing");
    assert!(matches!(error, PlanError::OutOfMemory { .. }), "{error}");
    assert_eq!(memory_bytes(&program, &short).ok(), Some(whole.memory));
}

fn streams() {
    let first = |seed: u64, name: &str, step: u32| {
        philox::philox([0, philox::stream(name), step, philox::Domain::Graph as u32], philox::key(seed))
    };
    let all = [first(0, "z", 0), first(1, "z", 0), first(1 << 32, "z", 0), first(0, "y", 0), first(0, "z", 1)];
    for (i, a) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|b| a != b), "{all:x?}");
    }
}
