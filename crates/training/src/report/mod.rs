//! `report.html`: one self-contained page of a run, or of several beside each other. What it shows is read from the run folder alone, so
//! that it can be made of any, also of one that is half written.
//!
//! The page's text is in templates, which escape what they are given; its curves are drawn by uPlot, which is in the page.

mod curves;
mod facts;
mod gallery;
mod served;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::progress::grouped;
use crate::replace::write_atomically;

use curves::Chart;
use facts::{Fact, Told};
use gallery::{Album, Frame, PageFolder};
pub(crate) use served::{PARTS, RunRow, Served, in_words, runs_page, runs_rows};

/// Bytes of all pictures of a page, at most: with them a third longer as text, and the rest, it is below 5 MB.
const PICTURE_BYTES: u64 = 3_300_000;

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("page/", $name))
    };
}

const TEMPLATES: [(&str, &str); 7] = [
    ("page.html", text!("page.html")),
    ("parts.html", text!("parts.html")),
    ("run.html", text!("run.html")),
    ("comparison.html", text!("comparison.html")),
    ("live.html", text!("live.html")),
    ("runs.html", text!("runs.html")),
    ("fragment.html", text!("fragment.html")),
];

/// uPlot 1.6.32, MIT: https://github.com/leeoniya/uPlot
const UPLOT_JS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/web/uplot/uPlot.iife.min.js"));
const UPLOT_CSS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/web/uplot/uPlot.min.css"));

/// What all pages have.
#[derive(Serialize)]
struct Page {
    title: String,
    version: &'static str,
    charts: Vec<Chart>,
    albums: Vec<Album>,
    /// Of each album; the last is in the page itself.
    frames: Vec<Vec<Frame>>,
}

impl Page {
    fn new(title: String, charts: Vec<Chart>, albums: Vec<Album>) -> Self {
        let frames = |album: &Album| {
            let mut frames = album.frames.clone();
            frames.last_mut().into_iter().for_each(|last| last.src.clear());
            frames
        };
        Page { title, version: env!("CARGO_PKG_VERSION"), charts, frames: albums.iter().map(frames).collect(), albums }
    }
}

/// Writes the report of a run into its folder.
///
/// # Errors
/// What the system says.
pub(crate) fn write(folder: &RunFolder, config: &RunConfig) -> Result<()> {
    put(folder, Told::of(folder, Ok(config), PageFolder::Run))
}

/// Writes the report of a run anew, whatever is left of its folder, and returns its path.
///
/// # Errors
/// A folder with neither `run.toml` nor `metrics.jsonl`; what the system says.
pub fn write_report(run: &Path) -> Result<PathBuf> {
    let folder = RunFolder::at(run);
    put(&folder, Told::read(&folder, PageFolder::Run)?.0)?;
    Ok(folder.report())
}

fn put(folder: &RunFolder, mut run: Told) -> Result<()> {
    let albums = gallery::albums(folder, PICTURE_BYTES, PageFolder::Run, &mut run.troubles);
    let page = Page::new(run.title.clone(), curves::charts(&run.lines), albums);
    write_atomically(&folder.report(), render("run.html", context! { page => of(&page), run => of(&run) })?.as_bytes())
}

/// A page that holds runs beside each other: what differs, curves over each other, samples side by side.
///
/// # Errors
/// As of [`write_report`].
pub fn comparison(runs: &[PathBuf]) -> Result<String> {
    let mut told = Vec::new();
    let mut albums = Vec::new();
    for path in runs {
        let folder = RunFolder::at(path);
        let (mut run, _) = Told::read(&folder, PageFolder::Other)?;
        let samples = {
            let budget = PICTURE_BYTES / runs.len() as u64;
            gallery::albums(&folder, budget, PageFolder::Other, &mut run.troubles).into_iter().next()
        };
        told.push(run);
        albums.push(samples);
    }
    let repeated = |name: &str| told.iter().filter(|run| run.name == name).count() > 1;
    let names = told.iter().zip(runs).map(|(run, path)| match repeated(&run.name) {
        true => path.display().to_string(),
        false => run.name.clone(),
    });
    let names: Vec<String> = names.collect();
    told.iter_mut().zip(&names).for_each(|(run, name)| run.name.clone_from(name));
    let charts = curves::compared(&told.iter().map(|run| (run.name.clone(), run.lines.as_slice())).collect::<Vec<_>>());
    let of_run = |(album, name): (Option<Album>, String)| Some(Album { title: name, ..album? });
    let albums = albums.into_iter().zip(names).filter_map(of_run).filter(|a| a.frames.iter().all(|f| f.step.is_some()));
    let page = Page::new(format!("{} runs", runs.len()), charts, albums.collect());
    render("comparison.html", context! { page => of(&page), runs => of(&told), parts => of(&parts(&told)) })
}

/// Lines of a table with a cell a run.
#[derive(Serialize)]
struct Part {
    title: &'static str,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    cells: Vec<String>,
}

/// The table of several runs.
fn parts(runs: &[Told]) -> Vec<Part> {
    let rows = |of: &dyn Fn(&Told) -> Vec<Fact>, all: bool| {
        let facts: Vec<Vec<Fact>> = runs.iter().map(of).collect();
        let mut names: Vec<&str> = Vec::new();
        for fact in facts.iter().flatten() {
            if !names.contains(&fact.name.as_str()) {
                names.push(&fact.name);
            }
        }
        let row = |name: &str| {
            let cell = |of: &Vec<Fact>| of.iter().find(|f| f.name == name).map_or_else(|| "-".to_owned(), |f| f.value.clone());
            Row { name: name.to_owned(), cells: facts.iter().map(cell).collect() }
        };
        let rows = names.into_iter().map(row);
        rows.filter(|row| all || row.cells.iter().any(|cell| *cell != row.cells[0])).collect::<Vec<Row>>()
    };
    let about = |run: &Told| {
        let first = [Fact::new("run", run.title.clone()), Fact::new("state", run.state.text.clone())];
        first.into_iter().chain(run.tiles.clone()).collect()
    };
    let figures = |run: &Told| {
        let of = run.evaluation.iter().flat_map(|e| &e.figures);
        of.map(|f| Fact::new(f.name.clone(), format!("{} (floor {})", f.samples, f.floor))).collect::<Vec<_>>()
    };
    let all = [
        Part { title: "Runs", rows: rows(&about, true) },
        Part { title: "Evaluation", rows: rows(&figures, true) },
        Part { title: "Last values", rows: rows(&|run| run.last.clone(), true) },
        Part { title: "Settings that differ", rows: rows(&|run| run.settings.clone(), false) },
    ];
    all.into_iter().filter(|part| !part.rows.is_empty()).collect()
}

/// As templates read it.
fn of(view: &impl Serialize) -> Value {
    Serde(view).into()
}

fn render(name: &str, with: Value) -> Result<String> {
    static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(pages);
    let failed = |e: &minijinja::Error| TrainingError::Report(format!("the page cannot be made: {e:#}"));
    let pages = PAGES.as_ref().map_err(failed)?;
    pages.get_template(name).and_then(|template| template.render(with)).map_err(|e| failed(&e))
}

/// All templates, and what pages carry.
fn pages() -> Result<Environment<'static>, minijinja::Error> {
    let mut all = Environment::new();
    all.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in TEMPLATES {
        all.add_template(name, text)?;
    }
    let safe = |text: &str| Value::from_safe_string(text.to_owned());
    let assets = context! {
        css => safe(text!("page.css")), js => safe(text!("page.js")), live_js => safe(text!("live.js")), uplot_css => safe(UPLOT_CSS), uplot_js => safe(UPLOT_JS)
    };
    all.add_global("assets", assets);
    all.add_filter("grouped", |n: u64| grouped(n));
    Ok(all)
}

#[cfg(test)]
mod tests;
