//! States of samplers: a row is read and written at an index on the device, and the rest of the state is not touched.

use calotype_graph::{Device, Dtype, Graph, HostTensor, Init, Layout, PlanOptions, Region, Tensor, Type};

use crate::{check_states, floats, now, planned};

fn words(values: &[u32]) -> HostTensor {
    HostTensor::u32([values.len()], values)
}

/// The index after `at`.
fn next(at: &Tensor) -> Tensor {
    (at.cast(Dtype::F32) + 1.0).cast(Dtype::U32)
}

/// A step of a sampler: the row after `at` from the row at it.
fn step(g: &Graph, t: &[Tensor]) {
    let (x, at) = (&t[0], &t[1]);
    g.assign("x", &x.row_write(&next(at), &(x.row_read(at) * 2.0)));
    g.assign("at", &next(at));
}

fn matrix(values: &[f32]) -> HostTensor {
    HostTensor::f32([values.len() / 2, 2], values)
}

fn values(t: &HostTensor) -> Vec<f32> {
    t.as_f32().expect("floats").to_vec()
}

/// What [`step`] makes of x and at.
fn stepped(s: &[HostTensor]) -> (Vec<f32>, usize) {
    let (mut x, at) = (values(&s[0]), s[1].words()[0] as usize);
    for c in 0..2 {
        x[2 * (at + 1) + c] = 2.0 * x[2 * at + c];
    }
    (x, at + 1)
}

pub fn sampler(device: &mut dyn Device) {
    let x = || matrix(&[1.0, -2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    check_states(device, "row by row", &[("x", x()), ("at", words(&[0]))], step, |s| {
        let (x, at) = stepped(s);
        vec![matrix(&x), words(&[at as u32])]
    });
    check_states(
        device,
        "others read the old rows and the new",
        &[("x", x()), ("at", words(&[1])), ("old", matrix(&[0.0; 2])), ("sums", floats(&[0.0; 2]))],
        |g, t| {
            step(g, t);
            g.assign("old", &t[0].row_read(&next(&t[1])).reshape([1, 2]));
            g.assign("sums", &now(g, "x", &t[0]).sum(&[0]));
        },
        |s| {
            let ((x, at), before) = (stepped(s), values(&s[0]));
            let sums = [0, 1].map(|c| x.iter().skip(c).step_by(2).sum());
            vec![matrix(&x), words(&[at as u32]), matrix(&before[2 * at..2 * at + 2]), floats(&sums)]
        },
    );
    check_states(
        device,
        "whoever reads both versions keeps them apart",
        &[("x", x()), ("at", words(&[0])), ("both", matrix(&[0.0; 8]))],
        |g, t| {
            step(g, t);
            g.assign("both", &(&now(g, "x", &t[0]) - &t[0]));
        },
        |s| {
            let ((x, at), before) = (stepped(s), values(&s[0]));
            let both: Vec<f32> = x.iter().zip(before).map(|(a, b)| a - b).collect();
            vec![matrix(&x), words(&[at as u32]), matrix(&both)]
        },
    );
}

/// Two rows a step, as of two colours of a pixel: both are written into the state.
fn two_rows(g: &Graph, t: &[Tensor]) {
    step(g, t);
    let (x, at) = (now(g, "x", &t[0]), now(g, "at", &t[1]));
    g.assign("x", &x.row_write(&next(&at), &(t[0].row_read(&t[1]) * -1.0)));
}

pub fn two_writes(device: &mut dyn Device) {
    let initial = [("x", matrix(&[1.0, -2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])), ("at", words(&[0]))];
    check_states(device, "two rows a step", &initial, two_rows, |s| {
        let (mut x, at) = stepped(s);
        let before = values(&s[0]);
        (0..2).for_each(|c| x[2 * (at + 1) + c] = -before[2 * (at - 1) + c]);
        vec![matrix(&x), words(&[at as u32])]
    });
}

/// No step touches more than a few rows of a large state, and there is no scratch of its size.
pub fn in_place() {
    const ROW: usize = 64;
    for (name, build, n_writes) in [("one row", step as fn(&Graph, &[Tensor]), 1), ("two rows", two_rows, 2)] {
        let g = Graph::new(name);
        let x = g.state("x", Type::f32([10_000, ROW]), Init::Zeros, Layout::Plain, true);
        let at = g.state("at", Type::u32([1]), Init::Zeros, Layout::Plain, true);
        build(&g, &[x, at]);
        let plan = planned(&g.finish().expect("a sampler"), PlanOptions::default());
        let writes: Vec<_> = plan.steps.iter().filter(|s| s.stem() == "row_write").collect();
        assert_eq!(writes.len(), n_writes, "{name}");
        for write in writes {
            assert_eq!(write.reads[0].place, write.writes[0].place, "{name}");
            assert_eq!(write.writes[0].place.region, Region::State(0), "{name}");
        }
        assert!(plan.steps.iter().all(|s| s.bytes <= 4 * 4 * ROW as u64), "{name}: {:?}", plan.steps);
        assert!(plan.memory.arenas <= 4 * 4 * ROW as u64, "{name}: {:?}", plan.memory);
    }
}
