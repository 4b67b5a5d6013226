//! The roofline: kernels by intensity and rate, under the roofs that were measured.
//!
//! Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model for multicore architectures".

use std::fmt::Write as _;

use super::measure::Measured;
use super::report::Report;
use super::table::figures;

/// Of the plot, in pixels; the key stands to its right.
const LEFT: f64 = 80.0;
const TOP: f64 = 60.0;
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 560.0;
const KEY_LEFT: f64 = LEFT + WIDTH + 40.0;
const KEY_WIDTH: f64 = 520.0;
const KEY_LINE: f64 = 17.0;

/// Colours that are told apart by eyes of every kind (Okabe and Ito 2008).
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6b6b", "#8c6d00"];

/// A logarithmic axis over whole decades.
struct Axis {
    from: i32,
    to: i32,
    start: f64,
    length: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, start: f64, length: f64) -> Self {
        let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
        let from = low.log10().floor() as i32;
        Axis { from, to: (high.log10().ceil() as i32).max(from + 1), start, length }
    }

    fn at(&self, value: f64) -> f64 {
        self.start + self.length * (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.from..=self.to).map(|d| 10f64.powi(d))
    }

    fn low(&self) -> f64 {
        10f64.powi(self.from)
    }

    fn high(&self) -> f64 {
        10f64.powi(self.to)
    }
}

struct Point<'a> {
    name: &'a str,
    op: &'a str,
    /// FLOP a byte.
    intensity: f64,
    gflop_per_s: f64,
    part_of_roof: f64,
}

impl<'a> Point<'a> {
    /// Of a kernel that computes; one that only moves has no intensity.
    fn of(m: &'a Measured) -> Option<Self> {
        let (times, part_of_roof) = (m.times?, m.part_of_roof?);
        (m.flops > 0 && m.bytes > 0).then(|| Point {
            name: &m.kernel,
            op: &m.op,
            intensity: m.flops as f64 / m.bytes as f64,
            gflop_per_s: m.flops as f64 / times.median_s / 1e9,
            part_of_roof,
        })
    }
}

/// A picture in SVG.
pub fn svg(report: &Report) -> String {
    let points: Vec<Point> = report.kernels.iter().filter_map(Point::of).collect();
    let (peak, bandwidth) = (report.roofs.flop_per_s / 1e9, report.roofs.bytes_per_s / 1e9);
    let ridge = peak / bandwidth;
    let x = Axis::over(points.iter().map(|p| p.intensity).chain([ridge / 2.0, ridge * 2.0]), LEFT, WIDTH);
    let y = Axis::over(points.iter().map(|p| p.gflop_per_s).chain([peak / 10.0, peak * 1.1]), TOP + HEIGHT, -HEIGHT);
    let height = (TOP + HEIGHT + 70.0).max(TOP + KEY_LINE * (points.len() + 2) as f64);
    let mut s = String::new();
    let _ = writeln!(
        s,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{height}" viewBox="0 0 {w} {height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/>
<text x="{LEFT}" y="28" font-size="18">{title}</text>"#,
        w = KEY_LEFT + KEY_WIDTH,
        title = escaped(&format!("Roofline of {} (calotype {})", report.machine.device, report.machine.version)),
    );
    grid(&mut s, &x, &y);
    roofs(&mut s, &x, &y, peak, bandwidth);
    marks(&mut s, &x, &y, &points);
    key(&mut s, &points);
    s.push_str("</svg>\n");
    s
}

fn grid(s: &mut String, x: &Axis, y: &Axis) {
    let (bottom, right) = (TOP + HEIGHT, LEFT + WIDTH);
    for v in x.decades() {
        let at = x.at(v);
        let _ = writeln!(s, r##"<path d="M{at:.1} {TOP}V{bottom}" stroke="#ddd"/>"##);
        let _ = writeln!(s, r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{v}</text>"#, bottom + 20.0);
    }
    for v in y.decades() {
        let at = y.at(v);
        let _ = writeln!(s, r##"<path d="M{LEFT} {at:.1}H{right}" stroke="#ddd"/>"##);
        let _ = writeln!(s, r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{v}</text>"#, LEFT - 8.0, at + 4.0);
    }
    let (middle_x, middle_y) = (LEFT + WIDTH / 2.0, TOP + HEIGHT / 2.0);
    let _ = writeln!(s, r#"<text x="{middle_x}" y="{:.1}" text-anchor="middle">intensity, FLOP a byte</text>"#, bottom + 45.0);
    let _ = writeln!(s, r#"<text transform="translate(22 {middle_y}) rotate(-90)" text-anchor="middle">rate, GFLOP/s</text>"#);
}

/// The slope of memory up to the ridge, then the ceiling of compute.
fn roofs(s: &mut String, x: &Axis, y: &Axis, peak: f64, bandwidth: f64) {
    let ridge = peak / bandwidth;
    // Where the slope enters the picture: at its left or at its bottom.
    let enters = x.low().max(y.low() / bandwidth);
    let (x0, y0) = (x.at(enters), y.at(enters * bandwidth));
    let (x1, y1, x2) = (x.at(ridge), y.at(peak), x.at(x.high()));
    let _ = writeln!(
        s,
        r#"<path d="M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}H{x2:.1}" fill="none" stroke="black" stroke-width="2"/>
<text x="{:.1}" y="{:.1}" text-anchor="end">{} GFLOP/s</text>"#,
        x2 - 6.0,
        y1 - 8.0,
        figures(peak)
    );
    let angle = (y1 - y0).atan2(x1 - x0).to_degrees();
    let (middle_x, middle_y) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    let _ = writeln!(
        s,
        r#"<text transform="translate({middle_x:.1} {middle_y:.1}) rotate({angle:.1})" y="-8" text-anchor="middle">{} GB/s</text>"#,
        figures(bandwidth)
    );
}

fn colour(points: &[Point], op: &str) -> &'static str {
    let mut ops: Vec<&str> = points.iter().map(|p| p.op).collect();
    ops.dedup();
    COLOURS[ops.iter().position(|o| *o == op).unwrap_or(0) % COLOURS.len()]
}

/// A dot at each kernel's place, and its number beside it where no other number is.
fn marks(s: &mut String, x: &Axis, y: &Axis, points: &[Point]) {
    let dots: Vec<(f64, f64)> = points.iter().map(|p| (x.at(p.intensity), y.at(p.gflop_per_s))).collect();
    let mut taken: Vec<(f64, f64)> = dots.clone();
    for (n, (p, &(cx, cy))) in points.iter().zip(&dots).enumerate() {
        let fill = colour(points, p.op);
        let (tx, ty) = free_place((cx, cy), &taken);
        taken.push((tx, ty));
        let _ = writeln!(
            s,
            r#"<path d="M{cx:.1} {cy:.1}L{tx:.1} {ty:.1}" stroke="{fill}" stroke-width="0.7"/>
<circle cx="{cx:.1}" cy="{cy:.1}" r="4.5" fill="{fill}"/>
<text x="{tx:.1}" y="{:.1}" font-size="11" text-anchor="middle" fill="{fill}" stroke="white" stroke-width="3" paint-order="stroke">{}</text>"#,
            ty + 4.0,
            n + 1
        );
    }
}

/// The nearest place around a dot that is 12 pixels from every other: rings of directions, further and further out.
fn free_place((cx, cy): (f64, f64), taken: &[(f64, f64)]) -> (f64, f64) {
    let places = (1..=8).flat_map(|ring| (0..16).map(move |turn| (14.0 * f64::from(ring), f64::from(turn))));
    let around = |(radius, turn): (f64, f64)| {
        let angle = std::f64::consts::FRAC_PI_8 * turn - std::f64::consts::FRAC_PI_4;
        (cx + radius * angle.cos(), cy + radius * angle.sin())
    };
    let is_free = |&(px, py): &(f64, f64)| {
        let inside = (LEFT + 8.0..LEFT + WIDTH - 8.0).contains(&px) && (TOP + 8.0..TOP + HEIGHT - 8.0).contains(&py);
        inside && taken.iter().all(|&(ox, oy)| (px - ox).abs() > 15.0 || (py - oy).abs() > 12.0)
    };
    places.map(around).find(is_free).unwrap_or((cx, cy - 12.0))
}

fn key(s: &mut String, points: &[Point]) {
    let _ =
        writeln!(s, r##"<text x="{KEY_LEFT}" y="{:.1}" fill="#555">kernel, per cent of the roof above it</text>"##, TOP - 8.0);
    for (n, p) in points.iter().enumerate() {
        let y = TOP + KEY_LINE * (n as f64 + 1.0);
        let _ = writeln!(
            s,
            r#"<text x="{:.1}" y="{y:.1}" font-size="12" text-anchor="end" fill="{fill}">{}</text>
<text x="{:.1}" y="{y:.1}" font-size="12">{}</text>
<text x="{:.1}" y="{y:.1}" font-size="12" text-anchor="end">{:.0} %</text>"#,
            KEY_LEFT + 18.0,
            n + 1,
            KEY_LEFT + 26.0,
            escaped(p.name),
            KEY_LEFT + KEY_WIDTH - 16.0,
            100.0 * p.part_of_roof,
            fill = colour(points, p.op),
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_lie_evenly() {
        let axis = Axis::over([0.5, 200.0].into_iter(), 0.0, 400.0);
        assert_eq!((axis.from, axis.to), (-1, 3));
        assert_eq!([0.1, 1.0, 1000.0].map(|v| axis.at(v)), [0.0, 100.0, 400.0]);
    }

    #[test]
    fn numbers_do_not_lie_on_each_other() {
        let dot = (LEFT + 300.0, TOP + 300.0);
        let mut taken = vec![dot];
        for _ in 0..10 {
            let place = free_place(dot, &taken);
            assert!(taken.iter().all(|t| (t.0 - place.0).abs() > 15.0 || (t.1 - place.1).abs() > 12.0), "{place:?}");
            taken.push(place);
        }
    }
}
