//! Casts to words of what ops and expressions compute, fused or not: the words of the value, never the bits of the float.

use std::sync::Arc;

use calotype_graph::{Device, Dtype, Graph, HostTensor, Tensor, Type, Window, plan};
use calotype_parity::run_once;

use crate::ALL_OPTIONS;

/// Small whole numbers: every sum of products is exact.
fn whole(shape: &[usize]) -> HostTensor {
    let n: usize = shape.iter().product();
    HostTensor::f32(shape, (0..n).map(|i| (i % 3) as f32).collect::<Vec<_>>())
}

/// An op on x and w, and their shapes.
type Composition = (&'static str, &'static [usize], &'static [usize], fn(&Tensor, &Tensor) -> Tensor);

const COMPOSITIONS: [Composition; 10] = [
    ("sum", &[5, 6], &[6], |x, _| x.sum(&[1])),
    ("sum of columns in parts", &[1300, 5], &[5], |x, _| x.sum(&[0])),
    ("largest", &[7, 9], &[9], |x, _| x.max_over(&[0])),
    ("matmul", &[8, 12], &[12, 16], |x, w| x.matmul(w)),
    ("a narrow matmul", &[3, 5], &[5, 3], |x, w| x.matmul(w)),
    ("conv2d", &[2, 6, 6, 3], &[3, 3, 3, 4], |x, w| x.conv2d(w, Window::square(1, 1))),
    ("strided conv2d", &[1, 7, 7, 2], &[3, 3, 2, 5], |x, w| x.conv2d(w, Window::square(2, 1))),
    ("conv2d_transpose", &[2, 3, 3, 4], &[4, 4, 3, 4], |x, w| x.conv2d_transpose(w, Window::square(2, 1), None)),
    ("sum of a product", &[6, 7], &[6, 7], |x, w| (x * w).sum(&[0, 1])),
    ("elementwise", &[6, 7], &[6, 7], |x, w| x * w),
];

/// What is done between the op and the cast.
type Between = (&'static str, fn(&Tensor) -> Tensor);

const BETWEEN: [Between; 3] = [("", |y| y.clone()), (", halved", |y| y * 0.5), (", less than 3", |y| 1.0 - &y.greater(2.5))];

pub fn of_results(device: &mut dyn Device) {
    for (name, x_shape, w_shape, op) in COMPOSITIONS {
        for (more, between) in BETWEEN {
            let g = Graph::new(name);
            let (x, w) = (g.input("x", Type::f32(x_shape)), g.input("w", Type::f32(w_shape)));
            let y = between(&op(&x, &w));
            g.output("words", &y.cast(Dtype::U32));
            // The same as floats, in a program of its own: here it might keep the op from taking in the cast.
            let floats = Graph::new(name);
            let (x, w) = (floats.input("x", Type::f32(x_shape)), floats.input("w", Type::f32(w_shape)));
            floats.output("floats", &between(&op(&x, &w)));
            let (words, floats) = (g.finish().expect("a graph"), floats.finish().expect("a graph"));
            let (x, w) = (whole(x_shape), whole(w_shape));
            let inputs = [("x", &x), ("w", &w)];
            for options in ALL_OPTIONS {
                let mut run = |program| {
                    let plan = Arc::new(plan(program, device.profile(), options).expect("it fits"));
                    run_once(device, &plan, &inputs).expect("it runs").remove(0)
                };
                let want: Vec<u32> = run(&floats).as_f32().expect("floats").iter().map(|&v| v as u32).collect();
                assert_eq!(run(&words).as_u32(), Some(want.as_slice()), "{name}{more}, {options:?}");
            }
        }
    }
}

/// A cast keeps the whole part, also for those who go on with it as a float in the same kernel.
pub fn then_floats(device: &mut dyn Device) {
    let given = HostTensor::f32([8], [0.25, 1.75, 2.5, 3.0, 4.99, 100.125, 7.5, 0.0]);
    let whole_parts: Vec<f32> = given.as_f32().into_iter().flatten().map(|x| x.floor()).collect();
    for options in ALL_OPTIONS {
        let g = Graph::new("whole parts");
        let x = g.input("x", given.ty());
        let words = x.cast(Dtype::U32);
        g.output("words", &words);
        g.output("halves", &(words.cast(Dtype::F32) * 0.5));
        g.output("fractions", &(&x - &words.cast(Dtype::F32)));
        let plan = Arc::new(plan(&g.finish().expect("a graph"), device.profile(), options).expect("it fits"));
        let got = run_once(device, &plan, &[("x", &given)]).expect("it runs");
        let halves: Vec<f32> = whole_parts.iter().map(|w| 0.5 * w).collect();
        let fractions: Vec<f32> = given.as_f32().into_iter().flatten().zip(&whole_parts).map(|(x, w)| x - w).collect();
        let words: Vec<u32> = whole_parts.iter().map(|&w| w as u32).collect();
        assert_eq!(got[0].as_u32(), Some(words.as_slice()), "{options:?}");
        assert_eq!(got[1].as_f32(), Some(halves.as_slice()), "{options:?}");
        assert_eq!(got[2].as_f32(), Some(fractions.as_slice()), "{options:?}");
    }
}

/// Each word of a table on its own, as a float beside floats.
pub fn of_single_words(device: &mut dyn Device) {
    let (table, x) = (HostTensor::u32([3, 2], vec![5, 0, 7, 1, 9, 2]), whole(&[3]));
    for options in ALL_OPTIONS {
        let g = Graph::new("words of a table");
        let (words, floats) = (g.input("table", table.ty()), g.input("x", x.ty()));
        for at in 0..6 {
            let word = words.slice(0, at / 2, at / 2 + 1).slice(1, at % 2, at % 2 + 1).reshape([1]).cast(Dtype::F32);
            g.output(&format!("one {at}"), &(&word + &floats.slice(0, 1, 2)));
            g.output(&format!("three {at}"), &(&floats * &word.expand([3])));
        }
        let plan = Arc::new(plan(&g.finish().expect("a graph"), device.profile(), options).expect("it fits"));
        let got = run_once(device, &plan, &[("table", &table), ("x", &x)]).expect("it runs");
        for (pair, word) in got.chunks(2).zip([5.0, 0.0, 7.0, 1.0, 9.0, 2.0]) {
            assert_eq!(pair[0].as_f32(), Some([word + 1.0].as_slice()), "{options:?}");
            assert_eq!(pair[1].as_f32(), Some([0.0, word, 2.0 * word].as_slice()), "{options:?}");
        }
    }
}
