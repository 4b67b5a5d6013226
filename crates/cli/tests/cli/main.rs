//! `calotype` as a person meets it: every command, every refusal, every interruption. On the CPU, with a tiny model.

mod aae;
mod adversaries;
mod auto_encoders;
mod codes;
mod commands;
mod composing;
mod data;
mod densities;
mod drawing;
mod evaluating;
mod exporting;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(unix)]
mod interruptions;
mod json;
mod measuring;
mod precision;
mod progan;
mod refusals;
mod reporting;
mod support;
mod tables;
mod tiles;
mod translating;
mod verifying;
#[cfg(unix)]
mod watching;
mod weights;

/// What is run.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_calotype");
