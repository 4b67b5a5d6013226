//! `count` and `table`: the lecture's numbers, and questions whose answers are known.

use std::fs;

use crate::support::Place;

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn parameters_are_counted_as_in_the_lecture() {
    let place = Place::new();
    let count = |args: &[&str]| place.run(&[&["count"], args].concat()).ok().stdout;
    contains(
        &count(&["--pixels", "784"]),
        &["2^784 - 1 = 1.02e236", "1 + 2 + 2^2 + ... + 2^783 = 2^784 - 1", "Markov, order 1", " = 1,567", "784*1 = 784"],
    );
    contains(
        &count(&["--pixels", "1", "--channels", "3", "--levels", "256"]),
        &["1 pixel of 3 channels", "255 + 256*255 + 256^2*255 = 256^3 - 1 = 16,777,215", "3*255 = 765", "16,777,216 images"],
    );
    contains(&count(&["--pixels", "9", "--order", "20"]), &["Markov, order 20            2^8 - 1 + 1*2^8 = 511"]);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let place = Place::new();
    for (args, says) in [
        (&["--pixels", "0"][..], "from 1 to 1,000,000,000"),
        (&["--pixels", "18446744073709551615", "--channels", "3"], "--pixels times --channels"),
        (&["--pixels", "4", "--levels", "1"], "from 2 to 2^32"),
        (&["--pixels", "-4"], "-4"),
        (&["--pixels", "4", "--channels", "0"], "--channels"),
        (&[], "--pixels"),
    ] {
        place.run(&[&["count"], args].concat()).refused(2, &[says]);
    }
}

/// Observations in which B copies A, and C goes its own way: p(A=1) is 5/8.
const COPIES: &str = "A,B,C\n1,1,x\n1,1,y\n0,0,x\n0,0,y\n1,1,x\n0,0,x\n1,1,y\n1,1,y\n";

#[test]
fn a_table_answers() {
    let place = Place::new();
    fs::write(place.path("t.csv"), COPIES).expect("it is written");
    let table = |args: &[&str]| place.run(&[&["table", "t.csv"], args].concat()).ok().stdout;
    contains(
        &table(&[]),
        &["8 observations of A (2), B (2), C (2): 8 cells, 7 free parameters", "p(A) p(B | A) p(C | A, B)", "1 + 2 + 4 = 7"],
    );
    contains(&table(&["--marginal", "A"]), &["8 observations of A (2): 2 cells", "1  0.6250"]);
    contains(
        &table(&["--given", "B=1", "--marginal", "A", "--marginal", "A,C"]),
        &[
            "p(B=1) = 0.6250",
            "A  p(A)    p(B=1 | A)  p(A | B=1)",
            "1  0.6250  1.0000      1.0000",
            "p(A, C | B=1)",
            "1  y  0.6000",
        ],
    );
    contains(
        &table(&["--independent", "A,B", "--independent", "A,C|B"]),
        &[
            "A and B\n",
            "mutual information                     0.662 nats",
            "A and C given B\n",
            "nothing to test",
            "p-value is rough",
        ],
    );
    // What is given is a condition already.
    contains(&table(&["--given", "C=x", "--independent", "A,B|C"]), &["A and B given C=x\n", "1 degree of freedom"]);
    // One joint table is smoothed, whatever is asked of it: 8 observations, 8 cells, 4 of them with A=1.
    for also in [&[][..], &["--marginal", "A,B"], &["--given", "C=y"]] {
        contains(&table(&[&["--smoothing", "1", "--marginal", "A"], also].concat()), &["1  0.5625"]);
    }
}

#[test]
fn counts_and_probabilities_weigh_rows() {
    let place = Place::new();
    fs::write(place.path("t.csv"), "A\tB\tn\tp\n0\t0\t3\t0.06\n0\t1\t1\t0.24\n1\t0\t1\t0.14\n1\t1\t5\t0.56\n")
        .expect("it is written");
    let table = |args: &[&str]| place.run(&[&["table", "t.csv", "--independent", "A,B"], args].concat()).ok().stdout;
    contains(&table(&["--weight", "n"]), &["10 observations of A (2), B (2)", "G = 3.55, 1 degree of freedom", "0.0594"]);
    let exact = table(&["--weight", "p"]);
    contains(&exact, &["probabilities of A (2), B (2)", "independent, to rounding"]);
    assert!(!exact.contains("likelihood-ratio"), "{exact}");
}

#[test]
fn wrong_questions_say_what_would_be_right() {
    let place = Place::new();
    fs::write(place.path("t.csv"), COPIES).expect("it is written");
    fs::write(place.path("wide.csv"), format!("{}\n{}\n{}\n", bits("x", 784), bits("0,", 784), bits("1,", 784)))
        .expect("it is written");
    for (args, says) in [
        (&["--marginal", "D"][..], &["no column `D`", "there are: A, B, C"][..]),
        (&["--given", "A=2"], &["`A` is never `2`", "0, 1"]),
        (&["--given", "A"], &["rain=yes"]),
        (&["--given", "A=0", "--given", "B=1"], &["A=0, B=1 has probability 0"]),
        (&["--given", "A=0", "--given", "A=1"], &["`A` is given twice"]),
        (&["--given", "A=0", "--marginal", "A"], &["`A` is given twice"]),
        (&["--given", "A=0", "--independent", "A,B"], &["`A` is fixed by --given"]),
        (&["--independent", "A"], &["A,B|C"]),
        (&["--independent", "A,A"], &["`A` is given twice"]),
        (&["--weight", "a"], &["no column `a`"]),
        (&["--smoothing", "-1"], &["a number of 0 or more"]),
    ] {
        place.run(&[&["table", "t.csv"], args].concat()).refused(2, says);
    }
    place.run(&["table", "wide.csv"]).refused(2, &["784 variables", "fewer variables"]);
    place.run(&["table", "wide.csv", "--independent", "x0,x783"]).ok();
    place.run(&["table", "none.csv"]).refused(2, &["none.csv", "no such file"]);
}

/// `n` fields: `x0,x1,…` or a value again and again.
fn bits(field: &str, n: usize) -> String {
    match field.strip_suffix(',') {
        Some(value) => vec![value; n].join(","),
        None => (0..n).map(|i| format!("{field}{i}")).collect::<Vec<_>>().join(","),
    }
}

#[test]
fn bad_tables_are_named() {
    let place = Place::new();
    for (content, args, says) in [
        ("A,B\n1,2\n1\n", &[][..], "line 3 has 1 values, the first line has 2"),
        ("A,B\n1,2\n3,\n", &[], "line 3: `B` is empty"),
        ("A,B\n", &[], "no rows"),
        ("A,p\nx,0.5\ny,0.2\n", &["--weight", "p"], "these sum to 0.7"),
        ("A,p\n\nx,0.5\ny,half\n", &["--weight", "p"], "line 4: `p` is `half`; expected a number"),
        ("A,p\nx,-1\ny,2\n", &["--weight", "p"], "a number of 0 or more, got -1"),
    ] {
        fs::write(place.path("bad.csv"), content).expect("it is written");
        place.run(&[&["table", "bad.csv"], args].concat()).refused(1, &["bad.csv", says]);
    }
}
