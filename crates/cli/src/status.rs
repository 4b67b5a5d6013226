//! A status line on a terminal, overwritten as work proceeds; nothing is printed elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// Time between two updates.
const PAUSE: Duration = Duration::from_millis(50);

/// Taken away when dropped.
pub struct Status {
    on: bool,
    shown: Option<Instant>,
}

impl Status {
    pub fn new() -> Self {
        Status { on: stderr().is_terminal(), shown: None }
    }

    pub fn show(&mut self, text: &str) {
        if self.on && self.shown.is_none_or(|t| t.elapsed() > PAUSE) {
            // Wider than a terminal would leave lines behind.
            let line: String = text.chars().take(78).collect();
            let _ = write!(stderr(), "\r\x1b[2K{line}").and_then(|()| stderr().flush());
            self.shown = Some(Instant::now());
        }
    }

    /// Makes room for something else.
    pub fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(stderr(), "\r\x1b[2K").and_then(|()| stderr().flush());
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.clear();
    }
}
