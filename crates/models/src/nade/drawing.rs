//! Drawing from NADE and RNADE: one op does all dimensions.

use calotype_graph::op::{Conditional, NadeWeights};
use calotype_graph::{Graph, GraphError, Init, Mode, Scope, Tensor, Type};

use super::order::Order;
use crate::density::{Drawing, SAMPLER_PREFIX};

/// What drawing needs to know of a model.
pub struct Drawn<'a> {
    pub name: &'a str,
    /// Of a row.
    pub shape: &'a [usize],
    pub order: &'a Order,
    pub conditional: Conditional,
}

impl Drawn<'_> {
    /// `begin` draws, `end` gives what was drawn.
    pub fn drawing(&self, batch: usize, weights: impl Fn(&Scope) -> NadeWeights) -> Result<Drawing, GraphError> {
        let dims: usize = self.shape.iter().product();
        let sampler = |graph: &Graph| {
            let scope = Scope::new(graph, Mode::Eval).sub(SAMPLER_PREFIX.trim_end_matches('.'));
            let x = scope.buffer("x", Type::f32([batch, dims]), Init::Zeros);
            (scope, x)
        };

        let begin = Graph::new(&format!("{} drawing", self.name));
        let s = Scope::new(&begin, Mode::Eval);
        let n_noise = self.conditional.n_noise();
        let noise = begin.input("noise", Type::f32([batch, dims, n_noise]));
        let row = |name: &str| begin.input(name, Type::f32([batch, dims]));
        let arranged = |x: &Tensor| self.order.arrange(&s, x);
        let kinds = (0..n_noise).map(|r| arranged(&noise.slice(2, r, r + 1).reshape([batch, dims])).reshape([batch, dims, 1]));
        let noise = kinds.reduce(|all, kind| all.concat(&kind, 2)).unwrap_or(noise.clone()); // [B, D, R]
        let x = weights(&s).sample(self.conditional, &noise, &arranged(&row("known")), &arranged(&row("mask"))); // [B, D]
        let x = self.order.restore(&s, &x.reshape([batch, dims, 1])).reshape([batch, dims]);
        sampler(&begin).0.assign("x", &x);

        let end = Graph::new(&format!("{} drawing, end", self.name));
        end.output("x", &sampler(&end).1.reshape([&[batch], self.shape].concat()));
        Ok(Drawing { begin: begin.finish()?, round: vec![], rounds: 0, end: end.finish()? })
    }
}
