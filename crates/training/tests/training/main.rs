//! Whole runs of a tiny DCGAN on the CPU.

mod common;
mod non_finite;
mod ranges;
mod run;
