//! Training as a person meets it: the run folder, the loop, metrics, checkpoints, samples, the report. Owns files, threads and
//! clocks; speaks to a device through [`calotype_graph::Device`] only.
//!
//! The way of a run: a checked [`RunConfig`] and its data ([`Material`]); a [`RunFolder`], locked; [`learn`], which loads the
//! plans, starts from initial values or a checkpoint, and runs to the last step, an interrupt or an error.

pub mod anomaly;
pub mod bench;
pub mod checkpoint;
mod config;
mod counting;
mod diagnose;
mod error;
mod examine;
mod feeder;
mod fit;
mod folder;
mod grid;
mod interrupt;
mod load;
mod material;
pub mod metrics;
mod probe;
mod progress;
mod replace;
mod report;
mod restore;
mod rows;
mod sampler;
mod schedule;
mod score;
mod states;
mod trainer;
mod validation;
pub mod verify;
mod wait;
mod watch;

pub use checkpoint::{Checkpoint, Identity};
pub use config::{DataConfig, DeviceConfig, Period, RunConfig, Scalar, Wanted, all_settings, common_settings};

pub use error::{Result, TrainingError};
pub use examine::{Examined, Which, rows_in_words};
pub use feeder::Feeder;
pub use fit::{Plans, Training, host_memory_bytes, largest_batch, planning_profile, plans};
pub use folder::{Lock, RunFolder};
pub use interrupt::Interrupt;
pub use load::{Loader, default_threads};
pub use material::{Material, Rows, data_shape, prepare};
pub use probe::{Labelled, Probed, probe};
pub use progress::{Progress, duration, grouped};
pub use replace::{replace, temporary_of, write_atomically};
pub use restore::{Choice, Restored, choose, restore_newest};
pub use rows::{Part, RowProgram};
pub use sampler::{Drawer, Known, SAMPLE_BATCH, SamplingPlans, brightness};
pub use score::{Encoder, SCORE_BATCH, Scorer, mean_and_error, nats};
pub use states::state_of_run;
pub use trainer::{Ending, Outcome, Setup, learn};
pub use validation::Record;
