//! Tables whose answers are known.

use super::*;

/// Rain, a sprinkler that runs less when it rains, and grass that is wet from either: p(R), p(S | R), p(G | S, R) multiplied.
fn garden() -> JointTable {
    let rain = [0.8, 0.2];
    let sprinkler = [[0.6, 0.4], [0.99, 0.01]]; // given rain
    let wet = [[0.0, 0.9], [0.8, 0.99]]; // given rain, sprinkler
    let mut p = Vec::new();
    for r in 0..2 {
        for s in 0..2 {
            p.extend([1.0 - wet[r][s], wet[r][s]].map(|g| rain[r] * sprinkler[r][s] * g));
        }
    }
    let values = ["no", "yes"];
    JointTable::from_probabilities(["rain", "sprinkler", "wet"].map(|name| Variable::new(name, values)).to_vec(), p)
        .expect("a distribution")
}

/// Some table of 2 x 3 x 4 cells with a zero, without structure.
fn any() -> JointTable {
    let counts: Vec<u64> = (0..24).map(|i| (i * i * 7 + 3 * i) % 23).collect();
    let sizes = [("A", 2), ("B", 3), ("C", 4)];
    JointTable::from_counts(sizes.map(|(name, n)| Variable::numbered(name, n)).to_vec(), &counts, 0.0).expect("counts")
}

/// Applications to Berkeley's six largest departments in 1973 (Bickel, Hammel, O'Connell 1975; R's `UCBAdmissions`):
/// department, then admitted and rejected men, admitted and rejected women.
const BERKELEY: [(&str, [u64; 4]); 6] = [
    ("A", [512, 313, 89, 19]),
    ("B", [353, 207, 17, 8]),
    ("C", [120, 205, 202, 391]),
    ("D", [138, 279, 131, 244]),
    ("E", [53, 138, 94, 299]),
    ("F", [22, 351, 24, 317]),
];

fn berkeley(alpha: f64) -> JointTable {
    let variables = vec![
        Variable::new("department", BERKELEY.map(|(name, _)| name)),
        Variable::new("gender", ["male", "female"]),
        Variable::new("admitted", ["yes", "no"]),
    ];
    JointTable::from_counts(variables, &BERKELEY.map(|(_, counts)| counts).concat(), alpha).expect("counts")
}

#[track_caller]
fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-12 * (1.0 + want.abs()), "{got}, should be {want}");
}

#[test]
fn margins_and_events() {
    let garden = garden();
    close(garden.p().iter().sum(), 1.0);
    close(garden.probability(&[]).expect("everything"), 1.0);
    close(garden.probability(&[("rain", "yes"), ("wet", "yes")]).expect("an event"), 0.2 * (0.99 * 0.8 + 0.01 * 0.99));
    let rain = garden.marginal(&["rain"]).expect("a margin");
    close(rain.p()[1], 0.2);
    // The order of the names is the order of the table.
    let turned = garden.marginal(&["wet", "rain", "sprinkler"]).expect("a margin");
    for cell in 0..8 {
        let [w, r, s] = turned.values_of(cell)[..] else { panic!("three variables") };
        assert_eq!(turned.p()[cell], garden.p()[(r * 2 + s) * 2 + w]);
    }
    assert_eq!(garden.marginal(&[]).expect("nothing is kept").p().len(), 1);
}

/// p(rain | wet) is p(wet | rain) p(rain) / p(wet): the textbook's 0.3577.
#[test]
fn bayes_rule() {
    let garden = garden();
    let posterior = garden.posterior(&["rain"], &[("wet", "yes")]).expect("wet grass occurs");
    assert!((posterior.p()[1] - 0.3577).abs() < 5e-5, "{:?}", posterior.p());
    let any = any();
    let evidence = any.probability(&[("C", "2")]).expect("an event");
    let posterior = any.posterior(&["A", "B"], &[("C", "2")]).expect("it occurs");
    for cell in 0..6 {
        let (a, b) = ((cell / 3).to_string(), (cell % 3).to_string());
        let prior = any.probability(&[("A", &a), ("B", &b)]).expect("an event");
        let likelihood = any.posterior(&["C"], &[("A", &a), ("B", &b)]).expect("it occurs").p()[2];
        close(posterior.p()[cell], likelihood * prior / evidence);
    }
}

#[test]
fn conditions_in_turn_are_conditions_at_once() {
    let garden = garden();
    let at_once = garden.given(&[("wet", "yes"), ("sprinkler", "no")]).expect("it occurs");
    let in_turn = garden.given(&[("sprinkler", "no")]).and_then(|t| t.given(&[("wet", "yes")])).expect("it occurs");
    at_once.p().iter().zip(in_turn.p()).for_each(|(a, b)| close(*a, *b));
    close(at_once.p()[1], 1.0); // nothing else wets the grass
    let all = garden.given(&[("wet", "yes"), ("sprinkler", "no"), ("rain", "yes")]).expect("it occurs");
    assert_eq!((all.variables().len(), all.p()), (0, &[1.0][..]));
    let impossible = garden.given(&[("wet", "yes"), ("sprinkler", "no"), ("rain", "no")]).expect_err("it cannot be");
    assert_eq!(
        impossible.to_string(),
        "wet=yes, sprinkler=no, rain=no has probability 0, so it cannot be a condition; give other values"
    );
}

/// In every order, and with as many parameters as the joint table: nothing is assumed.
#[test]
fn the_chain_rule_holds_in_every_order() {
    for table in [garden(), any(), berkeley(0.0)] {
        let names: Vec<&str> = table.variables().iter().map(|v| v.name.as_str()).collect();
        for [x, y, z] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let order = [names[x], names[y], names[z]];
            assert!(table.chain_error(&order).expect("an order") < 1e-15);
            let factors = table.chain(&order).expect("an order");
            assert_eq!(factors.iter().map(Factor::n_parameters).sum::<usize>(), table.p().len() - 1);
            assert_eq!(factors[2].given, order[..2]);
            for factor in &factors {
                let sums = factor.p.chunks_exact(factor.n_values).map(|p| p.iter().sum::<f64>());
                assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-14 || sum == 0.0), "{factor:?}");
            }
        }
        assert!(matches!(table.chain(&names[..2]), Err(TableError::Order { expected: 3, got: 2 })));
        assert!(matches!(table.chain(&[names[0], names[0], names[1]]), Err(TableError::Twice { .. })));
    }
}

/// A and B share a cause C and nothing else: dependent, but not where C is known. And the reverse: two coins and whether they
/// are equal.
#[test]
fn a_common_cause_and_a_common_effect() {
    let (a, b, c) = ([0.9, 0.2], [0.7, 0.4], [0.25, 0.75]);
    let bit = |p: f64, x: usize| if x == 1 { p } else { 1.0 - p };
    let p = |cell: usize| bit(a[cell & 1], cell >> 2) * bit(b[cell & 1], cell >> 1 & 1) * c[cell & 1];
    let names = ["A", "B", "C"].map(|name| Variable::numbered(name, 2));
    let cause = JointTable::from_probabilities(names.to_vec(), (0..8).map(p).collect()).expect("a distribution");
    let known = cause.independence(&["A"], &["B"], &["C"]).expect("a test");
    assert!(known.gap < 1e-15 && known.mutual_information < 1e-15 && known.test.is_none(), "{known:?}");
    let unknown = cause.independence(&["A"], &["B"], &[]).expect("a test");
    // Cov(A, B) = Var(p(A | C), p(B | C)) over C.
    close(unknown.gap, 0.7 * 0.3 * 0.25 * 0.75);
    let equal = |cell: usize| if (cell >> 2 == (cell >> 1 & 1)) == (cell & 1 == 1) { 0.25 } else { 0.0 };
    let effect = JointTable::from_probabilities(names.to_vec(), (0..8).map(equal).collect()).expect("a distribution");
    assert_eq!(effect.independence(&["A"], &["B"], &[]).expect("a test").gap, 0.0);
    let known = effect.independence(&["A"], &["B"], &["C"]).expect("a test");
    close(known.gap, 0.25);
    close(known.mutual_information, 2f64.ln()); // one bit
    close(effect.independence(&["A", "B"], &["C"], &[]).expect("sets of variables").mutual_information, 2f64.ln());
}

/// R: `loglm(~ Gender + Admit)` on the margin gives G² 93.449 with 1 degree of freedom, `loglm(~ Dept * (Gender + Admit))`
/// 21.7355 with 6, p 0.00135.
#[test]
fn berkeleys_admissions() {
    let table = berkeley(0.0);
    let margin = table.independence(&["gender"], &["admitted"], &[]).expect("a test");
    let test = margin.test.expect("counts");
    assert!((test.statistic - 93.449).abs() < 5e-4 && test.dof == 1, "{test:?}");
    let known = table.independence(&["admitted"], &["gender"], &["department"]).expect("a test").test.expect("counts");
    assert!((known.statistic - 21.7355).abs() < 5e-5 && known.dof == 6, "{known:?}");
    assert!((known.p_value - 0.00135).abs() < 5e-6, "{known:?}");
    close(test.statistic, 2.0 * 4526.0 * margin.mutual_information);
    // Smoothing changes probabilities, not what was counted.
    let smoothed = berkeley(10.0).independence(&["gender"], &["admitted"], &[]).expect("a test");
    assert_eq!(smoothed.test, Some(test));
    assert!(smoothed.gap < margin.gap);
    // A condition conditions the counts, too.
    let one = table.given(&[("department", "A")]).and_then(|t| t.independence(&["gender"], &["admitted"], &[]));
    assert_eq!(table.given(&[("department", "A")]).expect("it occurs").n_observations(), Some(933.0));
    let test = one.expect("a test").test.expect("counts");
    assert!((test.statistic - 19.054).abs() < 5e-4 && (test.p_value - 1.27e-5).abs() < 5e-8, "{test:?}");
}

/// A value that never occurs together with a context, and a context that never occurs, have no degrees of freedom.
#[test]
fn what_never_occurs_is_not_tested() {
    let variables = ["A", "B", "C"].map(|name| Variable::numbered(name, 3)).to_vec();
    let mut counts = vec![0; 27];
    for (a, b, n) in [(0, 0, 5), (0, 1, 7), (1, 0, 6), (1, 1, 4)] {
        counts[a * 9 + b * 3] = n;
    }
    let table = JointTable::from_counts(variables, &counts, 0.0).expect("counts");
    let test = table.independence(&["A"], &["B"], &["C"]).expect("a test").test.expect("counts");
    assert_eq!(test.dof, 1);
    close(test.least_expected, 11.0 * 10.0 / 22.0);
    let nothing = table.independence(&["A"], &["C"], &[]).expect("a test").test.expect("counts");
    assert_eq!((nothing.dof, nothing.statistic, nothing.p_value), (0, 0.0, 1.0));
}

#[test]
fn rows_are_counted() {
    let rows: Vec<Vec<&str>> = ["10 x", "9 y", "10 y", "9.5 x", "10 x"].iter().map(|r| r.split(' ').collect()).collect();
    let table = JointTable::from_rows(&["n", "letter"], &rows, None, 0.0).expect("rows");
    assert_eq!(table.variables(), [Variable::new("n", ["9", "9.5", "10"]), Variable::new("letter", ["x", "y"])]);
    assert_eq!(table.p(), [0.0, 0.2, 0.2, 0.0, 0.4, 0.2]);
    let smoothed = JointTable::from_rows(&["n", "letter"], &rows, None, 1.0).expect("rows");
    assert_eq!(smoothed.p().iter().map(|p| (p * 11.0).round()).collect::<Vec<_>>(), [1.0, 2.0, 2.0, 1.0, 3.0, 2.0]);
    assert_eq!(smoothed.n_observations(), Some(5.0));
    let weighted = JointTable::from_rows(&["n", "letter"], &rows, Some(&[1.0, 2.0, 3.0, 0.0, 4.0]), 0.0).expect("counts");
    assert_eq!(weighted.p(), [0.0, 0.2, 0.0, 0.0, 0.5, 0.3]);
    let likely =
        JointTable::from_rows(&["n", "letter"], &rows, Some(&[0.125, 0.25, 0.5, 0.0, 0.125]), 0.0).expect("probabilities");
    assert_eq!((likely.p(), likely.n_observations()), (&[0.0, 0.25, 0.0, 0.0, 0.25, 0.5][..], None));
}

#[test]
fn bad_rows_are_refused() {
    let rows = |weights: &[f64], alpha| JointTable::from_rows(&["A"], &[vec!["x"], vec!["y"]], Some(weights), alpha);
    assert!(matches!(rows(&[0.5, 0.25], 0.0), Err(TableError::Weights { sum: 0.75 })));
    assert!(matches!(
        rows(&[0.5, 0.5], 1.0),
        Err(TableError::Distribution(DistributionError::Number { what: "smoothing alpha", .. }))
    ));
    assert!(matches!(rows(&[1e300, 1.0], 0.0), Err(TableError::Weights { .. })));
    assert!(matches!(rows(&[0.0, 0.0], 0.0), Err(TableError::Distribution(DistributionError::NothingCounted))));
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(rows(&[weight, 1.0], 0.0).is_err(), "{weight}");
    }
    assert!(rows(&[1.0], 0.0).is_err());
    assert!(JointTable::from_rows(&["A"], &[], None, 1.0).is_err());
    let ragged = JointTable::from_rows(&["A", "B"], &[vec!["1", "2"], vec!["1"]], None, 0.0);
    assert_eq!(ragged, Err(TableError::RowLength { row: 1, expected: 2, got: 1 }));
}

#[test]
fn wrong_questions_say_what_would_be_right() {
    let garden = garden();
    let says = |error: TableError, parts: &[&str]| {
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    says(garden.marginal(&["rian"]).expect_err("a slip"), &["`rian`", "did you mean `rain`", "sprinkler, wet"]);
    says(garden.given(&[("rain", "yse")]).expect_err("a slip"), &["never `yse`", "did you mean `yes`", "no, yes"]);
    says(any().given(&[("A", "7")]).expect_err("no such value"), &["`A` is never `7`; its values are: 0, 1"]);
    says(garden.given(&[("rain", "yes"), ("rain", "no")]).expect_err("a contradiction"), &["`rain` is given twice"]);
    says(garden.posterior(&["wet"], &[("wet", "no")]).expect_err("known already"), &["`wet` is given twice"]);
    says(garden.independence(&["rain"], &["wet"], &["rain"]).expect_err("in two sets"), &["`rain` is given twice"]);
    says(garden.independence(&["rain"], &[], &[]).expect_err("no second set"), &["the second side has none"]);
    let bits = |n: usize| (0..n).map(|i| Variable::numbered(format!("pixel {i}"), 2)).collect::<Vec<_>>();
    says(JointTable::from_counts(bits(784), &[], 1.0).expect_err("2^784 cells"), &["784 variables", "fewer variables"]);
    assert!(JointTable::from_counts(bits(3), &[1; 7], 1.0).is_err());
    assert!(JointTable::from_probabilities(bits(1), vec![0.5, 0.4]).is_err());
    assert!(JointTable::from_probabilities(bits(1), vec![1.5, -0.5]).is_err());
    says(JointTable::from_counts([bits(1), bits(1)].concat(), &[1; 4], 0.0).expect_err("twice"), &["`pixel 0` is given twice"]);
    says(JointTable::from_counts(vec![Variable::new("A", ["x", "x"])], &[1, 1], 0.0).expect_err("twice"), &["`A=x`"]);
    says(JointTable::from_counts(vec![Variable::numbered("A", 0)], &[], 0.0).expect_err("none"), &["`A` has no values"]);
}
