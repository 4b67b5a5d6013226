//! A run that trains, and whoever looks on from another process: `status.json` says how far the run is, and files in `control/` ask
//! something of it. A thread of their own reads and writes them, so that no step waits for a file.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::interrupt::Interrupt;
use crate::replace::temporary_of;

/// Between two looks at what is asked.
const LOOK: Duration = Duration::from_millis(250);
/// Looks from one writing of `status.json` to the next.
const LOOKS: u32 = 2;
/// Over which the rate of steps is measured.
const RATE_OVER: Duration = Duration::from_secs(10);

/// `status.json`: there while a run trains, and written anew twice a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Whether it waits until it may go on.
    pub paused: bool,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Steps a second of late; none before there are two.
    pub rate: Option<f64>,
    /// Seconds of training so far.
    pub wall_s: f64,
    /// Of the newest checkpoint that is known to be whole.
    pub saved: Option<u64>,
    /// Planned bytes on the device.
    pub memory_bytes: u64,
    /// `None` for what is not finite.
    pub losses: Vec<(String, Option<f32>)>,
    /// What was found by the held-out set.
    pub remark: String,
}

impl Status {
    /// What a file says; none where it is no status. A rate that is none is left out.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let status: Status = serde_json::from_slice(bytes).ok()?;
        let rate = status.rate.filter(|&rate| rate > 0.0 && rate.is_finite());
        (status.wall_s >= 0.0).then_some(Status { rate, ..status })
    }

    /// Seconds until the last step, at the rate of late.
    pub fn to_go_s(&self) -> Option<f64> {
        self.rate.map(|rate| self.steps.saturating_sub(self.step) as f64 / rate)
    }
}

/// What may be asked of a run that trains, by a file of this name in `control/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To wait for as long as the file is there.
    Pause,
    /// To write a checkpoint; the run removes the file.
    Save,
    /// To finish the step, save and end, as by Ctrl-C; the run removes the file.
    Stop,
}

impl Request {
    pub const ALL: [Request; 3] = [Request::Pause, Request::Save, Request::Stop];

    pub fn name(self) -> &'static str {
        match self {
            Request::Pause => "pause",
            Request::Save => "save",
            Request::Stop => "stop",
        }
    }

    /// Asks it of a run.
    ///
    /// # Errors
    /// What the system says.
    pub fn ask(self, folder: &RunFolder) -> Result<()> {
        let control = folder.control();
        let path = control.join(self.name());
        fs::create_dir_all(&control).map_err(TrainingError::io(&control))?;
        fs::write(&path, b"").map_err(TrainingError::io(&path))
    }

    /// Takes it back, if it is asked. Whether it was.
    pub fn withdraw(self, folder: &RunFolder) -> bool {
        fs::remove_file(folder.control().join(self.name())).is_ok()
    }
}

#[derive(Debug, Default)]
struct Shared {
    status: Mutex<Status>,
    over: Mutex<bool>,
    changed: Condvar,
    pause: AtomicBool,
    save: AtomicBool,
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) -> MutexGuard<'_, bool> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of the run that this process trains. When it is dropped, `status.json` goes.
#[derive(Debug)]
pub(crate) struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    /// Begins to tell and to listen. Only under the lock of the folder: what was asked of a process before is forgotten.
    pub fn begin(folder: &RunFolder, interrupt: &Interrupt, status: Status) -> Self {
        for request in Request::ALL {
            request.withdraw(folder);
        }
        let shared = Arc::new(Shared { status: Mutex::new(status), ..Shared::default() });
        let (theirs, folder, interrupt) = (Arc::clone(&shared), folder.clone(), interrupt.clone());
        let thread = thread::Builder::new().name("status".into()).spawn(move || attend(&theirs, &folder, &interrupt));
        // Training does not depend on it.
        let thread = thread.inspect_err(|e| log::warn!("no status.json: {e}")).ok();
        Live { shared, thread }
    }

    /// Changes what is told.
    pub fn tell(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.shared.status());
    }

    /// Whether a checkpoint is asked for; asked once, told once.
    pub fn takes_save(&self) -> bool {
        self.shared.save.swap(false, Ordering::SeqCst)
    }

    /// Whether the run is asked to wait.
    pub fn is_paused(&self) -> bool {
        self.shared.pause.load(Ordering::SeqCst)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        *self.shared.over() = true;
        self.shared.changed.notify_all();
        // A thread that panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What the thread does until the run is over.
fn attend(shared: &Shared, folder: &RunFolder, interrupt: &Interrupt) {
    let path = folder.status();
    let mut rate = Rate::default();
    for look in 0_u32.. {
        // A request is heard when its file could be removed: one that cannot be would be heard for ever.
        if Request::Stop.withdraw(folder) {
            interrupt.ask();
        }
        if Request::Save.withdraw(folder) {
            shared.save.store(true, Ordering::SeqCst);
        }
        shared.pause.store(folder.control().join(Request::Pause.name()).exists(), Ordering::SeqCst);
        let status = {
            let mut status = shared.status();
            status.rate = rate.at(status.step, Instant::now());
            status.clone()
        };
        if look.is_multiple_of(LOOKS)
            && let Err(e) = put(&path, &status)
        {
            log::debug!("{}: {e}", path.display());
        }
        let over = shared.changed.wait_timeout_while(shared.over(), LOOK, |over| !*over);
        if *over.unwrap_or_else(PoisonError::into_inner).0 {
            break;
        }
    }
    let _ = fs::remove_file(&path);
}

/// Replaces the file in one go, but without waiting for the disk: it means nothing after a crash.
fn put(path: &Path, status: &Status) -> std::io::Result<()> {
    let temporary = temporary_of(path);
    let put = fs::write(&temporary, serde_json::to_vec(status)?).and_then(|()| fs::rename(&temporary, path));
    // On a full disk it would lie there half written.
    put.inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Steps a second over the last seconds.
#[derive(Debug, Default)]
struct Rate {
    /// When it was at which step, as far as that is needed.
    seen: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// With what is known now.
    fn at(&mut self, step: u64, now: Instant) -> Option<f64> {
        if self.seen.back().is_none_or(|&(_, last)| last != step) {
            self.seen.push_back((now, step));
        }
        while self.seen.len() > 2 && now.duration_since(self.seen[0].0) > RATE_OVER {
            self.seen.pop_front();
        }
        let (&(from, first), &(to, last)) = (self.seen.front()?, self.seen.back()?);
        let seconds = to.duration_since(from).as_secs_f64();
        (last > first && seconds > 0.0).then(|| (last - first) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(what: &str, is: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_run_tells_and_is_asked() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::at(dir.path());
        Request::Stop.ask(&folder).expect("it is asked");
        let interrupt = Interrupt::default();
        let live = Live::begin(&folder, &interrupt, Status { steps: 9, ..Status::default() });
        live.tell(|status| (status.step, status.losses) = (4, vec![("loss".into(), None)]));
        let told = || serde_json::from_slice::<Status>(&fs::read(folder.status()).ok()?).ok();
        until("it tells", || told().is_some_and(|s| s.step == 4 && s.steps == 9 && s.losses == [("loss".to_owned(), None)]));
        assert!(!interrupt.asked(), "what was asked of another process is forgotten");
        Request::Pause.ask(&folder).expect("it is asked");
        until("it is paused", || live.is_paused());
        assert!(!live.takes_save());
        Request::Save.ask(&folder).expect("it is asked");
        until("it is to save", || live.takes_save());
        assert!(!live.takes_save(), "asked once, told once");
        assert!(Request::Pause.withdraw(&folder));
        until("it goes on", || !live.is_paused());
        Request::Stop.ask(&folder).expect("it is asked");
        until("it is to stop", || interrupt.asked());
        drop(live);
        assert!(!folder.status().exists());
        assert_eq!(fs::read_dir(folder.control()).expect("a folder").count(), 0);
    }

    #[test]
    fn the_rate_is_that_of_late() {
        let (begun, mut rate) = (Instant::now(), Rate::default());
        let mut at = |s: f64, step| rate.at(step, begun + Duration::from_secs_f64(s));
        assert_eq!(at(0.0, 0), None);
        assert_eq!(at(1.0, 0), None);
        assert_eq!(at(2.0, 1), Some(0.5));
        assert_eq!(at(8.0, 4), Some(0.5));
        // Of the last ten seconds: 100 steps in 12 s, of which the first does not count.
        assert_eq!(at(14.0, 100), Some(96.0 / 6.0));
        // A slow step: the last two that were seen.
        assert_eq!(at(100.0, 101), Some(1.0 / 86.0));
    }
}
