//! `metrics.jsonl`: one strict JSON object a line, with `step` (steps done), `wall_s` (seconds of training so far) and the losses
//! by name, or a `warning`. A loss that is not finite is `null`: JSON has no NaN.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::pictures::Kind;
use crate::replace::write_atomically;
use crate::tensorboard::EventFile;

/// What is measured by the held-out set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldOut {
    /// Its name in the file.
    pub metric: &'static str,
    /// What is said before and behind its values.
    words: [&'static str; 2],
    digits: usize,
}

impl HeldOut {
    /// The mean loss of its rows.
    pub const LOSS: HeldOut = HeldOut { metric: "validation_nats", words: ["", " nats"], digits: 3 };
    /// The distance of samples from its rows, times 1,000.
    pub const SAMPLES: HeldOut =
        HeldOut { metric: "sliced_wasserstein", words: ["sliced Wasserstein distance x 1000: ", ""], digits: 1 };

    /// What a value is, and the value with its unit.
    pub fn apart(self, value: f32) -> [String; 2] {
        let name = self.words[0].trim_end_matches(": ");
        let name = if name.is_empty() { "on the held-out set" } else { name };
        [name.to_owned(), format!("{value:.*}{}", self.digits, self.words[1])]
    }

    /// A value with what it is.
    pub fn in_words(self, value: f32) -> String {
        format!("{}{value:.*}{}", self.words[0], self.digits, self.words[1])
    }

    /// The latest value beside the best one.
    pub fn beside(self, now: f32, best: f32, best_step: u64) -> String {
        format!("{} (best {best:.*} at step {best_step})", self.in_words(now), self.digits)
    }

    /// All that was found in a run, by step; none where nothing was held out.
    pub fn found(lines: &[Line]) -> Option<(HeldOut, Vec<(u64, f32)>)> {
        let of =
            |metric: &str, l: &Line| l.losses.iter().find(|(name, _)| name == metric).and_then(|(_, v)| Some((l.step, (*v)?)));
        let all = [HeldOut::LOSS, HeldOut::SAMPLES].into_iter();
        let mut found = all.map(|what| (what, lines.iter().filter_map(|l| of(what.metric, l)).collect::<Vec<_>>()));
        found.find(|(_, values)| !values.is_empty())
    }
}

/// Name of the distance of training rows from the held-out set: what samples as good as the data would have.
pub const FLOOR: &str = "sliced_wasserstein_floor";
/// Name of the mean distance of two samples, as a part of that of two rows.
pub const DIVERSITY: &str = "diversity";
/// Name of the learning rate of the step, where it is a function of the step.
pub const LEARNING_RATE: &str = "lr";
/// Name of what the learning rate is multiplied by.
pub const LR_SCALE: &str = "lr_scale";

/// Key of what goes wrong.
const WARNING: &str = "warning";

/// How the warning begins that ends a run, as [`TrainingError::NonFinite`] is shown.
const STOPPED: &str = "training stopped at step";

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Steps done.
    pub step: u64,
    /// Seconds of training so far, pauses between runs not counted.
    pub wall_s: f64,
    /// `None` for what was not finite.
    pub losses: Vec<(String, Option<f32>)>,
    /// What goes wrong.
    pub warning: Option<String>,
}

impl Line {
    pub fn of(step: u64, wall_s: f64, losses: Vec<(String, Option<f32>)>) -> Self {
        Line { step, wall_s, losses, warning: None }
    }

    /// Whether it says that training ended because something was not finite.
    pub(crate) fn is_end(&self) -> bool {
        self.warning.as_deref().is_some_and(|warning| warning.starts_with(STOPPED))
    }

    pub(crate) fn to_json(&self) -> String {
        let mut text = format!("{{\"step\":{},\"wall_s\":{:.3}", self.step, self.wall_s);
        for (name, loss) in &self.losses {
            let value = loss.filter(|v| v.is_finite()).map_or_else(|| "null".to_owned(), |v| format!("{v:?}"));
            text.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
        }
        if let Some(warning) = &self.warning {
            text.push_str(&format!(",{}:{}", Value::from(WARNING), Value::from(warning.as_str())));
        }
        text.push_str("}\n");
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
        let finite = |v: f64| Some(v as f32).filter(|v| v.is_finite());
        let loss = |(name, value): (&String, &Value)| (name.clone(), value.as_f64().and_then(finite));
        let losses = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "step" | "wall_s" | WARNING)).map(loss).collect();
        let warning = fields.get(WARNING).and_then(Value::as_str).map(str::to_owned);
        let wall_s = fields.get("wall_s")?.as_f64().filter(|&s| s >= 0.0)?;
        Some(Line { step: fields.get("step")?.as_u64()?, wall_s, losses, warning })
    }
}

/// All whole lines of a file; a missing file has none. What a killed process left half written is passed over.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Line>> {
    Ok(read_counting(path)?.0)
}

/// As [`read`], with the number of lines that are no JSON of this kind; half a line at the end is not counted, a process may be writing it.
///
/// # Errors
/// As of [`read`].
pub(crate) fn read_counting(path: &Path) -> Result<(Vec<Line>, usize)> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((vec![], 0)),
        Err(e) => return Err(TrainingError::Io { path: path.to_owned(), source: e }),
    };
    let text = String::from_utf8_lossy(&bytes);
    let parsed: Vec<Option<Line>> = text.split_inclusive('\n').filter(|l| !l.trim().is_empty()).map(Line::parse).collect();
    let half = usize::from(!text.ends_with('\n') && parsed.last().is_some_and(Option::is_none));
    let bad = parsed.iter().filter(|line| line.is_none()).count() - half;
    Ok((parsed.into_iter().flatten().collect(), bad))
}

/// A file that grows, read a part at a time.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    /// Bytes that were read, whole lines all of them.
    at: u64,
    /// Of the last line that was read.
    step: u64,
}

impl Tail {
    pub fn new(path: PathBuf) -> Self {
        Tail { path, at: 0, step: 0 }
    }

    /// Bytes that were read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Lines that came since the last call, as by [`read`]; none if the file was begun anew, as a resumed run does, and what was read
    /// before counts no more. A missing file is empty.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn more(&mut self) -> Result<Option<Vec<Line>>> {
        self.until(u64::MAX)
    }

    /// The same of the file's first `end` bytes.
    ///
    /// # Errors
    /// As of [`Tail::more`].
    pub fn until(&mut self, end: u64) -> Result<Option<Vec<Line>>> {
        // With the end of the last line.
        let bytes = match read_between(&self.path, self.at.saturating_sub(1), end) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((self.at == 0).then(Vec::new)),
            Err(e) => return Err(TrainingError::Io { path: self.path.clone(), source: e }),
        };
        let new = if self.at == 0 { Some(bytes.as_slice()) } else { bytes.strip_prefix(b"\n") };
        let Some(new) = new else { return Ok(None) };
        let whole = new.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
        let lines: Vec<Line> = String::from_utf8_lossy(&new[..whole]).lines().filter_map(Line::parse).collect();
        if ![self.step].into_iter().chain(lines.iter().map(|l| l.step)).is_sorted() {
            return Ok(None);
        }
        self.at += whole as u64;
        self.step = lines.last().map_or(self.step, |l| l.step);
        Ok(Some(lines))
    }
}

fn read_between(path: &Path, begin: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(end.saturating_sub(begin)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The latest loss of each name, in the order in which they came first.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    latest: Vec<(String, f32)>,
    /// Lines of the log since each came: 0 of one that it has not been told.
    lines: Vec<usize>,
}

impl Losses {
    pub fn set(&mut self, name: &str, loss: f32) {
        let at = self.latest.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            self.latest.push((name.to_owned(), loss));
            self.lines.push(0);
            self.latest.len() - 1
        });
        (self.latest[at].1, self.lines[at]) = (loss, 0);
    }

    /// For a line of the log: those that came since the last one, `None` for what is not finite. Where programs take turns, each
    /// has its own losses.
    pub fn take(&mut self) -> Vec<(String, Option<f32>)> {
        self.lines.iter_mut().for_each(|lines| *lines += 1);
        let fresh = self.latest.iter().zip(&self.lines).filter_map(|(loss, lines)| (*lines == 1).then_some(loss));
        fresh.map(|(name, loss)| (name.clone(), loss.is_finite().then_some(*loss))).collect()
    }

    /// For a person: those of programs that still take turns, not those of a stage that is over.
    pub fn latest(&self) -> Vec<(String, f32)> {
        const LINES: usize = 20;
        self.latest.iter().zip(&self.lines).filter_map(|(loss, lines)| (*lines <= LINES).then_some(loss)).cloned().collect()
    }
}

/// The file while training.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    last: Option<Line>,
    /// Where the same is written for TensorBoard.
    events: Option<EventFile>,
}

impl Log {
    /// Continues a file after `step` steps: later lines, and a half line at its end, are dropped.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path, step: u64) -> Result<Self> {
        let mut lines = read(path)?;
        lines.retain(|l| l.step <= step);
        write_atomically(path, lines.iter().map(Line::to_json).collect::<String>().as_bytes())?;
        let file = File::options().append(true).open(path).map_err(TrainingError::io(path))?;
        Ok(Log { path: path.to_owned(), file, last: lines.pop(), events: None })
    }

    /// Writes the same, and pictures, for TensorBoard too.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn with_events(self, folder: &RunFolder, step: u64) -> Result<Self> {
        Ok(Log { events: Some(EventFile::create(folder, step)?), ..self })
    }

    /// The pictures of a step, which are in the folder, for TensorBoard where it is wanted.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<()> {
        let Some(events) = &mut self.events else { return Ok(()) };
        for &kind in Kind::ALL {
            let path = folder.picture(kind, step);
            if path.exists() {
                events.picture(kind.title, step, &fs::read(&path).map_err(TrainingError::io(&path))?)?;
            }
        }
        Ok(())
    }

    /// Seconds of training up to the last line.
    pub fn wall_s(&self) -> f64 {
        self.last.as_ref().map_or(0.0, |l| l.wall_s)
    }

    /// Adds a line, in one write.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, line: Line) -> Result<()> {
        self.file.write_all(line.to_json().as_bytes()).map_err(TrainingError::io(&self.path))?;
        self.events.as_mut().map_or(Ok(()), |events| events.line(&line))?;
        self.last = Some(line);
        Ok(())
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(TrainingError::io(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, loss: f32) -> Line {
        let losses = vec![("loss_d".to_owned(), Some(loss).filter(|l| l.is_finite())), ("loss_g".to_owned(), Some(0.1))];
        Line::of(step, step as f64 * 0.5, losses)
    }

    #[test]
    fn lines_are_strict_json() {
        let text = Line::of(3, 1.25, vec![("a \"b\"".into(), Some(f32::INFINITY)), ("c".into(), Some(1e-7))]);
        assert_eq!(text.to_json(), "{\"step\":3,\"wall_s\":1.250,\"a \\\"b\\\"\":null,\"c\":1e-7}\n");
        assert!(serde_json::from_str::<Value>(&text.to_json()).is_ok());
    }

    #[test]
    fn a_warning_is_no_loss() {
        let line = Line { warning: Some("it \"fails\"".into()), ..Line::of(7, 1.0, vec![]) };
        assert_eq!(line.to_json(), "{\"step\":7,\"wall_s\":1.000,\"warning\":\"it \\\"fails\\\"\"}\n");
        assert_eq!(Line::parse(&line.to_json()), Some(line));
    }

    #[test]
    fn what_was_found_is_the_loss_or_the_distance_of_samples() {
        let line = |step, name: &str, v| Line::of(step, 0.0, vec![("loss".into(), Some(9.0)), (name.into(), v)]);
        let lines =
            [line(1, "sliced_wasserstein", Some(30.0)), line(2, "loss_g", Some(1.0)), line(3, "sliced_wasserstein", None)];
        let (what, found) = HeldOut::found(&lines).expect("samples were measured");
        assert_eq!((what, found), (HeldOut::SAMPLES, vec![(1, 30.0)]));
        assert_eq!(HeldOut::LOSS.beside(1.5, 1.0, 7), "1.500 nats (best 1.000 at step 7)");
        assert_eq!(HeldOut::SAMPLES.apart(20.0), ["sliced Wasserstein distance x 1000", "20.0"]);
        assert_eq!(HeldOut::LOSS.apart(1.5), ["on the held-out set", "1.500 nats"]);
        assert_eq!(HeldOut::SAMPLES.in_words(20.0), "sliced Wasserstein distance x 1000: 20.0");
        assert_eq!(HeldOut::found(&lines[1..2]), None);
    }

    #[test]
    fn a_line_holds_every_loss_since_the_last_one() {
        let mut losses = Losses::default();
        losses.set("loss_d", 1.0);
        losses.set("loss_g", f32::NAN);
        losses.set("loss_d", 2.0);
        assert_eq!(losses.take(), [("loss_d".to_owned(), Some(2.0)), ("loss_g".to_owned(), None)]);
        losses.set("loss_g", 3.0);
        assert_eq!(losses.take(), [("loss_g".to_owned(), Some(3.0))]);
        assert_eq!(losses.latest(), [("loss_d".to_owned(), 2.0), ("loss_g".to_owned(), 3.0)]);
        for _ in 0..20 {
            losses.set("loss_g", 4.0);
            losses.take();
        }
        assert_eq!(losses.latest(), [("loss_g".to_owned(), 4.0)], "what has not come for long is of a stage that is over");
    }

    #[test]
    fn floats_survive_to_the_bit() {
        for v in [0.718_281_8_f32, f32::MIN_POSITIVE, 1.0, -3.402_823_5e38] {
            let back = Line::parse(&line(1, v).to_json()).expect("a line");
            assert_eq!(back.losses[0].1.map(f32::to_bits), Some(v.to_bits()));
        }
    }

    #[test]
    fn a_file_that_grows_is_read_a_part_at_a_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("metrics.jsonl");
        let mut tail = Tail::new(path.clone());
        let steps = |tail: &mut Tail| tail.more().expect("it reads").map(|all| all.iter().map(|l| l.step).collect::<Vec<_>>());
        assert_eq!(steps(&mut tail), Some(vec![]), "there is no file yet");
        let mut log = Log::open(&path, 0).expect("a new file");
        (1..=3).for_each(|step| log.write(line(step, 1.0)).expect("it writes"));
        let half = line(4, 1.0).to_json();
        log.file.write_all(&half.as_bytes()[..20]).expect("it writes");
        assert_eq!(steps(&mut tail), Some(vec![1, 2, 3]));
        log.file.write_all(&half.as_bytes()[20..]).expect("it writes");
        assert_eq!((steps(&mut tail), steps(&mut tail)), (Some(vec![4]), Some(vec![])));
        assert_eq!(tail.at(), fs::metadata(&path).expect("it is there").len());
        // Resumed: shorter at first, and then with other lines where the old ones were.
        let mut log = Log::open(&path, 2).expect("it opens");
        assert_eq!(steps(&mut tail), None);
        (3..=6).for_each(|step| log.write(line(step, 0.123_456)).expect("it writes"));
        assert_eq!(steps(&mut tail), None);
        assert_eq!(steps(&mut Tail::new(path)), Some(vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn what_lies_past_the_checkpoint_is_dropped() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("metrics.jsonl");
        let mut log = Log::open(&path, 0).expect("a new file");
        for step in 1..=6 {
            log.write(line(step, f32::NAN)).expect("it writes");
        }
        // As a killed process leaves it.
        fs::write(&path, [fs::read(&path).expect("it is there"), b"{\"step\":7,\"wal".to_vec()].concat()).expect("it writes");
        let mut log = Log::open(&path, 4).expect("it opens");
        assert_eq!(log.wall_s(), 2.0);
        log.write(line(5, 1.0)).expect("it writes");
        let lines = read(&path).expect("it reads");
        assert_eq!(lines.iter().map(|l| l.step).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!((lines[3].losses[0].1, lines[4].losses[0].1), (None, Some(1.0)));
    }
}
