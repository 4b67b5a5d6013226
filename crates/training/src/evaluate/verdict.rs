//! What figures say together.

use super::{AUTHENTIC, COVERAGE, DISTANCE, Figure, LIKENESS, NEAREST, PRECISION, RECALL};

/// In sentences.
pub(super) fn verdicts(figures: &[Figure]) -> Vec<String> {
    let of = |name: &str| figures.iter().find(|f| f.name == name).and_then(|f| Some((f.samples, f.floor?)));
    let ratio = |name: &str| of(name).map(|(samples, floor)| samples.value / floor.value.max(f64::MIN_POSITIVE));
    let mut said = vec![];
    // Of rows that are new about half are authentic, whatever the data.
    let repeated = figures.iter().find(|f| f.name == AUTHENTIC).map_or(0.0, |f| 1.0 - f.samples.value);
    if repeated > 0.75 && ratio(AUTHENTIC).is_none_or(|r| r < 0.5) && ratio(NEAREST).is_none_or(|r| r < 0.5) {
        said.push(format!("learned by heart: {:.0} % of the samples repeat training rows, or nearly", 100.0 * repeated));
    }
    let alike = of(LIKENESS).is_some_and(|(samples, floor)| samples.value - floor.value > 0.5 * (1.0 - floor.value));
    let few = [RECALL, COVERAGE].iter().any(|name| ratio(name).is_some_and(|r| r < 0.1));
    if alike || few {
        said.push("collapsed: the samples show a small part of what the data show".into());
    }
    if ratio(PRECISION).is_some_and(|r| r < 0.25) {
        said.push("unreal: most samples lie where no held-out row lies".into());
    }
    let close = |name: &str| {
        of(name).is_none_or(|(samples, floor)| samples.value - floor.value <= 3.0 * samples.error.hypot(floor.error))
    };
    if said.is_empty() && close(DISTANCE) && figures.iter().filter(|f| f.name.starts_with("KID")).all(|f| close(&f.name)) {
        said.push("not told from the data by these figures".into());
    }
    said
}
