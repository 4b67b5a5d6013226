//! `cargo xtask test`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use crate::{adapter, cargo};

/// Sums of cargo's `test result:` lines.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

pub fn run(args: &[String]) -> Result<(), String> {
    adapter::ensure()?;
    let start = Instant::now();
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).args(args);
    tests.env("CALOTYPE_GPU", "require").stdin(Stdio::null()).stdout(Stdio::piped());
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        tests.env("XDG_RUNTIME_DIR", std::env::temp_dir()); // Mesa grumbles without
    }
    let mut child = tests.spawn().map_err(|e| format!("cargo does not start: {e}"))?;
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
    println!("summary: {passed} passed, {failed} failed, {ignored} ignored, in {:.0} s", start.elapsed().as_secs_f64());
    if !status.success() {
        return Err(format!("cargo test ended with {status}"));
    }
    // A filter may leave nothing; a whole workspace without tests is a mistake.
    if passed == 0 && args.is_empty() { Err("no test ran".into()) } else { Ok(()) }
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
