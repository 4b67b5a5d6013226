//! Every case of every op, and its gradient: the fast CPU and the GPU against the plain reference. Outputs and arenas are
//! poisoned before each run and guard bands looked at after it.

use calotype_graph::op::cases;
use calotype_parity::{Check, checks};
use calotype_tests::{GPU_MODES, On, Suite, with};

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    for check in checks(cases()) {
        for on in [On::Fast].into_iter().chain(GPU_MODES) {
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
