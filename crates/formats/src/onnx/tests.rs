use calotype_graph::op::Distribution;
use calotype_graph::{Graph, Init, Layout, Tensor, Type};

use super::*;

/// A program of an input [N, 3].
fn of(build: impl Fn(&Graph, &Tensor) -> Tensor) -> Result<Model, ExportError> {
    let program = |n: usize| {
        let graph = Graph::new("test");
        let x = graph.input("x", Type::f32([n, 3]));
        graph.output("y", &build(&graph, &x));
        graph.finish()
    };
    let about = About { name: "test", doc: "a doc", version: "0", port: &|name| format!("of {name}") };
    export(&about, &program, &mut |spec| Ok(HostTensor::f32(spec.ty.shape.clone(), vec![2.0; spec.ty.numel()])))
}

fn has(model: &Model, part: &str) -> bool {
    model.bytes.windows(part.len()).any(|w| w == part.as_bytes())
}

#[test]
fn inputs_and_outputs_are_of_any_number_of_rows() {
    let model = of(|graph, x| {
        let w = graph.state("w", Type::f32([3]), Init::Zeros, Layout::Plain, true);
        let _unused = graph.state("unused", Type::f32([70]), Init::Zeros, Layout::Plain, true).exp();
        (x * &w).reshape([x.dims()[0] * 3])
    });
    let model = model.expect("it is written");
    let port =
        |name: &str, dims: &[Dim]| Port { name: name.into(), dims: dims.to_vec(), dtype: Dtype::F32, doc: format!("of {name}") };
    assert_eq!(model.inputs, [port("x", &[Dim::Rows(1), Dim::Fixed(3)])]);
    assert_eq!(model.outputs, [port("y", &[Dim::Rows(3)])]);
    assert_eq!(model.n_weights, 3, "what leads to no output is not written");
    assert!(has(&model, "a doc") && has(&model, "Reshape") && !has(&model, "unused"));
}

#[test]
fn what_has_no_equal_is_refused_by_name() {
    let refused = |build: &dyn Fn(&Graph, &Tensor) -> Tensor| of(build).expect_err("it cannot be written").to_string();
    let random = refused(&|graph, x| x + graph.random("dice", Distribution::Normal, x.shape().clone()));
    assert!(random.contains("(random)") && random.contains("draws random numbers"), "{random}");
    let squared = refused(&|_, x| {
        let n = x.dims()[0];
        x.reshape([1, n * 3]).expand([n, n * 3]).reshape([n * n, 3])
    });
    assert!(squared.contains("for a fixed number of rows"), "{squared}");
    let counted = refused(&|graph, x| x * graph.iota(x.dims()[0]).reshape([x.dims()[0], 1]));
    assert!(counted.contains("for a fixed number of rows"), "{counted}");
    let lacks = export(
        &About { name: "test", doc: "", version: "0", port: &|_| String::new() },
        &|_| {
            let graph = Graph::new("test");
            graph.output("y", &graph.state("w", Type::f32([3]), Init::Zeros, Layout::Plain, true));
            graph.finish()
        },
        &mut |spec| Err(format!("no {}", spec.name)),
    );
    assert_eq!(lacks.expect_err("it has no value").to_string(), "no w");
}
