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
    /// Listens for Ctrl-C (and the system's request to end). What the caller had ignored stays ignored: `nohup` ignores that a terminal
    /// closes. Once in a process.
    ///
    /// # Errors
    /// The system refuses, or somebody listens already.
    pub fn install() -> Result<Self> {
        Self::install_saying("\nfinishing this step; press Ctrl-C again to stop at once")
    }

    /// The same, with what is said when it is pressed first.
    ///
    /// # Errors
    /// As of [`Interrupt::install`].
    pub fn install_saying(first: &'static str) -> Result<Self> {
        let interrupt = Interrupt::default();
        let shared = interrupt.clone();
        let heard = move || {
            let mut err = std::io::stderr();
            if shared.asked.swap(true, Ordering::SeqCst) {
                // Closed output is no reason to stay.
                shared.with_last_line(|line| {
                    let _ = writeln!(err, "stopped at once; the last checkpoint is intact");
                    let _ = writeln!(std::io::stdout(), "{line}");
                });
                std::process::exit(EXIT);
            }
            let _ = writeln!(err, "{first}");
        };
        let ignored = ignored_signals();
        ctrlc::set_handler(heard).map_err(|e| TrainingError::Report(format!("cannot listen for Ctrl-C: {e}")))?;
        ignore(&ignored);
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

/// Of the signals that end a program, those that whoever started this one ignores.
#[cfg(unix)]
fn ignored_signals() -> Vec<libc::c_int> {
    let is_ignored = |signal: &libc::c_int| {
        // SAFETY: sigaction fills `now`, a plain struct for which zeros are valid, and changes nothing when it is given no action.
        unsafe {
            let mut now: libc::sigaction = std::mem::zeroed();
            libc::sigaction(*signal, std::ptr::null(), &mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
        }
    };
    [libc::SIGHUP, libc::SIGINT, libc::SIGTERM].into_iter().filter(is_ignored).collect()
}

#[cfg(unix)]
fn ignore(signals: &[libc::c_int]) {
    for &signal in signals {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

#[cfg(not(unix))]
fn ignored_signals() -> [i32; 0] {
    []
}

#[cfg(not(unix))]
fn ignore(_signals: &[i32]) {}
