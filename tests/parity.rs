//! Every case of every op, and its gradient: the fast CPU and the GPU against the plain reference. Outputs and arenas are
//! poisoned before each run and guard bands looked at after it.

use calotype_gpu_kernels::ShaderMode;
use calotype_graph::op::cases;
use calotype_parity::{Check, CheckKind, checks};
use calotype_tests::{On, Suite, with};

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    for check in checks(cases()) {
        // Gradients are made of ops that have cases of their own: one way to compile shaders is enough for them.
        let checked = (check.kind == CheckKind::Forward).then_some(On::Gpu(ShaderMode::Checked));
        for on in [On::Fast, On::Gpu(ShaderMode::Unchecked)].into_iter().chain(checked) {
            let check = check.clone();
            suite.on(on, check.name(), move |got| agrees(&check, got));
        }
    }
    suite.run()
}

fn agrees(check: &Check, got: &mut dyn calotype_graph::Device) {
    if let Err(fault) = with(On::Plain, |want| check.run(got, want)) {
        panic!("{fault}");
    }
}
