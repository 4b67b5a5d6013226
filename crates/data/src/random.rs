//! Random numbers that are a pure function of their address: Philox 4x32-10.
//!
//! Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". Nothing here has state: a word is found by
//! (seed, stream, step, row, index), so that batches can be made in any order and by any thread.

/// What a draw is for. Streams never share words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stream {
    EpochOrder = 1,
    Flip = 2,
    BinariseFixed = 3,
    BinariseDynamic = 4,
    Toy = 5,
    Shapes = 6,
}

/// Philox 4x32-10: one block of four words.
pub(crate) fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let p0 = u64::from(c0) * 0xD251_1F53;
        let p1 = u64::from(c2) * 0xCD9E_8D57;
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    [c0, c1, c2, c3]
}

/// The words of one (seed, stream, step); `step` counts steps or epochs and is below 2^56.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    key: [u32; 2],
    step: u32,
    stream: u32,
}

impl Draws {
    pub(crate) fn new(seed: u64, stream: Stream, step: u64) -> Self {
        Draws { key: [seed as u32, (seed >> 32) as u32], step: step as u32, stream: (stream as u32) | ((step >> 32) as u32) << 8 }
    }

    /// Four words: block `index` of `row`.
    pub(crate) fn block(&self, row: u32, index: u32) -> [u32; 4] {
        philox([index, row, self.step, self.stream], self.key)
    }

    /// Four uniforms, none of them 0 or 1.
    pub(crate) fn uniforms(&self, row: u32, index: u32) -> [f32; 4] {
        self.block(row, index).map(uniform)
    }

    /// Two independent N(0, 1), by Box and Muller in f64.
    pub(crate) fn normals(&self, row: u32, index: u32) -> [f64; 2] {
        let [a, b, ..] = self.block(row, index).map(|x| (f64::from(x) + 0.5) / 4_294_967_296.0);
        let (radius, angle) = ((-2.0 * a.ln()).sqrt(), std::f64::consts::TAU * b);
        [radius * angle.cos(), radius * angle.sin()]
    }

    /// `0..n` in random order: Fisher and Yates, from the last place down. Bias is below n / 2^64.
    pub(crate) fn permutation(&self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        for i in (1..n).rev() {
            let [a, b, c, d] = self.block(0, i / 2);
            let word = if i % 2 == 0 { u64::from(a) << 32 | u64::from(b) } else { u64::from(c) << 32 | u64::from(d) };
            let j = (u128::from(word) * (u128::from(i) + 1)) >> 64;
            order.swap(i as usize, j as usize);
        }
        order
    }
}

/// (x >> 9 + 1/2) 2^-23: in (0, 1), never an end.
pub(crate) fn uniform(x: u32) -> f32 {
    ((x >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 library (kat_vectors, philox4x32 10).
    #[test]
    fn philox_gives_the_published_vectors() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn uniforms_never_reach_their_ends() {
        assert!(uniform(0) > 0.0 && uniform(u32::MAX) < 1.0);
    }

    #[test]
    fn every_place_gets_every_value_about_equally_often() {
        let mut seen = [[0_u32; 5]; 5];
        for epoch in 0..5_000 {
            let order = Draws::new(3, Stream::EpochOrder, epoch).permutation(5);
            order.iter().enumerate().for_each(|(place, &v)| seen[place][v as usize] += 1);
        }
        // 1,000 expected, deviation 28.
        assert!(seen.iter().flatten().all(|&n| (850..1150).contains(&n)), "{seen:?}");
    }

    #[test]
    fn normals_have_mean_0_and_deviation_1() {
        let draws = Draws::new(1, Stream::Toy, 0);
        let z: Vec<f64> = (0..20_000).flat_map(|row| draws.normals(row, 0)).collect();
        let mean = z.iter().sum::<f64>() / z.len() as f64;
        let variance = z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn steps_above_32_bits_differ() {
        let at = |step| Draws::new(1, Stream::Flip, step).block(0, 0);
        assert_ne!(at(5), at(5 + (1 << 32)));
    }
}
