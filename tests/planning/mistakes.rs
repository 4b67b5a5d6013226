//! Mistakes in a graph are errors that name both sides.

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Init, Layout, Type, philox};

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
