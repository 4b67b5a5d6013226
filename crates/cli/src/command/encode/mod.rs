//! `calotype encode`.

mod codes;
mod encoded;
mod plot;
mod recognised;

use std::path::{Path, PathBuf};

use anyhow::Result;
use calotype_data::{Evaluation, Split, picture, write_npy};
use calotype_training::{Examined, Labelled, SCORE_BATCH, Which};

use super::{Ending, once};
use crate::args::EncodeArgs;
use crate::fault::WrongUse;
use crate::output::{ending, has_folder, note, replace};
use crate::used::Used;

use encoded::{Accuracy, Encoded, Files, LinearProbe};
use recognised::Featured;

pub fn run(args: &EncodeArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let Some(program) = used.model.features(SCORE_BATCH) else {
        return Err(used.cannot("has no hidden units, so it computes no features"));
    };
    let category = used.model.latent().and_then(recognised::category);
    let nothing_asked = args.out.is_none() && args.plot.is_none() && args.rows.is_none() && !args.probe;
    let nothing_to_do =
        || WrongUse("nothing to do; give --out features.npy, --plot codes.png, --rows rows.csv or --probe".into());
    if nothing_asked && category.is_none() {
        return Err(nothing_to_do().into());
    }
    for (flag, path, wanted) in [("--out", &args.out, "npy"), ("--plot", &args.plot, "png"), ("--rows", &args.rows, "csv")] {
        has_folder(flag, path.as_deref())?;
        path.as_deref().map(|path| ending(flag, path, wanted)).transpose()?;
    }
    let codes = args.plot.as_ref().map(|_| match used.model.autoencoder() {
        Some(autoencoder) => Ok(autoencoder.encoding(SCORE_BATCH)?),
        None => Err(used.cannot("has no codes to plot: --plot needs an auto-encoder")),
    });
    let codes = codes.transpose()?;
    let set = once(args.set.iter().cloned())?;
    if !set.is_empty() && args.data.is_none() {
        return Err(WrongUse("--set has no effect on the run's own data; give --data".into()).into());
    }
    let open = |split| {
        let which = Which { data: args.data.clone(), split, inner: args.inner.map(usize::from), set: set.clone() };
        Examined::open(&used.config, used.model.as_ref(), &which)
    };
    let examined = open(args.split)?;
    examined.notes.iter().for_each(|text| note(text));
    let is_classifier = category.is_some() && !examined.dataset.factors().is_empty();
    if nothing_asked && !is_classifier {
        return Err(nothing_to_do().into());
    }
    let opens_train = args.probe || (is_classifier && examined.dataset.has_splits());
    let train = if opens_train { Some(open(Some(Split::Train))?) } else { None };
    if args.probe && (examined.dataset.labels().is_none() || !examined.dataset.has_splits()) {
        let message = format!(
            "--probe needs data with classes and test rows, and {} lacks them; give other --data",
            examined.dataset.name()
        );
        return Err(WrongUse(message).into());
    }
    let program = program?;
    let mut session = used.on(args.device.as_deref(), threads)?;
    let encoder = session.encoder(&program)?;
    let features = encoder.features(session.opened.device(), &examined.rows)?;
    let (n, f) = (examined.rows.rows().len(), encoder.n_features());
    let mut encoded = Encoded::begun(&examined, f);
    if let Some(path) = &args.out {
        replace(path, |file| write_npy(file, &[n, f], &features))?;
    }
    if let Some(path) = &args.rows {
        replace(path, |file| table_of_rows(file, &examined))?;
    }
    if let (Some(path), Some(program)) = (&args.plot, codes) {
        let encoder = session.encoder(&program)?;
        let codes = encoder.features(session.opened.device(), &examined.rows)?;
        let picture = plot::picture(&codes, encoder.n_features(), classes(&examined).as_deref());
        replace(path, |file| picture::write_png(file, &picture))?;
        note(&plot::legend(encoder.n_features(), examined.dataset.class_names()));
    }
    let named = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    encoded.files = Files { features: named(&args.out), rows: named(&args.rows), plot: named(&args.plot) };
    note(&format!("{n} rows of {}, {f} features each", examined.dataset.name()));
    let codes = session.used.model.codes();
    if let Some(codes) = &codes {
        encoded.against_prior = Some(codes::against_prior(codes, &features, f, session.used.config.seed));
        if examined.dataset.labels().is_some() {
            encoded.classifier = codes::classifier(codes, &features, f, &labelled(&examined, vec![]).labels);
        }
    }
    let train = match train {
        Some(train) => Some((encoder.features(session.opened.device(), &train.rows)?, train)),
        None => None,
    };
    if let Some(category) = category.filter(|_| is_classifier) {
        let by = train.as_ref().filter(|_| examined.dataset.has_splits());
        let by = by.map(|(features, examined)| Featured { examined, features });
        encoded.category = recognised::recognised(Featured { examined: &examined, features: &features }, by, f, &category);
    }
    if let Some((of_train, train)) = train.filter(|_| args.probe) {
        let by_features = [labelled(&train, of_train), labelled(&examined, features)];
        let n_classes = examined.dataset.class_names().len();
        if let Some(codes) = &codes {
            let [of_train, of_test] = [&by_features[0], &by_features[1]];
            encoded.clusters = codes::clusters(codes, of_train, of_test, f, n_classes);
            if args.data.is_none() {
                let both = (&train, &examined);
                encoded.known_rows_probes = codes::probes_by_known_rows(&mut session, codes, both, [of_train, of_test])?;
            }
        }
        let by_values = [labelled(&train, values(&train.rows)), labelled(&examined, values(&examined.rows))];
        let mut probe = |[train, test]: [Labelled; 2]| -> Result<Accuracy> {
            let probed = session.probe(&train, &test, n_classes)?;
            Ok(Accuracy { accuracy: probed.test, of_training_rows: probed.train })
        };
        encoded.linear_probe = Some(LinearProbe { n_classes, features: probe(by_features)?, raw_values: probe(by_values)? });
    }
    session.opened.keep_pipelines();
    args.form.answer(&encoded)?;
    Ok(Ending::Done)
}

/// Which row each of the features is of.
fn table_of_rows(path: &Path, examined: &Examined) -> Result<()> {
    let dataset = &examined.dataset;
    let mut csv = csv::Writer::from_path(path)?;
    csv.write_record(["row", "index"].into_iter().chain(examined.place_is()).chain(dataset.labels().map(|_| "class")))?;
    for (n, &row) in examined.rows.rows().iter().enumerate() {
        let class = dataset.labels().map(|labels| dataset.class_names()[labels[row as usize] as usize].clone());
        csv.write_record([n.to_string(), row.to_string()].into_iter().chain(examined.place(row)).chain(class))?;
    }
    Ok(csv.flush()?)
}

/// Of each row, where the data have classes.
fn classes(examined: &Examined) -> Option<Vec<u32>> {
    let labels = examined.dataset.labels()?;
    Some(examined.rows.rows().iter().map(|&row| labels[row as usize]).collect())
}

fn labelled(examined: &Examined, x: Vec<f32>) -> Labelled {
    let labels = examined.dataset.labels().unwrap_or_default();
    Labelled { x, labels: examined.rows.rows().iter().map(|&row| labels[row as usize]).collect() }
}

/// The rows as the model takes them.
fn values(rows: &Evaluation) -> Vec<f32> {
    let per_row = |b: &calotype_data::EvaluationBatch| b.batch.images.len() / b.batch.indices.len().max(1);
    rows.iter().flat_map(|b| b.batch.images[..b.n_valid * per_row(&b)].to_vec()).collect()
}
