//! `cargo xtask golden`.

use std::process::Command;

use crate::{root, succeed};

/// Runs the scripts in `assets/golden`, all or those named; each writes the vectors beside it.
pub fn run(names: &[String]) -> Result<(), String> {
    let folder = root().join("assets/golden");
    let python = std::env::var("CALOTYPE_PYTHON").unwrap_or_else(|_| "python3".into());
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let scripts = entries.flatten().filter_map(|e| e.file_name().to_string_lossy().strip_suffix(".py").map(str::to_owned));
    // A leading underscore marks what scripts share.
    let mut scripts: Vec<String> = scripts.filter(|s| !s.starts_with('_')).collect();
    scripts.sort();
    if let Some(unknown) = names.iter().find(|n| !scripts.contains(n)) {
        return Err(format!("no golden script `{unknown}`; there are: {}", scripts.join(", ")));
    }
    for script in scripts.iter().filter(|s| names.is_empty() || names.contains(s)) {
        println!("xtask: {script}");
        let mut run = Command::new(&python);
        run.arg(format!("{script}.py")).current_dir(&folder).env("PYTHONDONTWRITEBYTECODE", "1");
        succeed(&mut run).map_err(|why| {
            format!("{why}; the scripts need PyTorch and safetensors: see assets/golden/README.md, and set CALOTYPE_PYTHON")
        })?;
    }
    Ok(())
}
