//! Training as a person meets it: the run folder, the loop, metrics, checkpoints, samples, the report. Owns files, threads and
//! clocks; speaks to a device through [`calotype_graph::Device`] only.
//!
//! The way of a run: a checked [`RunConfig`] and its data ([`Material`]); a [`RunFolder`], locked; a [`Trainer`] that loads the
//! plans, starts from initial values or a checkpoint, and runs to the last step, an interrupt or an error.

pub mod bench;
pub mod checkpoint;
mod config;
mod diagnose;
mod error;
mod fit;
mod folder;
mod interrupt;
mod load;
mod material;
pub mod metrics;
mod progress;
mod report;
mod restore;
mod sampler;
mod trainer;
mod wait;

pub use checkpoint::{Checkpoint, Identity};
pub use config::{COMMON_KEYS, DataConfig, DeviceConfig, Period, RunConfig, Scalar, Wanted, common_settings};
pub use error::{Result, TrainingError};
pub use fit::{Plans, host_memory_bytes, largest_batch, planning_profile, plans};
pub use folder::{Lock, RunFolder, write_atomically};
pub use interrupt::Interrupt;
pub use load::{Loader, default_threads};
pub use material::Material;
pub use progress::{Progress, duration};
pub use restore::{Choice, Restored, choose, restore_newest};
pub use sampler::{SAMPLE_BATCH, Sampler, slerp};
pub use trainer::{Ending, Outcome, Setup, Trainer};
