//! Networks of others: what `torch.onnx` wrote, and what is written here, read again.

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_formats::onnx::{Loaded, Network, ReadError};
use calotype_graph::op::Tolerance;
use calotype_graph::{Device, HostTensor, PlanOptions, plan};
use calotype_parity::{compare, run_once};
use calotype_tests::Golden;

use crate::exported::of_models;

fn file() -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/golden/onnx_features.onnx");
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn features(network: &Network, x: &HostTensor) -> Result<HostTensor, ReadError> {
    let &[n, h, w, c] = x.shape.dims() else { panic!("images") };
    let Loaded { program, states } = network.program(n, [h, w, c])?;
    let mut device = Cpu::<f32>::fast(1).expect("a device");
    let planned = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&planned).expect("it loads");
    for (name, value) in &states {
        device.write_state(name, value).expect("a state");
    }
    let found = run_once(&mut device, &planned, &[("x", x)]).expect("it runs");
    device.unload(id);
    Ok(found.into_iter().next().expect("features"))
}

/// Convolutions in groups and of every kernel, poolings that count their borders and that do not, and what stands between them.
#[test]
fn a_network_of_pytorch_has_its_features() {
    let golden = Golden::open("onnx_features");
    let network = Network::read(&file()).expect("a network");
    assert_eq!(network.image(), [Some(3), Some(30), Some(34)]);
    let found = features(&network, &golden.get("x")).expect("it is read");
    compare(&found, &golden.get("features"), Tolerance { atol: 1e-5, rtol: 1e-4 }).expect("as PyTorch");
    let grey = HostTensor::f32([1, 30, 34, 1], vec![0.5; 30 * 34]);
    let refused = features(&network, &grey).expect_err("three channels").to_string();
    assert!(refused.contains("3 channels") && refused.contains("these have 1"), "{refused}");
}

/// Features of models, written and read again; of those without what is not read, such as recurrences and tables.
#[test]
fn what_is_written_is_read() {
    let mut read = std::collections::BTreeSet::new();
    for exported in of_models().iter().filter(|exported| exported.name.ends_with(": features")) {
        let Ok(model) = &exported.model else { continue };
        for [inputs, outputs] in exported.results() {
            let (x, wanted) = (&inputs[0].1, &outputs[0].1);
            if x.shape.rank() != 4 {
                continue;
            }
            let network = Network::read(&model.bytes).unwrap_or_else(|e| panic!("{}: {e}", exported.name));
            match features(&network, x) {
                Ok(found) => {
                    let n = x.shape.dims()[0];
                    let wanted = HostTensor::f32([n, wanted.shape.numel() / n], wanted.as_f32().expect("floats"));
                    compare(&found, &wanted, exported.tolerance).unwrap_or_else(|e| panic!("{}: {e}", exported.name));
                    read.insert(exported.name.clone());
                }
                Err(ReadError::Op { .. }) => {}
                Err(e) => panic!("{}: {e}", exported.name),
            }
        }
    }
    for name in ["dcgan", "infogan", "vae", "aae"] {
        assert!(read.contains(&format!("{name}: features")), "{name} is not among {read:?}");
    }
}

/// Every beginning of the file, and bytes of it changed: an error or another network, never worse.
#[test]
fn broken_files_are_refused() {
    let whole = file();
    let message = |bytes: &[u8]| Network::read(bytes).err().map(|e| e.to_string());
    assert!(message(b"").expect("no model").contains("no graph"));
    assert!(message(b"PK\x03\x04 a zip").expect("no model").contains("no ONNX model"));
    for n in (0..whole.len()).step_by(397) {
        assert!(Network::read(&whole[..n]).is_err(), "the first {n} bytes");
        let mut changed = whole.clone();
        changed[n] ^= 0x55;
        if let Ok(network) = Network::read(&changed) {
            let _ = network.program(1, [30, 34, 3]);
        }
    }
}
