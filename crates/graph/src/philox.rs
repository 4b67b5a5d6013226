//! Philox 4x32-10: Salmon, Moraes, Dror, Shaw 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", §3.3.
//!
//! Every backend draws the same words. The counter is (block, stream, step, domain), the key is the seed; one block
//! gives four words, so element `i` of a tensor is word `i % 4` of block `i / 4`.

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds on one counter.
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut c = counter;
    let mut k = key;
    for round in 0..10 {
        if round > 0 {
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c[0]);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c[2]);
        c = [(p1 >> 32) as u32 ^ c[1] ^ k[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k[1], p0 as u32];
    }
    c
}

/// The key of a 64-bit seed: low word first.
pub fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// The stream of a scoped name (32-bit FNV-1a): a draw depends on the name, not on where fusion put the node.
pub fn stream(name: &str) -> u32 {
    name.bytes().fold(0x811C_9DC5, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// Uniform in (0, 1), never 0 or 1: 23 bits, centred in their cells.
pub fn uniform(word: u32) -> f32 {
    ((word >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0)
}

/// Standard normal from a uniform in (0, 1): √2 erf⁻¹(2u - 1) by the polynomials of Giles 2010, "Approximating the erfinv
/// function", table 1, made for f32: off by less than 1e-6 for all 2^23 uniforms, where Acklam's rational form loses five
/// digits to cancellation. Needs only `sqrt` and `log`, unlike Box-Muller, whose `sin` and `cos` differ by 2e-4 between
/// drivers.
pub fn normal(u: f32) -> f32 {
    const CENTRE: [f32; 9] = [
        2.810_226_4e-8,
        3.432_739_4e-7,
        -3.523_387_7e-6,
        -4.391_506_5e-6,
        0.000_218_580_87,
        -0.001_253_725,
        -0.004_177_681_6,
        0.246_640_73,
        1.501_409_4,
    ];
    const TAIL: [f32; 9] = [
        -0.000_200_214_26,
        0.000_100_950_56,
        0.001_349_343_2,
        -0.003_673_428_4,
        0.005_739_507_7,
        -0.007_622_461_3,
        0.009_438_870_5,
        1.001_674,
        2.832_976_8,
    ];
    let x = 2.0 * u - 1.0; // exact, as are 1 - x and 1 + x
    let w = -((1.0 - x) * (1.0 + x)).ln();
    let horner = |c: [f32; 9], t: f32| c.into_iter().fold(0.0, |p, c| p * t + c);
    let p = if w < 5.0 { horner(CENTRE, w - 2.5) } else { horner(TAIL, w.sqrt() - 3.0) };
    p * x * std::f32::consts::SQRT_2
}

/// Which numbers of a seed: `domain` keeps host draws (initial weights, latents, shuffles) apart from the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Domain {
    /// Random nodes of a graph, by step.
    Graph = 0,
    /// Initial values of parameters.
    Init = 1,
    /// Latents drawn for sampling.
    Latent = 2,
    /// Shuffles and augmentation.
    Data = 3,
    /// Anything that a test draws, and `verify`, which is one on the user's own weights.
    Test = 4,
}

/// A sequence of random words on the host.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    stream: u32,
    step: u32,
    domain: Domain,
    next: u64,
    block: [u32; 4],
}

impl Stream {
    pub fn new(seed: u64, domain: Domain, name: &str, step: u32) -> Self {
        Stream { key: key(seed), stream: stream(name), step, domain, next: 0, block: [0; 4] }
    }

    pub fn word(&mut self) -> u32 {
        let lane = (self.next % 4) as usize;
        if lane == 0 {
            let counter = [(self.next / 4) as u32, self.stream, self.step, self.domain as u32];
            self.block = philox(counter, self.key);
        }
        self.next += 1;
        self.block[lane]
    }

    /// Uniform in (0, 1).
    pub fn uniform(&mut self) -> f32 {
        uniform(self.word())
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f32 {
        normal(self.uniform())
    }

    /// Uniform in 0..n by Lemire's multiplication with rejection: unbiased. `n` is at least 1.
    pub fn below(&mut self, n: u32) -> u32 {
        loop {
            let m = u64::from(self.word()) * u64::from(n);
            if m as u32 >= n.wrapping_neg() % n {
                return (m >> 32) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the Random123 library (kat_vectors, philox 4x32, 10 rounds).
    #[test]
    fn philox_gives_the_published_words() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn uniforms_stay_inside_and_normals_are_finite() {
        for word in [0, 1, 511, 512, u32::MAX - 512, u32::MAX] {
            let u = uniform(word);
            assert!(u > 0.0 && u < 1.0, "{word} gave {u}");
            assert!(normal(u).is_finite());
        }
        assert_eq!(normal(0.5), 0.0);
        // Quantiles of the normal distribution, at uniforms that f32 holds.
        for (u, z) in [(0.976_562_5, 1.987_428), (0.031_25, -1.862_731_9), (0.001_953_125, -2.885_635), (0.75, 0.674_489_75)] {
            assert!((normal(u) - z).abs() < 1e-6, "{u} gave {}", normal(u));
        }
    }

    #[test]
    fn below_is_unbiased_within_chance() {
        let mut s = Stream::new(7, Domain::Test, "below", 0);
        let mut counts = [0u32; 3];
        for _ in 0..30_000 {
            counts[s.below(3) as usize] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 20.0, "{counts:?}"); // two degrees of freedom: p = 5e-5
    }
}
