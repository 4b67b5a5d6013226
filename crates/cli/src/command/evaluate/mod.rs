//! `calotype evaluate`.

mod classes;
mod drawn;
mod judge;
mod made;
mod network;
mod rows;
mod table;
mod translated;

use anyhow::Result;
use calotype_data::Evaluation;
use calotype_data::picture::{self, RgbImage};
use calotype_models::Values;
use calotype_training::evaluate::{
    Classes, Estimate, Evaluated, Features, Figure, Findings, Likelihood, Puzzled, Sets, evaluate, places,
};
use calotype_training::{Against, Classified, HeldBack, Material, signed, write_report};

use super::Ending;
use crate::args::EvaluateArgs;
use crate::fault::WrongUse;
use crate::output::{ending, has_folder, note, replace, replace_text, writable};
use crate::session::Session;
use crate::used::Used;

use judge::Judge;
use network::Brought;
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
    if args.features.is_some() && args.samples.is_none() && used.model.translator().is_some() {
        return Err(WrongUse("--features: translations are not measured by features; leave it out".into()).into());
    }
    let material = Material::of_run(&used.config)?;
    let against = material.against()?;
    let second = material.against_second()?;
    let n_rows = [Some(&against), second.as_ref()].into_iter().flatten().flat_map(|a| [&a.held_out, &a.learned]);
    let n = n_rows.map(|rows| rows.rows().len()).fold(args.count as usize, usize::min);
    if n < LEAST_ROWS {
        let reason = format!("there are {n} rows to hold samples against, and figures need at least {LEAST_ROWS}");
        return Err(WrongUse(format!("{}: {reason}", used.config.data.name)).into());
    }
    writable(&out)?;
    writable(&nearest)?;
    let given = args.samples.as_ref().map(|from| made::given(&used, from, n, args.seed)).transpose()?;
    let begun = table::begun(&used, &against, n, args);
    let translates = given.is_none() && used.model.translator().is_some();
    let evaluator = Evaluator { args, material: &material, against: &against, n, threads };
    let (session, findings) = match translates {
        true => evaluator.of_translations(used, begun)?,
        false => {
            let (session, findings, pairs) = evaluator.of_rows(used, begun, given)?;
            if let Some(picture) = pairs {
                replace(&nearest, |file| picture::write_png(file, &picture))?;
                note(&format!("{}: the samples that are nearest to a training row, each above it", nearest.display()));
            }
            (session, findings)
        }
    };
    session.opened.keep_pipelines();
    replace_text(&out, &format!("{}\n", serde_json::to_string_pretty(&findings)?))?;
    if out == session.used.folder.evaluation() {
        write_report(session.used.folder.path())?;
    }
    args.form.answer(&Table { found: &findings, file: &out })?;
    Ok(Ending::Done)
}

/// What is evaluated against what.
#[derive(Clone, Copy)]
struct Evaluator<'a> {
    args: &'a EvaluateArgs,
    material: &'a Material,
    against: &'a Against,
    /// Rows of each kind.
    n: usize,
    threads: usize,
}

impl Evaluator<'_> {
    /// Translations of held-out rows.
    fn of_translations(self, used: Used, begun: Findings) -> Result<(Session, Findings)> {
        let mut session = used.on(self.args.device.as_deref(), self.threads)?;
        let by = (self.args.seed, self.threads);
        let figures = translated::figures(&mut session, self.material, self.against, self.n, by)?;
        Ok((session, Findings { figures, ..begun }))
    }

    /// Rows that the model makes, or that were given; and a picture of those that are nearest to training rows.
    fn of_rows(
        self,
        used: Used,
        mut findings: Findings,
        given: Option<Vec<f32>>,
    ) -> Result<(Session, Findings, Option<RgbImage>)> {
        let Evaluator { args, material, against, n, threads } = self;
        let shape = used.model.shape().to_vec();
        let rows = Rows::of(against, used.model.values(), &shape, n, args.seed);
        let mut session = used.on(args.device.as_deref(), threads)?;
        let brought = match &args.features {
            Some(path) => Some(Brought::load(&mut session, path, args.features_range)?),
            None => None,
        };
        let judge = Judge::of(&session.used, material, against, threads)?;
        let is_given = given.is_some();
        let (samples, own) = match given {
            Some(given) => (given, vec![]),
            None => self.by_the_model(&mut session, &rows)?,
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
        let all: [&[f32]; 3] = [&samples, &rows.learned, &rows.held_out];
        let said = match judge {
            Some(mut judge) => {
                let [a, b, c] = all.map(|images| judge.says(images));
                Some((judge, [a?, b?, c?]))
            }
            None => None,
        };
        let seen = match &brought {
            Some(brought) => {
                let [a, b, c] = all.map(|images| brought.of(&mut session, images));
                Some([a?, b?, c?])
            }
            None => None,
        };
        let of = |name, d, [samples, learned, held_out]: [_; 3]| Features { name, d, samples, learned, held_out };
        let features = match (&brought, &seen, &said) {
            (Some(brought), Some(seen), _) => {
                findings.features = Some(brought.described());
                Some(of(brought.name.as_str(), brought.d, seen.each_ref().map(Vec::as_slice)))
            }
            (_, _, Some((judge, said))) => {
                findings.features = Some(judge.described());
                Some(of(&judge.name, Classified::N_FEATURES, said.each_ref().map(|of| of.features.as_slice())))
            }
            // Vectors are their own features.
            _ => (shape.len() != 3).then(|| of("values", shape.iter().product(), all)),
        };
        let classes = said.as_ref().map(|(judge, [samples, learned, held_out])| Classes {
            n_classes: judge.n_classes,
            samples: &samples.classes,
            learned: &learned.classes,
            held_out: &held_out.classes,
        });
        let evaluated = evaluate(&sets, features.as_ref(), classes.as_ref());
        if !is_given {
            findings.likelihood = likelihood(&mut session, against, n)?;
        }
        let picture = match *shape.as_slice() {
            [h, w, c @ (1 | 3)] => {
                let pairs = pairs(&evaluated, &samples, &rows, h * w * c);
                Some(picture::sheet(&pairs, [pairs.len() / (h * w * c), h, w, c], Some(IN_A_LINE), ABOUT_PIXELS)?)
            }
            _ => None,
        };
        findings.figures = own.into_iter().chain(evaluated.figures).collect();
        findings.verdicts = evaluated.verdicts;
        Ok((session, findings, picture))
    }

    /// As many rows of the model as are held out, and figures that only such a model has.
    fn by_the_model(&self, session: &mut Session, rows: &Rows) -> Result<(Vec<f32>, Vec<Figure>)> {
        let &Evaluator { args, material, against, n, threads } = self;
        let (dataset, model) = (material.dataset(), std::sync::Arc::clone(&session.used.model));
        if let (Some(_), Some(captions)) = (model.text(), dataset.captions()) {
            let drawn = made::drawn(session, captions, &rows.shown, args.seed)?;
            let by = (args.seed, threads);
            let figures = drawn::figures(session, (dataset, captions), against, (&rows.shown, &drawn), by)?;
            return Ok((drawn, figures));
        }
        if let (Some(composer), &[h, w, c]) = (model.composer(), model.shape()) {
            let puzzled = |of: &[f32]| -> Vec<Puzzled> {
                let image = |image: &[f32]| Puzzled::new(signed(image), [h, w, c], composer.n_patches());
                of.chunks_exact(h * w * c).map(image).collect()
            };
            let (held_out, learned) = (puzzled(&rows.held_out), puzzled(&rows.learned));
            let made = made::composed(session, &held_out, composer.n_patches(), args.seed)?;
            let figures = places(&held_out, &made, &learned, [h, w, c]);
            return Ok((made.into_iter().flat_map(|made| made.image).collect(), figures));
        }
        let samples = made::from_nothing(session, n, args.seed)?;
        let figure = classes::figure(model.as_ref(), dataset, (rows, &samples), (args.seed, threads))?;
        Ok((samples, figure.into_iter().collect()))
    }
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
