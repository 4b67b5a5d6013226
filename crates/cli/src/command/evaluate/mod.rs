//! `calotype evaluate`.

mod judge;
mod made;
mod rows;
mod table;

use anyhow::Result;
use calotype_data::{Evaluation, picture};
use calotype_models::Values;
use calotype_training::evaluate::{Classes, Estimate, Evaluated, Features, Likelihood, Sets, evaluate};
use calotype_training::{Against, Classified, HeldBack, Material, write_report};

use super::Ending;
use crate::args::EvaluateArgs;
use crate::fault::WrongUse;
use crate::output::{ending, has_folder, note, replace, replace_text, writable};
use crate::session::Session;
use crate::used::Used;

use judge::Judge;
use rows::Rows;
use table::Table;

/// Fewer rows than this are not compared.
const LEAST_ROWS: usize = 16;
/// Samples of the picture of nearest training rows, and in one line of it.
const PAIRS: usize = 32;
const IN_A_LINE: usize = 16;
/// Pictures of small images are enlarged to about this many pixels on the screen.
const ABOUT_PIXELS: usize = 640;

pub fn run(args: &EvaluateArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let out = args.out.clone().unwrap_or_else(|| used.folder.evaluation());
    let nearest = args.nearest.clone().unwrap_or_else(|| used.folder.nearest());
    for (flag, path, wanted) in [("--out", &out, "json"), ("--nearest", &nearest, "png")] {
        has_folder(flag, Some(path))?;
        ending(flag, path, wanted)?;
    }
    made::check(&used, args.samples.is_some())?;
    let material = Material::of_run(&used.config)?;
    let against = material.against()?;
    let n = (args.count as usize).min(against.held_out.rows().len()).min(against.learned.rows().len());
    if n < LEAST_ROWS {
        let reason = format!("there are {n} rows to hold samples against, and figures need at least {LEAST_ROWS}");
        return Err(WrongUse(format!("{}: {reason}", used.config.data.name)).into());
    }
    writable(&out)?;
    writable(&nearest)?;
    let given = args.samples.as_ref().map(|from| made::given(&used, from, n, args.seed)).transpose()?;
    let shape = used.model.shape().to_vec();
    let rows = Rows::of(&against, used.model.values(), &shape, n, args.seed);
    let judge = Judge::of(&used, &material, &against, threads)?;
    let mut session = used.on(args.device.as_deref(), threads)?;
    let samples = match given {
        Some(given) => given,
        None => made::by_the_model(&mut session, material.dataset(), &rows.shown, args.seed)?,
    };
    let sets = Sets {
        shape: &shape,
        samples: &samples,
        learned: &rows.learned,
        held_out: &rows.held_out,
        training: &rows.training,
        all_learned: against.which == HeldBack::Nothing,
        seed: args.seed,
    };
    let mut findings = table::begun(&session.used, &against, n, args);
    let evaluated = match judge {
        Some(mut judge) => {
            let [of_samples, of_learned, of_held_out] =
                [judge.says(&samples)?, judge.says(&rows.learned)?, judge.says(&rows.held_out)?];
            let features = Features {
                name: &judge.name,
                d: Classified::N_FEATURES,
                samples: &of_samples.features,
                learned: &of_learned.features,
                held_out: &of_held_out.features,
            };
            let classes = Classes {
                n_classes: judge.n_classes,
                samples: &of_samples.classes,
                learned: &of_learned.classes,
                held_out: &of_held_out.classes,
            };
            findings.features = Some(judge.described());
            evaluate(&sets, Some(&features), Some(&classes))
        }
        // Vectors are their own features.
        None if shape.len() != 3 => {
            let (name, d) = ("values", shape.iter().product());
            let features = Features { name, d, samples: &samples, learned: &rows.learned, held_out: &rows.held_out };
            evaluate(&sets, Some(&features), None)
        }
        None => evaluate(&sets, None, None),
    };
    if args.samples.is_none() {
        findings.likelihood = likelihood(&mut session, &against, n)?;
    }
    session.opened.keep_pipelines();
    if let &[h, w, c] = shape.as_slice()
        && matches!(c, 1 | 3)
    {
        let pairs = pairs(&evaluated, &samples, &rows, h * w * c);
        let picture = picture::sheet(&pairs, [pairs.len() / (h * w * c), h, w, c], Some(IN_A_LINE), ABOUT_PIXELS)?;
        replace(&nearest, |file| picture::write_png(file, &picture))?;
        note(&format!("{}: the samples that are nearest to a training row, each above it", nearest.display()));
    }
    findings.figures = evaluated.figures;
    findings.verdicts = evaluated.verdicts;
    replace_text(&out, &format!("{}\n", serde_json::to_string_pretty(&findings)?))?;
    if out == session.used.folder.evaluation() {
        write_report(session.used.folder.path())?;
    }
    args.form.answer(&Table { found: &findings, file: &out })?;
    Ok(Ending::Done)
}

/// Of a model that has one, or a bound of it.
fn likelihood(session: &mut Session, against: &Against, n: usize) -> Result<Option<Likelihood>> {
    let Ok((_, exactness)) = session.used.scoring(None) else { return Ok(None) };
    let mut of = |rows: &Evaluation| -> Result<Estimate> { Ok(Estimate::mean(&session.nats(&rows.of(rows.spaced(n))?, None)?)) };
    let (held_out, training) = (of(&against.held_out)?, of(&against.learned)?);
    let n_values = session.used.model.shape().iter().product::<usize>() as f64;
    let continuous = session.used.model.values() == Values::Standardised;
    let bits_per_dim = (!continuous).then(|| held_out.value / n_values / std::f64::consts::LN_2);
    Ok(Some(Likelihood { bound: exactness.word(), held_out, training, bits_per_dim }))
}

/// The samples nearest to a training row, each above that row, nearest first: [N, D].
fn pairs(evaluated: &Evaluated, samples: &[f32], rows: &Rows, d: usize) -> Vec<f32> {
    let mut order: Vec<usize> = (0..evaluated.nearest.len()).collect();
    order.sort_by(|&a, &b| evaluated.nearest[a].1.total_cmp(&evaluated.nearest[b].1));
    order.truncate(PAIRS);
    let above: Vec<f32> = order.iter().flat_map(|&n| &samples[n * d..][..d]).copied().collect();
    let below: Vec<f32> = order.iter().flat_map(|&n| rows.training_row(evaluated.nearest[n].0)).collect();
    picture::pairs(&above, &below, IN_A_LINE * d)
}
