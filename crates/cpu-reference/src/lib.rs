//! Carries out a [`Plan`](calotype_graph::Plan) in plain Rust: the oracle of the parity tests, and the device where there
//! is no GPU.
//!
//! - [`Cpu::<f64>::plain`] and [`Cpu::<f32>::plain`] run the naive loops of `op/STEM.rs`: easy to believe, slow.
//! - [`Cpu::<f32>::fast`] runs the variants that users train with.

mod device;
mod execute;
pub mod fast;
mod float;
mod memory;
pub mod op;
mod roofs;
mod transfer;

pub use device::Cpu;
pub use fast::simd::Level;
pub use float::Float;
pub use roofs::Roofs;
