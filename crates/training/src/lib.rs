//! Training: the run folder, the training loop, the held-out set, metrics, checkpoints, samples and the report. This crate owns
//! files, threads and clocks. It uses a device through [`calotype_graph::Device`] only.
//!
//! A run starts as a checked [`RunConfig`] and its data ([`Material`]). Its [`RunFolder`] is created and locked. [`learn`] then loads
//! the plans, starts from initial values or a checkpoint, and runs to the last step, an early stop, an interrupt or an error:
//!
//! - `feeder` gives the inputs of a step as a pure function of seed and step ([`Feeder`]);
//! - `schedule` loads the stages of training that a step needs, and compiles the next ones meanwhile;
//! - `watch` measures by the held-out set (`quality`: of samples), lowers the learning rate and stops early ([`Record`] is the part in a checkpoint);
//! - `alarms` warns of what goes wrong;
//! - `states` initialises, resets, reads and restores the states that a checkpoint holds;
//! - `checkpoint`, `metrics`, `pictures` and `report` write what the run folder shows.
//!
//! [`Scorer`], [`Drawer`] and [`Encoder`] use a trained run; [`verify`](mod@verify) checks its density.

mod alarms;
pub mod anomaly;
mod attributes;
pub mod bench;
mod captions;
mod categories;
pub mod checkpoint;
mod classifier;
mod command;
mod compose;
mod config;
mod counting;
mod dashboard;
mod data_settings;
mod diagnose;
mod documentation;
mod draw;
mod error;
pub mod evaluate;
pub mod evidence;
mod examine;
pub mod export;
mod feeder;
mod files;
mod fit;
mod folder;
mod foreign;
mod init_file;
mod interrupt;
mod layouts;
mod live;
mod load;
mod material;
pub mod metrics;
mod pace;
pub mod pictures;
mod probe;
mod progress;
mod pyramid;
mod quality;
mod replace;
mod report;
mod restore;
mod rows;
mod sampler;
mod schedule;
mod score;
mod slices;
pub mod state_dict;
mod states;
mod tensorboard;
mod trace;
mod trainer;
mod translate;
mod troubles;
mod two_sample;
mod validation;
pub mod verify;
mod wait;
mod watch;
mod weights;

pub use attributes::Attributed;
pub use captions::Captioned;
pub use categories::{error_rate, matched_accuracy, matched_classes, most_probable, named_clusters};
pub use checkpoint::{Checkpoint, Identity};
pub use classifier::{Classified, Classifier, Lessons};
pub use command::typed;
pub use compose::{Composition, Compositions, composition_plan};
pub use config::{DataConfig, DeviceConfig, Period, RunConfig, Scalar, Wanted, all_settings, common_settings};
pub use dashboard::Dashboard;
pub use data_settings::{data_settings, options_of};
pub use documentation::data_documentation;
pub use draw::{DrawingPlans, Drawings};

pub use error::{Result, TrainingError};
pub use examine::{Examined, Which, rows_in_words};
pub use feeder::{FeedSet, Feeder, known_rows};
pub use files::FileConfig;
pub use fit::{Plans, Training, host_memory_bytes, largest_batch, planning_profile, plans};
pub use folder::{Lock, RunFolder};
pub use init_file::{Begun, InitConfig, InitFile, first_checkpoint};
pub use interrupt::Interrupt;
pub use live::{Request, Status};
pub use load::{Loader, default_threads};
pub use material::{Against, HeldBack, Material, Rows, ShownRows, Told, data_shape, known_of_run, prepare};
pub use probe::{Labelled, Probed, probe};
pub use progress::{Progress, duration, grouped};
pub use quality::{Distances, Reference};
pub use replace::{replace, temporary_of, write_atomically};
pub use report::{comparison, write_report};
pub use restore::{Choice, Restored, choose, restore_newest};
pub use rows::{Part, RowProgram};
pub use sampler::{Drawer, Known, SAMPLE_BATCH, SamplingPlans, brightness, sample_batch};
pub use score::{Encoder, SCORE_BATCH, Scorer, log_mean_exp, mean_and_error, nats};
pub use states::{state_of_run, write_states_of_run};
pub use trace::Trace;
pub use trainer::{Ending, Outcome, Setup, learn};
pub use translate::{TranslationPlans, Translations, signed};
pub use two_sample::{TwoSample, drawn, sliced_wasserstein, two_sample};
pub use validation::Record;
