//! Drawing from tables: all at once where nothing depends on anything, else one dimension a replay, all rows of a batch together.

use calotype_graph::{Dtype, Graph, GraphError, Init, Mode, Program, Scope, Tensor, Type};

use super::{Context, NEIGHBOURS, Table};
use crate::density::{Drawing, SAMPLER_PREFIX};

/// States of a sampler, all but the last with dimensions first: what a replay reads and writes is one row.
struct Sampler {
    scope: Scope,
    dims: usize,
    batch: usize,
    slots: usize,
}

impl Sampler {
    fn rows(&self, name: &str) -> Tensor {
        self.scope.buffer(name, Type::f32([self.dims, self.batch]), Init::Zeros)
    }

    /// What was drawn so far, f32 [D, B].
    fn x(&self) -> Tensor {
        self.rows("x")
    }

    /// Dimension in each slot, D for none: u32 [D, n].
    fn seen(&self) -> Tensor {
        self.scope.buffer("seen", Type::u32([self.dims, self.slots]), Init::Zeros)
    }

    /// First row of each dimension's table, f32 [D].
    fn first_row(&self) -> Tensor {
        self.scope.buffer("first_row", Type::f32([self.dims]), Init::Zeros)
    }

    /// The dimension whose turn it is, u32 [1].
    fn at(&self) -> Tensor {
        self.scope.buffer("at", Type::u32([1]), Init::Zeros)
    }
}

impl Table {
    fn sampler(&self, graph: &Graph, batch: usize) -> Sampler {
        let scope = Scope::new(graph, Mode::Eval).sub(SAMPLER_PREFIX.trim_end_matches('.'));
        Sampler { scope, dims: self.dims(), batch, slots: self.slots() }
    }

    /// Levels for parameters [.., K] and uniform numbers [..] of as many axes, where the parameters' first ones may be missing:
    /// 1 where u < p for bits, else the first level at which the running sum of probabilities passes u.
    fn level(&self, parameters: &Tensor, u: &Tensor) -> Tensor {
        let rank = parameters.shape().rank() - 1;
        let rows = &parameters.dims()[..rank]; // [..]
        if self.levels == 2 {
            return 1.0 - &u.greater_equal(&parameters.reshape(rows).sigmoid());
        }
        let levels = self.levels as usize;
        let n_rows: usize = rows.iter().product();
        let sums = parameters.exp().cumsum(rank).reshape([n_rows * levels]);
        let first = (u.graph().iota(n_rows) * levels as f32).reshape(rows);
        // By halves: the number of sums, the last left out, that are not above u.
        let mut level = u.full_like(0.0);
        for step in (0..levels.ilog2() + u32::from(!levels.is_power_of_two())).rev().map(|bit| (1_usize << bit) as f32) {
            let next = &level + step;
            let sum = sums.gather(&(&first + &next - 1.0).cast(Dtype::U32));
            let passed = u.greater_equal(&sum) * (1.0 - &next.greater((levels - 1) as f32));
            level = level + passed * step;
        }
        level
    }

    /// `noise` [B, D, 1] as [B, D], `known`, `mask`.
    fn inputs(&self, graph: &Graph, batch: usize) -> [Tensor; 3] {
        let dims = self.dims();
        let noise = graph.input("noise", Type::f32([batch, dims, 1])).reshape([batch, dims]);
        [noise, graph.input("known", Type::f32([batch, dims])), graph.input("mask", Type::f32([batch, dims]))]
    }

    fn end(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new(&format!("{} drawing, end", self.info.name));
        let x = self.sampler(&graph, batch).x().permute(&[1, 0]);
        graph.output("x", &x.reshape([&[batch], &self.shape[..]].concat()));
        graph.finish()
    }

    /// Every dimension in `begin`: none depends on another.
    pub(super) fn draw_at_once(&self, batch: usize) -> Result<Drawing, GraphError> {
        let graph = Graph::new(&format!("{} drawing", self.info.name));
        let sampler = self.sampler(&graph, batch);
        let [u, known, mask] = self.inputs(&graph, batch);
        let parameters = self.parameters(&self.counts_state(&Scope::new(&graph, Mode::Eval))); // [D, K]
        let x = mask.select(&known, &self.level(&parameters, &u)); // [B, D]
        sampler.x();
        sampler.scope.assign("x", &x.permute(&[1, 0]));
        Ok(Drawing { begin: graph.finish()?, round: vec![], rounds: 0, end: self.end(batch)? })
    }

    pub(super) fn draw_in_turn(&self, batch: usize) -> Result<Drawing, GraphError> {
        let (begin, turn) = (self.begin(batch)?, self.turn(batch)?);
        Ok(Drawing { begin, round: vec![(turn, 1)], rounds: self.dims(), end: self.end(batch)? })
    }

    fn begin(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new(&format!("{} drawing, begin", self.info.name));
        let (sampler, dims) = (self.sampler(&graph, batch), self.dims());
        for (name, value) in ["noise", "known", "mask"].into_iter().zip(self.inputs(&graph, batch)) {
            sampler.rows(name);
            sampler.scope.assign(name, &value.permute(&[1, 0]));
        }
        sampler.x();
        sampler.scope.assign("x", &graph.full([dims, batch], 0.0));
        sampler.seen();
        sampler.scope.assign("seen", &self.seen_indices(&graph));
        sampler.first_row();
        sampler.scope.assign("first_row", &self.first_rows(&graph).expand(self.shape).reshape([dims]));
        sampler.at();
        sampler.scope.assign("at", &graph.full([1], 0.0).cast(Dtype::U32));
        graph.finish()
    }

    /// The dimension in each slot, D where there is none: u32 [D, n].
    fn seen_indices(&self, graph: &Graph) -> Tensor {
        let [height, width, channels] = self.shape;
        let dims = self.dims();
        let nothing = graph.scalar(dims as f32);
        let row = graph.iota(height).reshape([height, 1, 1]);
        let column = graph.iota(width).reshape([width, 1]);
        let channel = graph.iota(channels);
        let place = |row: &Tensor, column: &Tensor, channel: &Tensor| (row * width as f32 + column) * channels as f32 + channel;
        let slot = |slot: usize| match self.context {
            Context::Previous(_) => {
                let before = graph.iota(dims).reshape(self.shape) - (slot + 1) as f32;
                before.greater(-0.5).select(&before, &nothing)
            }
            Context::Neighbours(n) if slot < n => {
                let (up, right) = NEIGHBOURS[slot];
                let (row, column) = (&row - up as f32, &column + right as f32);
                let is_inside = row.greater(-0.5) * column.greater(-0.5) * (1.0 - &column.greater(width as f32 - 0.5));
                is_inside.select(&place(&row, &column, &channel), &nothing)
            }
            Context::Neighbours(n) => {
                let j = graph.scalar((slot - n) as f32);
                channel.greater((slot - n) as f32).select(&place(&row, &column, &j), &nothing)
            }
        };
        let columns = (0..self.slots()).map(|s| slot(s).expand(self.shape).reshape([dims, 1]));
        let all = columns.reduce(|all, column| all.concat(&column, 1));
        all.unwrap_or_else(|| graph.full([dims, 0], 0.0)).cast(Dtype::U32)
    }

    /// Draws the dimension whose turn it is, in every row.
    fn turn(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new(&format!("{} drawing, a dimension", self.info.name));
        let (sampler, at) = (self.sampler(&graph, batch), self.sampler(&graph, batch).at());
        let x = sampler.x();
        let seen = x.gather(&sampler.seen().row_read(&at)); // [n, B]; D names no row, which gives 0
        let mut row = sampler.first_row().row_read(&at).expand([batch]); // [B]
        for slot in 0..self.slots() {
            row = row + seen.slice(0, slot, slot + 1).reshape([batch]) * (self.levels as f32).powi(slot as i32);
        }
        let counts = self.counts_state(&Scope::new(&graph, Mode::Eval)).gather(&row.cast(Dtype::U32)); // [B, L]
        let drawn = self.level(&self.parameters(&counts), &sampler.rows("noise").row_read(&at));
        let kept = sampler.rows("mask").row_read(&at).select(&sampler.rows("known").row_read(&at), &drawn); // [B]
        sampler.scope.assign("x", &x.row_write(&at, &kept));
        sampler.scope.assign("at", &(at.cast(Dtype::F32) + 1.0).cast(Dtype::U32));
        graph.finish()
    }
}
