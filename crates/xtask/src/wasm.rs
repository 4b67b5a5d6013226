//! `cargo xtask wasm`: the rooms that hold no files, threads or blocking waits, compiled for a browser.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{adapter, cargo, root, succeed};

const TARGET: &str = "wasm32-unknown-unknown";
const ROOMS: [&str; 3] = ["calotype-graph", "calotype-models", "calotype-gpu-kernels"];
/// Debian's toolchain for its own web pages, which can build the standard library for another target.
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const RUSTC: &str = "/usr/bin/rustc";
const LINKER: &str = "/usr/bin/wasm-ld-19";
/// Of Cargo.toml.
const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// With the toolchain in use where it has the target (`rustup target add wasm32-unknown-unknown`), else with Debian's, which is
/// installed where it may be.
pub fn run() -> Result<(), String> {
    let mut build = if has_target() {
        let mut build = cargo();
        build.arg("check");
        build
    } else if Path::new("/etc/debian_version").exists() {
        debian()?
    } else {
        return Err(format!("the toolchain has no {TARGET}: rustup target add {TARGET}"));
    };
    for room in ROOMS {
        build.args(["--package", room]);
    }
    build.args(["--target", TARGET, "--lib"]).current_dir(root()).stdin(Stdio::null());
    succeed(&mut build)?;
    println!("xtask: {} compile for {TARGET}", ROOMS.join(", "));
    Ok(())
}

/// Whether the toolchain in use has a standard library for the target.
fn has_target() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let Ok(output) = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output() else { return false };
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    std::fs::read_dir(folder)
        .is_ok_and(|mut files| files.any(|f| f.is_ok_and(|f| f.file_name().to_string_lossy().starts_with("libstd"))))
}

/// Whether Debian's compiler can compile this workspace.
fn is_new_enough() -> bool {
    let Ok(output) = Command::new(RUSTC).arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let found = text.split_whitespace().nth(1).and_then(minor);
    found.is_some() && found >= minor(RUST_VERSION)
}

/// Debian's cargo, told to build the standard library too.
fn debian() -> Result<Command, String> {
    let cargo = "/usr/bin/cargo";
    let complete = || [cargo, RUSTC, LINKER, "/usr/lib/rustlib/src/rust/library"].iter().all(|p| Path::new(p).exists());
    if !complete() || !is_new_enough() {
        // An old list of packages would bring an old compiler.
        adapter::update_lists()?;
        adapter::install(&PACKAGES)?;
    }
    if !is_new_enough() {
        return Err(format!("{RUSTC} is older than {RUST_VERSION}: rustup target add {TARGET}"));
    }
    let mut build = Command::new(cargo);
    build.args(["check", "-Zbuild-std=std,panic_abort"]);
    // The other toolchain's files would be rebuilt by turns: a folder of its own.
    build.arg("--target-dir").arg(crate::target().join("wasm"));
    // What rustup and the running cargo have set would lead back to their toolchain.
    build.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", LINKER);
    Ok(build)
}
