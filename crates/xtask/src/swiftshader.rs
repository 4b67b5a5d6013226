//! The second driver: SwiftShader, the software Vulkan that comes with Chromium and Chrome.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{adapter, succeed, target};

/// What names a manifest of one's own.
const VARIABLE: &str = "CALOTYPE_SWIFTSHADER";
/// What is taken out of Debian's package.
const FILES: [&str; 2] = ["vk_swiftshader_icd.json", "libvk_swiftshader.so"];
const PACKAGE: &str = "chromium-common";
/// Browsers bring it, in these folders.
const BROWSERS: [&str; 4] = ["/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome", "/opt/chromium"];

/// Its manifest: of `CALOTYPE_SWIFTSHADER`, of a browser that is installed, or out of Debian's package chromium-common, of which two
/// files are kept in the target folder and nothing is installed. The error says why it cannot be had.
pub fn find() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        return if path.is_file() { Ok(path) } else { Err(format!("{VARIABLE}: there is no {}", path.display())) };
    }
    // The driver's loader runs in other folders.
    let kept = std::path::absolute(target()).map_err(|e| format!("the target folder: {e}"))?.join("swiftshader");
    let folders = BROWSERS.iter().map(PathBuf::from).chain([kept.clone()]);
    let manifests = folders.map(|folder| folder.join(FILES[0]));
    if let Some(found) = manifests.into_iter().find(|m| m.is_file()) {
        return Ok(found);
    }
    if !Path::new("/etc/debian_version").exists() {
        return Err(format!("on Linux install Chromium or Chrome, or set {VARIABLE} to a {}", FILES[0]));
    }
    unpack(&kept)?;
    Ok(kept.join(FILES[0]))
}

/// Takes the driver out of Debian's package.
fn unpack(into: &Path) -> Result<(), String> {
    let show = |path: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    // Unpacked beside its place and then renamed: a folder that is there is whole.
    let work = into.with_extension(format!("{}", std::process::id()));
    std::fs::create_dir_all(&work).map_err(|e| show(&work, &e))?;
    println!("xtask: taking SwiftShader out of Debian's package {PACKAGE}");
    let result = download(&work).and_then(|()| {
        let package = std::fs::read_dir(&work).map_err(|e| show(&work, &e))?.flatten().map(|e| e.path());
        let package = package.into_iter().find(|p| p.extension().is_some_and(|e| e == "deb"));
        let package = package.ok_or_else(|| format!("apt-get download {PACKAGE} left no package"))?;
        extract(&package, &work)?;
        std::fs::remove_file(&package).map_err(|e| show(&package, &e))?;
        std::fs::rename(&work, into).map_err(|e| show(into, &e))
    });
    if result.is_err() {
        let _ = std::fs::remove_dir_all(&work);
    }
    result
}

/// `apt-get download`, which checks the archive's signatures; lists of packages may be missing or old.
fn download(folder: &Path) -> Result<(), String> {
    let get = || succeed(Command::new("apt-get").args(["download", PACKAGE]).current_dir(folder).stdin(Stdio::null()));
    get().or_else(|_| adapter::update_lists().and_then(|()| get()))
}

/// The driver's two files out of a package, without their folders.
fn extract(package: &Path, folder: &Path) -> Result<(), String> {
    let mut open = Command::new("dpkg-deb");
    open.arg("--fsys-tarfile").arg(package).stdout(Stdio::piped());
    let mut open = open.spawn().map_err(|e| format!("dpkg-deb does not start: {e}"))?;
    let archive = open.stdout.take().ok_or("dpkg-deb gives nothing")?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--strip-components=4", "--directory"]).arg(folder);
    tar.args(FILES.map(|f| format!("./usr/lib/chromium/{f}"))).stdin(archive);
    succeed(&mut tar)?;
    let ended = open.wait().map_err(|e| format!("dpkg-deb was lost: {e}"))?;
    if ended.success() { Ok(()) } else { Err(format!("dpkg-deb ended with {ended}")) }
}
