//! The pictures of a run. Each kind shows the same thing every so many steps, so that together they make a film.

mod codes;
mod compositions;
mod domains;
mod film;
mod grid;
mod maker;
mod points;
mod sentences;
mod tiles;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use calotype_data::Evaluation;
use calotype_data::picture::{self, RgbImage};
use calotype_graph::Device;
use calotype_models::{Domains, Model};

use crate::compose::Compositions;
use crate::draw::Drawings;
use crate::error::Result;
use crate::fit::Plans;
use crate::folder::RunFolder;
use crate::load::Loader;
use crate::material::ShownRows;
use crate::replace::write_atomically;
use crate::rows::RowProgram;
use crate::sampler::{Sampler, sheet_images};
use crate::translate::Translations;

use codes::Codes;
use compositions::Puzzles;
use domains::{Sides, Table};
use grid::{Reconstructions, Samples};
use maker::Maker;
use points::Points;
use sentences::Sentences;
use tiles::Sheet;

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// How its files' names begin.
    pub stem: &'static str,
    /// Above them in the report, and what is said below it.
    pub title: &'static str,
    pub text: &'static str,
    /// The name of its film.
    pub film: &'static str,
}

impl Kind {
    pub const SAMPLES: Kind = Kind {
        stem: "step",
        title: "Samples",
        text: "The same random numbers throughout. Vectors: samples are green, rows of the data grey; where there is a critic, \
               orange seems real to it and violet made.",
        film: "samples.gif",
    };
    pub const TRAVERSAL: Kind = Kind {
        stem: "traversal",
        title: "Traversal of codes",
        text: "Each code in turn, in three rows of other latents: the categories from left to right, then each continuous code from -2 to \
               2. Along a row nothing else changes.",
        film: "traversal.gif",
    };
    pub const RECONSTRUCTIONS: Kind = Kind {
        stem: "reconstructions",
        title: "Reconstructions",
        text: "Each row of the data is above its reconstruction; they are of the held-out set, if there is one.",
        film: "reconstructions.gif",
    };
    pub const CODES: Kind = Kind {
        stem: "codes",
        title: "Codes",
        text: "Codes of rows of the data, coloured by class, over draws of the prior (grey): the first two latents.",
        film: "codes.gif",
    };
    pub const TRANSLATIONS: Kind = Kind {
        stem: "translations",
        title: "Translations",
        text: "Between two data sets: a line of rows, their translations, and these translated back; then the same from the other side. \
               Between attributes: a line a row, itself first, then each value of each attribute; where it is known what the row should \
               become, that is below. They are test rows, if there are any.",
        film: "translations.gif",
    };
    pub const DRAWINGS: Kind = Kind {
        stem: "drawings",
        title: "Drawings",
        text: "A row of the data, then drawings of its caption, which stands below, from the same random numbers for all captions. They are \
               test rows, if there are any.",
        film: "drawings.gif",
    };
    pub const COMPOSITIONS: Kind = Kind {
        stem: "compositions",
        title: "Compositions",
        text: "A line an image: its key patches, enlarged; the mask of their places and the image that are made of them; the image that \
               they are of. They are test rows, if there are any.",
        film: "compositions.gif",
    };
    /// All of them, in the order in which they are shown.
    pub const ALL: &'static [Kind] = &[
        Kind::SAMPLES,
        Kind::TRANSLATIONS,
        Kind::DRAWINGS,
        Kind::COMPOSITIONS,
        Kind::TRAVERSAL,
        Kind::RECONSTRUCTIONS,
        Kind::CODES,
    ];
}

/// Something that is shown as it is at the moment.
trait Show: fmt::Debug {
    /// # Errors
    /// What the device says.
    fn picture(&self, device: &mut dyn Device) -> Result<RgbImage>;
}

/// Makes the pictures of a run.
#[derive(Debug)]
pub(crate) struct Pictures {
    all: Vec<(Kind, Box<dyn Show>)>,
    /// Of samples that are images, made of latents.
    sheet: Option<Sheet>,
    /// The steps of each level of a model that grows.
    levels: Vec<Range<u64>>,
}

/// What pictures are made with.
pub(crate) struct Studio<'a> {
    pub model: &'a dyn Model,
    pub plans: &'a Plans,
    pub sampler: Sampler,
    pub loader: Loader,
    pub seed: u64,
    /// Rows of the data, to show beside what the model makes; none for a model that counts.
    pub rows: Option<&'a Evaluation>,
    /// What is shown by test rows and what is known of them: of a translator, a composer, or a model that draws from text.
    pub known: Option<&'a ShownRows>,
}

/// Rows of the data that are reconstructed.
const RECONSTRUCTED: usize = 64;

impl Pictures {
    /// Those that the model can be shown by.
    ///
    /// # Errors
    /// The device cannot load a plan.
    pub fn load(device: &mut dyn Device, studio: &Studio) -> Result<Self> {
        let mut all: Vec<(Kind, Box<dyn Show>)> = Vec::new();
        let mut sheet = None;
        let Studio { model, plans, loader, seed, rows, .. } = *studio;
        let maker = |count| Maker::new(model, &studio.sampler, (count, seed));
        match *model.shape() {
            [h, w, c @ (1 | 3)] => {
                let (shape, values) = ([h, w, c], model.values());
                let count = sheet_images(model.shape());
                if let Some(maker) = maker(count) {
                    let columns = maker.columns().unwrap_or_else(|| picture::about_square(count));
                    sheet = model.latent().map(|_| Sheet { height: h, width: w, columns });
                    let codes = maker.of_codes(model, seed);
                    all.push((Kind::SAMPLES, Box::new(Samples { maker, shape, values })));
                    if let Some(maker) = codes {
                        all.push((Kind::TRAVERSAL, Box::new(Samples { maker, shape, values })));
                    }
                }
                if let (Some(plan), Some(rows)) = (&plans.reconstruction, rows) {
                    let program = RowProgram::load(device, plan, loader, seed)?;
                    let rows = rows_of(rows, RECONSTRUCTED);
                    all.push((Kind::RECONSTRUCTIONS, Box::new(Reconstructions { program, rows, shape, values })));
                }
            }
            [columns] => {
                if let (Some(maker), Some(rows)) = (maker(points::SAMPLES), rows) {
                    all.push((
                        Kind::SAMPLES,
                        Box::new(Points::new(device, studio, maker, &rows_of(rows, points::ROWS), columns)?),
                    ));
                }
            }
            _ => {}
        }
        if let (Some(translator), Some(shown), &[h, w, c]) = (model.translator(), studio.known, model.shape()) {
            let (programs, shape) = (Translations::load(device, &plans.translation, loader)?, [h, w, c]);
            let show: Option<Box<dyn Show>> = match (translator.domains(), &shown.rows_b) {
                (Domains::Roles, Some(rows_b)) => {
                    let n = shown.rows.rows().len().min(rows_b.rows().len());
                    let rows = [rows_of(&shown.rows, n), rows_of(rows_b, n)];
                    Some(Box::new(Sides { programs, rows, shape }))
                }
                (Domains::Attributes(_), _) => Table::new(programs, shown, shape).map(|table| Box::new(table) as Box<dyn Show>),
                (Domains::Roles, None) => None,
            };
            all.extend(show.map(|show| (Kind::TRANSLATIONS, show)));
        }
        if let (Some(text), Some(shown), Some(plans), &[h, w, c]) = (model.text(), studio.known, &plans.drawing, model.shape()) {
            let programs = Drawings::load(device, plans, loader)?;
            let show = Sentences::new(programs, text, shown, [h, w, c], seed);
            all.extend(show.map(|show| (Kind::DRAWINGS, Box::new(show) as Box<dyn Show>)));
        }
        if let (Some(composer), Some(plan), Some(shown), &[h, w, c]) =
            (model.composer(), &plans.composition, studio.known, model.shape())
        {
            let programs = Compositions::load(device, composer, plan, loader)?;
            all.push((Kind::COMPOSITIONS, Box::new(Puzzles::new(programs, composer, &shown.rows, [h, w, c], seed))));
        }
        if let (Some(facet), Some(plan), Some(rows)) = (model.codes(), &plans.codes, rows) {
            let program = RowProgram::load(device, plan, loader, seed)?;
            let classes = rows.spaced(codes::ROWS).into_iter().filter_map(|row| rows.label(row)).collect();
            let codes = Codes::new(studio, &facet, program, rows_of(rows, codes::ROWS), classes);
            all.push((Kind::CODES, Box::new(codes)));
        }
        Ok(Pictures { all, sheet, levels: tiles::levels(model) })
    }

    /// Writes the pictures of this step, each in one go.
    ///
    /// # Errors
    /// What the device or the system says.
    pub fn write(&self, device: &mut dyn Device, folder: &RunFolder, step: u64) -> Result<()> {
        for (kind, show) in &self.all {
            save(&folder.picture(*kind, step), &show.picture(device)?)?;
        }
        Ok(())
    }

    /// Writes the picture of the growth as it is after `step` steps, of a model that grows.
    ///
    /// # Errors
    /// What the system says.
    pub fn growth(&self, folder: &RunFolder, step: u64) -> Result<()> {
        match self.sheet {
            Some(sheet) if !self.levels.is_empty() => tiles::growth(folder, sheet, &self.levels, step),
            _ => Ok(()),
        }
    }

    /// Writes the film of each kind, of what is in the folder, and that of one latent.
    ///
    /// # Errors
    /// A film that cannot be written.
    pub fn films(&self, folder: &RunFolder) -> Result<()> {
        self.all.iter().try_for_each(|(kind, _)| film::write(folder, *kind))?;
        self.sheet.map_or(Ok(()), |sheet| tiles::latent(folder, sheet))
    }
}

fn save(path: &Path, picture: &RgbImage) -> Result<()> {
    write_atomically(path, &picture::png(picture)?)
}

/// At most `most` rows [N, D], evenly spaced: a file may have its rows in the order of their classes.
fn rows_of(rows: &Evaluation, most: usize) -> Vec<f32> {
    rows.spaced(most).into_iter().flat_map(|row| rows.row(row)).collect()
}
