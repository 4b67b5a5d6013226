//! Progress of long work on standard error: a bar on a terminal, plain lines otherwise.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between plain lines, and between redrawings of the bar.
const LINE_PAUSE: Duration = Duration::from_secs(5);
const BAR_PAUSE: Duration = Duration::from_millis(100);
/// Steps over which speed is measured before an estimate is given; the very first, which warms everything up, is left out.
const MEASURED: u64 = 5;

/// Shows how far training is.
pub struct Progress {
    /// What is counted.
    what: &'static str,
    silent: bool,
    bar: Option<ProgressBar>,
    total: u64,
    /// Where and when counting began: after the first step.
    origin: Option<(u64, Instant)>,
    /// None before anything was.
    shown: Option<Instant>,
    announced: bool,
    /// Shown behind the losses until there is another one.
    remark: String,
}

impl Progress {
    /// For the terminal, if standard error is one.
    pub fn new() -> Self {
        Self::of("step")
    }

    /// The same, of work that is counted in other things than steps.
    pub fn of(what: &'static str) -> Self {
        Self::with(what, false)
    }

    /// Says nothing: for tests.
    pub fn silent() -> Self {
        Self::with("step", true)
    }

    fn with(what: &'static str, silent: bool) -> Self {
        Progress { what, silent, bar: None, total: 0, origin: None, shown: None, announced: false, remark: String::new() }
    }

    /// A line for the user.
    pub fn say(&self, text: &str) {
        match &self.bar {
            _ if self.silent => {}
            Some(bar) => bar.suspend(|| line(text)),
            None => line(text),
        }
    }

    /// Work begins, of which `step` of `total` are done.
    pub fn begin(&mut self, step: u64, total: u64) {
        (self.total, self.origin, self.announced) = (total, None, false);
        // The first plain line comes soon, the next ones after a pause.
        self.shown = None;
        if !self.silent && stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            // A fixed template: it cannot be wrong.
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
                bar.set_style(style);
            }
            bar.set_position(step);
            self.bar = Some(bar);
        }
    }

    /// Nothing was done for a while.
    pub(crate) fn waited(&mut self, time: Duration) {
        if let Some((_, since)) = &mut self.origin {
            *since += time;
        }
    }

    /// What is known beside the losses from now on.
    pub(crate) fn remark(&mut self, text: &str) {
        text.clone_into(&mut self.remark);
    }

    /// After `step` steps with these losses.
    pub fn advance(&mut self, step: u64, losses: &[(String, f32)]) {
        let (first, since) = *self.origin.get_or_insert_with(|| (step, Instant::now()));
        let measured = step - first;
        let per_step_s = (measured > 0).then(|| since.elapsed().as_secs_f64() / measured as f64);
        if let Some(per_step_s) = per_step_s.filter(|_| measured >= MEASURED && !self.announced) {
            self.announced = true;
            let rest = per_step_s * (self.total - step) as f64;
            self.say(&format!("{:.1} ms a {}: {} to go", per_step_s * 1e3, self.what, duration(rest)));
        }
        let pause = if self.bar.is_some() { BAR_PAUSE } else { LINE_PAUSE };
        if self.shown.is_none_or(|shown| shown.elapsed() >= pause) || step == self.total {
            self.shown = Some(Instant::now());
            // Losses of several steps are read at once: the time between two of them is nobody's.
            self.show(step, per_step_s.filter(|_| measured >= MEASURED), losses);
        }
    }

    fn show(&self, step: u64, per_step_s: Option<f64>, losses: &[(String, f32)]) {
        let mut text = format!("{} {step}/{}", self.what, self.total);
        if let Some(s) = per_step_s {
            let _ = write!(text, "  {:.1} {}s/s  ETA {}", 1.0 / s.max(1e-9), self.what, duration(s * (self.total - step) as f64));
        }
        for (name, loss) in losses {
            let _ = write!(text, "  {name} {loss:.4}");
        }
        if !self.remark.is_empty() {
            let _ = write!(text, "  {}", self.remark);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position(step);
                bar.set_message(text);
            }
            None => self.say(&text),
        }
    }

    /// Work ends.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Standard error that was closed is no reason to stop training.
fn line(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Seconds as a person says them: `42 s`, `3 min 20 s`, `2 h 05 min`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// A whole number with commas: 12345678 as `12,345,678`.
pub fn grouped(n: impl std::fmt::Display) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|c| std::str::from_utf8(c).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_commas() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
    }

    #[test]
    fn durations_are_words() {
        assert_eq!([0.4, 59.6, 200.0, 7500.0].map(duration), ["0 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]);
    }
}
