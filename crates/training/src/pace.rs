//! How often something is done whose cost grows with a run: a report reads all of it.

use std::time::{Duration, Instant};

/// It takes a twentieth of the time at most.
const SHARE: u32 = 20;

/// When something is to be done again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    least: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// Not sooner than after so long.
    pub fn of(least: Duration) -> Self {
        Pace { least, next: None }
    }

    /// Whether it is time to.
    pub fn is_due(&self) -> bool {
        self.is_due_at(Instant::now())
    }

    fn is_due_at(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// Does it, whether it is time to or not.
    pub fn done<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = what();
        self.took(begun, Instant::now());
        done
    }

    fn took(&mut self, begun: Instant, now: Instant) {
        let wait = now.duration_since(begun).saturating_mul(SHARE).max(self.least);
        self.next = now.checked_add(wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_done_seldom() {
        let (begun, mut pace) = (Instant::now(), Pace::of(Duration::from_secs(5)));
        let at = |ms: u64| begun + Duration::from_millis(ms);
        assert!(pace.is_due_at(at(0)), "at first at once");
        pace.took(at(0), at(10));
        assert!(!pace.is_due_at(at(5009)) && pace.is_due_at(at(5010)));
        pace.took(at(6000), at(7000));
        assert!(!pace.is_due_at(at(26_999)) && pace.is_due_at(at(27_000)));
        assert_eq!(Pace::of(Duration::ZERO).done(|| 7), 7);
    }
}
