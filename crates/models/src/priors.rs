//! Priors of auto-encoders: distributions that codes are made to follow, drawn on the device while a model learns and on the host for
//! samples.

use std::f32::consts::{PI, TAU};
use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::philox::Stream;
use calotype_graph::{Dtype, HostTensor, Init, Scope, Tensor, Type};

use crate::table::Table;

/// A distribution of codes [Z].
#[derive(Clone, Debug, PartialEq)]
pub enum Prior {
    /// Independent N(0, deviation²), of any width.
    Gaussian { deviation: f32 },
    /// Ten Gaussians in two dimensions, each as likely, like petals: means at angles 2πk/10 on a circle of radius 2, deviation 0.4
    /// outwards and 0.1 along the circle. After Makhzani et al. 2015, arXiv:1511.05644, figures 2 and 3.
    Ring,
    /// The spiral (t cos t, t sin t) / 7, t uniform in 1.5π to 4.5π, plus N(0, 0.05²): as the data set `swiss-roll`. Its components are
    /// the tenths of t.
    SwissRoll,
    /// Rows of a table, each as likely.
    Samples(Arc<Table>),
}

/// Components of [`Prior::Ring`] and [`Prior::SwissRoll`].
pub const N_COMPONENTS: usize = 10;

const RADIUS: f32 = 2.0;
const OUTWARDS: f32 = 0.4;
const ALONG: f32 = 0.1;

/// t of the spiral: where it begins, and how long it is.
const FIRST: f32 = 1.5 * PI;
const LENGTH: f32 = 3.0 * PI;
const SHRINK: f32 = 1.0 / 7.0;
const BLUR: f32 = 0.05;

/// Rows of [`Prior::Samples`] at most: a uniform of 23 bits tells them apart.
pub const MOST_SAMPLES: usize = 1 << 22;

impl Prior {
    /// Z, where it is of one width only.
    pub fn width(&self) -> Option<usize> {
        match self {
            Prior::Gaussian { .. } => None,
            Prior::Ring | Prior::SwissRoll => Some(2),
            Prior::Samples(table) => Some(table.width()),
        }
    }

    /// Parts that can be drawn from by number; 0 where it has none.
    pub fn n_components(&self) -> usize {
        match self {
            Prior::Ring | Prior::SwissRoll => N_COMPONENTS,
            Prior::Gaussian { .. } | Prior::Samples(_) => 0,
        }
    }

    /// From where to where the `n`th number goes: ±3 deviations, or what the others fill.
    pub fn range(&self, n: usize) -> (f32, f32) {
        match self {
            Prior::Gaussian { deviation } => (-3.0 * deviation, 3.0 * deviation),
            Prior::Ring => (-RADIUS - 2.0 * OUTWARDS, RADIUS + 2.0 * OUTWARDS),
            Prior::SwissRoll => (-SHRINK * (FIRST + LENGTH), SHRINK * (FIRST + LENGTH)),
            Prior::Samples(table) => {
                let column = (0..table.n_rows()).filter_map(|row| table.row(row).get(n).copied());
                column.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
            }
        }
    }

    /// Draws [batch, z] of this step. `components` u32 [batch], each below [`Prior::n_components`]: the component of each row, at
    /// random where there are none. Random streams are called `NAME.…` in the scope.
    pub fn draw(&self, s: &Scope, name: &str, batch: usize, z: usize, components: Option<&Tensor>) -> Tensor {
        let s = s.sub(name);
        let uniform = |what: &str| s.random(what, Distribution::Uniform, [batch]);
        let part = || match components {
            Some(given) => given.cast(Dtype::F32),
            None => (uniform("component") * N_COMPONENTS as f32).floor(),
        };
        let column = |v: Tensor| v.reshape([batch, 1]);
        match self {
            Prior::Gaussian { deviation } => s.random("noise", Distribution::Normal, [batch, z]) * *deviation,
            Prior::Ring => {
                let noise = s.random("noise", Distribution::Normal, [batch, 2]);
                let r = column(noise.slice(1, 0, 1).reshape([batch]) * OUTWARDS + RADIUS);
                let w = column(noise.slice(1, 1, 2).reshape([batch]) * ALONG);
                let (cos, sin) = circle(&(column(part()) * (TAU / N_COMPONENTS as f32)));
                (&r * &cos - &w * &sin).concat(&(&r * &sin + &w * &cos), 1)
            }
            Prior::SwissRoll => {
                let within = uniform("place");
                let t = column((part() + within) * (LENGTH / N_COMPONENTS as f32) + FIRST);
                let (cos, sin) = circle(&t);
                let noise = s.random("noise", Distribution::Normal, [batch, 2]) * BLUR;
                (&t * SHRINK * cos).concat(&(&t * SHRINK * sin), 1) + noise
            }
            Prior::Samples(table) => {
                let (n, width) = (table.n_rows(), table.width());
                let rows = Init::Given(HostTensor::f32([n, width], table.data().to_vec()));
                let rows = s.buffer("samples", Type::f32([n, width]), rows);
                let last = s.graph().scalar((n - 1) as f32);
                rows.gather(&(uniform("row") * n as f32).floor().min(&last).cast(Dtype::U32))
            }
        }
    }

    /// One draw on the host, z numbers; of a component where one is given.
    pub fn sample(&self, random: &mut Stream, z: usize, component: Option<u32>) -> Vec<f32> {
        let part = |random: &mut Stream| component.unwrap_or_else(|| random.below(N_COMPONENTS as u32)) as f32;
        match self {
            Prior::Gaussian { deviation } => (0..z).map(|_| deviation * random.normal()).collect(),
            Prior::Ring => {
                let angle = part(random) * (TAU / N_COMPONENTS as f32);
                let (r, w) = (RADIUS + OUTWARDS * random.normal(), ALONG * random.normal());
                let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
                vec![r * cos - w * sin, r * sin + w * cos]
            }
            Prior::SwissRoll => {
                let t = FIRST + (part(random) + random.uniform()) * (LENGTH / N_COMPONENTS as f32);
                let at = [t * libm::cosf(t), t * libm::sinf(t)];
                at.into_iter().map(|v| v * SHRINK + BLUR * random.normal()).collect()
            }
            Prior::Samples(table) => table.row(random.below(table.n_rows().max(1) as u32) as usize).to_vec(),
        }
    }
}

/// cos t and sin t, off by less than 2e-6 for |t| below 20: Taylor's series of half the angle, brought into ±π/2, then doubled. Drivers'
/// own are off by 2e-4 and more.
fn circle(t: &Tensor) -> (Tensor, Tensor) {
    let turns = (t * (1.0 / TAU) + 0.5).floor();
    let half = (t - turns * TAU) * 0.5; // -π/2 to π/2
    let h2 = half.square();
    // Σ (-h²)^n / (2n + first)!, the highest power first.
    let series = |first: u32| {
        let term = |n: u32| {
            let factorial: f64 = (1..=2 * n + first).map(f64::from).product();
            let sign = if n.is_multiple_of(2) { 1.0 } else { -1.0 };
            (sign / factorial) as f32
        };
        (0..6).rev().fold(h2.full_like(term(6)), |sum, n| sum * &h2 + term(n))
    };
    let (cos, sin) = (series(0), &half * &series(1));
    (1.0 - &(sin.square() * 2.0), (&cos * &sin) * 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::step_with;
    use calotype_graph::philox::Domain;
    use calotype_graph::{Graph, Mode};

    fn square() -> Arc<Table> {
        let corners = vec![3.0, 0.0, 0.0, 3.0, -3.0, 0.0, 0.0, -3.0, 5.0, 5.0];
        Arc::new(Table::new(2, corners).expect("finite rows"))
    }

    fn all() -> Vec<Prior> {
        vec![Prior::Gaussian { deviation: 1.5 }, Prior::Ring, Prior::SwissRoll, Prior::Samples(square())]
    }

    /// `n` draws of a step on the device, [n, 2].
    fn on_device(prior: &Prior, n: usize, components: Option<&[u32]>) -> Vec<f32> {
        let graph = Graph::new("prior");
        let s = Scope::new(&graph, Mode::Train);
        let given = components.map(|_| graph.input("components", Type::u32([n])));
        graph.output("z", &prior.draw(&s, "prior", n, 2, given.as_ref()));
        let program = graph.finish().expect("it builds");
        let mut inputs = crate::feeds::random_words(7, 3).to_vec();
        inputs.extend(components.map(|c| ("components".to_owned(), HostTensor::u32([n], c.to_vec()))));
        step_with(&program, &inputs).remove(0)
    }

    fn on_host(prior: &Prior, n: usize, component: impl Fn(usize) -> Option<u32>) -> Vec<f32> {
        let mut random = Stream::new(7, Domain::Test, "prior", 0);
        (0..n).flat_map(|row| prior.sample(&mut random, 2, component(row))).collect()
    }

    /// Means and the products xx, xy, yy.
    fn moments(z: &[f32]) -> [f64; 5] {
        let n = (z.len() / 2) as f64;
        let mean = |of: &dyn Fn(f64, f64) -> f64| z.chunks_exact(2).map(|r| of(r[0].into(), r[1].into())).sum::<f64>() / n;
        [mean(&|x, _| x), mean(&|_, y| y), mean(&|x, _| x * x), mean(&|x, y| x * y), mean(&|_, y| y * y)]
    }

    fn near(what: &str, got: [f64; 5], want: [f64; 5], within: f64) {
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= within), "{what}: {got:?}, and not {want:?}");
    }

    /// 20,000 draws each: standard errors of these moments are below 0.03, 0.08 for squares of the widest.
    #[test]
    fn moments_are_those_of_the_formula_on_the_device_and_on_the_host() {
        // Of r = 2 + 0.4 n and w = 0.1 m at any angle: half of E[r² + w²].
        let ring = 0.5 * (4.0 + 0.16 + 0.01);
        for (prior, want) in [
            (Prior::Gaussian { deviation: 1.5 }, [0.0, 0.0, 2.25, 0.0, 2.25]),
            (Prior::Ring, [0.0, 0.0, ring, 0.0, ring]),
            (Prior::SwissRoll, spiral()),
            (Prior::Samples(square()), [1.0, 1.0, 43.0 / 5.0, 5.0, 43.0 / 5.0]),
        ] {
            let within = if matches!(prior, Prior::Samples(_)) { 0.4 } else { 0.08 };
            near(&format!("{prior:?} on the device"), moments(&on_device(&prior, 20_000, None)), want, within);
            near(&format!("{prior:?} on the host"), moments(&on_host(&prior, 20_000, |_| None)), want, within);
        }
    }

    /// By quadrature.
    fn spiral() -> [f64; 5] {
        let t = (0..100_000).map(|n| 1.5 * std::f64::consts::PI * (1.0 + 2.0 * (f64::from(n) + 0.5) / 1e5));
        let mut sums = [0.0; 5];
        for t in t {
            let (x, y) = (t * t.cos() / 7.0, t * t.sin() / 7.0);
            let of = [x, y, x * x + 0.0025, x * y, y * y + 0.0025];
            sums.iter_mut().zip(of).for_each(|(s, v)| *s += v / 1e5);
        }
        sums
    }

    /// The nearest of the ten components, and the place along the spiral's tenth.
    fn component(prior: &Prior, z: &[f32]) -> u32 {
        let parts = (0..N_COMPONENTS as u32).map(|k| {
            let nearest = |u: f32| {
                let t = FIRST + (k as f32 + u) * (LENGTH / 10.0);
                ((z[0] - t * t.cos() / 7.0).powi(2) + (z[1] - t * t.sin() / 7.0).powi(2)).sqrt()
            };
            let distance = match prior {
                Prior::Ring => {
                    let angle = k as f32 * TAU / 10.0;
                    (z[1] * angle.cos() - z[0] * angle.sin()).abs()
                        + 100.0 * f32::from(u8::from(z[0] * angle.cos() + z[1] * angle.sin() < 0.0))
                }
                _ => (0..50).map(|n| nearest(n as f32 / 49.0)).fold(f32::INFINITY, f32::min),
            };
            (distance, k)
        });
        parts.min_by(|a, b| a.0.total_cmp(&b.0)).expect("ten").1
    }

    /// Petals are four deviations apart where they are widest, tenths of the spiral meet: a few in a hundred may be nearer to the next.
    #[test]
    fn a_label_lands_on_its_component() {
        let labels: Vec<u32> = (0..1000).map(|n| n * 7 % 10).collect();
        for prior in [Prior::Ring, Prior::SwissRoll] {
            for z in [on_device(&prior, 1000, Some(&labels)), on_host(&prior, 1000, |row| Some(labels[row]))] {
                let right = z.chunks_exact(2).zip(&labels).filter(|(z, label)| component(&prior, z) == **label).count();
                assert!(right > 880, "{prior:?}: {right} of 1000");
            }
            let wrong: Vec<u32> = labels.iter().map(|l| (l + 1) % 10).collect();
            let z = on_device(&prior, 1000, Some(&labels));
            let as_wrong = z.chunks_exact(2).zip(&wrong).filter(|(z, label)| component(&prior, z) == **label).count();
            assert!(as_wrong < 120, "{prior:?}: {as_wrong} of 1000 on the next one");
        }
    }

    #[test]
    fn every_sample_is_a_row_of_the_table_and_each_row_as_likely() {
        let table = square();
        for z in [
            on_device(&Prior::Samples(Arc::clone(&table)), 5000, None),
            on_host(&Prior::Samples(Arc::clone(&table)), 5000, |_| None),
        ] {
            for row in 0..5 {
                let n = z.chunks_exact(2).filter(|z| *z == table.row(row)).count();
                assert!((850..1150).contains(&n), "row {row}: {n} of 5,000"); // 1000 ± 28
            }
        }
    }

    #[test]
    fn the_circle_is_round() {
        let t: Vec<f32> = (0..4001).map(|n| (n as f32 - 2000.0) * 0.01).collect();
        let graph = Graph::new("circle");
        let (cos, sin) = circle(&graph.input("t", Type::f32([4001])));
        graph.output("cos", &cos);
        graph.output("sin", &sin);
        let got = step_with(&graph.finish().expect("it builds"), &[("t".to_owned(), HostTensor::f32([4001], t.clone()))]);
        for (n, t) in t.iter().enumerate() {
            let want = [f64::from(*t).cos(), f64::from(*t).sin()];
            for (got, want) in [got[0][n], got[1][n]].into_iter().zip(want) {
                assert!((f64::from(got) - want).abs() < 2e-6, "{t}: {got}, and not {want}");
            }
        }
    }

    #[test]
    fn steps_and_seeds_give_other_draws() {
        for prior in all() {
            let z = on_device(&prior, 64, None);
            assert!(z.iter().all(|v| v.is_finite()));
            assert_eq!(z, on_device(&prior, 64, None), "{prior:?} repeats");
        }
    }
}
