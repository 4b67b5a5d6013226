//! What the integration tests share: devices to run on, and golden vectors.

mod devices;
mod golden;
mod suite;
mod tidy;
mod tiny;

pub use devices::{On, with};
pub use golden::{Golden, permuted};
pub use suite::Suite;
pub use tiny::{small, tiny};
