//! PixelCNN, Row LSTM and Diagonal BiLSTM: conditionals, nats and every gradient, for bits, levels and colours.

use std::collections::BTreeMap;

use calotype_graph::{Device, Graph, HostTensor, Mode, Scope};
use calotype_models::{DataShape, density, find};
use calotype_tests::Golden;

use super::{CLOSE, check, run, weights};

/// Sizes of the golden's networks.
const SIZES: [(&str, &str); 4] = [("layers", "2"), ("blocks", "2"), ("width", "7"), ("head", "8")];

pub fn conditionals_and_gradients(device: &mut dyn Device) {
    let golden = Golden::open("pixel");
    for name in ["pixelcnn", "row-lstm", "diagonal-bilstm"] {
        for (kind, levels) in [("bits", 2), ("levels", 3), ("colours", 3)] {
            model(device, &golden, &format!("{name}/{kind}"), name, levels);
        }
    }
}

fn model(device: &mut dyn Device, golden: &Golden, case: &str, name: &str, levels: u32) {
    let x = golden.get(&format!("{case}/x"));
    let data = DataShape { shape: x.shape.dims()[1..].to_vec(), levels: Some(levels), n_train: 100, ..DataShape::default() };
    let info = find(name).expect("a model of that name");
    let known: Vec<&str> = (info.settings)(info.default_preset()).iter().map(|s| s.key).collect();
    let given = SIZES.iter().filter(|(key, _)| known.contains(key)).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let given: BTreeMap<String, String> = given.chain([("levels".to_owned(), levels.to_string())]).collect();
    let model = info.build(info.default_preset(), &given, &data).expect("valid settings");
    let model = model.density().expect("a density");

    let g = Graph::new(case);
    let s = Scope::new(&g, Mode::Eval);
    let x_in = density::input(&g, model, x.shape.dims()[0]);
    let nats = density::nats(&density::log_p(model, &s, &x_in));
    g.output("conditionals", &model.conditionals(&s, &x_in));
    g.output("nats", &nats);
    let parameters = s.parameters();
    let found = g.grad(&nats, &parameters.iter().map(|(_, t)| t).collect::<Vec<_>>());
    parameters.iter().zip(&found).for_each(|((spec, _), d)| g.output(&spec.name, d));
    let program = g.finish().expect("first derivatives");

    assert_eq!(parameters.len(), golden.names(&format!("{case}/weight/")).count(), "the same tensors");
    let of = |kind: &str, spec: &calotype_graph::StateSpec| weights(golden, &format!("{case}/{kind}/{}", spec.name), spec.layout);
    for (spec, _) in &parameters {
        device.write_state(&spec.name, &of("weight", spec)).expect("the model's shape is PyTorch's");
    }
    let got: Vec<HostTensor> = run(device, &program, &[("x", &x)]);
    for (part, got) in ["conditionals", "nats"].iter().zip(&got) {
        check(&format!("{case}: {part}"), got, &golden.get(&format!("{case}/{part}")), CLOSE);
    }
    for ((spec, _), got) in parameters.iter().zip(&got[2..]) {
        check(&format!("{case}: gradient of {}", spec.name), got, &of("gradient", spec), CLOSE);
        device.remove_state(&spec.name).expect("no plan uses it");
    }
}
