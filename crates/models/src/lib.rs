//! The models, one file a paper, and what they are made of: layers, losses, optimisers. A configured [`Model`] gives the
//! programs of a training step and of sampling; it knows no device, file or clock.

pub mod dcgan;
pub mod distributions;
pub mod init;
pub mod layers;
pub mod losses;
mod model;
pub mod optimisers;
mod settings;

pub use model::{DataShape, Model, ModelInfo, all, find};
pub use settings::{Preset, Setting, SettingError, Settings, Value, nearest};
