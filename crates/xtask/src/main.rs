//! `cargo xtask …`: what a developer types. Little beside the standard library, so that it builds at once.

mod adapter;
mod density;
mod golden;
mod probes;
mod results;
mod swiftshader;
mod test;
mod wasm;

use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [ARGS…]    makes sure that a GPU adapter is there (software Vulkan will do), then tests the whole workspace with
                  CALOTYPE_GPU=require; ARGS go to `cargo test`, e.g. `cargo xtask test --test parity -- conv2d`
                  Without ARGS what computes on a GPU is tested once more on SwiftShader, a second driver, which comes out
                  of Chromium, Chrome or Debian's chromium package; `cargo xtask test --swiftshader [ARGS…]` does only that
  wasm            compiles graph, models and gpu-kernels for a browser, wasm32 with WebGPU
  bench [ARGS…]   measures in release mode: `calotype bench ARGS…`, e.g. `cargo xtask bench train dcgan`
  density [TABLE…]
                  trains every model with a density on the same data (what is trained already is kept, what was interrupted goes
                  on) and writes their tables to assets/bench: digits-bits, digits-17-levels, fashion-bits, fashion-8-levels
  probes          trains every model with features on digits and Fashion-MNIST, and writes the accuracies of linear probes on them
                  to assets/bench/probes.md
  results [MODEL…] [--device NAME]
                  trains every model with its defaults on bundled data, hours on two cores, evaluates it, and writes docs/results.md from
                  the records in assets/results; what is recorded there is kept, a MODEL that is named is recorded again
  golden [NAME…]  makes the golden vectors in assets/golden again, with PyTorch (CALOTYPE_PYTHON names the interpreter)
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let result = match command.as_deref() {
        Some("test") => test::run(&rest),
        Some("wasm") => wasm::run(),
        Some("bench") => bench(&rest),
        Some("density") => density::run(&rest),
        Some("golden") => golden::run(&rest),
        Some("probes") => probes::run(&rest),
        Some("results") => results::run(&rest),
        Some("help" | "-h" | "--help") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            let what = other.map_or("no command".to_owned(), |c| format!("no command `{c}`"));
            eprint!("xtask: {what}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &[String]) -> Result<(), String> {
    let mut cargo = cargo();
    cargo.args(["run", "--release", "--package", "calotype", "--", "bench"]).args(args);
    succeed(&mut cargo)
}

/// The cargo that runs this.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The repository's root.
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Cargo's target folder.
fn target() -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), std::path::PathBuf::from)
}

/// Runs a command to its end; the error says how it ended.
fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|e| format!("{name} does not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}
