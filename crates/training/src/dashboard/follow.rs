//! A run that somebody looks at, and what is new of it.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Result;
use crate::folder::RunFolder;
use crate::live::Status;
use crate::metrics::Tail;
use crate::pictures::Kind;
use crate::progress::{duration, grouped};
use crate::report::{PARTS, Served, in_words};

/// Without a new `status.json` for so long a run is taken for dead: it is written twice a second.
const SILENT: Duration = Duration::from_secs(10);
/// Pictures of a kind that are told of at first; a page has all of them, but for those that came since it was made.
const LATEST: usize = 20;

/// Whether a run trains, by its `status.json`.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    seen: Option<Seen>,
}

/// A file as it was first seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    written: SystemTime,
    at: Instant,
    /// How old it was then.
    age: Duration,
}

impl Seen {
    /// At first sight the clock decides how old it is. A time that is to come is of a clock that was set back since: a run that
    /// trains writes its file by the clock of now.
    fn first(written: SystemTime) -> Self {
        let age = written.elapsed().unwrap_or_else(|ahead| ahead.duration());
        Seen { written, at: Instant::now(), age }
    }

    /// Whatever the clock says, it has changed.
    fn again(written: SystemTime) -> Self {
        Seen { written, at: Instant::now(), age: Duration::ZERO }
    }
}

impl Pulse {
    /// What a run that trains says of itself; none of one that does not, or was killed.
    pub fn feel(&mut self, folder: &RunFolder) -> Option<Status> {
        let path = folder.status();
        let written = fs::metadata(&path).and_then(|m| m.modified()).ok()?;
        let seen = match self.seen {
            Some(before) if before.written == written => before,
            Some(_) => Seen::again(written),
            None => Seen::first(written),
        };
        self.seen = Some(seen);
        if seen.age.saturating_add(seen.at.elapsed()) > SILENT {
            return None;
        }
        Status::parse(&fs::read(&path).ok()?)
    }
}

/// From one telling of the parts of a page to the next.
const PARTS_EVERY: Duration = Duration::from_secs(2);

/// Something new.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub kind: &'static str,
    pub data: Value,
}

impl Event {
    fn of(kind: &'static str, data: impl Serialize) -> Self {
        Event { kind, data: serde_json::to_value(data).unwrap_or_default() }
    }

    /// A part of a page, by its id, as HTML.
    pub fn part(id: &str, html: &str) -> Self {
        Event::of("part", json!({ "id": id, "html": html }))
    }

    /// The page has to be made anew.
    fn reload() -> Self {
        Event::of("reload", ())
    }
}

/// One look at a run.
pub(super) struct Follow {
    folder: RunFolder,
    served: Served,
    tail: Tail,
    pulse: Pulse,
    /// What was told last, and whether the run trained; none before anything was told.
    status: Option<Option<Status>>,
    /// The latest picture of each kind that was told of; none before the first was.
    pictures: Option<Vec<Option<u64>>>,
    /// The HTML of [`PARTS`], when it was told, and whether lines came since.
    parts: Vec<String>,
    told: Instant,
    stale: bool,
    /// When files were written that a page is made of once.
    fixed: Vec<Option<SystemTime>>,
    /// Whether there are no such bytes any more as it began with.
    void: bool,
}

impl Follow {
    /// A run, and its first `from` bytes of `metrics.jsonl`, or all of them.
    ///
    /// # Errors
    /// A folder that holds no run, whole or damaged.
    pub fn open(folder: RunFolder, from: Option<u64>) -> Result<Self> {
        let fixed = written(&folder);
        let mut pulse = Pulse::default();
        let mut served = Served::open(&folder, pulse.feel(&folder).is_some())?;
        let mut tail = Tail::new(folder.metrics());
        // What cannot be read is said on the page.
        if let Ok(Some(lines)) = tail.until(from.unwrap_or(u64::MAX)) {
            served.set_lines(lines);
        }
        Ok(Follow {
            parts: PARTS.iter().map(|part| served.part(part)).collect::<Result<_>>()?,
            folder,
            served,
            void: from.is_some_and(|from| from != tail.at()),
            tail,
            pulse,
            status: None,
            pictures: None,
            told: Instant::now(),
            stale: false,
            fixed,
        })
    }

    /// The page; what is new is heard at `events`, from here on.
    ///
    /// # Errors
    /// None that could be helped.
    pub fn page(&mut self, events: &str, home: Option<&str>) -> Result<String> {
        self.served.page(&self.folder, &format!("{events}?from={}", self.tail.at()), home)
    }

    /// Bytes of `metrics.jsonl` that were told of.
    pub fn at(&self) -> u64 {
        self.tail.at()
    }

    /// What is new since the last call.
    ///
    /// # Errors
    /// None that could be helped.
    pub fn news(&mut self) -> Result<Vec<Event>> {
        let lines = match self.tail.more() {
            Ok(Some(lines)) => lines,
            Ok(None) => return Ok(vec![Event::reload()]),
            Err(e) => {
                log::debug!("{e}");
                vec![]
            }
        };
        let now = self.pulse.feel(&self.folder);
        let turned = self.status.as_ref().is_some_and(|before| before.is_some() != now.is_some());
        if self.void || turned || written(&self.folder) != self.fixed {
            return Ok(vec![Event::reload()]);
        }
        let mut events = vec![];
        if !lines.is_empty() {
            self.stale = true;
            events.push(Event::of("points", self.served.add(lines)));
        }
        events.extend(self.changed_parts()?);
        events.extend(self.new_pictures());
        if self.status.as_ref() != Some(&now) {
            events.push(Event::of("status", told(now.as_ref())));
            self.status = Some(now);
        }
        Ok(events)
    }

    fn changed_parts(&mut self) -> Result<Vec<Event>> {
        let mut events = vec![];
        if self.stale && self.told.elapsed() >= PARTS_EVERY {
            (self.stale, self.told) = (false, Instant::now());
            self.served.refresh();
            for (id, before) in PARTS.iter().zip(&mut self.parts) {
                let html = self.served.part(id)?;
                if *before != html {
                    events.push(Event::part(id, &html));
                    *before = html;
                }
            }
        }
        Ok(events)
    }

    fn new_pictures(&mut self) -> Vec<Event> {
        let steps: Vec<Vec<u64>> = Kind::ALL.iter().map(|kind| self.folder.picture_steps(*kind).unwrap_or_default()).collect();
        let newest = steps.iter().map(|steps| steps.last().copied()).collect();
        let before = self.pictures.replace(newest);
        let new = Kind::ALL.iter().zip(&steps).enumerate().flat_map(|(n, (kind, steps))| {
            let first = match &before {
                Some(before) => steps.partition_point(|&step| Some(step) <= before[n]),
                None => steps.len().saturating_sub(LATEST),
            };
            steps[first..].iter().map(move |&step| (*kind, step))
        });
        let told = |(kind, step): (Kind, u64)| {
            let path = self.folder.picture(kind, step);
            let src = format!("samples/{}", path.file_name().unwrap_or_default().to_string_lossy());
            Event::of("picture", json!({ "title": kind.title, "step": step, "src": src }))
        };
        new.map(told).collect()
    }
}

/// A status as a page shows it.
fn told(status: Option<&Status>) -> Value {
    let Some(s) = status else { return json!({ "alive": false }) };
    let words = json!({
        "step": format!("{} of {}", grouped(s.step), grouped(s.steps)),
        "rate": s.rate.map_or_else(|| "-".into(), |rate| match rate {
            0.1.. => format!("{rate:.1} steps/s"),
            _ => format!("{:.0} s a step", 1.0 / rate),
        }),
        "to_go": s.to_go_s().map_or_else(|| "-".into(), duration),
        "time": duration(s.wall_s),
        "memory": format!("{:.0} MB planned", s.memory_bytes as f64 / 1e6),
        "saved": s.saved.map_or_else(|| "none yet".into(), |step| format!("step {}", grouped(step))),
        "losses": in_words(&s.losses),
        "remark": s.remark,
    });
    json!({ "alive": true, "paused": s.paused, "step": s.step, "steps": s.steps, "words": words })
}

/// When files were written that a page is made of once.
fn written(folder: &RunFolder) -> Vec<Option<SystemTime>> {
    let files = [folder.config_path(), folder.evaluation(), folder.growth(), folder.latent()];
    files.iter().map(|path| fs::metadata(path).and_then(|m| m.modified()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupt;
    use crate::live::Live;
    use crate::metrics::{Line, Log};

    fn kinds(events: &[Event]) -> Vec<&'static str> {
        events.iter().map(|e| e.kind).collect()
    }

    fn line(step: u64) -> Line {
        Line::of(step, step as f64, vec![("loss".into(), Some(1.0 / step as f32)), ("bad".into(), None)])
    }

    #[test]
    fn what_is_new_is_told_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::at(dir.path());
        fs::create_dir(folder.samples()).expect("a folder");
        let mut log = Log::open(&folder.metrics(), 0).expect("a new file");
        (1..=3).for_each(|step| log.write(line(step)).expect("it writes"));
        fs::write(folder.picture(Kind::SAMPLES, 2), b"a picture").expect("it is written");
        let mut page = Follow::open(folder.clone(), None).expect("a run");
        let from = page.at();
        assert!(page.page("events", None).expect("a page").contains(&format!("events?from={from}")));
        // One more line before the page hears what is new.
        log.write(line(4)).expect("it writes");
        let mut follow = Follow::open(folder.clone(), Some(from)).expect("a run");
        let news = follow.news().expect("news");
        assert_eq!(kinds(&news), ["points", "picture", "status"]);
        assert_eq!(news[0].data, json!([{ "name": "loss", "step": 4, "time": 4.0, "value": 0.25 }]));
        assert_eq!(news[1].data, json!({ "title": Kind::SAMPLES.title, "step": 2, "src": "samples/step-0000002.png" }));
        assert_eq!(news[2].data, json!({ "alive": false }));
        assert_eq!(follow.news().expect("news"), []);
        fs::write(folder.picture(Kind::SAMPLES, 4), b"a picture").expect("it is written");
        assert_eq!(follow.news().expect("news")[0].data["step"], 4);
        follow.told = Instant::now().checked_sub(PARTS_EVERY).expect("a time");
        let parts = follow.news().expect("news");
        assert_eq!(kinds(&parts), ["part"; 3], "nothing is wrong, and nothing changes there: {parts:?}");
        // It is resumed: what was known is void.
        drop(Log::open(&folder.metrics(), 1).expect("it opens"));
        assert_eq!(kinds(&follow.news().expect("news")), ["reload"]);
        let mut late = Follow::open(folder, Some(from)).expect("a run");
        assert_eq!(kinds(&late.news().expect("news")), ["reload"]);
    }

    #[test]
    fn a_run_that_begins_or_ends_is_shown_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::at(dir.path());
        drop(Log::open(&folder.metrics(), 0).expect("a new file"));
        let mut follow = Follow::open(folder.clone(), None).expect("a run");
        assert_eq!(follow.news().expect("news")[0].data, json!({ "alive": false }));
        let live = Live::begin(&folder, &Interrupt::default(), Status { steps: 5, step: 2, ..Status::default() });
        while !folder.status().exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(kinds(&follow.news().expect("news")), ["reload"]);
        let mut follow = Follow::open(folder.clone(), None).expect("a run");
        let news = follow.news().expect("news");
        assert_eq!((&news[0].data["alive"], &news[0].data["words"]["step"]), (&json!(true), &json!("2 of 5")));
        drop(live);
        assert_eq!(kinds(&follow.news().expect("news")), ["reload"]);
    }

    #[test]
    fn a_run_that_was_killed_is_dead_after_a_while() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::at(dir.path());
        let write = |age: u64| {
            fs::write(folder.status(), serde_json::to_vec(&Status::default()).expect("JSON")).expect("it is written");
            let file = fs::File::options().write(true).open(folder.status()).expect("it is there");
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("a time");
        };
        let mut pulse = Pulse::default();
        assert_eq!(pulse.feel(&folder), None);
        write(60);
        assert_eq!(pulse.feel(&folder), None, "it was written a minute ago");
        write(30);
        assert!(pulse.feel(&folder).is_some(), "whatever the time is, it was written just now");
        assert!(Pulse::default().feel(&folder).is_none());
        write(0);
        assert!(Pulse::default().feel(&folder).is_some());
    }

    /// It was killed, and then the clock was set back by an hour, or to before 1970.
    #[test]
    fn a_file_of_a_time_to_come_is_of_no_run_that_trains() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::at(dir.path());
        let write = |time: SystemTime| {
            fs::write(folder.status(), serde_json::to_vec(&Status::default()).expect("JSON")).expect("it is written");
            let file = fs::File::options().write(true).open(folder.status()).expect("it is there");
            file.set_modified(time).expect("a time");
        };
        let mut pulse = Pulse::default();
        write(SystemTime::now() + Duration::from_secs(3600));
        assert_eq!(pulse.feel(&folder), None);
        assert_eq!(Pulse::default().feel(&folder), None);
        // Of one that trains while it is set back the file changes.
        write(SystemTime::now() + Duration::from_secs(3599));
        assert!(pulse.feel(&folder).is_some());
        write(SystemTime::UNIX_EPOCH);
        assert_eq!(Pulse::default().feel(&folder), None);
    }
}
