//! `report.html`: one self-contained page with the run's numbers, its loss curves and its samples over time.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use calotype_models::Learning;
use plotters::prelude::*;

use crate::alarms::GRADIENT;
use crate::config::{DataConfig, RunConfig};
use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::metrics::{self, DIVERSITY, HeldOut, LEARNING_RATE, LR_SCALE, Line};
use crate::pictures::Kind;
use crate::progress::duration;
use crate::replace::write_atomically;

/// Points of a curve; longer runs are averaged.
const MOST_POINTS: usize = 600;
/// Sample grids shown: evenly spaced, the last among them.
const MOST_GRIDS: usize = 12;
const SIZE: (u32, u32) = (860, 360);

/// Writes the page anew.
///
/// # Errors
/// Metrics or samples that cannot be read; a page that cannot be written.
pub(crate) fn write(folder: &RunFolder, config: &RunConfig) -> Result<()> {
    let lines = metrics::read(&folder.metrics())?;
    let mut page = String::new();
    let title = format!("{} on {}", config.model, config.data.name);
    let _ = write!(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>", escape(&title));
    page.push_str(STYLE);
    let _ = write!(page, "</head><body><h1>{}</h1>", escape(&title));
    let counted = matches!(config.model()?.learning(), Learning::Counting(_));
    numbers(&mut page, config, &lines, counted);
    warnings(&mut page, &lines);
    if !counted {
        page.push_str("<h2>Losses</h2>");
        page.push_str(&curves(&series(&lines, is_loss))?);
        let distances = series(&lines, |name| name.starts_with(HeldOut::SAMPLES.metric));
        if !distances.is_empty() {
            page.push_str(
                "<h2>Distance of samples from the held-out set</h2><p>Sliced Wasserstein distance x 1000, by size of the image",
            );
            page.push_str("; the floor is that of training rows.</p>");
            page.push_str(&curves(&distances)?);
        }
    }
    pictures(&mut page, folder)?;
    page.push_str("</body></html>\n");
    write_atomically(&folder.report(), page.as_bytes())
}

const STYLE: &str = "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:880px;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
table{border-collapse:collapse}td{padding:.1em 1em .1em 0;vertical-align:top}td:first-child{color:#666}\
svg{max-width:100%;height:auto}figure{display:inline-block;margin:.5em 1em .5em 0}figure img{image-rendering:pixelated;max-width:100%}\
figcaption{color:#666}</style>";

/// What the run is and what came of it; one that only counted has neither batches nor steps.
fn numbers(page: &mut String, config: &RunConfig, lines: &[Line], counted: bool) {
    let of_data = |data: &DataConfig| format!("{}, {} rows, SHA-256 {}", data.name, data.n_train, data.sha256);
    let mut rows = vec![
        ("model".to_owned(), format!("{} (preset {})", config.model, config.preset)),
        ("data".to_owned(), of_data(&config.data)),
        ("device".to_owned(), format!("{} ({})", config.device.name, config.device.driver)),
        match counted {
            true => ("seed".to_owned(), config.seed.to_string()),
            false => ("batch, seed".to_owned(), format!("{}, {}", config.batch, config.seed)),
        },
    ];
    if let Some(data) = &config.data_b {
        rows.insert(2, ("data B".to_owned(), of_data(data)));
    }
    let settings = config.settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
    rows.push(("settings".to_owned(), settings));
    if let Some(last) = lines.last().filter(|_| !counted) {
        let speed = last.step as f64 / last.wall_s.max(1e-9);
        rows.push(("steps".to_owned(), format!("{} of {}", last.step, config.steps)));
        rows.push(("time".to_owned(), format!("{}, {speed:.1} steps/s", duration(last.wall_s))));
        rows.extend(names(lines).into_iter().filter_map(|name| {
            let value = lines.iter().rev().find_map(|l| l.losses.iter().find(|(n, _)| *n == name))?.1;
            Some((name, value.map_or("not finite".into(), |v| format!("{v:.4}"))))
        }));
        if let Some((what, found)) = HeldOut::found(lines)
            && let Some((step, best)) = found.iter().min_by(|a, b| a.1.total_cmp(&b.1))
        {
            rows.push(("best on the held-out set".to_owned(), format!("{} at step {step}", what.in_words(*best))));
        }
    }
    page.push_str("<table>");
    for (name, value) in rows {
        let _ = write!(page, "<tr><td>{}</td><td>{}</td></tr>", escape(&name), escape(&value));
    }
    page.push_str("</table>");
}

/// What went wrong, if anything did.
fn warnings(page: &mut String, lines: &[Line]) {
    let warnings: Vec<String> =
        lines.iter().filter_map(|l| Some(format!("<li>step {}: {}</li>", l.step, escape(l.warning.as_deref()?)))).collect();
    if !warnings.is_empty() {
        let _ = write!(page, "<h2>Warnings</h2><ul>{}</ul>", warnings.concat());
    }
}

/// What is drawn among the losses: nats and the like, not what has other units.
fn is_loss(name: &str) -> bool {
    let other = [LR_SCALE, LEARNING_RATE, DIVERSITY].contains(&name)
        || name.starts_with(GRADIENT)
        || name.starts_with(HeldOut::SAMPLES.metric);
    !other
}

/// A curve's points (step, mean of a few losses).
type Curve = (String, Vec<(f64, f64)>);

/// Of what is `wanted` by name.
fn series(lines: &[Line], wanted: impl Fn(&str) -> bool) -> Vec<Curve> {
    let curve = |name: &String| {
        let values: Vec<(f64, f64)> =
            lines.iter().filter_map(|l| Some((l.step as f64, f64::from(l.losses.iter().find(|(n, _)| n == name)?.1?)))).collect();
        let mean = |points: &[(f64, f64)]| {
            let n = points.len() as f64;
            (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n)
        };
        let per_point = values.len().div_ceil(MOST_POINTS).max(1);
        (name.clone(), values.chunks(per_point).map(mean).collect())
    };
    names(lines).iter().filter(|name| wanted(name)).map(curve).collect()
}

/// Of all that was measured, in the order in which it first was.
fn names(lines: &[Line]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in lines.iter().flat_map(|l| &l.losses) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn curves(series: &[Curve]) -> Result<String> {
    let points = || series.iter().flat_map(|(_, points)| points.iter());
    if points().count() < 2 {
        return Ok("<p>Not enough steps yet.</p>".to_owned());
    }
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let room = ((high - low) * 0.05).max(1e-6);
        low - room..high + room
    };
    let (x, y) = (range(&mut points().map(|p| p.0)), range(&mut points().map(|p| p.1)));
    let mut svg = String::new();
    {
        let failed = |e: &dyn std::fmt::Display| TrainingError::Report(format!("the loss curves cannot be drawn: {e}"));
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(|e| failed(&e))?;
        let mut chart = ChartBuilder::on(&root)
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(x, y)
            .map_err(|e| failed(&e))?;
        let whole = |v: &f64| format!("{v:.0}");
        let mesh = &mut chart.configure_mesh();
        mesh.x_desc("step").x_label_formatter(&whole).max_light_lines(1).draw().map_err(|e| failed(&e))?;
        for (n, (name, points)) in series.iter().enumerate() {
            let colour = Palette99::pick(n).to_rgba();
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            let drawn = chart.draw_series(line).map_err(|e| failed(&e))?;
            drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        }
        chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw().map_err(|e| failed(&e))?;
        root.present().map_err(|e| failed(&e))?;
    }
    Ok(svg)
}

fn pictures(page: &mut String, folder: &RunFolder) -> Result<()> {
    for &kind in Kind::ALL {
        let steps = folder.picture_steps(kind)?;
        if steps.is_empty() {
            continue;
        }
        let _ = write!(page, "<h2>{}</h2><p>{}</p>", kind.title, kind.text);
        let shown = steps.len().min(MOST_GRIDS);
        for n in 1..=shown {
            let step = steps[steps.len() * n / shown - 1];
            let path = folder.picture(kind, step);
            let alt = format!("{} after {step} steps", kind.title.to_lowercase());
            figure(page, &path, &alt, &format!("step {step}"))?;
        }
    }
    for (path, title, text) in [
        (folder.growth(), "Growth", "A column a level: the same latents when its training ended, or as they are."),
        (folder.latent(), "One latent", "Through all of training."),
    ] {
        if path.exists() {
            let _ = write!(page, "<h2>{title}</h2><p>{text}</p>");
            figure(page, &path, &title.to_lowercase(), "")?;
        }
    }
    Ok(())
}

/// A picture inside the page.
fn figure(page: &mut String, path: &Path, alt: &str, caption: &str) -> Result<()> {
    let bytes = fs::read(path).map_err(TrainingError::io(path))?;
    let kind = if path.extension().is_some_and(|e| e == "gif") { "gif" } else { "png" };
    let data = BASE64_STANDARD.encode(&bytes);
    let _ = write!(
        page,
        "<figure><img alt=\"{alt}\" src=\"data:image/{kind};base64,{data}\"><figcaption>{caption}</figcaption></figure>"
    );
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_drawn_without_what_is_not_finite() {
        let line = |step: u64| {
            let losses = [("loss_d", Some(step as f32).filter(|_| step != 3)), ("loss_g", Some(1.0)), (DIVERSITY, Some(1.0))];
            Line::of(step, 0.0, losses.map(|(name, v)| (name.to_owned(), v)).to_vec())
        };
        let lines: Vec<Line> = (1..=2000).map(line).collect();
        let series = series(&lines, is_loss);
        let svg = curves(&series).expect("it draws");
        assert!(svg.contains("loss_d") && svg.contains("loss_g") && !svg.contains("NaN"), "{svg}");
        assert!(series.len() == 2 && series.iter().all(|(_, points)| points.len() <= MOST_POINTS));
        assert!(curves(&[]).expect("it says so").contains("Not enough"));
    }
}
