//! Weights in and out: `train --init` and `export --to FILE.safetensors`. That PyTorch computes the same with them is
//! `assets/golden/_public_weights.py`'s.

use std::collections::BTreeMap;
use std::fs;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::progan;
use crate::support::{Ended, LIVELY, Place, TINY, same};

/// Type, shape and bytes by name.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn tensors(bytes: &[u8]) -> Tensors {
    let file = SafeTensors::deserialize(bytes).expect("a safetensors file");
    let of = |(name, view): (String, TensorView)| (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()));
    file.tensors().into_iter().map(of).collect()
}

fn read(place: &Place, name: &str) -> Tensors {
    tensors(&fs::read(place.path(name)).expect("it is there"))
}

fn write(place: &Place, name: &str, all: &Tensors) {
    let views =
        all.iter().map(|(name, (dtype, shape, bytes))| (name, TensorView::new(*dtype, shape.clone(), bytes).expect("whole")));
    fs::write(place.path(name), safetensors::serialize(views, None).expect("it is written")).expect("it is written");
}

/// Those of a checkpoint whose names begin so, without this beginning.
fn of(place: &Place, run: &str, step: u64, prefix: &str) -> Tensors {
    let all = tensors(&place.checkpoint(run, step)).into_iter();
    all.filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor))).collect()
}

/// Trains a tiny DCGAN that begins with these weights.
fn begun(place: &Place, run: &str, init: &str) -> Ended {
    place.run(&[&["train", "dcgan", "--out", run, "--steps", "1", "--seed", "5", "--init", init], TINY].concat())
}

#[test]
fn a_network_goes_out_and_in() {
    let place = Place::new();
    place.train("first", &[LIVELY, &["--set", "ema=0.5", "--set", "validation=0"]].concat());
    let ended = place.run(&["export", "first", "--to", "g.safetensors"]).ok();
    assert!(ended.stdout.starts_with("generator of dcgan, 40 steps: 16 tensors, "), "{}", ended.stdout);
    assert!(ended.stdout.trim_end().ends_with("moving averages of its weights"), "{}", ended.stdout);
    assert!(ended.stderr.contains("other parts, by --part: discriminator"), "{}", ended.stderr);
    let written = read(&place, "g.safetensors");
    assert_eq!(written["main.0.weight"].1, [4, 8, 4, 4], "as `nn.ConvTranspose2d(4, 8, 4)` has it");
    assert_eq!(written, of(&place, "first", 40, "ema.generator."));
    assert_ne!(written, of(&place, "first", 40, "generator."));
    place.run(&["export", "first", "--to", "d.safetensors", "--part", "discriminator"]).ok();
    assert_eq!(read(&place, "d.safetensors"), of(&place, "first", 40, "discriminator."));
    let listed = place.run(&["export", "first", "--list"]).ok().stdout;
    assert!(listed.contains("discriminator  weights for PyTorch, --to FILE.safetensors"), "{listed}");

    // Where there is an average, it begins at what was given.
    let both = ["--init", "generator=g.safetensors", "--init", "discriminator=d.safetensors", "--set", "ema=0.9"];
    let ended = place.run(&[&["train", "dcgan", "--out", "second", "--steps", "1", "--seed", "5"], TINY, &both].concat()).ok();
    assert!(ended.stderr.contains("g.safetensors: 16 tensors of generator\n"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("initial weights"), "{}", ended.stderr);
    for prefix in ["generator.", "ema.generator."] {
        assert_eq!(of(&place, "second", 0, prefix), written, "{prefix}");
    }
    let ended = begun(&place, "third", "generator=g.safetensors").ok();
    assert!(ended.stderr.contains("initial weights: discriminator\n"), "{}", ended.stderr);
    assert_ne!(of(&place, "third", 0, "discriminator."), read(&place, "d.safetensors"));
}

/// The upper halves of f32 are bfloat16; a factor of two makes halves of them that are exact.
#[test]
fn a_file_of_another_program_may_have_other_numbers_and_more_of_them() {
    let place = Place::new();
    place.train("first", &["--steps", "2"]);
    place.run(&["export", "first", "--to", "g.safetensors"]).ok();
    let mut all = read(&place, "g.safetensors");
    let scales: Vec<String> = all.keys().filter(|name| name.ends_with("running_var")).cloned().collect();
    for (name, (dtype, shape, bytes)) in &mut all {
        let halves = shape.iter().product::<usize>();
        (*dtype, *bytes) = match name.ends_with(".bias") {
            // 0.5
            true => (Dtype::F16, [0x00, 0x38].repeat(halves)),
            false => (Dtype::BF16, bytes.chunks_exact(4).flat_map(|word| [word[2], word[3]]).collect()),
        };
    }
    for name in &scales {
        let counter = name.replace("running_var", "num_batches_tracked");
        all.insert(counter, (Dtype::I64, vec![], 7_u64.to_le_bytes().to_vec()));
    }
    write(&place, "other.safetensors", &all);
    let ended = begun(&place, "second", "generator=other.safetensors").ok();
    assert!(ended.stderr.contains("16 tensors of generator; passed over: main.1.num_batches_tracked, "), "{}", ended.stderr);
    let taken = of(&place, "second", 0, "generator.");
    let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    for (name, (dtype, _, bytes)) in &taken {
        assert_eq!(*dtype, Dtype::F32);
        let given: Vec<u8> = all[name].2.chunks_exact(2).flat_map(|half| [0, 0, half[0], half[1]]).collect();
        match name.ends_with(".bias") {
            true => assert!(bytes.chunks_exact(4).all(|word| value(word) == 0.5), "{name}"),
            false => assert_eq!(*bytes, given, "{name}"),
        }
    }
}

#[test]
fn what_cannot_be_begun_with_is_refused() {
    let place = Place::new();
    place.train("run", &["--steps", "1"]);
    place.run(&["export", "run", "--to", "g.safetensors"]).ok();
    let refused = |init: &str, says: &[&str]| {
        begun(&place, "none", init).refused(1, says);
        assert!(!place.path("none").exists());
    };
    // Names without that of the network; of another model.
    refused("g.safetensors", &["no name of a tensor matches", "within generator, discriminator", "--init generator=FILE"]);
    let found = read(&place, "g.safetensors");
    write(&place, "odd.safetensors", &found.iter().map(|(name, t)| (format!("net.{name}"), t.clone())).collect());
    refused("generator=odd.safetensors", &["found net.main.0.weight, ", " more; expected main.0.weight, "]);
    // Another shape, and another type, of one tensor.
    let mut odd = found.clone();
    odd.insert("main.0.weight".into(), (Dtype::F32, vec![2, 8, 4, 4], vec![0; 1024]));
    write(&place, "odd.safetensors", &odd);
    refused("generator=odd.safetensors", &["shape mismatch of `main.0.weight`: expected [4, 8, 4, 4], found [2, 8, 4, 4]"]);
    odd.insert("main.0.weight".into(), (Dtype::I64, vec![4, 8, 4, 4], vec![0; 4096]));
    write(&place, "odd.safetensors", &odd);
    refused("generator=odd.safetensors", &["`main.0.weight` holds I64", "F32, F16, BF16 or F64"]);
    odd.remove("main.0.weight");
    write(&place, "odd.safetensors", &odd);
    refused("generator=odd.safetensors", &["it lacks main.0.weight"]);
    // What torch.save writes.
    fs::write(place.path("net G.pth"), b"PK\x03\x04and so on").expect("it is written");
    refused(
        "generator=net G.pth",
        &["--init net G.pth: a PyTorch pickle", "torch.load(\"net G.pth\"", "\"net G.safetensors\"", "save_file"],
    );
    fs::write(place.path("none.bin"), b"text").expect("it is written");
    refused("generator=none.bin", &["not a whole safetensors file"]);
}

#[test]
fn weights_that_cannot_be_written_are_refused() {
    let place = Place::new();
    place.train("run", &["--steps", "1"]);
    let to = ["export", "run", "--to", "g.safetensors"];
    place.run(&[&to, ["--part", "critic"].as_slice()].concat()).refused(2, &["no such part", "generator, discriminator"]);
    place.run(&[&to, ["--size", "32x32"].as_slice()].concat()).refused(2, &["--size has no effect on weights"]);
    place.run(&["export", "run", "--to", "g.pth"]).refused(2, &[".onnx or .safetensors"]);
    place.run(&["train", "markov", "--data", "digits", "--device", "cpu", "--out", "counts"]).ok();
    place.run(&["export", "counts", "--to", "g.safetensors"]).refused(2, &["markov", "counts"]);
    assert!(!place.path("g.safetensors").exists());
}

/// A model that is one network takes its weights with or without its name, by the names of public code or of a checkpoint.
#[test]
fn a_model_may_be_one_network() {
    let place = Place::new();
    let tiny = ["--data", "digits", "--device", "cpu", "--steps", "1", "--set", "hidden=5", "--set", "validation=0"];
    place.run(&[&["train", "nade", "--out", "first"], &tiny[..]].concat()).ok();
    place.run(&["export", "first", "--to", "n.safetensors"]).ok();
    let public = read(&place, "n.safetensors");
    let shapes: Vec<(&str, &[usize])> = public.iter().map(|(name, (_, shape, _))| (name.as_str(), shape.as_slice())).collect();
    assert_eq!(shapes, [("V", [64, 5].as_slice()), ("W", &[5, 64]), ("b", &[64]), ("c", &[5])]);
    let own = of(&place, "first", 1, "");
    let weights = |run: &str| {
        let mut all = of(&place, run, 0, "");
        all.retain(|name, _| !name.starts_with("optimizer."));
        all
    };
    for (run, init) in [("a", "n.safetensors"), ("b", "nade=n.safetensors"), ("c", "first/checkpoints/step-0000001.safetensors")]
    {
        place.run(&[&["train", "nade", "--out", run, "--seed", "3", "--init", init], &tiny[..]].concat()).ok();
        let begun = weights(run);
        assert!(begun.len() == 5 && begun.iter().all(|(name, tensor)| own[name] == *tensor), "{init}: {:?}", begun.keys());
    }
    let other = ["--out", "d", "--init", "first/checkpoints/step-0000001.safetensors", "--set", "order=spiral"];
    place.run(&[&["train", "nade"], &tiny[..], &other].concat()).refused(1, &["`order` is another one"]);
}

/// Levels that are to come keep the weights that they were given, through a stop as well.
#[test]
fn what_a_model_grows_into_is_begun_with() {
    let place = Place::new();
    place.run(&[progan::TINY, &["--out", "first"]].concat()).ok();
    let mut init = vec![];
    for part in ["generator", "discriminator"] {
        place.run(&["export", "first", "--to", &format!("{part}.safetensors"), "--part", part]).ok();
        init.extend(["--init".to_owned(), format!("{part}={part}.safetensors")]);
    }
    // The last of three levels is shown alone, and has the names of public code.
    let written = read(&place, "generator.safetensors");
    assert_eq!(written["lod"].2, 0_f32.to_le_bytes());
    assert_eq!(written["layer0.weight"].1, [4, 4, 4, 4]);
    assert_eq!(written["output2.weight"].1, [1, 2, 1, 1]);
    let begin = |run: &str, more: &[&str]| {
        let init: Vec<&str> = init.iter().map(String::as_str).collect();
        place.run(&[progan::TINY, &["--out", run, "--seed", "9"], &init, more].concat()).ok();
    };
    begin("whole", &[]);
    let trained = of(&place, "first", 15, "ema.generator.");
    for (step, scope) in [(0, "generator."), (0, "ema.generator."), (3, "ema.generator.")] {
        let of_last = |all: Tensors| all.into_iter().filter(|(name, _)| name.starts_with("16x16.")).collect::<Tensors>();
        assert_eq!(of_last(of(&place, "whole", step, scope)), of_last(trained.clone()), "{scope} after {step} steps");
    }
    begin("part", &["--steps", "4"]);
    place.run(&["train", "--resume", "part", "--steps", "15"]).ok();
    same(&place.checkpoint("part", 15), &place.checkpoint("whole", 15));
}
