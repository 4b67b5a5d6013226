//! Pages of runs that are served while they train: those of the report, with what has changed since sent after.

use minijinja::context;
use serde::Serialize;

use super::facts::{Told, number};
use super::gallery::{self, PageFolder};
use super::{Page, curves, of, render};
use crate::config::RunConfig;
use crate::error::Result;
use crate::folder::RunFolder;
use crate::metrics::{HeldOut, Line};
use crate::pictures::Kind;

/// A run as a page shows it.
pub(crate) struct Served {
    told: Told,
    config: Option<RunConfig>,
    /// Whether it trains now.
    trains: bool,
}

/// What a page has that lines of `metrics.jsonl` and pictures change beside its curves: the id of each.
pub(crate) const PARTS: [&str; 4] = ["badge", "tiles", "wrong", "last"];

/// A value that was measured, for a curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    pub name: String,
    pub step: u64,
    pub time: f64,
    pub value: f32,
}

impl Served {
    /// # Errors
    /// A folder with neither `run.toml` nor `metrics.jsonl`.
    pub fn open(folder: &RunFolder, trains: bool) -> Result<Self> {
        let (told, config) = Told::read(folder, PageFolder::Served)?;
        Ok(Served { told, config, trains })
    }

    /// In the place of the lines that it was opened with.
    pub fn set_lines(&mut self, lines: Vec<Line>) {
        self.told.lines = lines;
        self.refresh();
    }

    /// More lines, as points; parts take them in by [`Served::refresh`].
    pub fn add(&mut self, lines: Vec<Line>) -> Vec<Point> {
        let of_line = |l: &Line| {
            let (step, time) = (l.step, l.wall_s);
            let point =
                move |(name, value): &(String, Option<f32>)| Some(Point { name: name.clone(), step, time, value: (*value)? });
            l.losses.iter().filter_map(point).collect::<Vec<_>>()
        };
        let points = lines.iter().flat_map(of_line).collect();
        self.told.lines.extend(lines);
        points
    }

    /// Takes in lines that were added.
    pub fn refresh(&mut self) {
        self.told.refresh(self.config.as_ref(), self.trains);
    }

    /// The HTML of one of [`PARTS`].
    ///
    /// # Errors
    /// None that could be helped.
    pub fn part(&self, part: &str) -> Result<String> {
        render("fragment.html", context! { part, run => of(&self.told) })
    }

    /// The page. `events` is where it hears what is new, `home` the table of all runs.
    ///
    /// # Errors
    /// None that could be helped.
    pub fn page(&mut self, folder: &RunFolder, events: &str, home: Option<&str>) -> Result<String> {
        let albums = gallery::albums(folder, u64::MAX, PageFolder::Served, &mut self.told.troubles);
        let page = Page::new(self.told.title.clone(), curves::charts(&self.told.lines), albums);
        render("live.html", context! { page => of(&page), run => of(&self.told), events, home })
    }
}

/// A run in the table of a folder of runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RunRow {
    pub name: String,
    /// Of its page, from the table's.
    pub href: String,
    title: String,
    kind: &'static str,
    state: String,
    step: u64,
    steps: Option<u64>,
    time: String,
    best: String,
    losses: String,
    /// Its latest samples.
    picture: Option<String>,
}

impl RunRow {
    /// # Errors
    /// As of [`Served::open`].
    pub fn of(folder: &RunFolder, href: String) -> Result<Self> {
        let (told, config) = Told::read(folder, PageFolder::Served)?;
        let last = told.lines.last();
        let best = HeldOut::found(&told.lines).and_then(|(what, found)| {
            let least = found.into_iter().map(|(_, v)| v).min_by(f32::total_cmp)?;
            Some(what.in_words(least))
        });
        let newest = |kind: &Kind| folder.picture_steps(*kind).ok()?.pop().map(|step| folder.picture(*kind, step));
        let picture = Kind::ALL.iter().find_map(newest);
        let picture = picture.and_then(|path| Some(format!("{href}samples/{}", path.file_name()?.to_str()?)));
        Ok(RunRow {
            href,
            title: told.title,
            kind: told.state.kind,
            state: told.state.text,
            step: last.map_or(0, |l| l.step),
            steps: config.map(|c| c.steps),
            time: last.map_or_else(String::new, |l| crate::progress::duration(l.wall_s)),
            best: best.unwrap_or_default(),
            losses: in_words(&last_losses(&told.lines)),
            picture,
            name: told.name,
        })
    }

    /// The same of a run that trains, as its `status.json` says.
    pub fn live(mut self, status: &crate::live::Status) -> Self {
        (self.kind, self.state) = match status.paused {
            true => ("paused", "paused".into()),
            false => (
                "live",
                status.to_go_s().map_or_else(|| "training".into(), |s| format!("{} to go", crate::progress::duration(s))),
            ),
        };
        (self.step, self.steps) = (status.step, Some(status.steps));
        self.time = crate::progress::duration(status.wall_s);
        if !status.losses.is_empty() {
            self.losses = in_words(&status.losses);
        }
        self
    }
}

/// Of the last line that has any; learning rates and norms are none.
fn last_losses(lines: &[Line]) -> Vec<(String, Option<f32>)> {
    let is_loss = |(name, _): &&(String, Option<f32>)| name.starts_with("loss");
    let of_line = |l: &Line| l.losses.iter().filter(is_loss).cloned().collect::<Vec<_>>();
    lines.iter().rev().map(of_line).find(|losses| !losses.is_empty()).unwrap_or_default()
}

pub(crate) fn in_words(losses: &[(String, Option<f32>)]) -> String {
    let word = |(name, v): &(String, Option<f32>)| format!("{name} {}", v.map_or_else(|| "not finite".into(), number));
    losses.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The table of a folder of runs, as a page.
///
/// # Errors
/// None that could be helped.
pub(crate) fn runs_page(folder: &str, rows: &[RunRow]) -> Result<String> {
    let page = Page::new(folder.to_owned(), vec![], vec![]);
    render("runs.html", context! { page => of(&page), rows => of(&rows) })
}

/// The rows of that table, as HTML.
///
/// # Errors
/// None that could be helped.
pub(crate) fn runs_rows(rows: &[RunRow]) -> Result<String> {
    render("fragment.html", context! { part => "rows", rows => of(&rows) })
}
