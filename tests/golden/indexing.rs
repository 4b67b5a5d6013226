//! Rows by index and running sums.

use calotype_graph::{Device, Graph, HostTensor};
use calotype_tests::Golden;

use crate::{CLOSE, check, run};

pub fn embedding(device: &mut dyn Device) {
    let golden = Golden::open("indexing");
    for case in golden.cases("embedding/") {
        let get = |part: &str| golden.get(&format!("{case}/{part}"));
        let (table, indices, dy) = (get("table"), get("indices"), get("dy"));
        let g = Graph::new("golden");
        let leaf = g.input("table", table.ty());
        let y = leaf.gather(&g.input("indices", indices.ty()));
        g.output("y", &y);
        g.output("dtable", &g.vjp(&[(&y, &g.input("dy", dy.ty()))], &[&leaf])[0]);
        let program = g.finish().expect("a graph");
        let got = run(device, &program, &[("table", &table), ("indices", &indices), ("dy", &dy)]);
        check(&case, &got[0], &get("y"), CLOSE);
        check(&format!("{case}: gradient"), &got[1], &get("dtable"), CLOSE);
    }
}

pub fn rows(device: &mut dyn Device) {
    let golden = Golden::open("indexing");
    for case in golden.cases("row/") {
        let given = ["x", "row", "index", "dy"].map(|part| (part, golden.get(&format!("{case}/{part}"))));
        let g = Graph::new("golden");
        let [x, row, index, dy] = given.each_ref().map(|(name, t)| g.input(name, t.ty()));
        let y = x.row_write(&index, &row);
        let gradients = g.vjp(&[(&y, &dy)], &[&x, &row]);
        let results = [("written", &y), ("dx", &gradients[0]), ("drow", &gradients[1]), ("read", &x.row_read(&index))];
        results.iter().for_each(|(name, t)| g.output(name, t));
        let inputs: Vec<(&str, &HostTensor)> = given.iter().map(|(name, t)| (*name, t)).collect();
        let got = run(device, &g.finish().expect("a graph"), &inputs);
        for ((name, _), got) in results.iter().zip(&got) {
            check(&format!("{case}: {name}"), got, &golden.get(&format!("{case}/{name}")), CLOSE);
        }
    }
}

pub fn cumsum(device: &mut dyn Device) {
    let golden = Golden::open("indexing");
    for case in golden.cases("cumsum/") {
        let get = |part: &str| golden.get(&format!("{case}/{part}"));
        let (x, dy) = (get("x"), get("dy"));
        let g = Graph::new("golden");
        let leaf = g.input("x", x.ty());
        let y = leaf.cumsum(get("axis").words()[0] as usize);
        g.output("y", &y);
        g.output("dx", &g.vjp(&[(&y, &g.input("dy", dy.ty()))], &[&leaf])[0]);
        let got = run(device, &g.finish().expect("a graph"), &[("x", &x), ("dy", &dy)]);
        check(&case, &got[0], &get("y"), CLOSE);
        check(&format!("{case}: gradient"), &got[1], &get("dx"), CLOSE);
    }
}
