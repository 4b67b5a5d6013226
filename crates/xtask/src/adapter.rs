//! Makes sure that the GPU tests have an adapter to run on.

use std::path::Path;
use std::process::Command;

use crate::succeed;

/// Debian's software Vulkan.
const PACKAGE: &str = "mesa-vulkan-drivers";

/// Returns when a driver is there; installs the software one on Debian and Ubuntu where it may.
pub fn ensure() -> Result<(), String> {
    if cfg!(not(target_os = "linux")) {
        return Ok(()); // macOS has Metal, Windows has DX12 and its software adapter
    }
    if let Some(driver) = driver() {
        println!("xtask: Vulkan driver {driver}");
        return Ok(());
    }
    if !Path::new("/etc/debian_version").exists() {
        return Err(format!(
            "no Vulkan driver found; install one, e.g. Mesa's software driver lavapipe (Fedora: {PACKAGE}, Arch: vulkan-swrast)"
        ));
    }
    install(&[PACKAGE]).map_err(|why| format!("no Vulkan driver found: {why}"))?;
    driver().map(|_| ()).ok_or_else(|| format!("{PACKAGE} is installed, but there is still no Vulkan driver"))
}

/// Installs Debian's packages.
pub fn install(packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("sudo apt-get install {}", packages.join(" "));
    let prefix = rights().ok_or_else(|| format!("only root can install packages: {by_hand}"))?;
    println!("xtask: {by_hand}");
    let options = ["install", "--yes", "--no-install-recommends"];
    let install = || succeed(&mut apt(prefix, &[&options, packages].concat()));
    // The lists of packages may be missing or old.
    install().or_else(|_| update_lists().and_then(|()| install())).map_err(|why| format!("{by_hand}: {why}"))
}

/// What a command that installs starts with; `None` where this user may not.
fn rights() -> Option<&'static [&'static str]> {
    if is_root() {
        return Some(&[]);
    }
    let may = Command::new("sudo").args(["-n", "true"]).status().is_ok_and(|s| s.success());
    may.then_some(&["sudo", "-n"])
}

/// `apt-get update`.
pub fn update_lists() -> Result<(), String> {
    let prefix = rights().ok_or("only root can update the lists of packages: sudo apt-get update")?;
    succeed(&mut apt(prefix, &["update"]))
}

fn apt(prefix: &[&str], args: &[&str]) -> Command {
    let words: Vec<&str> = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(std::process::Stdio::null());
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

/// The manifest of a Vulkan driver, with a loader to load it. Whether it answers, the tests will say.
fn driver() -> Option<String> {
    for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        if let Ok(files) = std::env::var(name) {
            return files.split(':').find(|f| Path::new(f).is_file()).map(str::to_owned);
        }
    }
    let loader = Command::new("ldconfig").arg("-p").output().or_else(|_| Command::new("/sbin/ldconfig").arg("-p").output());
    let has_loader = loader.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("libvulkan.so.1"));
    if !has_loader {
        return None;
    }
    let folders = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let mut manifests: Vec<String> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().map(|e| e.path().to_string_lossy().into_owned()))
        .filter(|path| path.ends_with(".json"))
        .collect();
    manifests.sort();
    // Mesa installs one manifest for each of its drivers: the software one always answers.
    manifests.iter().find(|m| m.contains("lvp")).or(manifests.first()).cloned()
}
