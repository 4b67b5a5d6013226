//! Writes models as ONNX, with what comes in and should come out, for `assets/golden/_onnx_models.py`:
//! `cargo run -p calotype-tests --example onnx_models -- DIR`.

mod exported;

use std::collections::BTreeMap;
use std::path::Path;

use calotype_graph::{HostData, HostTensor};
use exported::{Exported, of_models, of_ops};
use safetensors::tensor::{Dtype, TensorView};

fn main() {
    let dir = std::env::args().nth(1).expect("usage: onnx_models DIR");
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir).expect("a folder");
    let mut index = vec![];
    for (n, exported) in of_ops().iter().chain(&of_models()).enumerate() {
        match &exported.model {
            Ok(model) => {
                std::fs::write(dir.join(format!("{n}.onnx")), &model.bytes).expect("it is written");
                std::fs::write(dir.join(format!("{n}.safetensors")), tensors(exported)).expect("it is written");
                let (atol, rtol) = (exported.tolerance.atol, exported.tolerance.rtol);
                index.push(serde_json::json!({ "n": n, "name": exported.name, "atol": atol, "rtol": rtol }));
            }
            Err(e) => index.push(serde_json::json!({ "n": n, "name": exported.name, "refused": e.to_string() })),
        }
    }
    std::fs::write(dir.join("index.json"), serde_json::Value::from(index).to_string()).expect("it is written");
}

/// `RUN.in.NAME` and `RUN.out.NAME`; indices as int64.
fn tensors(exported: &Exported) -> Vec<u8> {
    let mut all: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (run, sides) in exported.results().into_iter().enumerate() {
        for (side, values) in ["in", "out"].into_iter().zip(sides) {
            for (name, HostTensor { shape, data }) in values {
                let (dtype, bytes) = match data {
                    HostData::F32(v) => (Dtype::F32, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
                    HostData::U32(v) => (Dtype::I64, v.iter().flat_map(|&v| i64::from(v).to_le_bytes()).collect()),
                };
                all.insert(format!("{run}.{side}.{name}"), (dtype, shape.dims().to_vec(), bytes));
            }
        }
    }
    let views = all.iter().map(|(name, (dtype, dims, bytes))| {
        (name.as_str(), TensorView::new(*dtype, dims.clone(), bytes).expect("as many bytes as the shape says"))
    });
    safetensors::serialize(views, None).expect("it can be written")
}
