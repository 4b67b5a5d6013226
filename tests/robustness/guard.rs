//! What a reader may not do: panic, take long, or take memory that its input does not account for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A case takes a few milliseconds; a loaded machine is not to be held against a reader.
const MOST_TIME: Duration = Duration::from_secs(5);
/// What takes longer is taken for endless.
const ENDLESS: Duration = Duration::from_secs(60);

/// Counts the bytes that are held, and remembers the most.
pub struct Counting;

static HELD: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);

fn add(n_bytes: isize) {
    let held = HELD.fetch_add(n_bytes, Relaxed) + n_bytes;
    MOST.fetch_max(held, Relaxed);
}

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// One case at a time, for memory is counted of the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the last panic was, and what it said.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Panics are remembered for the report of a case, not printed one by one.
pub fn remember_panics() {
    panic::set_hook(Box::new(|info| {
        // Of several threads the first one says why.
        let mut last = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_empty() {
            *last = info.to_string().replace('\n', " ");
        }
    }));
}

/// Calls `read`, and says which of the three it did. `most_bytes` may be held at once; `kept` is where the case lies, for whoever
/// has to end a reader that does not end.
pub fn watched<T>(kept: &Path, most_bytes: usize, read: impl FnOnce() -> T) -> Result<T, String> {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    let (begun, watch) = (Instant::now(), Watch::over(kept));
    let result = panic::catch_unwind(AssertUnwindSafe(read));
    let (took, most) = (begun.elapsed(), MOST.load(Relaxed) - before);
    drop(watch);
    match result {
        Err(_) => Err(format!("it panics: {}", PANIC.lock().unwrap_or_else(PoisonError::into_inner))),
        Ok(_) if took > MOST_TIME => Err(format!("it takes {:.1} s", took.as_secs_f64())),
        Ok(_) if most > most_bytes as isize => Err(format!("it holds {most} bytes, and {most_bytes} would do")),
        Ok(result) => Ok(result),
    }
}

/// Ends the process when a case does not end.
struct Watch(Arc<AtomicBool>);

impl Watch {
    fn over(kept: &Path) -> Self {
        static RUNNING: Mutex<Option<(Instant, PathBuf, Arc<AtomicBool>)>> = Mutex::new(None);
        static BEGUN: std::sync::Once = std::sync::Once::new();
        BEGUN.call_once(|| {
            thread::spawn(|| {
                loop {
                    thread::sleep(Duration::from_secs(1));
                    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    if let Some((begun, kept, over)) = running
                        && !over.load(Relaxed)
                        && begun.elapsed() > ENDLESS
                    {
                        eprintln!("error: a reader does not end: {}", kept.display());
                        std::process::abort();
                    }
                }
            });
        });
        let over = Arc::new(AtomicBool::new(false));
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), kept.to_owned(), Arc::clone(&over)));
        Watch(over)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
