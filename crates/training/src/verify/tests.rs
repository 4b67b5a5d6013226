//! Planted faults: each must fail its own claim.

use calotype_cpu_reference::Cpu;
use calotype_graph::{Graph, GraphError, HostTensor, Init, Layout, Mode, Scope, Tensor, Type};
use calotype_models::density::{Density, Drawing, SAMPLER_PREFIX};
use calotype_models::distributions::Conditional;
use calotype_models::{Counting, Counts, Learning, Model, ModelInfo, Settings, Values, find};

use super::*;

/// What is wrong with a toy.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// A dimension depends on its right neighbour.
    Ahead,
    /// A dimension depends on itself.
    Itself,
    /// Rows are drawn without looking at what was drawn before.
    Sampler,
    /// `sees` has the pixel before the left neighbour.
    SeesMore,
    /// `sees` lacks the left neighbour.
    SeesLess,
    /// All weights are zero.
    Zero,
}

/// Each pixel depends on its left and upper neighbours: logits or means b + w · (left, up).
struct Toy {
    settings: Settings,
    /// [H, W, 1], or `[D]` as a single row.
    shape: Vec<usize>,
    real: bool,
    has_canvas: bool,
    fault: Fault,
}

impl Toy {
    fn new(shape: &[usize], real: bool, has_canvas: bool, fault: Fault) -> Self {
        let settings = Settings::resolve(&[], &Default::default()).expect("no settings");
        Toy { settings, shape: shape.to_vec(), real, has_canvas, fault }
    }

    fn sides(&self) -> [usize; 2] {
        match *self.shape {
            [h, w, _] => [h, w],
            _ => [1, self.shape[0]],
        }
    }

    /// w of left and up, and b: \[1\] each.
    fn weights(&self, s: &Scope) -> [Tensor; 3] {
        let w = s.param("w", [2, 1], Init::Zeros, Layout::Plain);
        let part = |n: usize| w.slice(0, n, n + 1).reshape([1]);
        [part(0), part(1), s.param("b", [1], Init::Zeros, Layout::Plain)]
    }

    /// [.., K] of logits or means [..].
    fn parameters(&self, z: &Tensor) -> Tensor {
        let z = z.reshape([z.dims(), &[1]].concat());
        if self.real {
            let log_deviation = &z * 0.0 - 0.5;
            (&z * 0.0).concat(&z, z.shape().rank() - 1).concat(&log_deviation, z.shape().rank() - 1)
        } else {
            z
        }
    }
}

impl Model for Toy {
    fn info(&self) -> &'static ModelInfo {
        find("markov").expect("a model")
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn values(&self) -> Values {
        if self.real { Values::Standardised } else { Values::Levels(2) }
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Counting(self)
    }

    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl Counting for Toy {
    fn counts(&self) -> Box<dyn Counts> {
        unreachable!("nothing is learned here")
    }
}

impl Density for Toy {
    fn conditional(&self) -> Conditional {
        if self.real { Conditional::Gaussians { components: 1, floor: 1e-3 } } else { Conditional::Bernoulli }
    }

    fn conditionals(&self, s: &Scope, x: &Tensor) -> Tensor {
        let ([h, w], batch) = (self.sides(), x.dims()[0]);
        let x = x.reshape([batch, h, w]);
        let left = x.slice(2, 0, w - 1).pad(2, 1, 0, 0.0);
        let up = x.slice(1, 0, h - 1).pad(1, 1, 0, 0.0);
        let [w_left, w_up, b] = self.weights(s);
        let mut z = left * &w_left + up * &w_up + &b;
        match self.fault {
            Fault::Ahead => z = z + x.slice(2, 1, w).pad(2, 0, 1, 0.0) * &w_left,
            Fault::Itself => z = z + &x * &w_left,
            _ => {}
        }
        self.parameters(&z.reshape([batch, h * w]))
    }

    fn sees(&self, at: usize, from: usize) -> bool {
        let w = self.sides()[1];
        let left = |n: usize| at % w >= n && from + n == at;
        let is_left = left(1) && self.fault != Fault::SeesLess;
        is_left || from + w == at || (left(2) && self.fault == Fault::SeesMore)
    }

    fn drawing(&self, batch: usize) -> Result<Drawing, GraphError> {
        let ([h, w], dims, r) = (self.sides(), self.shape.iter().product::<usize>(), self.conditional().n_noise());
        let state = |g: &Graph| {
            let s = Scope::new(g, Mode::Eval).sub(SAMPLER_PREFIX.trim_end_matches('.'));
            let x = s.buffer("x", Type::f32([batch, dims]), Init::Zeros);
            (s, x)
        };
        let g = Graph::new("toy drawing");
        let noise = g.input("noise", Type::f32([batch, dims, r]));
        let (known, mask) = (g.input("known", Type::f32([batch, dims])), g.input("mask", Type::f32([batch, dims])));
        let [w_left, w_up, b] = self.weights(&Scope::new(&g, Mode::Eval));
        let mut x: Vec<Tensor> = Vec::new();
        for d in 0..h * w {
            let number = |n: usize| noise.slice(1, d, d + 1).slice(2, n, n + 1).reshape([batch, 1]);
            let mut z = g.full([batch, 1], 0.0) + &b;
            if self.fault != Fault::Sampler && d % w > 0 {
                z = z + &x[d - 1] * &w_left;
            }
            if self.fault != Fault::Sampler && d >= w {
                z = z + &x[d - w] * &w_up;
            }
            let drawn = if self.real { z + number(1) * (-0.5_f32).exp() } else { 1.0 - &number(0).greater_equal(&z.sigmoid()) };
            let part = |of: &Tensor| of.slice(1, d, d + 1);
            x.push(part(&mask).select(&part(&known), &drawn));
        }
        let (s, _) = state(&g);
        let all = x.iter().skip(1).fold(x[0].clone(), |all, x| all.concat(x, 1));
        s.assign("x", &all);
        let end = Graph::new("toy drawing, end");
        let (_, x) = state(&end);
        end.output("x", &x.reshape([&[batch], &self.shape[..]].concat()));
        Ok(Drawing { begin: g.finish()?, round: vec![], rounds: 0, end: end.finish()? })
    }

    fn canvas(&self, shape: [usize; 3]) -> Option<Box<dyn Model>> {
        self.has_canvas.then(|| Box::new(Toy::new(&shape, self.real, true, self.fault)) as Box<dyn Model>)
    }

    fn hidden_units(&self, _s: &Scope, _x: &Tensor) -> Option<Tensor> {
        None
    }
}

/// Claims that were looked at, and those that failed, each once.
fn claims(toy: &Toy) -> (Vec<Claim>, Vec<Claim>) {
    let zero = toy.fault == Fault::Zero;
    let state = |spec: &StateSpec| {
        let values = if spec.name == "w" { vec![0.9, -0.7] } else { vec![-0.3] };
        let values = if zero { vec![0.0; values.len()] } else { values };
        Ok(HostTensor::f32(spec.ty.shape.clone(), values))
    };
    let mut device = Cpu::fast(1).expect("a thread");
    let mut told = Vec::new();
    let mut tell = |t: Told| {
        if let Told::Found(f) = t {
            told.push(f.claim);
        }
    };
    let subject = Subject { density: toy, state: &state };
    let found = verify(subject, &mut device, Loader { threads: 1 }, &mut tell).expect("it runs");
    assert_eq!(told, found.iter().map(|f| f.claim).collect::<Vec<_>>());
    assert!(device.states().is_empty(), "states are left behind");
    let once = |all: Vec<Claim>| {
        all.into_iter().fold(Vec::new(), |mut seen, claim| {
            if !seen.contains(&claim) {
                seen.push(claim);
            }
            seen
        })
    };
    println!("{:?} {:?} {found:#?}", toy.fault, toy.shape);
    (once(found.iter().map(|f| f.claim).collect()), once(found.iter().filter(|f| !f.passed).map(|f| f.claim).collect()))
}

/// The three kinds of toy: on canvases, of one size, of real values.
fn toys(fault: Fault) -> [Toy; 3] {
    [Toy::new(&[7, 6, 1], false, true, fault), Toy::new(&[5, 4, 1], false, false, fault), Toy::new(&[9], true, false, fault)]
}

#[test]
fn an_honest_density_passes() {
    let [canvas, fixed, real] = toys(Fault::None).map(|toy| claims(&toy));
    use Claim::*;
    let of_levels = vec![SumsToOne, NotUniform, NoLookAhead, Reach, SamplesAreScores, DrawnAsScored];
    assert_eq!(canvas, (of_levels.clone(), vec![]));
    assert_eq!(fixed, (of_levels, vec![]));
    assert_eq!(real, (vec![IntegratesToOne, SamplesAreScores, NoLookAhead, Reach, DrawnAsScored], vec![]));
}

/// Whoever looks ahead is caught three times over; what is drawn then cannot follow the scores either.
#[test]
fn looking_ahead_fails() {
    for fault in [Fault::Ahead, Fault::Itself] {
        for toy in toys(fault) {
            let (_, failed) = claims(&toy);
            let whole = if toy.real { Claim::IntegratesToOne } else { Claim::SumsToOne };
            for claim in [whole, Claim::NoLookAhead, Claim::Reach] {
                assert!(failed.contains(&claim), "{fault:?} {:?}: {claim:?} is not among {failed:?}", toy.shape);
            }
            assert!(!failed.contains(&Claim::NotUniform));
        }
    }
}

#[test]
fn a_sampler_that_ignores_the_scores_fails() {
    for toy in toys(Fault::Sampler) {
        assert_eq!(claims(&toy).1, [Claim::SamplesAreScores, Claim::DrawnAsScored]);
    }
}

#[test]
fn a_context_that_is_told_wrongly_fails() {
    for fault in [Fault::SeesMore, Fault::SeesLess] {
        for toy in toys(fault) {
            assert_eq!(claims(&toy).1, [Claim::Reach], "{fault:?}");
        }
    }
}

#[test]
fn a_model_of_zeros_is_recognised() {
    let [canvas, fixed, _] = toys(Fault::Zero);
    for toy in [canvas, fixed] {
        assert_eq!(claims(&toy).1, [Claim::NotUniform]);
    }
}
