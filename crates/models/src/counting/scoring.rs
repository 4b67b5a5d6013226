//! Contexts and frequencies of whole rows, in the graph.

use calotype_graph::{Dtype, Graph, Scope, Tensor};

use super::{COUNTS, Context, NEIGHBOURS, REACH, Table};

impl Table {
    /// The state [T Lⁿ, L].
    pub(super) fn counts_state(&self, s: &Scope) -> Tensor {
        let counts = s.buffer(COUNTS, self.counts_type(), calotype_graph::Init::Zeros);
        counts.reshape([self.tables() * self.contexts(), self.levels as usize])
    }

    /// First row of each dimension's table in the state, f32, in a shape that broadcasts to [H, W, C].
    pub(super) fn first_rows(&self, graph: &Graph) -> Tensor {
        let tables = graph.iota(self.tables()) * self.contexts() as f32;
        if self.shared { tables } else { tables.reshape(self.shape) }
    }

    /// Parameters of the conditional from counts u32 [.., L]: [.., K].
    pub(super) fn parameters(&self, counts: &Tensor) -> Tensor {
        let n = counts.cast(Dtype::F32) + self.smoothing;
        let (axis, log_n) = (n.shape().rank() - 1, n.log());
        match self.levels {
            2 => log_n.slice(axis, 1, 2) - log_n.slice(axis, 0, 1),
            _ => log_n - n.sum_keep(&[axis]).log(),
        }
    }

    /// x [B, H, W, C] -> [B, D, K].
    pub(super) fn score(&self, s: &Scope, x: &Tensor) -> Tensor {
        let _label = s.label("frequencies");
        let (batch, dims) = (x.dims()[0], self.dims());
        let mut row = self.first_rows(s.graph()).expand(x.shape()); // [B, H, W, C]
        for (slot, value) in self.values_seen(x).iter().enumerate() {
            row = row + value * (self.levels as f32).powi(slot as i32);
        }
        let counts = self.counts_state(s).gather(&row.cast(Dtype::U32)); // [B, H, W, C, L]
        let parameters = self.parameters(&counts);
        let n_parameters = parameters.shape().last();
        parameters.reshape([batch, dims, n_parameters])
    }

    /// What every slot holds for each dimension of x: [B, H, W, C] each.
    fn values_seen(&self, x: &Tensor) -> Vec<Tensor> {
        let [height, width, channels] = self.shape;
        let (batch, dims) = (x.dims()[0], self.dims());
        match self.context {
            Context::Previous(0) => vec![],
            Context::Previous(k) => {
                let before = x.reshape([batch, dims]).pad(1, k, 0, 0.0); // [B, k + D]
                (1..=k).map(|back| before.slice(1, k - back, k - back + dims).reshape(x.shape())).collect()
            }
            Context::Neighbours(n) => {
                let padded = x.pad(1, REACH, 0, 0.0).pad(2, REACH, REACH, 0.0);
                let neighbour = |&(up, right): &(usize, isize)| {
                    let (row, column) = (REACH - up, REACH.saturating_add_signed(right));
                    padded.slice(1, row, row + height).slice(2, column, column + width)
                };
                let colour = |j: usize| {
                    let is_before = x.graph().iota(channels).greater(j as f32);
                    x.slice(3, j, j + 1) * is_before
                };
                NEIGHBOURS[..n].iter().map(neighbour).chain((0..channels - 1).map(colour)).collect()
            }
        }
    }
}
