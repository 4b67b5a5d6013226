//! A test binary whose tests are made at run time: one for each device, and ignored where there is none.

use std::process::ExitCode;

use calotype_graph::Device;
use libtest_mimic::{Arguments, Trial};

use crate::devices::{On, gpu_is_required, with};

/// The tests of a binary.
#[derive(Default)]
pub struct Suite {
    trials: Vec<Trial>,
    /// Why GPU tests are ignored.
    missing: Option<String>,
}

impl Suite {
    pub fn new() -> Self {
        Self::default()
    }

    /// A test of its own devices.
    pub fn test(&mut self, name: impl Into<String>, body: impl FnOnce() + Send + 'static) {
        self.trials.push(Trial::test(name, move || {
            body();
            Ok(())
        }));
    }

    /// A test on one device: ignored where it is missing, unless GPUs are required: then it fails.
    pub fn on(&mut self, on: On, name: impl Into<String>, body: impl FnOnce(&mut dyn Device) + Send + 'static) {
        let trial = Trial::test(format!("{}, {on}", name.into()), move || {
            with(on, body);
            Ok(())
        });
        let missing = on.missing();
        self.missing = self.missing.take().or(missing.map(str::to_owned));
        self.trials.push(trial.with_ignored_flag(missing.is_some() && !gpu_is_required()));
    }

    /// A test on the f32 CPU devices and the GPU as users run it.
    pub fn devices(&mut self, name: &str, body: fn(&mut dyn Device)) {
        for on in [On::Plain, On::Fast, On::Gpu(calotype_gpu_kernels::ShaderMode::Unchecked)] {
            self.on(on, name, body);
        }
    }

    /// Runs what the command line asks for, as `cargo test` does.
    pub fn run(self) -> ExitCode {
        if let Some(why) = &self.missing {
            eprintln!("GPU tests have no adapter: {why} (software Vulkan will do: `cargo xtask test` sees to it)");
        }
        libtest_mimic::run(&Arguments::from_args(), self.trials).exit_code()
    }
}
