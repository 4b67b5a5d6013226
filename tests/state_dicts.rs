//! What `export` writes for PyTorch has the names and shapes that PyTorch's own modules have: those that
//! `assets/golden/_public_weights.py` listed in `assets/golden/public_weights.txt`, where it proved that both programs compute the same
//! with them. A state that is renamed fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use calotype_graph::{Dtype, StateSpec};
use calotype_models::attributes::{Attribute, Attributes};
use calotype_models::{DataShape, NO_WEIGHTS, Preset, Stages, all, find};
use calotype_tests::small;
use calotype_training::state_dict::{names, networks};

/// A state dict of PyTorch's.
struct Listed {
    model: String,
    network: String,
    /// [H, W, C]
    rows: Vec<usize>,
    settings: BTreeMap<String, String>,
    tensors: BTreeMap<String, Vec<usize>>,
}

fn numbers(text: &str, between: &str) -> Vec<usize> {
    text.split(between).filter(|part| !part.is_empty()).map(|part| part.trim().parse().expect("a number")).collect()
}

fn listed() -> Vec<Listed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/golden/public_weights.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let section = |text: &str| {
        let (head, tensors) = text.trim_start_matches('[').split_once("]\n").expect("a head");
        let mut words = head.split(' ');
        let mut word = || words.next().expect("a word").to_owned();
        let tensor = |line: &str| {
            let (name, shape) = line.split_once(' ').expect("a name and a shape");
            (name.to_owned(), numbers(shape.trim_matches(['[', ']']), ","))
        };
        Listed {
            model: word(),
            network: word(),
            rows: numbers(&word(), "x"),
            settings: words.filter_map(|word| word.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            tensors: tensors.lines().filter(|line| !line.is_empty()).map(tensor).collect(),
        }
    };
    text.split("\n\n").skip(1).map(section).collect()
}

#[test]
fn names_and_shapes_are_those_of_pytorch() {
    let all = listed();
    let models: BTreeSet<&str> = all.iter().map(|listed| listed.model.as_str()).collect();
    let proved = ["cyclegan", "dcgan", "infogan", "nade", "pixelcnn", "progan", "stargan", "vae"];
    assert_eq!(models.into_iter().collect::<Vec<_>>(), proved);
    for Listed { model: name, network, rows, settings, tensors } in all {
        // As many as StarGAN's module was built for.
        let attributes = Attributes((0..6).map(|n| Attribute::flag(&format!("a{n}"))).collect());
        let data = DataShape { shape: rows, levels: Some(256), n_train: 100, n_classes: 0, attributes };
        let model =
            find(&name).and_then(|info| info.build(Preset::SMALL, &settings, &data)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let modules = networks(model.as_ref());
        let (_, module) = modules.iter().find(|(own, _)| *own == network).unwrap_or_else(|| panic!("no {network} of {name}"));
        assert_eq!(names(model.as_ref(), module).expect("it builds"), tensors, "{network} of {name}");
    }
}

/// No weight is left out, none is in two networks, and no network is empty.
#[test]
fn every_weight_is_in_one_network() {
    for info in all() {
        let model = small(info.name, [8, 8, 1], 2);
        let Some(descent) = model.learning().descent() else {
            assert!(networks(model.as_ref()).is_empty(), "{} counts", info.name);
            continue;
        };
        let stages = Stages::new(descent, 4).expect("it builds");
        let is_float = |spec: &&StateSpec| spec.ty.dtype == Dtype::F32;
        let states: BTreeSet<&str> =
            stages.iter().flat_map(|(_, program)| program.states().filter(is_float).map(|s| s.name.as_str())).collect();
        let mut found = BTreeSet::new();
        for (name, module) in networks(model.as_ref()) {
            let own: Vec<&str> = states.iter().copied().filter(|state| module.within(state).is_some()).collect();
            assert!(!own.is_empty(), "{name} of {} is empty", info.name);
            assert!(own.into_iter().all(|state| found.insert(state)), "{name} of {} shares a state", info.name);
            for renamed in &module.renamed {
                let is_there = states.iter().any(|s| module.within(s) == Some(&renamed.here) || *s == renamed.here);
                assert!(is_there, "{name} of {} renames {}, which is no state", info.name, renamed.here);
            }
        }
        let is_weight = |state: &&&str| !state.split('.').next().is_some_and(|scope| NO_WEIGHTS.contains(&scope));
        let left: Vec<&&str> = states.iter().filter(is_weight).filter(|state| !found.contains(**state)).collect();
        assert!(left.is_empty(), "{}: in no network: {left:?}", info.name);
    }
}
