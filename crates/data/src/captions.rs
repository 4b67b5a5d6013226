//! What is said of the rows of a data set: their captions, several of a row where there are several ways to say it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The captions of every row. Those of equal rows are kept once.
///
/// Two rows say the same where they have a caption in common, whatever its capital letters, or where each does with a third: a circle's
/// caption is never a wrong one of another circle of that size, colour and place, whichever phrase it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captions {
    /// Each once.
    texts: Vec<String>,
    /// Of each row, indices into `texts`; none of a row of which nothing is said.
    of_row: Vec<Vec<u32>>,
    /// Of each row, a number that rows share which say the same.
    meanings: Vec<u32>,
}

impl Captions {
    /// Of each row; blank ones are none.
    pub fn new<S: AsRef<str>>(of_row: impl IntoIterator<Item = Vec<S>>) -> Self {
        let mut texts: Vec<String> = vec![];
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut number = |text: &str| {
            *known.entry(text.to_owned()).or_insert_with(|| {
                texts.push(text.to_owned());
                texts.len() as u32 - 1
            })
        };
        let of_row: Vec<Vec<u32>> = of_row
            .into_iter()
            .map(|captions| captions.iter().map(|c| c.as_ref().trim()).filter(|c| !c.is_empty()).map(&mut number).collect())
            .collect();
        let meanings = meanings(&texts, &of_row);
        Captions { texts, of_row, meanings }
    }

    /// Rows, those without captions too.
    pub fn n_rows(&self) -> usize {
        self.of_row.len()
    }

    /// All captions, each once.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The captions of a row, as indices into [`Captions::texts`].
    pub fn numbers(&self, row: u32) -> &[u32] {
        self.of_row.get(row as usize).map_or(&[], Vec::as_slice)
    }

    /// The captions of a row.
    pub fn of(&self, row: u32) -> impl Iterator<Item = &str> {
        self.numbers(row).iter().map(|&n| self.texts[n as usize].as_str())
    }

    /// The first caption of a row; empty where there is none.
    pub fn first(&self, row: u32) -> &str {
        self.of(row).next().unwrap_or_default()
    }

    /// What a row says, as a number that it shares with the rows that say the same; one of its own where it has no caption.
    pub fn meaning(&self, row: u32) -> u32 {
        self.meanings.get(row as usize).copied().unwrap_or(row)
    }

    /// SHA-256 of all captions of all rows, in hexadecimal.
    pub fn hash(&self) -> String {
        let mut sha = Sha256::new();
        for row in 0..self.of_row.len() as u32 {
            sha.update((self.numbers(row).len() as u64).to_le_bytes());
            for text in self.of(row) {
                sha.update((text.len() as u64).to_le_bytes());
                sha.update(text);
            }
        }
        hex(&sha.finalize())
    }
}

/// Of each row, the first row that it says the same as: rows are joined by the captions that they share.
fn meanings(texts: &[String], of_row: &[Vec<u32>]) -> Vec<u32> {
    fn root(parents: &mut [u32], mut row: u32) -> u32 {
        while parents[row as usize] != row {
            parents[row as usize] = parents[parents[row as usize] as usize];
            row = parents[row as usize];
        }
        row
    }
    let mut plain: HashMap<String, u32> = HashMap::new();
    let of_text: Vec<u32> = texts
        .iter()
        .map(|text| {
            let next = plain.len() as u32;
            *plain.entry(text.to_lowercase()).or_insert(next)
        })
        .collect();
    let mut parents: Vec<u32> = (0..of_row.len() as u32).collect();
    let mut first: Vec<Option<u32>> = vec![None; plain.len()];
    for (row, numbers) in of_row.iter().enumerate() {
        for &number in numbers {
            let said = &mut first[of_text[number as usize] as usize];
            let other = *said.get_or_insert(row as u32);
            let (a, b) = (root(&mut parents, row as u32), root(&mut parents, other));
            parents[a.max(b) as usize] = a.min(b);
        }
    }
    (0..of_row.len() as u32).map(|row| root(&mut parents, row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_share_a_caption_say_the_same() {
        let captions = Captions::new([
            vec!["a cat", "one cat"],
            vec!["a dog"],
            vec!["One Cat"],
            vec![" ", ""],
            vec!["the cat", "a cat "],
            vec![],
            vec!["two dogs"],
            vec!["a dog", "two dogs"],
        ]);
        let meanings: Vec<u32> = (0..8).map(|row| captions.meaning(row)).collect();
        assert_eq!(meanings, [0, 1, 0, 3, 0, 5, 1, 1]);
        assert_eq!(captions.texts(), ["a cat", "one cat", "a dog", "One Cat", "the cat", "two dogs"]);
        assert_eq!((captions.first(4), captions.first(3), captions.numbers(4)), ("the cat", "", &[4, 0][..]));
    }

    #[test]
    fn a_hash_is_over_every_caption_of_every_row() {
        let of = |rows: &[&[&str]]| Captions::new(rows.iter().map(|row| row.to_vec())).hash();
        let all =
            [of(&[&["ab", "c"]]), of(&[&["a", "bc"]]), of(&[&["ab"], &["c"]]), of(&[&["c", "ab"]]), of(&[&["ab", "c"], &[]])];
        for (n, hash) in all.iter().enumerate() {
            assert!(!all[..n].contains(hash), "{n}");
        }
        assert_eq!(of(&[&["ab ", "c"]]), all[0]);
    }
}
