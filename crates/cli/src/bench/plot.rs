//! The roofline: kernels by intensity and rate, under the roofs that were measured.
//!
//! Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model for multicore architectures".

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::measure::Measured;
use super::place::{Place, beside, first_free};
use super::report::Report;
use super::table::figures;

type Pixel = (i32, i32);
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Of the chart with its axes, in pixels; the key stands to its right.
const CHART: (u32, u32) = (860, 680);
const KEY_WIDTH: u32 = 540;
const KEY_TOP: i32 = 64;
const KEY_LINE: i32 = 17;
/// Plotters' sizes are 1.24 times the picture's.
const LARGE: f64 = 18.0 * 1.24;
const NORMAL: f64 = 13.0 * 1.24;
const SMALL: f64 = 12.0 * 1.24;
const NUMBER: f64 = 11.0 * 1.24;
const GREY: RGBColor = RGBColor(85, 85, 85);
const PALE: RGBColor = RGBColor(221, 221, 221);

/// Colours that are told apart by eyes of every kind (Okabe and Ito 2008).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(107, 107, 107),
    RGBColor(140, 109, 0),
];

/// A kernel that computes; one that only moves has no intensity.
struct Point<'a> {
    kernel: &'a Measured,
    colour: RGBColor,
    /// FLOP a byte.
    intensity: f64,
    gflop_per_s: f64,
    part_of_roof: f64,
}

/// Kernels of one op, which follow each other, have one colour.
fn points(kernels: &[Measured]) -> Vec<Point<'_>> {
    let mut points: Vec<Point> = Vec::new();
    let mut n_ops = 0;
    for kernel in kernels.iter().filter(|k| k.flops > 0 && k.bytes > 0) {
        let (Some(times), Some(part_of_roof)) = (kernel.times, kernel.part_of_roof) else { continue };
        n_ops += usize::from(points.last().is_none_or(|p| p.kernel.op != kernel.op));
        let (flops, bytes) = (kernel.flops as f64, kernel.bytes as f64);
        points.push(Point {
            kernel,
            colour: COLOURS[(n_ops - 1) % COLOURS.len()],
            intensity: flops / bytes,
            gflop_per_s: flops / times.median_s / 1e9,
            part_of_roof,
        });
    }
    points
}

/// Whole decades that hold all values.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    let from = low.log10().floor() as i32;
    10f64.powi(from)..10f64.powi((high.log10().ceil() as i32).max(from + 1))
}

/// A little more than an axis: the powers that the marks are worked out by may miss its ends by their last bits.
fn with_ends(axis: &Range<f64>) -> Range<f64> {
    axis.start * (1.0 - 1e-9)..axis.end * (1.0 + 1e-9)
}

/// A picture in SVG.
///
/// # Errors
/// What the drawing says; nothing is known to make it fail.
pub fn svg(report: &Report) -> Result<String> {
    let mut text = String::new();
    draw(&mut text, report).map_err(|e| anyhow!("the roofline cannot be drawn: {e}"))?;
    Ok(text)
}

fn draw(text: &mut String, report: &Report) -> Drawn {
    let points = points(&report.kernels);
    let (peak, bandwidth) = (report.roofs.flop_per_s / 1e9, report.roofs.bytes_per_s / 1e9);
    let ridge = peak / bandwidth;
    let height = CHART.1.max((KEY_TOP + KEY_LINE * (points.len() as i32 + 1)) as u32);
    let root = SVGBackend::with_string(text, (CHART.0 + KEY_WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!("Roofline of {} (calotype {})", report.machine.device, report.machine.version);
    root.draw(&Text::new(title, (92, 14), ("sans-serif", LARGE)))?;
    let x = decades(points.iter().map(|p| p.intensity).chain([ridge / 2.0, ridge * 2.0]));
    let y = decades(points.iter().map(|p| p.gflop_per_s).chain([peak / 10.0, peak * 1.1]));
    let mut chart = ChartBuilder::on(&root)
        .margin_top(48)
        .margin_left(12)
        .margin_right(KEY_WIDTH + 20)
        .margin_bottom(height - CHART.1)
        .x_label_area_size(52)
        .y_label_area_size(80)
        .build_cartesian_2d(with_ends(&x).log_scale(), with_ends(&y).log_scale())?;
    let count = |axis: &Range<f64>| (axis.end / axis.start).log10().round() as usize + 1;
    let mesh = &mut chart.configure_mesh();
    mesh.x_labels(count(&x)).y_labels(count(&y)).x_label_formatter(&decade).y_label_formatter(&decade);
    mesh.max_light_lines(0).bold_line_style(PALE).axis_style(PALE).label_style(("sans-serif", NORMAL));
    mesh.x_desc("intensity, FLOP a byte").y_desc("rate, GFLOP/s").draw()?;
    // The slope of memory, from where it enters the picture at its left or at its bottom, up to the ridge; then the ceiling of compute.
    let enters = x.start.max(y.start / bandwidth);
    let roof = [(enters, enters * bandwidth), (ridge, peak), (x.end, peak)];
    chart.draw_series(LineSeries::new(roof, BLACK.stroke_width(2)))?;

    let area = chart.plotting_area();
    let (across, down) = (area.get_x_axis_pixel_range(), area.get_y_axis_pixel_range());
    let inside = Place { left: across.start + 2, top: down.start + 2, right: across.end - 2, bottom: down.end - 2 };
    let dots: Vec<Pixel> = points.iter().map(|p| area.map_coordinate(&(p.intensity, p.gflop_per_s))).collect();
    let mut labels = Labels { root: &root, inside, taken: dots.iter().map(|&dot| Place::around(dot, (10, 10))).collect() };
    let along = |from: f64, to: f64| {
        let parts = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8].map(|part| from * (to / from).powf(part));
        parts.map(|x| area.map_coordinate(&(x, peak.min(x * bandwidth))))
    };
    labels.roof(&format!("{} GB/s", figures(bandwidth)), &along(enters, ridge), -1)?;
    labels.roof(&format!("{} GFLOP/s", figures(peak)), &along(ridge, x.end), 0)?;
    labels.numbers(&points, &dots)?;
    key(&root, &points)?;
    root.present()
}

/// A power of ten, without zeros behind its point.
fn decade(v: &f64) -> String {
    let digits = (-v.log10().round()).max(0.0) as usize;
    format!("{v:.digits$}")
}

/// Writes beside the dots and lines of a chart.
struct Labels<'a, 'b> {
    root: &'a DrawingArea<SVGBackend<'b>, Shift>,
    inside: Place,
    taken: Vec<Place>,
}

impl Labels<'_, '_> {
    /// Above a roof at the first free place along it, and to one side: -1 is left, 0 straight above.
    fn roof(&mut self, text: &str, along: &[Pixel], side: i32) -> Drawn {
        let size = (8 * text.len() as i32, 16);
        let mut above = along.iter().map(|&(x, y)| Place::around((x + side * (size.0 / 2 + 6), y - size.1 / 2 - 4), size));
        let Some(place) = first_free(&mut above, &self.inside, &self.taken) else { return Ok(()) };
        self.taken.push(place);
        self.root.draw(&Text::new(text.to_owned(), place.centre(), letters(NORMAL, BLACK, HPos::Center)))
    }

    /// Dots, and a number beside each.
    fn numbers(&mut self, points: &[Point], dots: &[Pixel]) -> Drawn {
        let mut places = Vec::new();
        for &dot in dots {
            let place = beside(dot, (18, 13), &self.inside, &self.taken);
            self.taken.push(place);
            places.push(place);
        }
        for ((point, &dot), place) in points.iter().zip(dots).zip(&places) {
            self.root.draw(&PathElement::new([dot, place.centre()], point.colour))?;
        }
        for (point, &dot) in points.iter().zip(dots) {
            self.root.draw(&Circle::new(dot, 4, point.colour.filled()))?;
        }
        for (n, (point, place)) in points.iter().zip(&places).enumerate() {
            let (x, y) = place.centre();
            // So that a line behind it does not strike it out.
            let width = if n < 9 { 4 } else { 8 };
            self.root.draw(&Rectangle::new([(x - width, y - 6), (x + width, y + 6)], WHITE.filled()))?;
            self.root.draw(&Text::new((n + 1).to_string(), (x, y), letters(NUMBER, point.colour, HPos::Center)))?;
        }
        Ok(())
    }
}

/// Letters of a size and colour, level with their place, and to that side of it.
fn letters(size: f64, colour: RGBColor, side: HPos) -> TextStyle<'static> {
    let font = TextStyle::from(("sans-serif", size).into_font());
    TextStyle { color: colour.to_backend_color(), pos: Pos::new(side, VPos::Center), ..font }
}

/// What the numbers stand for.
fn key(root: &DrawingArea<SVGBackend, Shift>, points: &[Point]) -> Drawn {
    let left = CHART.0 as i32 + 20;
    let right = (CHART.0 + KEY_WIDTH) as i32 - 16;
    let text = |text: String, x: i32, y: i32, colour: RGBColor, side: HPos| {
        root.draw(&Text::new(text, (x, y), letters(SMALL, colour, side)))
    };
    text("kernel, per cent of the roof above it".to_owned(), left, KEY_TOP - 16, GREY, HPos::Left)?;
    for (n, p) in points.iter().enumerate() {
        let y = KEY_TOP + KEY_LINE * n as i32 + 4;
        text((n + 1).to_string(), left + 18, y, p.colour, HPos::Right)?;
        text(p.kernel.kernel.clone(), left + 26, y, BLACK, HPos::Left)?;
        text(format!("{:.0} %", 100.0 * p.part_of_roof), right, y, BLACK, HPos::Right)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: &str = include_str!("../../../../assets/bench/kernels-cpu.json");

    #[test]
    fn axes_span_whole_decades() {
        assert_eq!(decades([0.5, 200.0].into_iter()), 0.1..1000.0);
        assert_eq!(decades([10.0].into_iter()), 10.0..100.0);
        assert_eq!([0.01, 1.0, 1000.0].map(|v| decade(&v)), ["0.01", "1", "1000"]);
    }

    #[test]
    fn every_kernel_that_computes_is_in_the_picture() {
        let report: Report = serde_json::from_str(MEASURED).expect("a report");
        let picture = svg(&report).expect("it is drawn");
        let points = points(&report.kernels);
        assert!(points.len() > 40);
        for name in points.iter().map(|p| p.kernel.kernel.replace('>', "&gt;")) {
            assert!(picture.contains(&name), "{name}");
        }
        assert_eq!(picture.matches("<circle").count(), points.len());
        assert!(!picture.contains("NaN"), "a dot without a place");
        for end in [">\n0.1\n<", ">\n1000\n<", ">\n1\n<"] {
            assert!(picture.contains(end), "{end} on an axis");
        }
    }
}
