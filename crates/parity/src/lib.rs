//! Holds one device against another: the comparator, guard bands, and a runner over every op's cases. For the tests, for
//! `selftest` and for `bench`. Knows the language and the device trait, no device.

mod case;
mod compare;
mod guard;
mod operand;
mod run;
mod table;

pub use case::{Check, CheckKind, checks, forward, gradient, operands};
pub use compare::{Mismatch, Worst, close, compare, compare_slices, compare_with_nan};
pub use guard::{POISON, poison, unharmed};
pub use operand::{fill, operand};
pub use run::{Fault, drive, read_states, run_guarded, run_once, run_step};
pub use table::{Row, Table};
