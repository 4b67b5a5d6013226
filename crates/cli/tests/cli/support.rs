//! A folder to work in, and the program in it: [`crate::PROGRAM`], as whoever includes this says. Shared with `tests/runs`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Arguments of a training run that takes a blink: batch 8, two filters.
pub const TINY: &[&str] =
    &["--data", "digits", "--device", "cpu", "--threads", "1", "--batch", "8", "--set", "width=2", "--set", "latents=4"];

/// Training after which images depend on their latents visibly, unlike those of a few steps.
pub const LIVELY: &[&str] = &["--steps", "40", "--set", "lr=0.02"];

/// A working folder of its own, with no caches of ours from elsewhere.
pub struct Place(TempDir);

/// How a command ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Place(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(crate::PROGRAM);
        command.args(args).current_dir(self.0.path()).env("XDG_CACHE_HOME", self.path("cache"));
        command.env_remove("RUST_LOG").env_remove("CALOTYPE_DATA");
        // The software driver's compiled shaders belong to nobody, and cost seconds.
        if let Some(cache) = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        {
            command.env("MESA_SHADER_CACHE_DIR", cache);
        }
        command
    }

    /// Starts a command and does not wait for it.
    pub fn begin(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().expect("it starts"))
    }

    /// Trains the tiny model in `runs/NAME`.
    pub fn train(&self, name: &str, more: &[&str]) -> PathBuf {
        let path = self.path(name);
        self.run(&[&["train", "dcgan", "--out", text(&path)], TINY, more].concat()).ok();
        path
    }

    /// Bytes of a run's checkpoint.
    pub fn checkpoint(&self, run: &str, step: u64) -> Vec<u8> {
        let path = self.path(run).join(format!("checkpoints/step-{step:07}.safetensors"));
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }
}

impl Ended {
    /// It did what it should: prints what it said otherwise.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// It refused with this code and one message that contains all of `says`, and nothing panicked.
    #[track_caller]
    pub fn refused(self, code: i32, says: &[&str]) -> Self {
        let message = &self.stderr;
        assert_eq!(self.code, Some(code), "{message}");
        let errors = message.lines().filter(|l| l.starts_with("error")).count();
        assert_eq!(errors, 1, "one message: {message}");
        assert!(!message.contains("panicked"), "{message}");
        for part in says {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
        self
    }
}

pub fn ended(output: Output) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Bytes are equal; says where they are not, without printing them all.
#[track_caller]
pub fn same(a: &[u8], b: &[u8]) {
    let at = a.iter().zip(b).position(|(a, b)| a != b);
    assert!(a == b, "{} and {} bytes, first different at {at:?}", a.len(), b.len());
}

/// Waits for a file whose bytes fulfil a condition; a process that ends before is a failure.
pub fn until(child: &mut Child, path: &Path, holds: impl Fn(&[u8]) -> bool) {
    let start = Instant::now();
    while !fs::read(path).is_ok_and(|bytes| holds(&bytes)) {
        if let Some(status) = child.try_wait().expect("it is known") {
            let mut text = String::new();
            child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
            panic!("it ended ({status}): {text}");
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{} did not come", path.display());
        thread::sleep(Duration::from_millis(2));
    }
}

/// Lines of a file.
pub fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&b| b == b'\n').count()
}

/// The newest checkpoint of a run.
pub fn newest(place: &Place, run: &str) -> Option<u64> {
    let entries = fs::read_dir(place.path(run).join("checkpoints")).ok()?;
    let step = |name: &str| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok();
    entries.filter_map(|e| step(e.ok()?.file_name().to_str()?)).max()
}
