//! Models as ONNX. `assets/golden/_onnx_models.py` has each of these checked and run by the ONNX project's own programs and held against
//! the plain CPU; it writes the SHA-256 of what was right into `assets/golden/onnx.txt`, and what is written now is the same to the byte.

#[allow(dead_code)]
mod exported;
mod read;

use std::collections::BTreeMap;
use std::path::Path;

use exported::{Exported, of_models, of_ops};
use sha2::{Digest, Sha256};

fn proved() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/golden/onnx.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let line = |line: &str| line.split_once("  ").map(|(hash, name)| (name.to_owned(), hash.to_owned()));
    text.lines().filter(|l| !l.starts_with('#')).filter_map(line).collect()
}

/// Those that can be written have been proved as they are; the others are refused for a reason that is known.
fn held(all: &[Exported], refusals: &[&str]) {
    let proved = proved();
    let mut wrong = vec![];
    for Exported { name, model, .. } in all {
        match model {
            Ok(model) => {
                let hash: String = Sha256::digest(&model.bytes).iter().map(|b| format!("{b:02x}")).collect();
                if proved.get(name) != Some(&hash) {
                    wrong.push(format!("{name} is not what was proved"));
                }
            }
            Err(e) if refusals.iter().any(|reason| e.to_string().contains(reason)) => {}
            Err(e) => wrong.push(format!("{name}: {e}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}: run assets/golden/_onnx_models.py\n{}", wrong.len(), all.len(), wrong.join("\n"));
    assert!(all.iter().filter(|e| e.model.is_ok()).count() > all.len() / 2);
}

#[test]
fn ops_are_written_as_they_were_proved() {
    held(
        &of_ops(),
        &[
            "it has no equal there",
            "it is the way back",
            "statistics of a batch",
            "draws random",
            "neighbours",
            "keeps its gates",
            "over several axes",
            "its table is empty",
            "smaller than ONNX makes it",
        ],
    );
}

#[test]
fn models_are_written_as_they_were_proved() {
    let all = of_models();
    held(&all, &["its states see their neighbours"]);
    let refused: Vec<&str> = all.iter().filter(|e| e.model.is_err()).map(|e| e.name.as_str()).collect();
    let of = |name: &str| refused.iter().filter(|r| r.starts_with(name)).count();
    assert_eq!(of("row-lstm") + of("diagonal-bilstm"), refused.len(), "{refused:?}");
}
