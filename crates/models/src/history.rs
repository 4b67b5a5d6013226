//! A history of past rows, of which a critic is shown some instead of the newest. Shrivastava et al. 2017, arXiv:1612.07828, §2.3, as Zhu et
//! al. 2017, arXiv:1703.10593, §4 use it: it is filled first; then, with probability 1/2, a row is kept and the one whose place it takes
//! is shown.
//!
//! The rows are a state on the device. What becomes of each is drawn on the host, so that nothing is read back.

use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Dtype, HostTensor, Init, Layout, Scope, Tensor, Type};

/// What becomes of the rows of a step, as a pure function of the seed, the step and the `name` of the feed: u32 [B, 2], the place whose
/// row is shown instead of this one and the place that this one takes. `capacity` is no place: the row itself is shown, and it is not
/// kept.
pub fn decisions(name: &str, capacity: u32, batch: usize, seed: u64, step: u64) -> HostTensor {
    let mut random = Stream::new(seed, Domain::Data, name, step as u32);
    let decide = |n: u64| {
        let [coin, place] = [random.word() >> 31, random.below(capacity.max(1))];
        match () {
            () if capacity == 0 => [capacity, capacity],
            () if n < u64::from(capacity) => [capacity, n as u32],
            () if coin == 1 => [place, place],
            () => [capacity, capacity],
        }
    };
    let first = step.saturating_mul(batch as u64);
    HostTensor::u32([batch, 2], (first..first.saturating_add(batch as u64)).flat_map(decide).collect::<Vec<_>>())
}

/// The rows [B, ..shape] that are shown for `rows`, one after the other, and the history as it is afterwards: the state `state.NAME` of
/// `capacity` rows. `decided` is u32 [B, 2], as of [`decisions`].
pub fn shown(s: &Scope, name: &str, capacity: u32, rows: &Tensor, decided: &Tensor) -> Tensor {
    let graph = s.graph();
    let (batch, shape) = (rows.dims()[0], &rows.dims()[1..]);
    let state = format!("state.{name}");
    let ty = Type::f32([&[capacity as usize], shape].concat());
    let mut history = graph.state(&state, ty, Init::Zeros, Layout::Plain, false);
    let _label = s.label(name);
    let one = |n: usize| {
        let row = rows.slice(0, n, n + 1).reshape(shape);
        let place = |which: usize| decided.slice(0, n, n + 1).slice(1, which, which + 1).reshape([1]);
        let itself = place(0).cast(Dtype::F32).greater_equal(&graph.scalar(capacity as f32)).reshape(vec![1; shape.len()]);
        let shown = itself.select(&row, &history.row_read(&place(0)));
        history = history.row_write(&place(1), &row);
        shown.reshape([&[1], shape].concat())
    };
    let shown = (0..batch).map(one).reduce(|all, row| all.concat(&row, 0));
    graph.assign(&state, &history);
    shown.unwrap_or_else(|| rows.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(capacity: u32, batch: usize, steps: u64) -> Vec<[u32; 2]> {
        let all = (0..steps).flat_map(|step| decisions("pool", capacity, batch, 7, step).as_u32().expect("words").to_vec());
        all.collect::<Vec<_>>().chunks(2).map(|pair| [pair[0], pair[1]]).collect()
    }

    #[test]
    fn a_history_is_filled_and_then_half_of_the_rows_take_a_place() {
        let all = decided(5, 2, 2000);
        for (n, &[read, written]) in all.iter().enumerate() {
            match n {
                0..5 => assert_eq!([read, written], [5, n as u32], "it is filled in order"),
                _ => assert!(read == written && read <= 5, "a row takes the place of the one that is shown"),
            }
        }
        let taken: Vec<u32> = all[5..].iter().map(|d| d[0]).filter(|&place| place < 5).collect();
        assert!((1850..2150).contains(&taken.len()), "{}", taken.len());
        for place in 0..5 {
            let n = taken.iter().filter(|&&p| p == place).count();
            assert!((300..500).contains(&n), "place {place}: {n}");
        }
        assert!(decided(0, 3, 4).iter().all(|d| *d == [0, 0]), "a history of nothing");
    }

    #[test]
    fn decisions_are_the_step_s_own() {
        let at = |step| decisions("pool", 3, 4, 7, step);
        assert_eq!(at(9), at(9));
        assert_ne!(at(9), at(10));
        assert_ne!(at(9), decisions("other", 3, 4, 7, 9));
        assert_ne!(at(9), decisions("pool", 3, 4, 8, 9));
    }
}
