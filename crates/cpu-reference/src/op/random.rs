//! Random numbers by counter.

use calotype_graph::op::{Distribution, Random};
use calotype_graph::philox;

use crate::fast::Context;
use crate::float::Float;

/// Element `i` is word `i % 4` of the block with counter (i / 4, stream, step, 0), keyed by the seed. seed u32 [2], step
/// u32 [1]. The numbers are those of f32 arithmetic in either float type.
pub fn plain<T: Float>(p: &Random, seed: &[T], step: &[T], y: &mut [T]) {
    draw(p, seed, step, 0, y);
}

/// The numbers of the blocks from `first` on.
fn draw<T: Float>(p: &Random, seed: &[T], step: &[T], first: usize, y: &mut [T]) {
    let key = [seed[0].word(), seed[1].word()];
    for (block, y) in y.chunks_mut(4).enumerate() {
        let words = philox::philox([(first + block) as u32, p.stream, step[0].word(), philox::Domain::Graph as u32], key);
        for (y, word) in y.iter_mut().zip(words) {
            *y = match p.distribution {
                Distribution::Words => T::from_word(word),
                Distribution::Uniform => T::of(philox::uniform(word)),
                Distribution::Normal => T::of(philox::normal(philox::uniform(word))),
            };
        }
    }
}

/// Elements of a task: whole blocks.
const TASK: usize = 4096;

/// As [`plain`], on several threads.
pub fn fast(cx: &Context, p: &Random, seed: &[f32], step: &[f32], y: &mut [f32]) {
    let work = y.len() * 32;
    cx.parts(y, TASK, work, |n, y| draw(p, seed, step, n * TASK / 4, y));
}
