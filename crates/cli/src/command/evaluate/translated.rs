//! What translations of held-out rows are like.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use calotype_data::{Dataset, Evaluation};
use calotype_models::{Domains, Role, Translator, Way};
use calotype_training::evaluate::{Figure, Translated, mixed, part};
use calotype_training::{Against, Attributed, Material, Translations, brightness, signed};

use super::judge::{Judge, Subject};
use crate::session::Session;

/// Images at once.
const BATCH: usize = 16;

/// Of `n` held-out rows of each domain.
///
/// # Errors
/// What the device says.
pub fn figures(
    session: &mut Session,
    material: &Material,
    against: &Against,
    n: usize,
    (seed, threads): (u64, usize),
) -> Result<Vec<Figure>> {
    let model = Arc::clone(&session.used.model);
    let (Some(translator), &[h, w, _]) = (model.translator(), model.shape()) else {
        return Err(session.used.cannot("translates no images"));
    };
    let programs = session.translations(BATCH, [h, w])?;
    let of = Of { translator, programs: &programs, material, against, seed };
    let figures = match translator.domains() {
        Domains::Roles => of.roles(session, n),
        Domains::Attributes(_) => of.attributes(session, n, threads),
    };
    session.unload(programs);
    figures
}

struct Of<'a> {
    translator: &'a dyn Translator,
    programs: &'a Translations,
    material: &'a Material,
    against: &'a Against,
    seed: u64,
}

/// Rows of a domain, from 0 to 1.
struct Side {
    held_out: Vec<f32>,
    /// What is said of each, where it is said of no other.
    captions: Vec<String>,
    learned: Vec<f32>,
}

impl Of<'_> {
    /// Rows of 0 to 1 as of another domain.
    fn translated(&self, session: &mut Session, way: Way, rows: &[f32], domains: &[f32]) -> Result<Vec<f32>> {
        Ok(self.programs.translate(session.opened.device(), way, &signed(rows), domains)?)
    }

    fn rows(&self, of: &Evaluation, rows: &[u32]) -> Vec<f32> {
        brightness(self.translator.values(), &rows.iter().flat_map(|&row| of.row(row)).collect::<Vec<f32>>())
    }

    fn side(&self, dataset: &Dataset, against: &Against, n: usize) -> Side {
        let held_out = mixed(against.held_out.spaced(n), self.seed);
        let said =
            dataset.captions().map_or_else(Vec::new, |all| held_out.iter().map(|&row| all.first(row).to_owned()).collect());
        let differ = said.iter().collect::<BTreeSet<_>>().len() == said.len();
        Side {
            captions: if differ { said } else { vec![] },
            learned: self.rows(&against.learned, &mixed(against.learned.spaced(n), self.seed)),
            held_out: self.rows(&against.held_out, &held_out),
        }
    }

    /// Between two data sets. Rows of the same caption, such as one emoji of two vendors, are each other's translation, where a caption is of
    /// one row alone.
    fn roles(&self, session: &mut Session, n: usize) -> Result<Vec<Figure>> {
        let Some((second, other)) = self.material.second().zip(self.material.against_second()?) else { return Ok(vec![]) };
        let n_values = self.translator.shape().iter().product();
        let (a, b) = (self.side(self.material.dataset(), self.against, n), self.side(second, &other, n));
        let mut figures = vec![];
        for (from, to, role) in [(&a, &b, Role::B), (&b, &a, Role::A)] {
            let made = self.translated(session, Way::To(role), &from.held_out, &[])?;
            let back = self.translated(session, Way::To(role.other()), &made, &[])?;
            let of = Translated { to: role.name(), from: &from.held_out, made: &made, back: &back, n_values };
            let partner = |(nth, caption): (usize, &String)| {
                let at = to.captions.iter().position(|other| other == caption)?;
                Some((nth, &to.held_out[at * n_values..][..n_values]))
            };
            figures.extend(of.partners(from.captions.iter().enumerate().filter_map(partner)));
            figures.push(of.distance(&to.held_out, &to.learned, self.translator.shape(), self.seed));
            figures.push(of.cycle());
        }
        Ok(figures)
    }

    /// To each value of each attribute.
    fn attributes(&self, session: &mut Session, n: usize, threads: usize) -> Result<Vec<Figure>> {
        let dataset = self.material.dataset();
        let told = Attributed::new(dataset, self.translator.settings().word("attributes"))?;
        let rows = mixed(self.against.held_out.spaced(n), self.seed);
        let (images, own) = (self.rows(&self.against.held_out, &rows), told.vectors(&rows));
        let n_values = self.translator.shape().iter().product();
        let mut figures = vec![];
        for (at, attribute) in told.attributes.0.iter().enumerate() {
            let k = attribute.n_values();
            let subject = Subject {
                name: attribute.name.clone(),
                labels: (0..dataset.n_rows() as u32).map(|row| told.of_row(row).map_or(0, |values| values[at])).collect(),
                values: (0..k).map(|value| attribute.describe(value)).collect(),
            };
            let labels = subject.labels.clone();
            let learned = self.against.learned.rows().to_vec();
            let mut judge = Judge::of_subject(&session.used, dataset, subject, (learned, &self.against.held_out), threads)?;
            let seen = judge.says(&images)?.classes;
            let of_real = part(rows.iter().zip(&seen).map(|(&row, seen)| labels[row as usize] == *seen));
            for value in 0..k {
                let mut domains = own.clone();
                domains.chunks_exact_mut(told.attributes.width()).for_each(|v| told.attributes.change(v, &[(at, value)]));
                let made = self.translated(session, Way::ToAttributes, &images, &domains)?;
                let back = self.translated(session, Way::ToAttributes, &made, &own)?;
                let name = attribute.describe(value);
                let of = Translated { to: &name, from: &images, made: &made, back: &back, n_values };
                let right: Vec<bool> = judge.says(&made)?.classes.into_iter().map(|seen| seen == value).collect();
                figures.push(of.recognised(&right, of_real));
                let twin = |row: u32| {
                    let (factor, value) = told.factor((at, value))?;
                    dataset.twin(row, factor, value).filter(|twin| *twin != row)
                };
                let known: Vec<(usize, Vec<f32>)> = rows
                    .iter()
                    .enumerate()
                    .filter_map(|(nth, &row)| Some((nth, self.rows(&self.against.held_out, &[twin(row)?]))))
                    .collect();
                figures.extend(of.partners(known.iter().map(|(nth, truth)| (*nth, truth.as_slice()))));
                figures.push(of.cycle());
            }
        }
        Ok(figures)
    }
}
