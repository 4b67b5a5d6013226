//! The loop: what was found before is read again, then valid inputs are damaged for as long as there is time. What a reader does
//! wrong is kept in `corpus/`, to be read again ever after.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use calotype_data::plain_message;

use crate::content::{Content, Files, damaged, put};
use crate::guard;
use crate::mutate::Random;

/// Something that reads what lies in a folder.
pub struct Reader {
    pub name: &'static str,
    /// Valid inputs.
    pub seeds: fn() -> Vec<Files>,
    /// Reads one; what it says of an invalid one. What is read and makes no sense is a panic.
    pub read: fn(&Path) -> Result<(), String>,
    /// Bytes that it may hold at once, of so many bytes of input.
    pub most_bytes: fn(usize) -> usize,
}

/// Then a run is ended: there is enough to do.
const MOST_FOUND: usize = 8;

/// Where the case of a reader lies while it is read; a reader that ends the process leaves it there.
pub fn place(reader: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("robustness-{}", std::process::id())).join(reader)
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("robustness/corpus")
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

impl Reader {
    /// Reads what was found before, what is valid, and damaged inputs for a second, or `CALOTYPE_FUZZ_SECONDS`. Of one
    /// `CALOTYPE_FUZZ_SEED` (0) case n is always the same.
    pub fn fuzz(&self) {
        let _alone = guard::alone();
        let (seconds, seed) = (setting("CALOTYPE_FUZZ_SECONDS", 1), setting("CALOTYPE_FUZZ_SEED", 0));
        let place = place(self.name);
        let mut found = vec![];
        for (name, files) in self.kept() {
            found.extend(self.try_one(&files, &place).err().map(|wrong| format!("{name}: {wrong}")));
        }
        let seeds = (self.seeds)();
        for (n, files) in seeds.iter().enumerate() {
            match self.try_one(files, &place) {
                Ok(None) => {}
                Ok(Some(refused)) => found.push(format!("valid input {n} is refused: {refused}")),
                Err(wrong) => found.push(format!("valid input {n}: {wrong}")),
            }
        }
        let (begun, mut case, mut n_read) = (Instant::now(), 0, 0);
        while begun.elapsed() < Duration::from_secs(seconds) && found.len() < MOST_FOUND {
            let mut random = Random::new(seed, self.name, case);
            let files = damaged(&seeds[random.below(seeds.len())], &mut random);
            match self.try_one(&files, &place) {
                Ok(refused) => n_read += u32::from(refused.is_none()),
                Err(wrong) => {
                    let kept = self.keep(&files);
                    found.push(format!("case {case} of seed {seed}, kept as {}: {wrong}", kept.display()));
                }
            }
            case += 1;
        }
        let _ = fs::remove_dir_all(&place);
        // With the last one the folder of all goes.
        let _ = place.parent().map(fs::remove_dir);
        assert!(found.is_empty(), "{} inputs:\n{}", found.len(), found.join("\n"));
        eprintln!("{}: {case} damaged inputs, of which {n_read} could be read", self.name);
        assert!(case < 50 || n_read > 0, "of {case} damaged inputs none could be read");
    }

    /// Why a case is refused, if it is. Errors: what the reader does wrong.
    fn try_one(&self, files: &Files, place: &Path) -> Result<Option<String>, String> {
        let _ = fs::remove_dir_all(place);
        fs::create_dir_all(place).expect("a folder");
        let n_bytes = put(files, place);
        match guard::watched(place, (self.most_bytes)(n_bytes), || (self.read)(place))? {
            Ok(()) => Ok(None),
            Err(message) => {
                // As it is printed.
                let message = plain_message(&message).into_owned();
                let names = files.keys().map(|name| name.rsplit('/').next().unwrap_or(name));
                // An archive's entry has the name that it has there, which may be damaged.
                let entry = names.clone().any(|name| name.contains(".zip") || name.contains(".tar")) && message.contains(": ");
                let named = entry || message.contains(self.name) || names.into_iter().any(|name| message.contains(name));
                if named { Ok(Some(message)) } else { Err(format!("its message names no file: {message}")) }
            }
        }
    }

    /// Writes a case where it will be read again.
    fn keep(&self, files: &Files) -> PathBuf {
        let all = files.iter().flat_map(|(name, content)| [name.clone().into_bytes(), content.bytes()].concat());
        let name = all.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let folder = corpus().join(self.name).join(format!("{name:016x}"));
        put(files, &folder);
        folder
    }

    /// What was found before.
    fn kept(&self) -> Vec<(String, Files)> {
        let Ok(cases) = fs::read_dir(corpus().join(self.name)) else { return vec![] };
        let mut cases: Vec<PathBuf> = cases.map(|case| case.expect("a case").path()).collect();
        cases.sort();
        let of = |case: PathBuf| {
            let mut files = Files::new();
            gather(&case, "", &mut files);
            (case.display().to_string(), files)
        };
        cases.into_iter().map(of).collect()
    }
}

/// The files below a folder.
fn gather(folder: &Path, below: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = format!("{below}{}", path.file_name().expect("a name").to_string_lossy());
        match path.is_dir() {
            true => gather(&path, &format!("{name}/"), files),
            false => drop(files.insert(name, Content::Plain(fs::read(&path).expect("a file")))),
        }
    }
}
