//! What this CPU can do at most, measured: multiply-adds in registers, and a copy of memory larger than its caches.

use std::hint::black_box;
use std::time::Instant;

use crate::fast::simd::Level;

/// The best of some tries; a roof is what can be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofs {
    /// Fused multiply-adds with the widest instructions on all threads, two operations each.
    pub flop_per_s: f64,
    /// Bytes read and bytes written by a copy on all threads.
    pub bytes_per_s: f64,
    /// Size of each of the copy's two buffers.
    pub copy_bytes: u64,
}

/// Chains of multiply-adds that do not wait for each other; they fill the registers of every level.
const CHAINS: usize = 12;
const COPY_BYTES: usize = 128 << 20;
const SAMPLES: usize = 25;
/// Work of a thread in a sample: some milliseconds, so that starting the threads is no part of it, and short enough that some
/// samples are left alone by whatever else runs.
const ROUNDS: usize = 2_000_000;
/// a = a · SCALE + SHIFT stays near 1.
const SCALE: f32 = 0.9999;
const SHIFT: f32 = 0.0001;

impl Roofs {
    /// Takes about a second. `threads` is at least 1.
    pub fn measure(level: Level, threads: usize) -> Roofs {
        let threads = threads.max(1);
        Roofs { flop_per_s: flop_per_s(level, threads), bytes_per_s: bytes_per_s(threads), copy_bytes: COPY_BYTES as u64 }
    }
}

fn lanes(level: Level) -> usize {
    match level {
        Level::Avx512 => 16,
        Level::Avx2 => 8,
        Level::Portable => 4,
    }
}

fn flop_per_s(level: Level, threads: usize) -> f64 {
    let flops = 2 * ROUNDS * CHAINS * lanes(level) * threads;
    let run = |_| {
        // SAFETY: callers detect the level, or choose one of those that the CPU has.
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512(ROUNDS) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2(ROUNDS) },
            _ => portable(ROUNDS),
        }
    };
    flops as f64 / best(|| on_threads((0..threads).collect(), run))
}

/// # Safety
/// The CPU has AVX-512 F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(rounds: usize) {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let (x, y) = (_mm512_set1_ps(black_box(SCALE)), _mm512_set1_ps(black_box(SHIFT)));
    let mut a = [x; CHAINS];
    for _ in 0..rounds {
        for a in &mut a {
            *a = _mm512_fmadd_ps(*a, x, y);
        }
    }
    black_box(a);
}

/// # Safety
/// The CPU has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(rounds: usize) {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    let (x, y) = (_mm256_set1_ps(black_box(SCALE)), _mm256_set1_ps(black_box(SHIFT)));
    let mut a = [x; CHAINS];
    for _ in 0..rounds {
        for a in &mut a {
            *a = _mm256_fmadd_ps(*a, x, y);
        }
    }
    black_box(a);
}

/// Multiplications and additions apart: without the instruction, `mul_add` is a call.
fn portable(rounds: usize) {
    let (x, y) = (black_box([SCALE; 4]), black_box([SHIFT; 4]));
    let mut a = [x; CHAINS];
    for _ in 0..rounds {
        for a in &mut a {
            *a = std::array::from_fn(|lane| a[lane] * x[lane] + y[lane]);
        }
    }
    black_box(a);
}

fn bytes_per_s(threads: usize) -> f64 {
    let n = COPY_BYTES / 4;
    let (from, mut to) = (vec![1.0f32; n], vec![0.0f32; n]);
    let part = n.div_ceil(threads);
    let seconds = best(|| {
        let pairs = from.chunks(part).zip(to.chunks_mut(part)).collect();
        on_threads(pairs, |(from, to): (&[f32], &mut [f32])| to.copy_from_slice(from));
    });
    black_box(&to);
    2.0 * COPY_BYTES as f64 / seconds
}

/// Each piece of work on a thread of its own.
fn on_threads<W: Send>(work: Vec<W>, run: impl Fn(W) + Sync) {
    std::thread::scope(|scope| {
        for piece in work {
            scope.spawn(|| run(piece));
        }
    });
}

fn best(mut run: impl FnMut()) -> f64 {
    run();
    let sample = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..SAMPLES).map(sample).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within what any machine of this century does: a chain that was optimised away would be far above.
    #[test]
    fn roofs_are_plausible_at_every_level() {
        for level in Level::available() {
            let flop_per_s = flop_per_s(level, 1);
            assert!((1e8..1e12).contains(&flop_per_s), "{level:?}: {flop_per_s:e}");
        }
        let bytes_per_s = bytes_per_s(1);
        assert!((1e8..1e12).contains(&bytes_per_s), "{bytes_per_s:e}");
    }
}
