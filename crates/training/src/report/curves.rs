//! What was measured in runs, as curves: those of one unit together in a chart.

use serde::{Serialize, Serializer};

use crate::alarms::GRADIENT;
use crate::metrics::{DIVERSITY, FLOOR, HeldOut, LEARNING_RATE, LR_SCALE, Line};

/// Points of a curve; of longer runs each is the mean of a few lines, with the least and the largest of them.
const MOST_POINTS: usize = 600;
/// Significant digits of a point: more than a screen shows.
const DIGITS: usize = 5;

/// Curves over each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    pub title: String,
    /// What is said above it.
    pub note: &'static str,
    /// Whether it is better drawn over a logarithmic scale.
    pub log: bool,
    pub curves: Vec<Curve>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    pub name: String,
    /// Whether it is a level to hold the others against.
    pub floor: bool,
    /// Steps, and seconds of training.
    #[serde(serialize_with = "short")]
    pub step: Vec<f64>,
    #[serde(serialize_with = "short")]
    pub time: Vec<f64>,
    #[serde(serialize_with = "short")]
    pub mean: Vec<f64>,
    /// Empty where each point is one line.
    #[serde(serialize_with = "short")]
    pub least: Vec<f64>,
    #[serde(serialize_with = "short")]
    pub largest: Vec<f64>,
}

/// What is drawn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Losses,
    HeldOut,
    Distances,
    Other,
    LearningRate,
    Gradients,
}

impl Group {
    const ALL: [Group; 6] =
        [Group::Losses, Group::HeldOut, Group::Distances, Group::Other, Group::LearningRate, Group::Gradients];

    fn of(name: &str) -> Self {
        match name {
            DIVERSITY | "retrieval" => Group::Other,
            LEARNING_RATE | LR_SCALE => Group::LearningRate,
            _ if name == HeldOut::LOSS.metric => Group::HeldOut,
            _ if name.starts_with(HeldOut::SAMPLES.metric) => Group::Distances,
            _ if name.starts_with(GRADIENT) => Group::Gradients,
            _ => Group::Losses,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Group::Losses => "Losses",
            Group::HeldOut => "Held-out set",
            Group::Distances => "Distance of samples from the held-out set",
            Group::Other => "Other measures",
            Group::LearningRate => "Learning rate",
            Group::Gradients => "Gradient norms",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Group::Losses => "",
            Group::HeldOut => "Mean loss of rows that were held out, in nats.",
            Group::Distances => {
                "Sliced Wasserstein distance x 1000, and by size of the image; the floor is that of training rows: samples as good as \
                 the data have the same."
            }
            Group::Other => "diversity: the mean distance of two samples, as a part of that of two rows of the data.",
            Group::LearningRate => "",
            Group::Gradients => "Of each optimiser's first moments, at each checkpoint.",
        }
    }
}

/// The charts of a run.
pub fn charts(lines: &[Line]) -> Vec<Chart> {
    let names = names(lines);
    let chart = |group: Group| {
        let curves: Vec<Curve> =
            names.iter().filter(|name| Group::of(name) == group).filter_map(|name| Curve::of(lines, name, name)).collect();
        let note = if group == Group::Other && curves.iter().all(|c| c.name != DIVERSITY) { "" } else { group.note() };
        (!curves.is_empty()).then(|| Chart { title: group.title().to_owned(), note, log: group == Group::Gradients, curves })
    };
    Group::ALL.into_iter().filter_map(chart).collect()
}

/// The charts of several runs, by what they are called: one of each measure that two of them have, or the only run.
pub fn compared(runs: &[(String, &[Line])]) -> Vec<Chart> {
    let mut all: Vec<String> = Vec::new();
    for name in runs.iter().flat_map(|(_, lines)| names(lines)) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all.sort_by_key(|name| Group::ALL.iter().position(|group| *group == Group::of(name)));
    let chart = |name: String| {
        let curves: Vec<Curve> = runs.iter().filter_map(|(run, lines)| Curve::of(lines, &name, run)).collect();
        let group = Group::of(&name);
        (curves.len() >= 2.min(runs.len()) && name != FLOOR).then(|| Chart {
            note: if group == Group::Other { "" } else { group.note() },
            title: name,
            log: group == Group::Gradients,
            curves: curves.into_iter().map(|c| Curve { floor: false, ..c }).collect(),
        })
    };
    all.into_iter().filter_map(chart).collect()
}

/// Of all that was measured, in the order in which it first was.
pub fn names(lines: &[Line]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in lines.iter().flat_map(|l| &l.losses) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

impl Curve {
    /// Of a measure, without what is not finite; none of less than two points.
    fn of(lines: &[Line], measure: &str, name: &str) -> Option<Self> {
        let value = |l: &Line| Some((l.step as f64, l.wall_s, f64::from(l.losses.iter().find(|(n, _)| n == measure)?.1?)));
        let values: Vec<(f64, f64, f64)> = lines.iter().filter_map(value).collect();
        if values.len() < 2 {
            return None;
        }
        let several = values.len() > MOST_POINTS;
        let buckets = || values.chunks(values.len().div_ceil(MOST_POINTS));
        let mean = |of: fn(&(f64, f64, f64)) -> f64| {
            buckets().map(|some| some.iter().map(of).sum::<f64>() / some.len() as f64).collect::<Vec<f64>>()
        };
        let extreme = |of: fn(f64, f64) -> f64| match several {
            true => buckets().filter_map(|some| some.iter().map(|v| v.2).reduce(of)).collect(),
            false => vec![],
        };
        Some(Curve {
            name: name.to_owned(),
            floor: measure == FLOOR,
            step: mean(|v| v.0),
            time: mean(|v| v.1),
            mean: mean(|v| v.2),
            least: extreme(f64::min),
            largest: extreme(f64::max),
        })
    }
}

/// Numbers with [`DIGITS`] digits; steps are whole numbers and stay so.
fn short<S: Serializer>(all: &[f64], s: S) -> Result<S::Ok, S::Error> {
    let short = |v: &f64| match v.fract() == 0.0 && v.abs() < 1e9 {
        true => serde_json::Number::from(*v as i64),
        false => format!("{v:.*e}", DIGITS - 1).parse().unwrap_or_else(|_| 0.into()),
    };
    s.collect_seq(all.iter().map(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, losses: &[(&str, Option<f32>)]) -> Line {
        Line::of(step, step as f64 * 0.25, losses.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect())
    }

    #[test]
    fn long_runs_keep_their_extremes_and_lose_what_is_not_finite() {
        let lines: Vec<Line> = (1..=2000)
            .map(|n| line(n, &[("loss_d", Some(n as f32).filter(|_| n != 3)), ("loss_g", Some(0.5)), (DIVERSITY, Some(1.0))]))
            .collect();
        let charts = charts(&lines);
        assert_eq!(charts.iter().map(|c| c.title.as_str()).collect::<Vec<_>>(), ["Losses", "Other measures"]);
        let d = &charts[0].curves[0];
        // 1,999 values, four a point: 1, 2, 4 and 5 in the first.
        assert_eq!((d.step.len(), d.step[0], d.mean[0], d.least[0], d.largest[0], d.time[0]), (500, 3.0, 3.0, 1.0, 5.0, 0.75));
        assert_eq!(charts[0].curves[1].mean, [0.5; 500]);
        let json = serde_json::to_value(d).expect("it can be written");
        assert_eq!((&json["step"][0], &json["mean"][499]), (&serde_json::json!(3), &serde_json::json!(1999)));
        let few = Curve::of(&lines[..10], "loss_g", "g").expect("ten points");
        assert!(few.step.len() == 10 && few.least.is_empty());
        assert_eq!(Curve::of(&lines[..1], "loss_g", "g"), None);
    }

    #[test]
    fn numbers_are_short() {
        let curve = Curve {
            name: String::new(),
            floor: false,
            step: vec![123_456.0],
            time: vec![0.1 + 0.2],
            mean: vec![1.234_567_89e-7],
            least: vec![-2.0],
            largest: vec![9.876_543e12],
        };
        let json = serde_json::to_string(&curve).expect("it can be written");
        assert!(json.contains("[123456]") && json.contains("[0.3]") && json.contains("[1.2346e-7]"), "{json}");
        assert!(json.contains("[-2]") && json.contains("[9876500000000.0]"), "{json}");
    }

    #[test]
    fn runs_are_compared_by_what_two_of_them_measured() {
        let a: Vec<Line> = (1..5).map(|n| line(n, &[("loss_d", Some(1.0)), ("only_a", Some(1.0)), (FLOOR, Some(2.0))])).collect();
        let b: Vec<Line> = (1..9).map(|n| line(n, &[("loss_d", Some(3.0)), (FLOOR, Some(2.0))])).collect();
        let charts = compared(&[("a".into(), &a), ("b".into(), &b)]);
        assert_eq!(charts.len(), 1);
        assert_eq!((charts[0].title.as_str(), charts[0].curves.len()), ("loss_d", 2));
        assert_eq!(charts[0].curves.iter().map(|c| (c.name.as_str(), c.step.len())).collect::<Vec<_>>(), [("a", 4), ("b", 8)]);
        assert_eq!(compared(&[("a".into(), &a)]).len(), 2);
    }
}
