//! `calotype ladder`: models of the same data, compared.

use std::fmt::{self, Formatter, Write as _};
use std::time::Instant;

use anyhow::Result;
use calotype_data::picture;
use calotype_models::init;
use calotype_training::{Choice, Examined, Known, SAMPLE_BATCH, Which, brightness, duration, grouped, metrics};
use serde::Serialize;

use super::Ending;
use super::sample::drawing::kept;
use crate::args::LadderArgs;
use crate::fault::WrongUse;
use crate::mean::Mean;
use crate::output::{has_folder, note, replace, replace_text, writable};
use crate::used::Used;

/// Pixels on the screen that the picture is wide, about.
const ABOUT_PIXELS: usize = 640;

/// What a model is worth.
struct Rung {
    name: String,
    /// -log p(x) in nats of every test row.
    nats: Vec<f64>,
    n_parameters: u64,
    train_s: f64,
    images_per_s: f64,
    /// Completed images, [columns, D].
    completed: Vec<f32>,
}

pub fn run(args: &LadderArgs, threads: usize) -> Result<Ending> {
    has_folder("--table", args.table.as_deref())?;
    if args.out.extension().is_none_or(|e| !e.eq_ignore_ascii_case("png")) {
        return Err(WrongUse(format!("--out {}: expected a file name that ends in .png", args.out.display())).into());
    }
    let used = args.runs.iter().map(|run| Used::open(run, Choice::default())).collect::<Result<Vec<_>>>()?;
    comparable(args, &used)?;
    writable(&args.out)?;
    let first = &used[0];
    let &[h, w, c] = first.model.shape() else {
        return Err(WrongUse(format!(
            "{} has vectors {:?}, and `ladder` completes images; use `calotype score` for each run",
            first.config.model,
            first.model.shape()
        ))
        .into());
    };
    let values = first.model.values();
    let encoding = first.config.data.preparation.encoding;
    let examined = Examined::open(&first.config, first.model.as_ref(), &Which::default())?;
    let whole = columns(&examined, args.columns.into())?;
    let mask = args.keep.mask([h, w, c]);
    let rungs = used.into_iter().map(|used| rung(args, used, threads, &examined, &whole, &mask)).collect::<Result<Vec<_>>>()?;

    let shown = brightness(values, &whole);
    let mut images = [shown.clone(), kept(&shown, &mask)].concat();
    rungs.iter().for_each(|r| images.extend(brightness(values, &r.completed)));
    let n = whole.len() / (h * w * c);
    let shape = [images.len() / (h * w * c), h, w, c];
    replace(&args.out, |file| picture::sheet(&images, shape, Some(n), ABOUT_PIXELS).and_then(|p| picture::write_png(file, &p)))?;

    let ladder = Ladder {
        data: examined.dataset.name().to_owned(),
        split: examined.split.to_string(),
        encoding: encoding.to_string(),
        n_rows: rungs[0].nats.len(),
        models: compared(&rungs, h * w * c),
        picture: args.out.display().to_string(),
    };
    if let Some(path) = &args.table {
        replace_text(path, &ladder.markdown())?;
    }
    args.form.answer(&ladder)?;
    Ok(Ending::Done)
}

/// All runs have a density over the same rows of the same data.
fn comparable(args: &LadderArgs, used: &[Used]) -> Result<()> {
    let first = &used[0];
    for (run, other) in args.runs.iter().zip(used) {
        other.density()?;
        let (a, b) = (&first.config.data, &other.config.data);
        let differs = match () {
            () if a.sha256 != b.sha256 => Some(format!("it was trained on {}, the first run on {}", b.name, a.name)),
            () if a.preparation != b.preparation || first.model.values() != other.model.values() => Some(format!(
                "its rows are encoded as `{}`, those of the first run as `{}`",
                b.preparation.encoding, a.preparation.encoding
            )),
            () => None,
        };
        if let Some(why) = differs {
            return Err(WrongUse(format!(
                "{} cannot be compared: {why}; give runs of the same data and encoding",
                run.display()
            ))
            .into());
        }
    }
    Ok(())
}

/// Rows of the classes in turn, [n, D]; the first rows where there are no classes.
fn columns(examined: &Examined, n: usize) -> Result<Vec<f32>> {
    let rows = examined.rows.rows();
    let mut chosen: Vec<usize> = Vec::new();
    if let Some(labels) = examined.dataset.labels() {
        let n_classes = examined.dataset.class_names().len().max(1);
        let mut seen = vec![0; n_classes];
        let mut ranked: Vec<(usize, u32, usize)> = Vec::new();
        for (at, &row) in rows.iter().enumerate() {
            let class = labels[row as usize];
            ranked.push((seen[class as usize], class, at));
            seen[class as usize] += 1;
        }
        ranked.sort_unstable();
        chosen.extend(ranked.into_iter().map(|(_, _, at)| at));
    } else {
        chosen.extend(0..rows.len());
    }
    chosen.truncate(n);
    Ok(chosen.into_iter().map(|at| examined.row(at)).collect::<Result<Vec<_>, _>>()?.concat())
}

/// The run folder's, where it says more than the model's: `markov-8`.
fn name(used: &Used) -> String {
    let folder = used.folder.path().file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if folder.starts_with(&used.config.model) { folder } else { format!("{} ({folder})", used.config.model) }
}

fn rung(args: &LadderArgs, used: Used, threads: usize, examined: &Examined, whole: &[f32], mask: &[f32]) -> Result<Rung> {
    let name = name(&used);
    note(&format!("{name}: {}", used.restored.path.display()));
    let train_s = metrics::read(&used.folder.metrics())?.last().map_or(0.0, |l| l.wall_s);
    let mut session = used.on(args.device.as_deref(), threads)?;
    let nats = session.nats(&examined.rows, None)?;
    let program = calotype_models::density::scoring(session.used.density()?, 1)?;
    let n_parameters = program.states().map(|s| s.ty.numel() as u64).sum();
    let (n_values, n_noise) = (mask.len(), session.used.density()?.conditional().n_noise());
    let noise = |n: usize| init::noise(n, n_values, n_noise, args.seed);
    let n = whole.len() / n_values;
    let known = Known { values: whole, mask: &mask.repeat(n) };
    let completed = session.draw(SAMPLE_BATCH, noise(n).as_f32().unwrap_or_default(), Some(known))?;
    let started = Instant::now();
    session.draw(SAMPLE_BATCH, noise(SAMPLE_BATCH).as_f32().unwrap_or_default(), None)?;
    let images_per_s = SAMPLE_BATCH as f64 / started.elapsed().as_secs_f64().max(1e-9);
    session.opened.keep_pipelines();
    Ok(Rung { name, nats, n_parameters, train_s, images_per_s, completed })
}

/// The models, compared.
#[derive(Serialize)]
struct Ladder {
    data: String,
    split: String,
    encoding: String,
    n_rows: usize,
    models: Vec<Compared>,
    /// The file that shows completed images.
    picture: String,
}

#[derive(Serialize)]
struct Compared {
    model: String,
    /// -log p of a row.
    nats: Mean,
    bits_per_dim: f64,
    /// By how much more nats, image by image; none of the best itself.
    nats_behind_the_best: Option<Mean>,
    n_parameters: u64,
    training_seconds: f64,
    images_per_second: f64,
}

/// Of images of `n_values`.
fn compared(rungs: &[Rung], n_values: usize) -> Vec<Compared> {
    let means: Vec<Mean> = rungs.iter().map(|r| Mean::of(&r.nats)).collect();
    let Some(best) = (0..rungs.len()).min_by(|&a, &b| means[a].mean.total_cmp(&means[b].mean)) else { return vec![] };
    let behind = |r: &Rung| Mean::of(&r.nats.iter().zip(&rungs[best].nats).map(|(a, b)| a - b).collect::<Vec<f64>>());
    let one = |(n, r): (usize, &Rung)| Compared {
        model: r.name.clone(),
        nats: means[n],
        bits_per_dim: means[n].mean / (std::f64::consts::LN_2 * n_values as f64),
        nats_behind_the_best: (n != best).then(|| behind(r)),
        n_parameters: r.n_parameters,
        training_seconds: r.train_s,
        images_per_second: r.images_per_s,
    };
    rungs.iter().enumerate().map(one).collect()
}

const HEAD: [&str; 7] = ["model", "nats", "bits/dim", "behind the best", "parameters", "training", "images/s"];

impl Ladder {
    fn title(&self) -> String {
        let Ladder { data, split, encoding, n_rows, .. } = self;
        format!(
            "{data} ({split}, {encoding}), {n_rows} rows: -log p, mean and standard error; differences are paired, image by image"
        )
    }

    /// Head and rows.
    fn lines(&self) -> Vec<[String; 7]> {
        let line = |m: &Compared| {
            [
                m.model.clone(),
                format!("{:.2}", m.nats),
                format!("{:.4}", m.bits_per_dim),
                m.nats_behind_the_best.map_or_else(|| "best".to_owned(), |nats| format!("{nats:.2}")),
                grouped(m.n_parameters),
                duration(m.training_seconds),
                format!("{:.0}", m.images_per_second),
            ]
        };
        std::iter::once(HEAD.map(str::to_owned)).chain(self.models.iter().map(line)).collect()
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}.\n\n", self.title());
        for (n, line) in self.lines().iter().enumerate() {
            let _ = writeln!(text, "| {} |", line.join(" | "));
            if n == 0 {
                text.push_str("|---|---:|---:|---:|---:|---:|---:|\n");
            }
        }
        text
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title())?;
        let lines = self.lines();
        let widths: [usize; 7] = std::array::from_fn(|k| lines.iter().map(|line| line[k].len()).max().unwrap_or(0));
        for line in &lines {
            let cells = line.iter().zip(widths).enumerate();
            let cells = cells.map(|(k, (c, n))| if k == 0 { format!("{c:<n$}") } else { format!("{c:>n$}") });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))?;
        }
        writeln!(f, "\n{}", self.picture)
    }
}
