//! How many kernels compositions become on a GPU, forward and backward.

use calotype_graph::{Graph, PlanOptions, Tensor, Type};
use calotype_models::losses::{bce, cross_entropy};

use crate::planned;

/// Stems of the kernels of `f` on operands of these types, and of those of its gradient by the first alone (of a loss, or
/// under a given cotangent).
fn kernels(types: &[Type], f: impl Fn(&[Tensor]) -> Tensor) -> (Vec<&'static str>, Vec<&'static str>) {
    let build = |backward: bool| {
        let g = Graph::new("composition");
        let t: Vec<Tensor> = types.iter().enumerate().map(|(n, ty)| g.input(&format!("x{n}"), ty.clone())).collect();
        let y = f(&t);
        let dy = if y.shape().numel() == 1 { y.full_like(1.0) } else { g.input("dy", y.ty()) };
        g.output("result", &if backward { g.vjp(&[(&y, &dy)], &[&t[0]]).remove(0) } else { y });
        let plan = planned(&g.finish().expect("a composition"), PlanOptions::default());
        plan.steps.iter().map(|s| s.stem()).collect()
    };
    (build(false), build(true))
}

pub fn counts() {
    const E: &str = "elementwise";
    let image = || Type::f32([8, 16, 16, 32]);
    let channels = || Type::f32([32]);

    let (y, dx) = kernels(&[image()], |t| t[0].upsample_nearest(2));
    assert_eq!((y, dx), (vec!["pool2d_grad"], vec!["pool2d"]));
    let (y, dx) = kernels(&[image()], |t| t[0].pad_reflect(3));
    assert_eq!((y, dx), (vec!["pad_reflect"], vec!["pad_reflect_grad"]));
    let (y, dx) = kernels(&[image()], |t| t[0].cumsum(1));
    assert_eq!((y, dx), (vec!["cumsum"], vec!["cumsum"]));

    // Mean, squares, their mean's inverse root, the result; what is done to means is the reductions' epilogue.
    let (y, dx) = kernels(&[image(), channels(), channels()], |t| t[0].instance_norm(Some((&t[1], &t[2])), 1e-5));
    assert_eq!(y, ["reduce", E, "reduce", E]);
    assert!(dx.len() <= 10, "{dx:?}");
    let (y, dx) = kernels(&[Type::f32([64, 300])], |t| t[0].layer_norm(1, None, 1e-5));
    assert_eq!(y, ["reduce", E, "reduce", E]);
    assert!(dx.len() <= 10, "{dx:?}");
    let (y, dx) = kernels(&[image()], |t| t[0].pixel_norm(1e-8));
    assert_eq!(y, [E, "reduce", E]);
    assert!(dx.len() <= 7, "{dx:?}");

    let rows = [Type::f32([64, 256]), Type::u32([64])];
    let (y, dx) = kernels(&rows, |t| cross_entropy(&t[0], &t[1]).mean_all());
    assert_eq!(y.iter().filter(|s| **s == E).count(), 1, "{y:?}");
    assert_eq!(dx, [E, E, "softmax", E]); // the positions of a row, the labels as floats; all but softmax in one
    let (y, dx) = kernels(&[Type::f32([64, 9]), Type::f32([64, 9])], |t| bce(&t[0], &t[1]).mean_all());
    assert_eq!((y, dx), (vec![E, "reduce"], vec![E]));

    // The scan that keeps its gates for the way back gives the states, too; without a way back nothing is kept.
    let plan_of = |backward: bool| {
        let g = Graph::new("scan");
        let input = |name: &str, shape: &[usize]| g.input(name, Type::f32(shape));
        let (x, w, state) = (input("x", &[4, 2, 3, 32]), input("w", &[3, 8, 32]), input("state", &[2, 3, 8]));
        let h = x.lstm_scan(&w, &state, &state, false);
        g.output("h", &h);
        if backward {
            g.output("dx", &g.vjp(&[(&h, &h)], &[&x]).remove(0));
        }
        planned(&g.finish().expect("a scan"), PlanOptions::default())
    };
    let written = |backward: bool| -> usize {
        let plan = plan_of(backward);
        let scans: Vec<_> = plan.steps.iter().filter(|s| s.stem() == "lstm_scan").collect();
        assert_eq!(scans.len(), 1);
        scans[0].writes.iter().map(|w| w.ty.numel()).sum()
    };
    assert_eq!(written(true), 5 * written(false));
}
