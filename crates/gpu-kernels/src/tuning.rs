//! Which tile a product is cut into: a function of its sizes and the adapter, so that equal runs are equal.

use calotype_graph::{DeviceKind, DeviceProfile};

/// Version of the table below: raised whenever another tile may be chosen, since that may change last bits. A run keeps it.
pub const TILE_TABLE: u32 = 3;

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
    /// Few results with long sums: lanes share a sum.
    Dot(Tile),
    /// In registers alone, for processors that only pretend to have workgroup memory.
    Direct(Tile),
    /// The same, without arrays: for drivers that do not unroll loops.
    Named(Tile),
    /// The same for large products, with more results an invocation: slower to compile, faster to run.
    Broad(Tile),
    /// On matrix units, in mixed precision: four subgroups of this size.
    Cooperative { subgroup: u32 },
}

impl Core {
    /// Whether results [m, n] fill the tiles of matrix units well enough.
    pub fn suits_units(m: usize, n: usize) -> bool {
        m > UNITS.m / 4 && n > UNITS.n / 4
    }

    pub fn tile(&self) -> Tile {
        match *self {
            Core::Cooperative { .. } => UNITS,
            Core::Tiled(tile) | Core::Dot(tile) | Core::Direct(tile) | Core::Named(tile) | Core::Broad(tile) => tile,
        }
    }
}

/// The ways to carry out a product, by the names that a [`TileTable`](crate::TileTable) keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Large,
    Medium,
    Small,
    Tall,
    Wide,
    Dot,
    Direct,
    Named,
    Broad,
}

impl Way {
    pub const ALL: [Way; 9] =
        [Way::Large, Way::Medium, Way::Small, Way::Tall, Way::Wide, Way::Dot, Way::Direct, Way::Named, Way::Broad];

    pub fn name(self) -> &'static str {
        match self {
            Way::Large => "large",
            Way::Medium => "medium",
            Way::Small => "small",
            Way::Tall => "tall",
            Way::Wide => "wide",
            Way::Dot => "dot",
            Way::Direct => "direct",
            Way::Named => "named",
            Way::Broad => "broad",
        }
    }

    /// The core for results [m, n].
    pub fn core(self, m: usize, n: usize) -> Core {
        match self {
            Way::Large => Core::Tiled(LARGE),
            Way::Medium => Core::Tiled(MEDIUM),
            Way::Small => Core::Tiled(SMALL),
            Way::Tall => Core::Tiled(TALL),
            Way::Wide => Core::Tiled(WIDE),
            Way::Dot => Core::Dot(DOT),
            Way::Direct => Core::Direct(direct(m, n)),
            Way::Named => Core::Named(direct(m, n)),
            Way::Broad => Core::Broad(broad(m, n)),
        }
    }

    /// Whether it is worth a try: not where most of a tile would be empty, nor where sums would be shared by the million.
    pub fn suits(self, z: usize, m: usize, n: usize) -> bool {
        match self {
            Way::Large => m > 64 && n > 64,
            Way::Medium => m > 32 && n > 32,
            Way::Tall => n <= 64,
            Way::Wide => m <= 64,
            Way::Dot => z * m.div_ceil(DOT.m) * n.div_ceil(DOT.n) <= 1 << 14,
            Way::Broad => m > 8 && n > 8,
            Way::Small | Way::Direct | Way::Named => true,
        }
    }
}

/// Of matrix units: a quarter a subgroup.
const UNITS: Tile = tile(64, 64, 32, 4, 4);
const DOT: Tile = tile(4, 4, 4, 4, 4);
/// Sums from which lanes share them.
const LONG_SUM: usize = 512;

/// Multiplications from which a kernel that takes a second longer to compile is worth it: in some hundred steps.
const LARGE_PRODUCT: usize = 1 << 24;

/// The core for a result of z products [m, n] over k.
pub(crate) fn choose(profile: &DeviceProfile, z: usize, m: usize, n: usize, k: usize) -> Core {
    if profile.kind == DeviceKind::SoftwareGpu {
        return match profile.name.contains("SwiftShader") {
            true if z * m * n * k >= LARGE_PRODUCT && Way::Broad.suits(z, m, n) => Core::Broad(broad(m, n)),
            true => Core::Named(direct(m, n)),
            false => Core::Direct(direct(m, n)),
        };
    }
    // With so few tiles most of the device would idle through a long sum.
    if k >= LONG_SUM && 8 * z * m.div_ceil(SMALL.m) * n.div_ceil(SMALL.n) <= profile.parallelism as usize {
        return Core::Dot(DOT);
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

/// 16 x 16 results an invocation, 16 invocations.
fn broad(m: usize, n: usize) -> Tile {
    let wg_n = n.div_ceil(16).next_power_of_two().min(4);
    let wg_m = m.div_ceil(16).next_power_of_two().min(16 / wg_n);
    tile(wg_m * 16, wg_n * 16, 4, 16, 16)
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

    #[test]
    fn the_choice_follows_shape_and_device() {
        let profile = |kind, parallelism| DeviceProfile {
            name: String::new(),
            kind,
            driver: String::new(),
            alignment_bytes: 256,
            max_binding_bytes: 1 << 30,
            max_buffer_bytes: 1 << 30,
            memory_bytes: None,
            parallelism,
            fixed_bytes: 0,
            step_bytes: 0,
            staging_copies: 0,
            guard_bands: false,
            precision: calotype_graph::Precision::Full,
        };
        let gpu = profile(DeviceKind::DiscreteGpu, 256);
        assert_eq!(choose(&gpu, 1, 4096, 4096, 4096), Core::Tiled(LARGE));
        assert_eq!(choose(&gpu, 1, 1024, 1024, 1024), Core::Tiled(MEDIUM));
        assert_eq!(choose(&gpu, 1, 256, 256, 256), Core::Tiled(SMALL));
        assert_eq!(choose(&gpu, 4, 65536, 3, 256), Core::Tiled(TALL));
        assert_eq!(choose(&gpu, 1, 16, 8192, 100), Core::Tiled(WIDE));
        assert_eq!(choose(&gpu, 1, 64, 1, 8192), Core::Dot(DOT));
        let software = profile(DeviceKind::SoftwareGpu, 16);
        assert_eq!(choose(&software, 1, 1024, 1024, 1024), Core::Direct(tile(64, 64, 4, 8, 8)));
        assert_eq!(choose(&software, 1, 1024, 3, 64), Core::Direct(tile(512, 4, 4, 8, 4)));
        let second = DeviceProfile { name: "SwiftShader Device (Subzero)".to_owned(), ..software };
        assert_eq!(choose(&second, 1, 1024, 1024, 1024), Core::Broad(tile(64, 64, 4, 16, 16)));
        assert_eq!(choose(&second, 1, 1024, 3, 1 << 20), Core::Named(tile(512, 4, 4, 8, 4)));
        assert_eq!(choose(&second, 1, 128, 128, 128), Core::Named(tile(64, 64, 4, 8, 8)));
    }
}
