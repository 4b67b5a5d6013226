//! A tiny DCGAN on `digits`, trained on the CPU.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use calotype_cpu_reference::Cpu;
use calotype_graph::Device;
use calotype_training::{
    DeviceConfig, Interrupt, Loader, Lock, Material, Outcome, Plans, Progress, Result, RunConfig, RunFolder, Setup, Wanted,
    learn, metrics, planning_profile, plans, restore_newest,
};

/// Settings of the tiny model; later ones win.
pub fn wanted(set: &[(&str, &str)]) -> Wanted {
    let small =
        [("width", "2"), ("latents", "4"), ("batch", "8"), ("checkpoint_every", "4"), ("sample_every", "8"), ("log_every", "1")];
    let set: BTreeMap<String, String> = small.iter().chain(set).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Wanted { model: "dcgan".into(), data: Some("digits".into()), set, seed: 3, ..Wanted::default() }
}

/// The lines of a run's log that hold losses; those of a checkpoint hold norms of gradients.
pub fn losses(run: &Path) -> Vec<metrics::Line> {
    let mut lines = metrics::read(&run.join("metrics.jsonl")).expect("strict JSON");
    lines.retain(|line| line.losses.iter().any(|(name, _)| !name.starts_with("gradient_norm_")));
    lines
}

/// A run ready to train on a device.
pub struct Run {
    pub folder: RunFolder,
    pub config: RunConfig,
    pub device: Box<dyn Device>,
    material: Material,
    plans: Plans,
    _lock: Lock,
}

impl Run {
    pub fn fresh(path: &Path, wanted: &Wanted, device: Box<dyn Device>) -> Run {
        let material = Material::open(wanted).expect("valid wishes");
        let config = material.config(DeviceConfig::of(device.profile()));
        let (folder, lock) = RunFolder::create(path, &config).expect("a new folder");
        Run::with(folder, config, lock, material, device)
    }

    /// Continues a run on the CPU, to `steps` steps in all.
    pub fn again(path: &Path, steps: u64) -> Run {
        let (folder, config) = RunFolder::open(path).expect("a run");
        let lock = folder.lock().expect("nobody trains it");
        let config = RunConfig { steps, ..config };
        let material = Material::of_run(&config).expect("its data");
        Run::with(folder, config, lock, material, cpu())
    }

    fn with(folder: RunFolder, config: RunConfig, lock: Lock, material: Material, device: Box<dyn Device>) -> Run {
        let profile = planning_profile(device.profile());
        let plans = plans(material.model.as_ref(), config.batch, &profile).expect("it fits");
        Run { folder, config, device, material, plans, _lock: lock }
    }

    pub fn train(&mut self, interrupt: &Interrupt) -> Result<Outcome> {
        let from = restore_newest(&self.folder, &self.config.identity())?.map(|r| r.checkpoint);
        let mut progress = Progress::silent();
        let setup = Setup {
            config: &self.config,
            folder: &self.folder,
            model: self.material.model.as_ref(),
            device: self.device.as_mut(),
            rows: self.material.rows_to_learn()?,
            plans: &self.plans,
            loader: Loader { threads: 2 },
            progress: &mut progress,
            interrupt,
            tensorboard: false,
        };
        learn(setup, from.as_ref())
    }
}

pub fn cpu() -> Box<dyn Device> {
    Box::new(Cpu::<f32>::plain())
}

/// A run of the tiny model, trained to its end.
pub fn trained(path: &Path, set: &[(&str, &str)]) -> PathBuf {
    Run::fresh(path, &wanted(set), cpu()).train(&Interrupt::default()).expect("it trains");
    path.to_owned()
}

pub fn bytes(run: &Path, step: u64) -> Vec<u8> {
    let path = run.join(format!("checkpoints/step-{step:07}.safetensors"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Bytes are equal; says where they are not, without printing them all.
#[track_caller]
pub fn same(a: &[u8], b: &[u8]) {
    let at = a.iter().zip(b).position(|(a, b)| a != b);
    assert!(a == b, "{} and {} bytes, first different at {at:?}", a.len(), b.len());
}
