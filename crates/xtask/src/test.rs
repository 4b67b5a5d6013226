//! `cargo xtask test`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{adapter, cargo, swiftshader};

/// Sums of cargo's `test result:` lines.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Test binaries that compute on a GPU: the second driver's lane.
const ON_GPU: [&str; 6] = ["parity", "golden", "device", "properties", "training", "models"];

/// Tests the workspace, then what computes on a GPU once more, on SwiftShader. With arguments, the first of these alone;
/// `--swiftshader` before them, the second alone.
pub fn run(args: &[String]) -> Result<(), String> {
    let Some(("--swiftshader", rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) else {
        adapter::ensure()?;
        lane("the workspace", &mut tests(&["--workspace"], args), args.is_empty())?;
        return if args.is_empty() { second_or_say(args) } else { Ok(()) };
    };
    second(&swiftshader::find()?, rest)
}

/// The second lane. Where SwiftShader cannot be had it is left out aloud; in CI on Linux that is an error.
fn second_or_say(args: &[String]) -> Result<(), String> {
    let must = cfg!(target_os = "linux") && std::env::var_os("CI").is_some();
    match swiftshader::find() {
        Ok(manifest) => second(&manifest, args),
        Err(why) if must => Err(format!("no second driver: {why}")),
        Err(why) => {
            println!("xtask: SKIPPED the second driver, SwiftShader: {why}");
            Ok(())
        }
    }
}

fn second(manifest: &Path, args: &[String]) -> Result<(), String> {
    println!("xtask: once more on SwiftShader, {}", manifest.display());
    let mut select = vec!["--package", "calotype-tests"];
    if !args.iter().any(|a| a == "--test") {
        select.extend(ON_GPU.iter().flat_map(|name| ["--test", name]));
    }
    let mut tests = tests(&select, args);
    // The second name is for loaders before 1.3.207.
    tests.env("VK_DRIVER_FILES", manifest).env("VK_ICD_FILENAMES", manifest);
    lane("SwiftShader", &mut tests, args.is_empty())
}

/// `cargo test`, where a missing adapter is a failure.
fn tests(select: &[&str], args: &[String]) -> Command {
    let mut tests = cargo();
    tests.args(["test", "--no-fail-fast"]).args(select).args(args).env("CALOTYPE_GPU", "require").stdin(Stdio::null());
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        tests.env("XDG_RUNTIME_DIR", std::env::temp_dir()); // Mesa grumbles without
    }
    tests
}

/// Runs tests and sums up; `whole`: that none ran is a failure.
fn lane(name: &str, tests: &mut Command, whole: bool) -> Result<(), String> {
    let start = Instant::now();
    let mut child = tests.stdout(Stdio::piped()).spawn().map_err(|e| format!("cargo does not start: {e}"))?;
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            println!("{line}");
            counts.add(&line);
        }
    }
    let status = child.wait().map_err(|e| format!("cargo was lost: {e}"))?;
    let Counts { passed, failed, ignored } = counts;
    println!("summary of {name}: {passed} passed, {failed} failed, {ignored} ignored, in {:.0} s", start.elapsed().as_secs_f64());
    if !status.success() {
        return Err(format!("cargo test ended with {status}"));
    }
    // A filter may leave nothing; a whole lane without tests is a mistake.
    if passed == 0 && whole { Err("no test ran".into()) } else { Ok(()) }
}

impl Counts {
    /// Takes in `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let count = |what: &str| {
            let part = counts.split([';', '.']).find_map(|p| p.trim().strip_suffix(what));
            part.and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
        self.ignored += count("ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_summed() {
        let mut c = Counts::default();
        c.add("test result: ok. 17 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        c.add("test a_test ... ok");
        c.add("test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.99s");
        assert_eq!(c, Counts { passed: 18, failed: 3, ignored: 2 });
    }
}
