//! Event files in the run folder, for TensorBoard: what `metrics.jsonl` holds, and pictures.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use calotype_formats::events;

use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::metrics::Line;

/// A file that is added to while a run trains; each process begins its own, as TensorBoard expects.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a file of a run that has done `step` steps. What an earlier file says of later steps no longer counts.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(folder: &RunFolder, step: u64) -> Result<Self> {
        let second = now_s() as u64;
        // TensorBoard reads the files of a folder in the order of their names.
        let name =
            |n: u32| folder.path().join(format!("events.out.tfevents.{second:010}.{:010}.{n}.calotype", std::process::id()));
        let path = (0..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0));
        let file = File::create_new(&path).map_err(TrainingError::io(&path))?;
        let mut events = EventFile { path, file };
        events.put(&events::version(now_s()))?;
        events.put(&events::session(now_s(), step + 1))?;
        Ok(events)
    }

    /// What was measured.
    ///
    /// # Errors
    /// What the system says.
    pub fn line(&mut self, line: &Line) -> Result<()> {
        if line.losses.is_empty() {
            return Ok(());
        }
        let values = line.losses.iter().map(|(name, value)| (name.as_str(), value.unwrap_or(f32::NAN)));
        self.put(&events::scalars(now_s(), line.step, values))
    }

    /// A picture, as PNG.
    ///
    /// # Errors
    /// What the system says; bytes that are no PNG.
    pub fn picture(&mut self, name: &str, step: u64, png: &[u8]) -> Result<()> {
        let record = events::picture(now_s(), step, name, png);
        self.put(&record.ok_or_else(|| TrainingError::Report(format!("{name}, step {step}: no PNG")))?)
    }

    fn put(&mut self, record: &[u8]) -> Result<()> {
        self.file.write_all(record).map_err(TrainingError::io(&self.path))
    }
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64())
}
