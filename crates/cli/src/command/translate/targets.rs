//! What images are translated to: `--to`.

use anyhow::Result;
use calotype_models::attributes::Changes;
use calotype_models::{Domains, Role, Translator, Way};

use crate::fault::WrongUse;

/// One `--to`.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub way: Way,
    /// Of attributes, those that are asked for.
    changes: Changes,
    /// As it was typed.
    text: String,
    /// A folder's name.
    pub folder: String,
}

/// # Errors
/// No such domain, attribute or value: says which there are. The same one twice.
pub(super) fn parse(translator: &dyn Translator, texts: &[String]) -> Result<Vec<Target>> {
    let mut all: Vec<Target> = vec![];
    for text in texts {
        let (way, changes) = match translator.domains() {
            Domains::Roles => (Way::To(role(text)?), vec![]),
            Domains::Attributes(attributes) => {
                let changes = attributes.parse(text).map_err(|e| WrongUse(format!("--to {text}: {e}")))?;
                (Way::ToAttributes, changes)
            }
        };
        let plain = |c: char| if c.is_alphanumeric() || "-_.=+".contains(c) { c } else { '-' };
        let folder: String = text.chars().map(plain).collect();
        if all.iter().any(|other| other.folder == folder) {
            return Err(WrongUse(format!("--to {text} is given twice; leave one out")).into());
        }
        all.push(Target { way, changes, text: text.clone(), folder });
    }
    Ok(all)
}

/// A or B.
fn role(text: &str) -> Result<Role> {
    let found = Role::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        WrongUse(format!("--to {text}: no such domain; A and B are the run's two data sets, so images of A go --to B")).into()
    })
}

impl Target {
    /// Whether it leaves attributes as an image has them.
    pub fn needs_seen(&self, translator: Option<&dyn Translator>) -> bool {
        match translator.map(Translator::domains) {
            Some(Domains::Attributes(attributes)) => self.changes.len() < attributes.0.len(),
            _ => false,
        }
    }

    /// That images of these sizes [H, W] have all attributes that it leaves as they are: the critic sees them only in images that are
    /// as large as those that it learned from.
    ///
    /// # Errors
    /// Says which attributes must be asked for too.
    pub fn check(&self, translator: &dyn Translator, mut sizes: impl Iterator<Item = [usize; 2]>) -> Result<()> {
        let Domains::Attributes(attributes) = translator.domains() else { return Ok(()) };
        let asked = |n: usize| self.changes.iter().any(|(at, _)| *at == n);
        let missing = attributes.0.iter().enumerate().filter(|(n, _)| !asked(*n)).map(|(_, a)| a.to_string());
        let missing = missing.collect::<Vec<_>>().join(", ");
        match sizes.find(|&size| !missing.is_empty() && translator.recognition(1, size).is_none()) {
            None => Ok(()),
            Some([h, w]) => Err(WrongUse(format!(
                "--to {}: images of {h}x{w} pixels are too small to see what else they have; say it too: {missing}",
                self.text
            ))
            .into()),
        }
    }

    /// The attributes of `n` images as they are to be, one after the other; nothing where domains are data sets. `seen`: those that the
    /// images have.
    pub fn domains(&self, translator: Option<&dyn Translator>, n: usize, seen: Option<&[f32]>) -> Vec<f32> {
        let Some(Domains::Attributes(attributes)) = translator.map(Translator::domains) else { return vec![] };
        let own: Vec<f32> = match seen {
            Some(seen) => seen.chunks_exact(attributes.width()).flat_map(|v| attributes.vector(attributes.values(v))).collect(),
            None => vec![0.0; n * attributes.width()],
        };
        let changed = |own: &[f32]| {
            let mut vector = own.to_vec();
            attributes.change(&mut vector, &self.changes);
            vector
        };
        own.chunks_exact(attributes.width().max(1)).flat_map(changed).collect()
    }
}
