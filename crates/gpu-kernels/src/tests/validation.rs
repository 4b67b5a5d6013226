//! Every file in `shaders/` as it stands, and every text that lowering composes, must be valid WGSL.

use std::collections::BTreeSet;
use std::path::Path;

use calotype_graph::{DeviceKind, DeviceProfile, PlanOptions, Precision, op, plan};
use calotype_parity::checks;

use crate::tiles::Target;

fn validate(wgsl: &str) -> Result<naga::Module, String> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|e| e.emit_to_string(wgsl))?;
    let flags = naga::valid::ValidationFlags::all();
    // quantizeToF16 is for all; what must be enabled is for the adapters that offer it.
    let mut capabilities = naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    if wgsl.starts_with("enable ") {
        capabilities |= naga::valid::Capabilities::SHADER_FLOAT16
            | naga::valid::Capabilities::COOPERATIVE_MATRIX
            | naga::valid::Capabilities::SUBGROUP;
    }
    let mut validator = naga::valid::Validator::new(flags, capabilities);
    validator.validate(&module).map_err(|e| e.emit_to_string(wgsl))?;
    Ok(module)
}

fn profile(kind: DeviceKind, parallelism: u32) -> DeviceProfile {
    DeviceProfile {
        name: format!("{kind:?}"),
        kind,
        driver: String::new(),
        alignment_bytes: 256,
        max_binding_bytes: 1 << 27,
        max_buffer_bytes: 1 << 28,
        memory_bytes: None,
        parallelism,
        fixed_bytes: 0,
        step_bytes: 512,
        staging_copies: 3,
        guard_bands: false,
        precision: calotype_graph::Precision::Full,
    }
}

#[test]
fn every_file_stands_alone_and_has_its_stem_for_entry_point() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders");
    let mut n = 0;
    for file in std::fs::read_dir(folder).expect("the folder of shaders") {
        let path = file.expect("a file").path();
        if path.extension().is_none_or(|e| e != "wgsl") {
            continue;
        }
        let stem = path.file_stem().and_then(|s| s.to_str()).expect("a name");
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let module = validate(&text).unwrap_or_else(|e| panic!("{stem}: {e}"));
        let entries: Vec<_> = module.entry_points.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(entries, [stem]);
        assert!(text.starts_with(&format!("// {stem} — ")), "{stem} has no header");
        n += 1;
    }
    assert!(n >= 9, "{n} shaders found");
}

/// All cases and gradients, fused and not, lowered for wide and narrow GPUs and for software ones.
#[test]
fn every_composition_is_valid() {
    let mut seen = BTreeSet::new();
    use DeviceKind::{DiscreteGpu, SoftwareGpu};
    let full = [(DiscreteGpu, 1), (DiscreteGpu, 256), (SoftwareGpu, 16)].map(|(kind, n)| Target::new(profile(kind, n)));
    let mixed = [(SoftwareGpu, None), (DiscreteGpu, None), (DiscreteGpu, Some(32)), (DiscreteGpu, Some(64))];
    let mixed = mixed.map(|(kind, units)| {
        let profile = DeviceProfile { precision: Precision::Mixed, ..profile(kind, 256) };
        Target { units, ..Target::new(profile) }
    });
    let named = DeviceProfile { name: "SwiftShader".to_owned(), ..profile(SoftwareGpu, 16) };
    for target in full.into_iter().chain(mixed).chain([Target::new(named)]) {
        for check in checks(op::cases()) {
            let program = check.program().unwrap_or_else(|e| panic!("{}: {e}", check.name()));
            for options in [PlanOptions::default(), PlanOptions { simplify: false, fuse: false }] {
                let plan = plan(&program, &target, options).unwrap_or_else(|e| panic!("{}: {e}", check.name()));
                for step in &plan.steps {
                    let lowered = crate::op::lower(step, &target).unwrap_or_else(|e| panic!("{}: {e}", check.name()));
                    for d in lowered {
                        assert!(d.slots.len() <= calotype_graph::MAX_BINDINGS, "{}: {} bindings", check.name(), d.slots.len());
                        assert_eq!(d.clash(), None, "{}: {:?}", check.name(), d.slots);
                        if !seen.contains(&d.wgsl) {
                            validate(&d.wgsl).unwrap_or_else(|e| panic!("{}: {e}\n{}", check.name(), d.wgsl));
                            seen.insert(d.wgsl);
                        }
                    }
                }
            }
        }
    }
    assert!(seen.len() > 100, "only {} compositions", seen.len());
}
