//! Carries out a [`Plan`](calotype_graph::Plan) on any GPU that wgpu reaches: adapter, pipelines, memory, replay, profile.
//! One file per op in `op/` says its grid and specialises its shader from `shaders/`. The only crate that names wgpu.
//!
//! No files, clocks that matter to results, threads or blocking waits outside [`Poll::Until`](calotype_graph::Poll) and the
//! tests' own doors: the same code is meant to run in a browser.

mod adapter;
mod clock;
mod device;
mod dispatch;
mod faults;
mod gemm;
mod generate;
mod inspect;
mod loaded;
mod measure;
mod op;
mod pipelines;
mod profile;
mod readback;
mod source;
mod stamps;
mod store;
mod tiles;
mod tuning;

#[cfg(test)]
mod tests;

pub use adapter::{AdapterDescription, AdapterLimits, OpenOptions, Select, ShaderMode, adapters};
pub use device::GpuDevice;
pub use inspect::PlanSummary;
pub use measure::Roofs;
pub use tiles::{ProductShape, TileTable};
pub use tuning::TILE_TABLE;
