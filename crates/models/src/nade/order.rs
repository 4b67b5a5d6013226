//! The order in which a model takes its dimensions: kept with the weights, for which it is one.

use calotype_graph::op::ScatterAdd;
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Dtype, HostTensor, Init, Scope, Tensor, Type};

/// `raster`, `random:SEED`, `spiral`: the words of a setting `order` for images. Vectors have no centre.
pub const OF_IMAGES: &[&str] = &["raster", "random:SEED", "spiral"];
pub const OF_VECTORS: &[&str] = &["raster", "random:SEED"];

/// Place i of the order has dimension `self.0[i]` of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order(Vec<usize>);

impl Order {
    /// The order of that word for rows [H, W, C] or `[D]`; `raster` where the word is none of [`OF_IMAGES`].
    pub fn new(word: &str, shape: &[usize]) -> Self {
        let dims = shape.iter().product();
        match (word, shape) {
            ("spiral", &[height, width, channels]) => Order(spiral(height, width, channels)),
            _ => match word.strip_prefix("random:").and_then(|seed| seed.parse().ok()) {
                Some(seed) => Order(shuffled(dims, seed)),
                None => Order((0..dims).collect()),
            },
        }
    }

    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The state `order`, u32 [D].
    fn state(&self, s: &Scope) -> Tensor {
        let places = self.0.iter().map(|&d| d as u32).collect::<Vec<_>>();
        s.buffer("order", Type::u32([self.0.len()]), Init::Given(HostTensor::u32([self.0.len()], places)))
    }

    /// x [B, D], from the data's order to this one.
    pub fn arrange(&self, s: &Scope, x: &Tensor) -> Tensor {
        x.permute(&[1, 0]).gather(&self.state(s)).permute(&[1, 0])
    }

    /// y [B, D, K], from this order to the data's.
    pub fn restore(&self, s: &Scope, y: &Tensor) -> Tensor {
        let n = self.0.len();
        let places = s.graph().iota(n).reshape([1, n, 1]);
        // Place of each dimension: u32 [D].
        let place = Tensor::apply(ScatterAdd { rows: n }, &[places, self.state(s).reshape([1, n])]).cast(Dtype::U32).reshape([n]);
        y.permute(&[1, 0, 2]).gather(&place).permute(&[1, 0, 2])
    }
}

/// A permutation drawn from a seed: Fisher and Yates's shuffle.
fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut random = Stream::new(seed, Domain::Init, "order", 0);
    let mut all: Vec<usize> = (0..n).collect();
    (1..n).rev().for_each(|i| all.swap(i, random.below(i as u32 + 1) as usize));
    all
}

/// Outwards from the centre: right, down, left, up, in turns of 1, 1, 2, 2, 3, 3, … pixels. Colours of a pixel stay together.
fn spiral(height: usize, width: usize, channels: usize) -> Vec<usize> {
    const TURNS: [(isize, isize); 4] = [(0, 1), (1, 0), (0, -1), (-1, 0)];
    let (h, w) = (height as isize, width as isize);
    let (mut row, mut column) = ((h - 1) / 2, (w - 1) / 2);
    let mut all = Vec::with_capacity(height * width * channels);
    for (turn, (down, right)) in TURNS.into_iter().cycle().enumerate() {
        for _ in 0..turn / 2 + 1 {
            if (0..h).contains(&row) && (0..w).contains(&column) {
                let first = (row * w + column) as usize * channels;
                all.extend(first..first + channels);
            }
            (row, column) = (row + down, column + right);
        }
        if all.len() == height * width * channels {
            break;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_has_each_dimension_once() {
        for (word, shape) in [
            ("raster", vec![3, 4, 1]),
            ("spiral", vec![3, 4, 1]),
            ("spiral", vec![7, 2, 3]),
            ("spiral", vec![1, 1, 1]),
            ("spiral", vec![1, 9, 1]),
            ("random:5", vec![6, 5, 3]),
            ("random:5", vec![13]),
            ("raster", vec![13]),
        ] {
            let mut all = Order::new(word, &shape).0;
            all.sort_unstable();
            assert_eq!(all, (0..shape.iter().product()).collect::<Vec<_>>(), "{word} {shape:?}");
        }
        assert_ne!(Order::new("random:1", &[20]), Order::new("random:2", &[20]));
        assert_eq!(Order::new("random:1", &[20]), Order::new("random:1", &[20]));
    }

    #[test]
    fn a_spiral_winds_outwards() {
        assert_eq!(Order::new("spiral", &[3, 3, 1]).0, [4, 5, 8, 7, 6, 3, 0, 1, 2]);
        assert_eq!(Order::new("spiral", &[2, 2, 3]).0[..6], [0, 1, 2, 3, 4, 5], "colours stay together");
    }
}
