//! Sentences as a character-level network reads them: numbers of an alphabet of 70 characters. Zhang, Zhao, LeCun 2015, arXiv:1509.01626,
//! §2.2; the alphabet, with its second hyphen, and the length of 201 are those of Reed, Akata, Schiele, Lee 2016, arXiv:1605.05395.

use std::collections::BTreeSet;

use deunicode::deunicode_char;

/// A character's number is its place here.
pub const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} ";
/// Of the alphabet.
pub const N_CHARACTERS: usize = 70;
/// What stands behind the end of a sentence: no character.
pub const END: u32 = N_CHARACTERS as u32;

/// A sentence as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// As many as are read, each below [`N_CHARACTERS`], or [`END`].
    pub characters: Vec<u32>,
    /// Characters that are none of the alphabet, nor like some of it: they were read as blanks.
    pub unknown: BTreeSet<char>,
    /// Whether it was cut.
    pub cut: bool,
}

/// Reads `length` characters of a sentence. Capitals are read as small letters, and characters of other alphabets as what they are like in
/// Latin letters: `é` as `e`, `–` as `-`, `ß` as `ss`. Blanks and line ends one after the other are one.
pub fn read(sentence: &str, length: usize) -> Read {
    let mut unknown = BTreeSet::new();
    let mut characters: Vec<u32> = vec![];
    let blank = number(' ').unwrap_or(END);
    let mut push = |n: u32| {
        if n != blank || characters.last().is_some_and(|last| *last != blank) {
            characters.push(n);
        }
    };
    for c in sentence.trim().chars() {
        if c.is_whitespace() {
            push(blank);
            continue;
        }
        let like: Vec<u32> = match number(c) {
            Some(n) => vec![n],
            None => deunicode_char(c).unwrap_or_default().trim().to_lowercase().chars().filter_map(number).collect(),
        };
        if like.is_empty() {
            unknown.insert(c);
            push(blank);
        }
        like.into_iter().for_each(&mut push);
    }
    if characters.last() == Some(&blank) {
        characters.pop();
    }
    let cut = characters.len() > length;
    characters.resize(length, END);
    Read { characters, unknown, cut }
}

/// What characters are, in letters, up to their end.
pub fn letters(characters: &[u32]) -> String {
    let letter = |&n: &u32| ALPHABET.as_bytes().get(n as usize).map(|&b| char::from(b));
    characters.iter().map_while(letter).collect()
}

/// Of a character of the alphabet.
fn number(c: char) -> Option<u32> {
    // All of it is ASCII: a place in bytes is one in characters.
    ALPHABET.rfind(c).map(|at| at as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_70_characters() {
        assert!(ALPHABET.len() == N_CHARACTERS && ALPHABET.is_ascii());
        let different: BTreeSet<char> = ALPHABET.chars().collect();
        assert_eq!(different.len(), 69, "the hyphen is there twice");
        assert!(ALPHABET.chars().all(|c| number(c).is_some_and(|n| ALPHABET.as_bytes()[n as usize] == c as u8)));
    }

    #[test]
    fn sentences_are_read_in_small_latin_letters() {
        for (sentence, wanted) in [
            ("a large blue square, bottom left", "a large blue square, bottom left"),
            ("  A  Large\tBlue\nSquare ", "a large blue square"),
            ("Café – naïve “straße”", "cafe - naive \"strasse\""),
            ("x²+y²", "x2+y2"),
            ("", ""),
        ] {
            let read = read(sentence, 40);
            assert_eq!((letters(&read.characters).as_str(), read.unknown.len(), read.cut), (wanted, 0, false), "{sentence}");
            assert_eq!(read.characters.len(), 40);
        }
        let odd = read("a\u{e001}b \u{e000}", 10);
        assert_eq!((letters(&odd.characters).as_str(), odd.unknown.len()), ("a b", 2), "{odd:?}");
    }

    #[test]
    fn what_is_longer_is_cut() {
        let (fits, cut) = (read("abcd", 4), read("abcde", 4));
        assert_eq!((fits.characters.clone(), fits.cut), (vec![0, 1, 2, 3], false));
        assert_eq!((cut.characters, cut.cut), (fits.characters, true));
        assert_eq!(read("ab", 4).characters, [0, 1, END, END]);
    }
}
