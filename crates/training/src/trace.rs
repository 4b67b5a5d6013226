//! A step, kernel by kernel, as Perfetto and Chrome show it.

use std::collections::BTreeMap;

use calotype_graph::{Plan, Step};
use serde_json::{Value, json};

/// The kernels of a step with their times.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    what: String,
    device: String,
    kernels: Vec<Kernel>,
}

#[derive(Clone, Debug, PartialEq)]
struct Kernel {
    name: String,
    stem: &'static str,
    /// Of the results.
    shapes: String,
    flops: u64,
    bytes: u64,
    seconds: f64,
}

impl Trace {
    /// Of a plan's steps, and the seconds of each.
    pub(crate) fn new(what: String, device: String, plan: &Plan, seconds: &[f64]) -> Self {
        let kernel = |(step, &seconds): (&Step, &f64)| Kernel {
            name: step.name.clone(),
            stem: step.stem(),
            shapes: step.writes.iter().map(|w| w.ty.to_string()).collect::<Vec<_>>().join(", "),
            flops: step.flops,
            bytes: step.bytes,
            seconds,
        };
        Trace { what, device, kernels: plan.steps.iter().zip(seconds).map(kernel).collect() }
    }

    /// Seconds of all kernels together.
    pub fn seconds(&self) -> f64 {
        self.kernels.iter().map(|k| k.seconds).sum()
    }

    pub fn n_kernels(&self) -> usize {
        self.kernels.len()
    }

    /// What takes the time: kinds of kernels, how many of each there are, and their seconds, the most first.
    pub fn by_stem(&self) -> Vec<(&'static str, usize, f64)> {
        let mut all: BTreeMap<&'static str, (usize, f64)> = BTreeMap::new();
        for kernel in &self.kernels {
            let (n, seconds) = all.entry(kernel.stem).or_default();
            *n += 1;
            *seconds += kernel.seconds;
        }
        let mut all: Vec<_> = all.into_iter().map(|(stem, (n, seconds))| (stem, n, seconds)).collect();
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        all
    }

    /// In the Trace Event Format, one kernel behind the other: <https://ui.perfetto.dev> opens it.
    pub fn to_json(&self) -> Value {
        let named = |kind: &str, name: &str| json!({ "name": kind, "ph": "M", "pid": 1, "tid": 1, "args": { "name": name } });
        let mut events = vec![named("process_name", &self.what), named("thread_name", &self.device)];
        let mut at_s = 0.0;
        for Kernel { name, stem, shapes, flops, bytes, seconds } in &self.kernels {
            let rate = |n: u64| if *seconds > 0.0 { n as f64 / seconds / 1e9 } else { 0.0 };
            events.push(json!({
                "name": name, "cat": stem, "ph": "X", "pid": 1, "tid": 1, "ts": at_s * 1e6, "dur": seconds * 1e6,
                "args": {
                    "kernel": stem, "result": shapes, "flops": flops, "bytes": bytes,
                    "GFLOP/s": rate(*flops), "GB/s": rate(*bytes),
                },
            }));
            at_s += seconds;
        }
        json!({ "traceEvents": events, "displayTimeUnit": "ms" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_follow_each_other() {
        let kernel = |name: &str, stem, seconds| Kernel {
            name: name.into(),
            stem,
            shapes: "f32[2]".into(),
            flops: 4_000_000,
            bytes: 8,
            seconds,
        };
        let kernels = vec![kernel("a", "matmul", 0.002), kernel("b", "reduce", 0.001), kernel("c", "reduce", 0.0)];
        let trace = Trace { what: "a step".into(), device: "CPU".into(), kernels };
        assert_eq!((trace.n_kernels(), trace.seconds()), (3, 0.003));
        assert_eq!(trace.by_stem(), [("matmul", 1, 0.002), ("reduce", 2, 0.001)]);
        let json = trace.to_json();
        let events = json["traceEvents"].as_array().expect("events");
        assert_eq!((events[0]["args"]["name"].as_str(), events[1]["args"]["name"].as_str()), (Some("a step"), Some("CPU")));
        let of = |n: usize| (events[n]["ts"].as_f64(), events[n]["dur"].as_f64(), events[n]["args"]["GFLOP/s"].as_f64());
        assert_eq!((of(2), of(3)), ((Some(0.0), Some(2000.0), Some(2.0)), (Some(2000.0), Some(1000.0), Some(4.0))));
        assert_eq!(of(4), (Some(3000.0), Some(0.0), Some(0.0)), "a time of nothing is no rate");
    }
}
