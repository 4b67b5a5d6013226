//! Ctrl-C: the first finishes the step and saves, the second stops at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Result, TrainingError};

/// Exit code after an interrupt.
const EXIT: i32 = 130;

/// Whether Ctrl-C was pressed. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    last_line: Arc<Mutex<Option<String>>>,
}

impl Interrupt {
    /// Listens for Ctrl-C (and the system's request to end). Once in a process.
    ///
    /// # Errors
    /// The system refuses, or somebody listens already.
    pub fn install() -> Result<Self> {
        let interrupt = Interrupt::default();
        let shared = interrupt.clone();
        let heard = move || {
            let mut err = std::io::stderr();
            if shared.asked.swap(true, Ordering::SeqCst) {
                // Closed output is no reason to stay.
                let _ = writeln!(err, "stopped at once; the last checkpoint is intact");
                shared.with_last_line(|line| {
                    let _ = writeln!(std::io::stdout(), "{line}");
                });
                std::process::exit(EXIT);
            }
            let _ = writeln!(err, "\nfinishing this step; press Ctrl-C again to stop at once");
        };
        ctrlc::set_handler(heard).map_err(|e| TrainingError::Report(format!("cannot listen for Ctrl-C: {e}")))?;
        Ok(interrupt)
    }

    /// What [`Interrupt::with_last_line`] gives, or a second Ctrl-C prints to standard output before it.
    pub fn set_last_line(&self, line: String) {
        *self.last_line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    /// Gives the last line to be printed, once, to whoever comes first; the other waits until it is.
    pub fn with_last_line<R>(&self, print: impl FnOnce(&str) -> R) -> Option<R> {
        let mut line = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        line.take().map(|line| print(&line))
    }

    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// As if Ctrl-C had been pressed.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }
}
