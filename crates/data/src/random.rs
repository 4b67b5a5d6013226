//! Random numbers that are a pure function of their address: [`philox`] in its domain of data. Nothing here has state: a word
//! is found by (seed, stream, step, row, index), so that batches can be made in any order and by any thread.

use calotype_graph::philox::{self, Domain, philox, uniform};

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
    OtherOrder = 7,
    Crop = 8,
    Role = 9,
}

/// The words of one (seed, stream, step); `step` counts steps or epochs and is below 2^48.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    key: [u32; 2],
    step: u32,
    stream: u32,
}

impl Draws {
    pub(crate) fn new(seed: u64, stream: Stream, step: u64) -> Self {
        let stream = Domain::Data as u32 | (stream as u32) << 8 | ((step >> 32) as u32) << 16;
        Draws { key: philox::key(seed), step: step as u32, stream }
    }

    /// Four words: block `index` of `row`.
    pub(crate) fn block(&self, row: u32, index: u32) -> [u32; 4] {
        philox([index, row, self.step, self.stream], self.key)
    }

    /// Four uniforms, none of them 0 or 1.
    pub(crate) fn uniforms(&self, row: u32, index: u32) -> [f32; 4] {
        self.block(row, index).map(uniform)
    }

    /// Two independent N(0, 1), by Box and Muller in f64; by `libm`, which is the same everywhere, where a system's own differs in last
    /// bits. Not [`philox::normal`], made for devices and f32: data made so have other bits, and hashes that runs know.
    pub(crate) fn normals(&self, row: u32, index: u32) -> [f64; 2] {
        let [a, b, ..] = self.block(row, index).map(|x| (f64::from(x) + 0.5) / 4_294_967_296.0);
        let (radius, angle) = ((-2.0 * libm::log(a)).sqrt(), std::f64::consts::TAU * b);
        [radius * libm::cos(angle), radius * libm::sin(angle)]
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

/// The seed of a run's n-th data set, from 0: its own order, flips and cuts. That of the first is the run's.
pub fn seed_of(seed: u64, nth: u32) -> u64 {
    let [low, high, ..] = Draws::new(seed, Stream::Role, 0).block(nth, 0);
    if nth == 0 { seed } else { u64::from(high) << 32 | u64::from(low) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
