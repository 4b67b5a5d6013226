//! Which tile a product is cut into: a function of its sizes and the adapter, so that equal runs are equal.

use calotype_graph::{DeviceKind, DeviceProfile};

/// A kernel's tile of the result, its depth, and the part of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub thread_m: usize,
    pub thread_n: usize,
}

impl Tile {
    #[cfg(test)]
    pub fn invocations(&self) -> usize {
        self.m / self.thread_m * (self.n / self.thread_n)
    }

    /// Bytes of workgroup memory.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        4 * self.k * (self.m + self.n)
    }
}

const fn tile(m: usize, n: usize, k: usize, thread_m: usize, thread_n: usize) -> Tile {
    Tile { m, n, k, thread_m, thread_n }
}

/// All tiles of the kernel that goes through workgroup memory; 16 KiB and 256 invocations suffice for each.
#[cfg(test)]
pub(crate) const TILES: [Tile; 5] = [LARGE, MEDIUM, SMALL, TALL, WIDE];
const LARGE: Tile = tile(128, 128, 16, 8, 8);
const MEDIUM: Tile = tile(64, 64, 32, 4, 4);
const SMALL: Tile = tile(32, 32, 16, 4, 4);
/// Few columns: the last layer of a generator, a critic's score.
const TALL: Tile = tile(128, 16, 8, 4, 4);
/// Few rows: a fully connected layer of a small batch.
const WIDE: Tile = tile(16, 128, 8, 4, 4);

/// How a product is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// Through workgroup memory.
    Tiled(Tile),
    /// In registers alone, for processors that only pretend to have workgroup memory.
    Direct(Tile),
}

impl Core {
    pub fn tile(&self) -> Tile {
        match *self {
            Core::Tiled(tile) | Core::Direct(tile) => tile,
        }
    }
}

/// The core for a result of z products [m, n].
pub(crate) fn choose(profile: &DeviceProfile, z: usize, m: usize, n: usize) -> Core {
    if profile.kind == DeviceKind::SoftwareGpu {
        return Core::Direct(direct(m, n));
    }
    if n <= 16 {
        return Core::Tiled(TALL);
    }
    if m <= 16 {
        return Core::Tiled(WIDE);
    }
    let enough = |t: &Tile| z * m.div_ceil(t.m) * n.div_ceil(t.n) >= profile.parallelism as usize;
    if m > 64 && n > 64 && enough(&LARGE) {
        Core::Tiled(LARGE)
    } else if m > 32 && n > 32 && enough(&MEDIUM) {
        Core::Tiled(MEDIUM)
    } else {
        Core::Tiled(SMALL)
    }
}

/// 8 x 8 results an invocation, fewer where there are fewer; 64 invocations, first along n, whose lanes then share rows.
/// Measured on lavapipe: 13 GFLOP/s, against 4 through workgroup memory.
fn direct(m: usize, n: usize) -> Tile {
    let part = |size: usize| if size <= 4 { 4 } else { 8 };
    let (thread_m, thread_n) = (part(m), part(n));
    let wg_n = n.div_ceil(thread_n).next_power_of_two().min(8);
    let wg_m = m.div_ceil(thread_m).next_power_of_two().min(64 / wg_n);
    tile(wg_m * thread_m, wg_n * thread_n, 4, thread_m, thread_n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fit_the_default_limits_and_their_fetches_fit_their_invocations() {
        for t in TILES {
            assert!(t.memory_bytes() <= 16 * 1024 && t.invocations() <= 256, "{t:?}");
            assert!((t.m + t.n) * t.k / 16 <= t.invocations(), "{t:?}");
            assert!([t.m, t.n, t.k].iter().all(|s| s % 4 == 0 && s.is_power_of_two()), "{t:?}");
        }
    }
}
