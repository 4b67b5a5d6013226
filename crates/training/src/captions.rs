//! The captions of a data set's rows that a model is told: read as it reads them, with one of each row for every step, and one that says
//! something else.

use std::collections::{BTreeSet, HashMap};

use calotype_data::{Captions, Dataset, Split};
use calotype_graph::philox::{Domain, Stream};
use calotype_models::text;

use crate::error::{Result, TrainingError};
use crate::progress::grouped;

/// The setting by which a model says how many characters of a caption it reads.
pub(crate) const SETTING: &str = "text_length";

/// Rows that are tried by chance for a wrong caption, before the next one is taken.
const TRIES: usize = 32;
/// Characters and captions that a note names.
const NAMED: usize = 8;

/// Captions as a model reads them.
#[derive(Clone, Debug)]
pub struct Captioned {
    captions: Captions,
    /// The same as they are read, by which rows say the same: captions may differ where nothing is read of them any more.
    read: Captions,
    /// Characters that are read of each.
    length: usize,
    /// Of every text of `captions`, `length` numbers.
    characters: Vec<u8>,
    /// Of each row, the words of all its captions: numbers, in order.
    words: Vec<Vec<u32>>,
    notes: Vec<String>,
}

impl Captioned {
    /// # Errors
    /// Data without captions, or whose training rows all say the same as far as it is read.
    pub fn new(dataset: &Dataset, model: &'static str, length: usize) -> Result<Self> {
        let unfit =
            |reason: &str| Err(TrainingError::Unfit { model, data: dataset.name().to_owned(), reason: reason.to_owned() });
        let Some(captions) = dataset.captions().filter(|captions| !captions.texts().is_empty()) else {
            return unfit(
                "its rows have no captions; give a folder of images with a table captions.csv (file, caption), or with a .txt file beside \
                 each image",
            );
        };
        let texts: Vec<text::Read> = captions.texts().iter().map(|text| text::read(text, length)).collect();
        let letters =
            |row: u32| captions.numbers(row).iter().map(|&n| text::letters(&texts[n as usize].characters)).collect::<Vec<_>>();
        let read = Captions::new((0..captions.n_rows() as u32).map(letters));
        let learned = dataset.rows(Split::Train)?.into_iter().filter(|&row| !captions.numbers(row).is_empty());
        if learned.map(|row| read.meaning(row)).collect::<BTreeSet<_>>().len() < 2 {
            return unfit(&format!(
                "all captions of its training rows say the same in their first {length} characters, and the model learns from those that \
                 are wrong"
            ));
        }
        let notes = notes(captions.texts(), &texts, length).into_iter().chain(without(dataset, captions)).collect();
        let characters = texts.iter().flat_map(|read| read.characters.iter().map(|&n| n as u8)).collect();
        let words = words(&read);
        Ok(Captioned { captions: captions.clone(), read, length, characters, words, notes })
    }

    /// Whether a row has a caption.
    pub fn has(&self, row: u32) -> bool {
        !self.captions.numbers(row).is_empty()
    }

    /// The first caption of a row, as it was written.
    pub fn first(&self, row: u32) -> &str {
        self.captions.first(row)
    }

    /// SHA-256 of all captions, in hexadecimal.
    pub fn hash(&self) -> String {
        self.captions.hash()
    }

    /// What a person should know about how they are read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// A caption of each row, of its own the one that the seed, the step and its place choose: characters, one caption after the other.
    pub fn own(&self, rows: &[u32], name: &str, (seed, step): (u64, u64)) -> Vec<u32> {
        let mut random = Stream::new(seed, Domain::Data, name, step as u32);
        rows.iter().flat_map(|&row| self.one(row, random.word())).collect()
    }

    /// A caption for each row that says something else: one of another row of `all`, of `among` that are drawn the one that shares most
    /// words with the row. Where no other row says something else, its own.
    pub fn wrong(&self, rows: &[u32], (all, among): (&[u32], usize), name: &str, (seed, step): (u64, u64)) -> Vec<u32> {
        let mut random = Stream::new(seed, Domain::Data, name, step as u32);
        let n = all.len().max(1) as u32;
        let mut other = |row: u32| {
            let says_else = |other: &u32| self.read.meaning(*other) != self.read.meaning(row);
            let drawn: Vec<u32> = (0..TRIES.max(among)).filter_map(|_| all.get(random.below(n) as usize).copied()).collect();
            let after = drawn.last().map_or(0, |last| all.partition_point(|row| row < last));
            let next = || all[after..].iter().chain(&all[..after]).copied().find(says_else);
            let others: Vec<u32> = drawn.iter().copied().filter(says_else).take(among.max(1)).collect();
            // Of those that are equally alike the first.
            let alike = others.iter().rev().copied().max_by(|a, b| self.likeness(row, *a).total_cmp(&self.likeness(row, *b)));
            let chosen = alike.or_else(next).unwrap_or(row);
            self.one(chosen, random.word()).collect::<Vec<_>>()
        };
        rows.iter().flat_map(|&row| other(row)).collect()
    }

    /// The words that two rows share, as a part of all that they have.
    fn likeness(&self, a: u32, b: u32) -> f64 {
        let (a, b) = (&self.words[a as usize], &self.words[b as usize]);
        let shared = b.iter().filter(|word| a.binary_search(word).is_ok()).count();
        shared as f64 / (a.len() + b.len() - shared).max(1) as f64
    }

    /// What each row says: the place of the first row among these that says the same.
    pub fn meanings(&self, rows: &[u32]) -> Vec<u32> {
        let mut first = HashMap::new();
        let number = |(at, &row): (usize, &u32)| *first.entry(self.read.meaning(row)).or_insert(at as u32);
        rows.iter().enumerate().map(number).collect()
    }

    /// The caption of a row that a random word chooses.
    fn one(&self, row: u32, word: u32) -> impl Iterator<Item = u32> + '_ {
        let numbers = self.captions.numbers(row);
        let chosen = numbers.get(((u64::from(word) * numbers.len() as u64) >> 32) as usize).map(|&n| n as usize * self.length);
        let characters = chosen.map_or(&[][..], |at| &self.characters[at..at + self.length]);
        characters.iter().map(|&n| n.into())
    }
}

/// The words of each row, as numbers, in order and each once.
fn words(captions: &Captions) -> Vec<Vec<u32>> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut of_row = |row: u32| {
        let words = captions.of(row).flat_map(|text| text.split(|c: char| !c.is_alphanumeric())).filter(|word| !word.is_empty());
        let mut numbers: Vec<u32> = words
            .map(|word| {
                let next = known.len() as u32;
                *known.entry(word).or_insert(next)
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    (0..captions.n_rows() as u32).map(&mut of_row).collect()
}

/// Of captions that are not read as they are written.
fn notes(texts: &[String], read: &[text::Read], length: usize) -> Vec<String> {
    let cut = read.iter().filter(|read| read.cut).count();
    let cut = (cut > 0).then(|| {
        format!(
            "{} of {} captions are longer than {length} characters and are cut there (`{SETTING}`)",
            grouped(cut as u64),
            grouped(texts.len() as u64)
        )
    });
    let unknown: BTreeSet<char> = read.iter().flat_map(|read| &read.unknown).copied().collect();
    let n = read.iter().filter(|read| !read.unknown.is_empty()).count();
    let unknown = (n > 0).then(|| {
        let named: Vec<String> = unknown.iter().take(NAMED).map(|c| format!("`{}`", c.escape_default())).collect();
        let more = if unknown.len() > NAMED { ", …" } else { "" };
        format!(
            "{} of {} captions have characters that are read as blanks: {}{more}",
            grouped(n as u64),
            grouped(texts.len() as u64),
            named.join(", ")
        )
    });
    let empty = read.iter().zip(texts).find(|(read, _)| read.characters.iter().all(|&n| n == text::END));
    let empty = empty.map(|(_, text)| format!("a caption has nothing that can be read: `{text}`"));
    cut.into_iter().chain(unknown).chain(empty).collect()
}

/// That rows have no caption.
fn without(dataset: &Dataset, captions: &Captions) -> Option<String> {
    let rows: Vec<u32> = (0..captions.n_rows() as u32).filter(|&row| captions.numbers(row).is_empty()).collect();
    let first = rows.first()?;
    let name = dataset.files().map_or_else(|| format!("row {first}"), |files| files[*first as usize].clone());
    Some(format!("left out: {} rows without a caption, the first of them {name}", grouped(rows.len() as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_data::{Options, Split, Values, open};

    fn letters(characters: &[u32], length: usize) -> Vec<String> {
        characters.chunks(length).map(text::letters).collect()
    }

    fn captioned(rows: &[&[&str]], length: usize) -> Result<Captioned> {
        let values = Values::Levels { data: vec![0; rows.len()].into(), levels: 2 };
        let dataset =
            Dataset::new("d", &[1], values).and_then(|d| d.with_captions(Captions::new(rows.iter().map(|row| row.to_vec()))));
        Captioned::new(&dataset.expect("rows"), "text2image", length)
    }

    /// Of 10,000 draws on shapes, whose combinations have five phrases each: every caption is one of the row's own, each phrase comes up, and
    /// a wrong one is never one of them.
    #[test]
    fn right_captions_are_the_rows_own_and_wrong_ones_never_say_the_same() {
        let dataset = open("shapes", &Options { rows: Some(1620), size: Some(8), ..Options::default() }).expect("drawn");
        let of = Captioned::new(&dataset, "text2image", 60).expect("captions");
        let all = dataset.rows(Split::Train).expect("rows");
        let captions = dataset.captions().expect("captions");
        assert!(of.notes().is_empty(), "{:?}", of.notes());
        let mut phrases = [0; 5];
        for step in 0..200 {
            let among = if step % 2 == 0 { 1 } else { 64 };
            let rows: Vec<u32> = (0..50).map(|n| all[(step as usize * 50 + n) % all.len()]).collect();
            let own = letters(&of.own(&rows, "text", (7, step)), 60);
            let wrong = letters(&of.wrong(&rows, (&all, among), "wrong", (7, step)), 60);
            assert_eq!(of.own(&rows, "text", (7, step)), of.own(&rows, "text", (7, step)), "a pure function");
            for ((row, own), wrong) in rows.iter().zip(&own).zip(&wrong) {
                let phrase = captions.of(*row).position(|text| text == own).unwrap_or_else(|| panic!("{own} of row {row}"));
                phrases[phrase] += 1;
                assert!(captions.of(*row).all(|text| text != wrong), "{wrong} is right for row {row}");
                let other = captions.texts().iter().any(|text| text == wrong);
                assert!(other, "{wrong} is none of the captions");
            }
        }
        assert!(phrases.iter().all(|n| (1800..2200).contains(n)), "{phrases:?}");
        assert_ne!(of.own(&all[..50], "text", (7, 0)), of.own(&all[..50], "text", (8, 0)));
    }

    /// Of many drawn rows the one that differs in one word.
    #[test]
    fn a_wrong_caption_is_a_near_miss() {
        let of = captioned(
            &[&["a small red circle", "circle, red, small"], &["a large blue square"], &["a small red ring"], &["a red hat"]],
            48,
        )
        .expect("four meanings");
        let all = [0, 1, 2, 3];
        let wrong = |among: usize, step: u64| letters(&of.wrong(&[0], (&all, among), "wrong", (1, step)), 48).remove(0);
        assert!((0..20).all(|step| wrong(64, step) == "a small red ring"));
        assert!((0..20).any(|step| wrong(1, step) == "a large blue square"));
        let likeness: Vec<f64> = all.iter().map(|&row| of.likeness(0, row)).collect();
        assert_eq!(likeness, [1.0, 1.0 / 7.0, 3.0 / 5.0, 2.0 / 5.0]);
    }

    /// A caption that nearly every row has leaves few wrong ones, which are found.
    #[test]
    fn the_rare_other_caption_is_found() {
        let mut rows: Vec<&[&str]> = vec![&["the same"]; 5000];
        rows[777] = &["another"];
        let of = captioned(&rows, 48).expect("two meanings");
        let all: Vec<u32> = (0..5000).collect();
        assert_eq!(letters(&of.wrong(&[3, 777, 778], (&all, 1), "wrong", (1, 1)), 48), ["another", "the same", "another"]);
        assert_eq!(of.meanings(&[3, 777, 9, 777, 3]), [0, 1, 0, 1, 0]);
    }

    /// What is cut off, and what accents and capitals there were, cannot make a caption wrong.
    #[test]
    fn captions_that_are_read_alike_say_the_same() {
        let long = "x".repeat(48);
        let of = captioned(&[&[&format!("{long} one")], &[&format!("{long} two")], &["Caf\u{e9}"], &["cafe"]], 48)
            .expect("two meanings");
        assert_eq!(of.meanings(&[0, 1, 2, 3]), [0, 0, 2, 2]);
        let wrong = letters(&of.wrong(&[0, 1, 2, 3], (&[0, 1, 2, 3], 9), "wrong", (1, 1)), 48);
        assert_eq!(wrong, ["cafe", "cafe", long.as_str(), long.as_str()]);
    }

    #[test]
    fn what_is_not_read_as_it_is_written_is_said_once() {
        let long = "x".repeat(60);
        let of = captioned(&[&[&long, "caf\u{e9}"], &["a\u{e000}b"], &[], &["\u{e001}"]], 48).expect("captions");
        let said = of.notes().join("\n");
        assert!(said.contains("1 of 4 captions are longer than 48 characters"), "{said}");
        assert!(said.contains("2 of 4 captions have characters that are read as blanks: `\\u{e000}`, `\\u{e001}`"), "{said}");
        assert!(said.contains("nothing that can be read: `\u{e001}`"), "{said}");
        assert!(said.contains("1 rows without a caption, the first of them row 2"), "{said}");
        assert!(of.has(0) && !of.has(2) && of.first(1) == "a\u{e000}b");
    }

    #[test]
    fn captions_that_teach_nothing_are_refused() {
        let message = |rows: &[&[&str]]| captioned(rows, 48).expect_err("refused").to_string();
        assert!(message(&[&[], &[]]).contains("captions.csv (file, caption)"));
        assert!(message(&[&["one"], &["One"], &[]]).contains("say the same in their first 48 characters"));
    }
}
