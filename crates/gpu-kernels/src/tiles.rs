//! Tiles that were measured on an adapter, ahead of the rule of `tuning`: equal tables give equal tiles, and so equal bits.

use std::fmt;
use std::ops::Deref;

use calotype_graph::{DeviceError, DeviceProfile};

use crate::tuning::{Core, Way, choose};

/// Sizes of a product y[z, m, n] = Σ_k a[z, m, k] b[z, k, n] as a kernel sees it: a convolution is one too, and z counts the parts
/// of a long sum as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProductShape {
    pub z: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

/// How products are carried out that were measured, in the order in which they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileTable(Vec<(ProductShape, Way)>);

/// How many times larger or smaller a size may be than a measured one, to be carried out the same way, as a power of 2.
const NEAR: f64 = 1.0;

impl TileTable {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Ways in which a product of this shape may be carried out, by name.
    #[cfg(test)]
    pub(crate) fn candidates(shape: ProductShape) -> Vec<&'static str> {
        Way::ALL.into_iter().filter(|w| w.suits(shape.z, shape.m, shape.n)).map(Way::name).collect()
    }

    /// Says how products of a shape are carried out.
    ///
    /// # Errors
    /// No way has this name.
    pub fn set(&mut self, shape: ProductShape, way: &str) -> Result<(), DeviceError> {
        let known = || Way::ALL.map(Way::name).join(", ");
        let way = Way::ALL.into_iter().find(|w| w.name() == way);
        let way = way.ok_or_else(|| DeviceError::Other(format!("tiles: a product is carried out as one of {}", known())))?;
        self.0.retain(|(s, _)| *s != shape);
        self.0.push((shape, way));
        Ok(())
    }

    /// What [`TileTable`]'s `Display` has written: a line `z m n k way` for each shape; lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// A line that is none.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        let mut table = TileTable::default();
        for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let sizes: Option<Vec<usize>> = words.iter().take(4).map(|w| w.parse().ok().filter(|&n| n > 0)).collect();
            let (Some([z, m, n, k]), [_, _, _, _, way]) = (sizes.as_deref(), &words[..]) else {
                return Err(DeviceError::Other(format!("tiles: expected `z m n k way`, got `{line}`")));
            };
            table.set(ProductShape { z: *z, m: *m, n: *n, k: *k }, way)?;
        }
        Ok(table)
    }

    /// Tells tables apart: FNV-1a of the text.
    pub fn digest(&self) -> u32 {
        self.to_string().bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }

    /// The way of the measured shape that is nearest, if one is near.
    fn near(&self, shape: ProductShape) -> Option<Way> {
        let mut best: Option<(f64, Way)> = None;
        for (known, way) in &self.0 {
            let distance = apart(*known, shape);
            if let Some(distance) = distance
                && best.is_none_or(|(d, _)| distance < d)
            {
                best = Some((distance, *way));
            }
        }
        best.map(|(_, way)| way)
    }
}

/// Sum of the doublings between two shapes; `None` where a size is too far from the other.
fn apart(a: ProductShape, b: ProductShape) -> Option<f64> {
    let doublings = |a: usize, b: usize| (a.max(1) as f64 / b.max(1) as f64).log2().abs();
    let each = [doublings(a.z * a.m, b.z * b.m), doublings(a.n, b.n), doublings(a.k, b.k)];
    each.iter().all(|&d| d <= NEAR).then(|| each.iter().sum())
}

impl fmt::Display for TileTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(s, way)| writeln!(f, "{} {} {} {} {}", s.z, s.m, s.n, s.k, way.name()))
    }
}

/// What lowering needs to know of a device: its profile, and the tiles measured on it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub profile: DeviceProfile,
    pub tiles: TileTable,
    /// Size of the subgroups that share matrix units, where these are used.
    pub units: Option<u32>,
}

impl Target {
    /// With the rule's tiles alone.
    pub fn new(profile: DeviceProfile) -> Self {
        Target { profile, tiles: TileTable::default(), units: None }
    }

    /// The core for a product.
    pub fn core(&self, shape: ProductShape) -> Core {
        let ProductShape { z, m, n, k } = shape;
        if let Some(subgroup) = self.units
            && Core::suits_units(m, n)
        {
            return Core::Cooperative { subgroup };
        }
        let measured = self.tiles.near(shape).map(|way| way.core(m, n));
        measured.unwrap_or_else(|| choose(&self.profile, z, m, n, k))
    }
}

impl Target {
    /// Candidates that differ from what the rule chooses.
    pub fn other_ways(&self, shape: ProductShape) -> Vec<&'static str> {
        let ProductShape { z, m, n, k } = shape;
        let rule = choose(&self.profile, z, m, n, k);
        Way::ALL.into_iter().filter(|w| w.suits(z, m, n) && w.core(m, n) != rule).map(Way::name).collect()
    }
}

impl Deref for Target {
    type Target = DeviceProfile;

    fn deref(&self) -> &DeviceProfile {
        &self.profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(z: usize, m: usize, n: usize, k: usize) -> ProductShape {
        ProductShape { z, m, n, k }
    }

    #[test]
    fn a_table_survives_its_text() {
        let mut table = TileTable::default();
        table.set(shape(1, 1024, 1024, 1024), "medium").expect("a way");
        table.set(shape(4, 64, 3, 256), "tall").expect("a way");
        table.set(shape(1, 1024, 1024, 1024), "large").expect("a way");
        let text = table.to_string();
        assert_eq!(text, "4 64 3 256 tall\n1 1024 1024 1024 large\n");
        let again = TileTable::parse(&format!("# tiles\n\n{text}")).expect("it parses");
        assert_eq!((again.digest(), &again), (table.digest(), &table));
        assert_ne!(table.digest(), TileTable::default().digest());
        for wrong in ["1 2 3 large", "1 2 3 4 huge", "0 2 3 4 large", "1 2 3 4 large x", "1 2 3 -4 large"] {
            assert!(TileTable::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_measured_shape_decides_and_far_ones_do_not() {
        let mut table = TileTable::default();
        table.set(shape(1, 1024, 1024, 1024), "large").expect("a way");
        table.set(shape(1, 512, 512, 512), "small").expect("a way");
        let near = |s| table.near(s).map(Way::name);
        assert_eq!(near(shape(1, 1024, 1024, 1024)), Some("large"));
        assert_eq!(near(shape(1, 600, 512, 512)), Some("small"));
        assert_eq!(near(shape(1, 1500, 1024, 1024)), Some("large"));
        assert_eq!(near(shape(1, 1024, 1024, 4096)), None);
        assert_eq!(near(shape(1, 1024, 16, 1024)), None);
    }

    #[test]
    fn every_shape_has_candidates_that_can_be_set() {
        for s in [shape(1, 1, 1, 1), shape(1, 4096, 4096, 4096), shape(4, 65536, 3, 256), shape(1, 64, 1, 8192)] {
            let candidates = TileTable::candidates(s);
            assert!(candidates.len() > 1, "{s:?}");
            candidates.iter().for_each(|way| TileTable::default().set(s, way).expect("a way"));
        }
    }
}
