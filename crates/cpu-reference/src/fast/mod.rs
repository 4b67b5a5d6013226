//! The kernels that users train with, in f32.

pub mod block;
pub mod columns;
pub mod epilogue;
pub mod execute;
pub mod gemm;
pub mod hidden;
pub mod math;
pub mod microkernel;
pub mod pack;
pub mod patches;
pub mod program;
pub mod recurrent;
pub mod simd;
pub mod split;
pub mod vector;

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::memory::Buffer;
use gemm::Shared;
use simd::Level;

/// Elements of memory that all threads share: the packed operand of a product.
const SHARED: usize = 4 << 20;
/// Elements of memory of each thread: panels, registers of expressions, tiles of images.
pub const OWN: usize = 256 << 10;
/// Units of work (multiply-adds, or elements moved times some) below which a second thread costs more than it gives.
const WORTH_A_THREAD: usize = 1 << 16;

/// What the fast kernels work with: instructions, threads, scratch memory.
pub struct Context {
    pub level: Level,
    pub threads: usize,
    pool: Option<rayon::ThreadPool>,
    shared: Mutex<Buffer<f32>>,
    own: Vec<Mutex<Buffer<f32>>>,
}

impl Context {
    /// With threads of its own.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn new(level: Level, threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = threads.max(1);
        let name = |n: usize| format!("calotype-cpu-{n}");
        let build = || rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build();
        let pool = if threads > 1 { Some(build()?) } else { None };
        let own = (0..threads).map(|_| Mutex::new(Buffer::new(OWN))).collect();
        Ok(Context { level, threads, pool, shared: Mutex::new(Buffer::new(SHARED)), own })
    }

    /// Bytes of scratch memory.
    pub fn scratch_bytes(threads: usize) -> u64 {
        4 * (SHARED + threads.max(1) * OWN) as u64
    }

    /// Runs `f` where [`Context::parallel`] finds the threads awake.
    pub fn enter(&self, f: impl FnOnce() + Send) {
        match &self.pool {
            Some(pool) => pool.install(f),
            None => f(),
        }
    }

    /// All threads.
    pub fn all(&self) -> Lane<'_> {
        Lane { cx: self, threads: self.threads }
    }

    /// The calling thread alone.
    pub fn one(&self) -> Lane<'_> {
        Lane { cx: self, threads: 1 }
    }

    /// Cuts `y` into parts of `step` elements and calls `f(n, part n)`, on several threads if there is enough `work`.
    pub fn parts(&self, y: &mut [f32], step: usize, work: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
        let (len, step, out) = (y.len(), step.max(1), Shared(y.as_mut_ptr()));
        self.all().parallel(len.div_ceil(step), work, |n| {
            let range = n * step..len.min((n + 1) * step);
            // SAFETY: tasks have different elements of `y`, which is borrowed exclusively.
            f(n, unsafe { std::slice::from_raw_parts_mut(out.get().add(range.start), range.len()) });
        });
    }

    /// This thread's scratch memory. Not to be taken twice at once.
    pub fn scratch(&self) -> Scratch<'_> {
        let n = self.pool.as_ref().and_then(rayon::ThreadPool::current_thread_index).unwrap_or(0);
        Scratch(self.own[n].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The shared scratch memory, for one product at a time.
    pub fn packed(&self) -> Scratch<'_> {
        Scratch(self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The threads that a kernel may use.
#[derive(Clone, Copy)]
pub struct Lane<'a> {
    pub cx: &'a Context,
    pub threads: usize,
}

impl Lane<'_> {
    /// Whether so much work is worth a second thread.
    pub fn shares(&self, work: usize) -> bool {
        self.cx.pool.is_some() && self.threads > 1 && work >= WORTH_A_THREAD
    }

    /// `f(0)`, …, `f(tasks - 1)`, on several threads if there is enough `work`.
    pub fn parallel(&self, tasks: usize, work: usize, f: impl Fn(usize) + Sync) {
        match &self.cx.pool {
            Some(pool) if tasks > 1 && self.shares(work) => {
                let all = || (0..tasks).into_par_iter().with_max_len(1).for_each(&f);
                if pool.current_thread_index().is_some() { all() } else { pool.install(all) }
            }
            _ => (0..tasks).for_each(f),
        }
    }
}

/// Scratch memory, locked.
pub struct Scratch<'a>(MutexGuard<'a, Buffer<f32>>);

impl std::ops::Deref for Scratch<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.0.as_slice()
    }
}

impl std::ops::DerefMut for Scratch<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.0.as_mut_slice()
    }
}
