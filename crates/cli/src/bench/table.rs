//! Measurements as text: a line a kernel, as soon as it is timed.

use super::measure::Measured;
use super::roofs::Bound;

const NAME: usize = 58;

pub fn head() -> String {
    format!(
        "{:<NAME$} {:>10} {:>8} {:>9} {:>8} {:>7}  {:<9} {:>6}",
        "kernel", "time", "± half", "GFLOP/s", "GB/s", "of roof", "bound by", "error"
    )
}

/// `± half`: half the distance of the quartiles. `error`: as a part of what is allowed.
pub fn row(m: &Measured) -> String {
    let (Some(times), Some(part)) = (m.times, m.part_of_roof) else {
        return format!("{:<NAME$} FAILED {}", m.kernel, m.failure.as_deref().unwrap_or("for an unknown reason"));
    };
    let rate = |n: u64| n as f64 / times.median_s / 1e9;
    let flops = if m.flops == 0 { "-".to_owned() } else { figures(rate(m.flops)) };
    let half = 50.0 * (times.quartile_3_s - times.quartile_1_s) / times.median_s;
    let parity = m.parity.map_or("exact".to_owned(), |p| format!("{p:.2}"));
    format!(
        "{:<NAME$} {:>10} {:>8} {flops:>9} {:>8} {:>7}  {:<9} {parity:>6}",
        m.kernel,
        seconds(times.median_s),
        format!("{half:.0} %"),
        figures(rate(m.bytes)),
        format!("{:.0} %", 100.0 * part),
        bound(m.bound),
    )
}

pub fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Compute => "compute",
        Bound::Bandwidth => "memory",
    }
}

/// `1.23 ms`
pub fn seconds(s: f64) -> String {
    match s {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{} ms", figures(s * 1e3)),
        s => format!("{} us", figures(s * 1e6)),
    }
}

/// Three figures, or all ahead of the point.
pub fn figures(v: f64) -> String {
    match v {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::Times;
    use super::*;

    fn measured() -> Measured {
        Measured {
            kernel: "matmul: 512x512x512".into(),
            op: "matmul".into(),
            flops: 1 << 28,
            bytes: 3 << 20,
            times: Some(Times::of(vec![0.002; 5], 1)),
            bound: Bound::Compute,
            part_of_roof: Some(0.5),
            parity: Some(0.25),
            failure: None,
        }
    }

    #[test]
    fn a_row_has_rates_and_what_binds() {
        let row = row(&measured());
        for says in ["2.00 ms", "134", "1.57", "50 %", "compute", "0.25"] {
            assert!(row.contains(says), "{says}: {row}");
        }
        assert_eq!(row.chars().count(), head().chars().count());
    }

    #[test]
    fn a_failure_is_told_with_its_reason() {
        let failed = Measured { times: None, part_of_roof: None, failure: Some("element 3".into()), ..measured() };
        assert!(row(&failed).ends_with("FAILED element 3"));
    }

    #[test]
    fn times_have_three_figures() {
        assert_eq!([2.5, 0.0123456, 1.5e-5, 2e-7].map(seconds), ["2.50 s", "12.3 ms", "15.0 us", "0.20 us"]);
    }
}
