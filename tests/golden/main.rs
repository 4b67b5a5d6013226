//! Against PyTorch: the vectors in `assets/golden`, on every device. Layouts are PyTorch's there and turned here.

mod aae;
mod basics;
mod critics;
mod cyclegan;
mod distributions;
mod indexing;
mod infogan;
mod losses;
mod lstm;
mod norms;
mod pixel;
mod pooling;
mod progan;
mod puzzle_gan;
mod stargan;
mod text2image;
mod vae;

use std::collections::BTreeMap;
use std::sync::Arc;

use calotype_graph::op::{Conv2dTranspose, Tolerance};
use calotype_graph::{
    Device, Graph, HostTensor, Init, Layout, Mode, PlanId, PlanOptions, Program, Scope, StateSpec, Tensor, Window, plan,
};
use calotype_models::feeds::borrowed;
use calotype_models::layers::Layers;
use calotype_models::optimisers::{Optimiser, Rule};
use calotype_models::{DataShape, Stages, init};
use calotype_parity::{compare, read_states, run_once, run_step};
use calotype_tests::{Golden, Suite, permuted};

mod nade;

/// NCHW there, NHWC here, and back.
const TO_NHWC: &[usize] = &[0, 2, 3, 1];

/// Sums of up to a hundred products of unit size; functions of a few ulp.
const CLOSE: Tolerance = Tolerance { atol: 3e-5, rtol: 2e-5 };

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    suite.devices("basics", basics::basics);
    suite.devices("conv2d", conv2d);
    suite.devices("conv2d_transpose", conv2d_transpose);
    suite.devices("batch_norm", batch_norm);
    suite.devices("softmax", softmax);
    suite.devices("losses", losses::losses);
    suite.devices("distributions", distributions::distributions);
    suite.devices("norms", norms::norms);
    suite.devices("embedding", indexing::embedding);
    suite.devices("rows by an index on the device", indexing::rows);
    suite.devices("cumsum", indexing::cumsum);
    suite.devices("pool2d", pooling::pool2d);
    suite.devices("pad_reflect", pooling::pad_reflect);
    suite.devices("nearest upsampling", pooling::nearest);
    suite.devices("optimisers", optimisers);
    suite.devices("gradient penalty", critics::strided);
    suite.devices("critics", critics::whole);
    suite.devices("lstm_scan", lstm::lstm_scan);
    suite.devices("lstm_cell", lstm::lstm_cell);
    suite.devices("aae", aae::aae);
    suite.devices("dcgan", dcgan);
    suite.devices("progan", progan::progan);
    suite.devices("infogan", infogan::infogan);
    suite.devices("cyclegan", cyclegan::cyclegan);
    suite.devices("histories", cyclegan::histories);
    suite.devices("puzzle_gan", puzzle_gan::puzzle_gan);
    suite.devices("stargan", stargan::stargan);
    suite.devices("text2image", text2image::text2image);
    suite.devices("vae", vae::losses_and_gradients);
    suite.devices("nade", nade::conditionals_and_gradients);
    suite.devices("nade_sample", nade::samples);
    suite.devices("pixel networks", pixel::conditionals_and_gradients);
    suite.run()
}

fn check(what: &str, got: &HostTensor, want: &HostTensor, tolerance: Tolerance) {
    if let Err(why) = compare(got, want, tolerance) {
        panic!("{what}: {why}");
    }
}

/// Weights from PyTorch's layout.
fn weights(golden: &Golden, name: &str, layout: Layout) -> HostTensor {
    let there = golden.get(name);
    let Some(axes) = layout.axes() else { return there };
    let mut inverse = vec![0; axes.len()];
    axes.iter().enumerate().for_each(|(d, &a)| inverse[a] = d);
    permuted(&there, &inverse)
}

/// A program of one step, its inputs by name, on a device; outputs in order.
fn run(device: &mut dyn Device, program: &Program, inputs: &[(&str, &HostTensor)]) -> Vec<HostTensor> {
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    run_once(device, &plan, inputs).expect("it runs")
}

fn window(golden: &Golden, name: &str) -> Window {
    let w = golden.get(name);
    let w: Vec<usize> = w.as_u32().expect("integers").iter().map(|&n| n as usize).collect();
    Window { stride: [w[0], w[1]], pad: [w[2], w[3]], dilation: [w[4], w[5]] }
}

/// y and the cotangents of x and w, in that order, for an op on x and w.
fn with_gradients(x: &HostTensor, w: &HostTensor, dy: &HostTensor, op: impl Fn(&Tensor, &Tensor) -> Tensor) -> Program {
    let g = Graph::new("golden");
    let (x, w) = (g.input("x", x.ty()), g.input("w", w.ty()));
    let y = op(&x, &w);
    let dy = g.input("dy", dy.ty());
    let gradients = g.vjp(&[(&y, &dy)], &[&x, &w]);
    g.output("y", &y);
    g.output("dx", &gradients[0]);
    g.output("dw", &gradients[1]);
    g.finish().expect("the golden's shapes agree")
}

fn conv2d(device: &mut dyn Device) {
    let golden = Golden::open("conv2d");
    for case in golden.cases("conv/") {
        let name = |part: &str| format!("{case}/{part}");
        let image = |part: &str| permuted(&golden.get(&name(part)), TO_NHWC);
        let (x, w, dy) = (image("x"), weights(&golden, &name("w"), Layout::Conv), image("dy"));
        let window = window(&golden, &name("window"));
        let program = with_gradients(&x, &w, &dy, |x, w| x.conv2d(w, window));
        let got = run(device, &program, &[("x", &x), ("w", &w), ("dy", &dy)]);
        check(&name("y"), &got[0], &image("y"), CLOSE);
        check(&name("dx"), &got[1], &image("dx"), CLOSE);
        check(&name("dw"), &got[2], &weights(&golden, &name("dw"), Layout::Conv), CLOSE);
    }
}

fn conv2d_transpose(device: &mut dyn Device) {
    let golden = Golden::open("conv2d");
    for case in golden.cases("transpose/") {
        let name = |part: &str| format!("{case}/{part}");
        let image = |part: &str| permuted(&golden.get(&name(part)), TO_NHWC);
        let (x, w, dy) = (image("x"), weights(&golden, &name("w"), Layout::ConvTranspose), image("dy"));
        let op = Conv2dTranspose { window: window(&golden, &name("window")), size: [dy.shape.dims()[1], dy.shape.dims()[2]] };
        let program = with_gradients(&x, &w, &dy, |x, w| Tensor::apply(op, &[x.clone(), w.clone()]));
        let got = run(device, &program, &[("x", &x), ("w", &w), ("dy", &dy)]);
        check(&name("y"), &got[0], &image("y"), CLOSE);
        check(&name("dx"), &got[1], &image("dx"), CLOSE);
        check(&name("dw"), &got[2], &weights(&golden, &name("dw"), Layout::ConvTranspose), CLOSE);
    }
}

fn batch_norm(device: &mut dyn Device) {
    let golden = Golden::open("batch_norm");
    for case in golden.cases("") {
        // Channels last: [B, C, H, W] turns, [B, C] does not.
        let get = |part: &str| {
            let t = golden.get(&format!("{case}/{part}"));
            if t.shape.rank() == 4 { permuted(&t, TO_NHWC) } else { t }
        };
        let layer = |s: &Scope, x: &Tensor| s.sub(&case).batch_norm("norm", x, Init::Constant(1.0));
        let state = |part: &str| format!("{case}.norm.{part}");
        device.write_state(&state("weight"), &get("scale")).expect("a new state");
        device.write_state(&state("bias"), &get("shift")).expect("a new state");
        let (zero, one) = (get("scale").shape, get("scale").shape);
        let n = zero.numel();
        device.write_state(&state("running_mean"), &HostTensor::f32(zero, vec![0.0; n])).expect("a new state");
        device.write_state(&state("running_var"), &HostTensor::f32(one, vec![1.0; n])).expect("a new state");

        let g = Graph::new("training");
        let s = Scope::new(&g, Mode::Train);
        let parts = ["x0", "dy0", "x1", "dy1"].map(|part| (part, get(part)));
        let inputs: Vec<Tensor> = parts.iter().map(|(name, t)| g.input(name, t.ty())).collect();
        for (call, pair) in inputs.chunks(2).enumerate() {
            let y = layer(&s, &pair[0]);
            let parameters = s.parameters();
            let [(_, scale), (_, shift)] = &parameters[..] else { panic!("{parameters:?}") };
            let gradients = g.vjp(&[(&y, &pair[1])], &[&pair[0], scale, shift]);
            g.output(&format!("y{call}"), &y);
            for (name, t) in ["dx", "dscale", "dshift"].iter().zip(&gradients) {
                g.output(&format!("{name}{call}"), t);
            }
        }
        let program = g.finish().expect("first derivatives");
        let given: Vec<(&str, &HostTensor)> = parts.iter().map(|(n, t)| (*n, t)).collect();
        let got = run(device, &program, &given);
        for ((name, _), got) in program.outputs().zip(&got) {
            // Two values a channel: their variance may be tiny, and its inverse root multiplies every error.
            let tolerance = if case == "two values" { Tolerance { atol: 1e-3, rtol: 1e-3 } } else { CLOSE };
            check(&format!("{case}: {name}"), got, &get(name), tolerance);
        }
        let names = [state("running_mean"), state("running_var")];
        let running = read_states(device, &[&names[0], &names[1]]).expect("they are there");
        check(&names[0], &running[0], &get("running_mean"), CLOSE);
        check(&names[1], &running[1], &get("running_var"), CLOSE);

        let g = Graph::new("evaluation");
        let x = get("x_eval");
        g.output("y", &layer(&Scope::new(&g, Mode::Eval), &g.input("x", x.ty())));
        let got = run(device, &g.finish().expect("no gradients"), &[("x", &x)]);
        check(&format!("{case}: evaluation"), &got[0], &get("y_eval"), CLOSE);
    }
}

fn softmax(device: &mut dyn Device) {
    let golden = Golden::open("softmax");
    for case in golden.cases("") {
        let get = |part: &str| golden.get(&format!("{case}/{part}"));
        for (name, op) in [("softmax", Tensor::softmax as fn(&Tensor) -> Tensor), ("logsumexp", Tensor::log_sum_exp)] {
            let (x, dy) = (get("x"), get(&format!("{name}_dy")));
            let g = Graph::new("golden");
            let leaf = g.input("x", x.ty());
            let y = op(&leaf);
            g.output("y", &y);
            g.output("dx", &g.vjp(&[(&y, &g.input("dy", dy.ty()))], &[&leaf])[0]);
            let got = run(device, &g.finish().expect("a graph"), &[("x", &x), ("dy", &dy)]);
            check(&format!("{case}: {name}"), &got[0], &get(name), CLOSE);
            check(&format!("{case}: {name} gradient"), &got[1], &get(&format!("{name}_dx")), CLOSE);
        }
    }
}

/// Five steps of an optimiser on the golden gradients, by the loss w . g. `moments`: what the optimiser and PyTorch call its states.
fn optimiser(device: &mut dyn Device, name: &str, optimiser: Optimiser, moments: &[&str]) {
    let golden = Golden::open("optimisers");
    let w = golden.get("w");
    let graph = Graph::new(name);
    let s = Scope::new(&graph, Mode::Train).sub(name);
    let g = graph.input("g", w.ty());
    let loss = (s.param("w", w.shape.clone(), Init::Zeros, Layout::Plain) * &g).sum_all();
    optimiser.update(&[&s], &loss);
    let program = graph.finish().expect("an update");
    for spec in program.states() {
        device.write_state(&spec.name, &init::initial(spec, 0)).expect("a new state");
    }
    let state = s.path("w");
    device.write_state(&state, &w).expect("the parameter");
    let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    for step in 0..5 {
        let scalars = optimiser.scalars(step, 1.0).into_iter().map(|(n, v)| (n, HostTensor::scalar(v)));
        let scalars: Vec<(String, HostTensor)> = scalars.collect();
        let g = golden.get(&format!("g{step}"));
        let inputs: Vec<(&str, &HostTensor)> = scalars.iter().map(|(n, t)| (n.as_str(), t)).chain([("g", &g)]).collect();
        run_step(device, id, &inputs).expect("it runs");
        let w = read_states(device, &[&state]).expect("it is there").remove(0);
        check(&format!("{name}, step {step}"), &w, &golden.get(&format!("{name}/w{step}")), Tolerance { atol: 1e-7, rtol: 5e-7 });
    }
    for moment in moments {
        let got = read_states(device, &[&format!("optimizer.{state}.{moment}")]).expect("it is there").remove(0);
        let tolerance = Tolerance { atol: 1e-9, rtol: 2e-6 }; // 1 - β2 has seven digits
        check(&format!("{name}: {moment}"), &got, &golden.get(&format!("{name}/{moment}")), tolerance);
    }
    device.unload(id);
}

fn optimisers(device: &mut dyn Device) {
    for (name, lr, beta1) in [("adam", 2e-4, 0.5), ("adam_defaults", 1e-3, 0.9)] {
        let adam = Optimiser::new("", Rule::Adam { beta1, beta2: 0.999, eps: 1e-8 }, lr);
        optimiser(device, name, adam, &["exp_avg", "exp_avg_sq"]);
    }
    let rms_prop = Optimiser::new("", Rule::RmsProp { alpha: 0.9, eps: 1e-6 }, 1e-3);
    optimiser(device, "rmsprop", rms_prop, &["square_avg"]);
    optimiser(device, "sgd", Optimiser::new("", Rule::Sgd { momentum: 0.9 }, 0.1), &["momentum_buffer"]);
}

const DCGAN_STEPS: u32 = 10;
const DCGAN_BATCH: usize = 4;

/// Ten losses, every gradient of the first step, and where ten steps lead.
fn dcgan(device: &mut dyn Device) {
    let golden = Golden::open("dcgan");
    let settings = [("size".to_owned(), "32".to_owned()), ("width".to_owned(), "4".to_owned())].into();
    let data = DataShape { shape: vec![32, 32, 1], levels: Some(256), n_train: 40, ..DataShape::default() };
    let info = calotype_models::find("dcgan").expect("a model of that name");
    let model = info.build(info.default_preset(), &settings, &data).expect("valid settings");
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, DCGAN_BATCH).expect("it builds");
    let program = stages.program(0);
    same_latents(device, &golden);

    let networks: Vec<_> = program.states().filter(|s| !s.name.starts_with("optimizer.")).cloned().collect();
    assert_eq!(networks.len(), golden.names("initial/").count(), "the same tensors");
    for spec in program.states() {
        device.write_state(&spec.name, &init::initial(spec, 0)).expect("a new state");
    }
    for spec in &networks {
        let value = weights(&golden, &format!("initial/{}", spec.name), spec.layout);
        device.write_state(&spec.name, &value).expect("the model's shape is PyTorch's");
    }
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let images = permuted(&golden.get("images"), &[0, 1, 3, 4, 2]); // [10, 4, 32, 32, 1]
    let (loss_d, loss_g) = (golden.get("loss_d"), golden.get("loss_g"));
    for step in 0..DCGAN_STEPS {
        let fed = vec![("x".to_owned(), part(&images, step as usize))];
        let inputs = stages.inputs(&descent.at(step.into(), 1.0), fed, 7, step.into());
        let losses = run_step(device, id, &borrowed(&inputs)).expect("it runs");
        let tolerance = Tolerance { atol: 1e-6 * (step + 5) as f32, rtol: 1e-6 };
        check(&format!("loss_d, step {step}"), &losses[0], &part(&loss_d, step as usize), tolerance);
        check(&format!("loss_g, step {step}"), &losses[1], &part(&loss_g, step as usize), tolerance);
        if step == 0 {
            first_gradients(device, &golden, program);
        }
    }
    final_states(device, &golden, &networks);
    device.unload(id);
}

/// The device draws the z that the golden run was given.
fn same_latents(device: &mut dyn Device, golden: &Golden) {
    let want = golden.get("z");
    let g = Graph::new("latents");
    g.output("z", &g.random("z", calotype_graph::op::Distribution::Normal, [DCGAN_BATCH, 100]));
    let program = g.finish().expect("a draw");
    for step in [0, DCGAN_STEPS - 1] {
        let (seed, count) = (HostTensor::u32([2], [7, 0]), HostTensor::u32([1], [step]));
        let z = run(device, &program, &[("seed", &seed), ("step", &count)]);
        check("z", &z[0], &part(&want, step as usize), Tolerance { atol: 2e-6, rtol: 1e-6 });
    }
}

/// After the first step Adam's first moment is (1 - 0.5) times the gradient, exactly.
fn first_gradients(device: &mut dyn Device, golden: &Golden, program: &Program) {
    let parameters: Vec<_> = program.parameters().cloned().collect();
    assert_eq!(parameters.len(), golden.names("gradient/").count(), "a gradient for each parameter");
    for spec in &parameters {
        let moment = read_states(device, &[&format!("optimizer.{}.exp_avg", spec.name)]).expect("Adam's").remove(0);
        let gradient: Vec<f32> = moment.as_f32().expect("floats").iter().map(|m| 2.0 * m).collect();
        let want = weights(golden, &format!("gradient/{}", spec.name), spec.layout);
        let largest = want.as_f32().expect("floats").iter().fold(0.0f32, |m, v| m.max(v.abs()));
        // Against the largest element: small ones are differences of large ones.
        let tolerance = Tolerance { atol: 1e-5 * largest, rtol: 1e-5 };
        check(&format!("gradient of {}", spec.name), &HostTensor::f32(moment.shape, gradient), &want, tolerance);
    }
}

/// A weight may be off by an Adam step of 2e-4 where a gradient is so near zero that rounding decides its sign; on average
/// they are not.
fn final_states(device: &mut dyn Device, golden: &Golden, networks: &[calotype_graph::StateSpec]) {
    for spec in networks {
        let got = read_states(device, &[&spec.name]).expect("a state").remove(0);
        let want = weights(golden, &format!("final/{}", spec.name), spec.layout);
        let (g, w) = (got.as_f32().expect("floats"), want.as_f32().expect("floats"));
        check(&format!("final {}", spec.name), &got, &want, Tolerance { atol: 2e-4, rtol: 1e-5 });
        let mean = g.iter().zip(w).map(|(g, w)| f64::from(g - w).abs()).sum::<f64>() / g.len() as f64;
        assert!(mean < 1e-6, "final {}: off by {mean:e} on average", spec.name);
    }
}

/// Loads the stages of a model as a golden begins: parameters are its tensors `initial/NAME`, other states as a run's at first. The
/// parameters of all stages, and what was loaded.
fn begin(device: &mut dyn Device, golden: &Golden, stages: &Stages) -> (Vec<StateSpec>, Vec<PlanId>) {
    let parameters = stages.iter().flat_map(|(_, program)| program.parameters());
    let networks: BTreeMap<&str, &StateSpec> = parameters.map(|spec| (spec.name.as_str(), spec)).collect();
    assert_eq!(networks.len(), golden.names("initial/").count(), "the same tensors");
    for spec in stages.iter().flat_map(|(_, program)| program.states()) {
        let value = match networks.contains_key(spec.name.as_str()) {
            true => weights(golden, &format!("initial/{}", spec.name), spec.layout),
            false => init::initial(spec, 0),
        };
        device.write_state(&spec.name, &value).expect("the model's shape is PyTorch's");
    }
    let load = |(_, program): (_, &Program)| {
        let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
        device.load(&plan).expect("it loads")
    };
    let ids = stages.iter().map(load).collect();
    (networks.into_values().cloned().collect(), ids)
}

/// A state times `scale` beside what it should be, to `part` of its largest value.
fn compare_state(device: &mut dyn Device, state: &str, scale: f32, want: &HostTensor, part: f32) {
    let value = read_states(device, &[state]).expect("a state").remove(0);
    let scaled: Vec<f32> = value.as_f32().expect("floats").iter().map(|v| scale * v).collect();
    let largest = want.as_f32().expect("floats").iter().fold(0.0f32, |m, v| m.max(v.abs()));
    check(state, &HostTensor::f32(value.shape, scaled), want, Tolerance { atol: part * largest, rtol: part });
}

/// Row `n` of the first axis.
fn part(t: &HostTensor, n: usize) -> HostTensor {
    let shape = &t.shape.dims()[1..];
    let len: usize = shape.iter().product();
    HostTensor::f32(shape, &t.as_f32().expect("floats")[n * len..(n + 1) * len])
}
