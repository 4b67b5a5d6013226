//! Mistakes in a graph are errors that name both sides, and steps that would spoil their own operands are found.

use calotype_graph::op::Distribution;
use calotype_graph::{Dtype, Graph, GraphError, Init, Layout, Type, is_sound, philox};

use crate::{ALL_OPTIONS, planned};

/// Two names with one FNV-1a hash.
const COLLISION: [&str; 2] = ["costarring", "liquid"];

pub fn streams_collide() {
    assert_eq!(philox::stream(COLLISION[0]), philox::stream(COLLISION[1]));
    let draw = |names: [&str; 2]| {
        let g = Graph::new("noise");
        names.iter().for_each(|name| g.output(name, &g.random(name, Distribution::Normal, [3])));
        g.finish()
    };
    assert!(draw(["liquid", "solid"]).is_ok());
    let error = draw(COLLISION).expect_err("both would draw the same numbers");
    assert!(matches!(&error, GraphError::StreamCollision { .. }), "{error}");
    assert!(COLLISION.iter().all(|name| error.to_string().contains(name)), "{error}");
}

pub fn states_conflict() {
    let asked = |init: Init, layout, trainable| {
        let g = Graph::new("states");
        g.state("layer.weight", Type::f32([2, 3]), Init::Zeros, Layout::Linear, true);
        g.state("layer.weight", Type::f32([2, 3]), init, layout, trainable);
        g.finish().map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(asked(Init::Zeros, Layout::Linear, true), Ok(()));
    for (init, layout, trainable, sides) in [
        (Init::Constant(1.0), Layout::Linear, true, ["0 at first", "1 at first"]),
        (Init::Zeros, Layout::Plain, true, ["Linear", "Plain"]),
        (Init::Zeros, Layout::Linear, false, ["trained", "not trained"]),
    ] {
        let error = asked(init, layout, trainable).expect_err("two uses of one name that differ");
        assert!(error.contains("layer.weight") && sides.iter().all(|side| error.contains(side)), "{error}");
    }
}

/// A value that is read for the last time gives its memory to a result of its own element type alone: a browser refuses to
/// bind one range as floats and as words where it is written.
pub fn in_place_keeps_the_type() {
    let g = Graph::new("floats to words");
    let (x, table) = (g.input("x", Type::f32([64])), g.input("table", Type::f32([64, 4])));
    let sums = x.cumsum(0); // an op that leaves the cast to a kernel of its own
    g.output("rows", &table.gather(&sums.cast(Dtype::U32)));
    g.output("roots", &(table.gather(&x.cast(Dtype::U32)).cumsum(0).sqrt().cumsum(0)));
    let program = g.finish().expect("a graph");
    for options in ALL_OPTIONS {
        let plan = planned(&program, options);
        let (mut casts, mut in_place) = (0, 0);
        for step in &plan.steps {
            let (read, write) = (&step.reads[0], &step.writes[0]);
            casts += usize::from(read.ty.dtype != write.ty.dtype && step.stem() == "elementwise");
            in_place += usize::from(read.place == write.place);
            assert!(read.place != write.place || read.ty.dtype == write.ty.dtype, "{step:?}");
        }
        assert!(casts == 2 && in_place > 0, "{casts} casts and {in_place} results in place, {options:?}");
    }
}

/// [`is_sound`] finds what it is there for.
pub fn planted() {
    let g = Graph::new("product");
    let (x, w) = (g.input("x", Type::f32([8, 8])), g.input("w", Type::f32([8, 8])));
    let y = x.matmul(&w);
    g.output("y", &y.cumsum(0));
    g.output("z", &y.cast(Dtype::U32).cast(Dtype::F32).cumsum(1));
    let plan = planned(&g.finish().expect("a graph"), ALL_OPTIONS[0]);
    let product = plan.steps.iter().find(|s| s.stem() == "matmul").expect("a product");
    let cast = plan.steps.iter().find(|s| s.writes[0].ty.dtype == Dtype::U32).expect("a cast");
    assert!(is_sound(product) && is_sound(cast));
    let mut onto = product.clone();
    onto.writes[0].place = onto.reads[1].place;
    assert!(!is_sound(&onto), "a product overwrites its operand");
    let mut shifted = product.clone();
    shifted.writes[0].place = shifted.reads[0].place;
    shifted.writes[0].place.offset += 63;
    assert!(!is_sound(&shifted), "the last element of an operand is overwritten");
    let mut twice = product.clone();
    twice.writes.push(twice.writes[0].clone());
    assert!(!is_sound(&twice), "two results lie in one place");
    let mut words = cast.clone();
    words.writes[0].place = words.reads[0].place;
    assert!(!is_sound(&words), "words overwrite floats");
    words.writes[0].ty.dtype = Dtype::F32;
    assert!(is_sound(&words), "floats may overwrite floats, element by element");
}
