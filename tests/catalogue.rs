//! Every op has the artefacts that it declares, in every room, and every artefact belongs to an op.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use calotype_graph::op::{Carried, STEMS, cases};
use calotype_parity::forward;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Stems of the files with this ending in a folder, `mod.rs` aside.
fn files(folder: &str, ending: &str) -> BTreeSet<String> {
    let path = root().join(folder);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let names = entries.map(|e| e.expect("a readable folder").file_name().to_string_lossy().into_owned());
    names.filter_map(|n| n.strip_suffix(ending).map(str::to_owned)).filter(|n| n != "mod").collect()
}

/// How the ops of each stem say that they are carried out, from the cases that use them.
fn declared() -> BTreeMap<&'static str, Vec<Carried>> {
    let mut declared: BTreeMap<&str, Vec<Carried>> = BTreeMap::new();
    for case in cases() {
        let program = forward(&case).unwrap_or_else(|e| panic!("{}: {}: {e}", case.stem, case.name));
        for op in program.ops() {
            let known = declared.entry(op.stem()).or_default();
            if !known.contains(&op.carried()) {
                known.push(op.carried());
            }
        }
    }
    declared
}

fn stems() -> BTreeSet<&'static str> {
    STEMS.iter().copied().collect()
}

#[test]
fn every_stem_has_cases_that_use_it() {
    let of_cases: BTreeSet<&str> = cases().iter().map(|c| c.stem).collect();
    assert_eq!(of_cases, stems());
    for case in cases() {
        let program = forward(&case).unwrap_or_else(|e| panic!("{}: {}: {e}", case.stem, case.name));
        assert!(program.ops().any(|op| op.stem() == case.stem), "`{}` does not use {}", case.name, case.stem);
    }
}

#[test]
fn names_of_cases_are_unique() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        assert!(seen.insert((case.stem, case.name.clone())), "two cases of {} are called `{}`", case.stem, case.name);
    }
}

#[test]
fn every_op_has_the_artefacts_that_it_declares() {
    let (shaders, twins, grids) =
        (files("shaders", ".wgsl"), files("crates/cpu-reference/src/op", ".rs"), files("crates/gpu-kernels/src/op", ".rs"));
    let parameters = files("crates/graph/src/op", ".rs");
    let mut missing = Vec::new();
    for (stem, carried) in declared() {
        let [carried] = carried[..] else { panic!("ops of `{stem}` are carried out in several ways: {carried:?}") };
        let mut need = |there: bool, what: String| {
            if !there {
                missing.push(format!("{stem} ({carried:?}): {what}"));
            }
        };
        need(parameters.contains(stem), format!("crates/graph/src/op/{stem}.rs"));
        let (shader, code) = match carried {
            Carried::Own => (Some(stem), true),
            Carried::Shares(core) => (Some(core), true),
            Carried::Generated => (None, true),
            Carried::View | Carried::Composite => (None, false),
        };
        if let Some(shader) = shader {
            need(shaders.contains(shader), format!("shaders/{shader}.wgsl"));
        }
        need(!code || twins.contains(stem), format!("crates/cpu-reference/src/op/{stem}.rs"));
        need(!code || grids.contains(stem), format!("crates/gpu-kernels/src/op/{stem}.rs"));
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

/// Shaders that carry out no op: they measure the roofs that `calotype bench` holds kernels against.
const ROOFS: [&str; 4] = ["roof_copy", "roof_dispatch", "roof_fma", "roof_workgroup"];

#[test]
fn every_roof_is_measured() {
    let code = std::fs::read_to_string(root().join("crates/gpu-kernels/src/measure.rs")).expect("the code that measures");
    let there = files("shaders", ".wgsl");
    for roof in ROOFS {
        assert!(there.contains(roof), "shaders/{roof}.wgsl is missing");
        assert!(code.contains(&format!("shader!(\"{roof}\")")), "nobody runs {roof}");
    }
}

#[test]
fn every_artefact_belongs_to_an_op() {
    for (folder, ending) in [
        ("shaders", ".wgsl"),
        ("crates/cpu-reference/src/op", ".rs"),
        ("crates/gpu-kernels/src/op", ".rs"),
        ("crates/graph/src/op", ".rs"),
    ] {
        let mut known = stems();
        if folder == "shaders" {
            known.extend(ROOFS);
        }
        // `case.rs` is what cases are made of.
        let strays: Vec<String> =
            files(folder, ending).into_iter().filter(|f| !known.contains(f.as_str()) && f != "case").collect();
        assert!(strays.is_empty(), "in {folder}, of no op: {strays:?}");
    }
}
