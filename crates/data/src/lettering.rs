//! Words in pictures: captions below images.

use font8x8::{BASIC_FONTS, GREEK_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage, imageops};

/// Pixels a side of a letter, and rows of a line.
const LETTER: u32 = 8;
const LINE: u32 = 10;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([30, 30, 30]);

/// Pictures below each other, each with its caption beneath, in as many lines as it takes. They begin at the left; the widest is as wide as
/// all. None where there are no pictures.
pub fn captioned(pictures: &[(RgbImage, String)]) -> Option<RgbImage> {
    let width = pictures.iter().map(|(picture, _)| picture.width()).max()?;
    let columns = (width / LETTER).max(1) as usize;
    let texts: Vec<Vec<String>> = pictures.iter().map(|(_, caption)| wrapped(caption, columns)).collect();
    let text_height = |lines: &[String]| if lines.is_empty() { 0 } else { lines.len() as u32 * LINE + LETTER };
    let height = pictures.iter().zip(&texts).map(|((picture, _), lines)| picture.height() + text_height(lines)).sum();
    let mut sheet = RgbImage::from_pixel(width, height, PAPER);
    let mut top = 0;
    for ((picture, _), lines) in pictures.iter().zip(&texts) {
        imageops::replace(&mut sheet, picture, 0, top.into());
        top += picture.height();
        for (n, line) in lines.iter().enumerate() {
            write(&mut sheet, line, top + 2 + n as u32 * LINE);
        }
        top += text_height(lines);
    }
    Some(sheet)
}

/// A text in lines of at most `columns` letters, between words where that is possible.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for (n, part) in letters.chunks(columns).enumerate() {
            let part: String = part.iter().collect();
            match lines.last_mut().filter(|line| n == 0 && line.chars().count() + 1 + part.chars().count() <= columns) {
                Some(line) => *line = format!("{line} {part}"),
                None => lines.push(part),
            }
        }
    }
    lines
}

fn write(sheet: &mut RgbImage, line: &str, top: u32) {
    for (n, letter) in line.chars().enumerate() {
        let fonts = [BASIC_FONTS.get(letter), LATIN_FONTS.get(letter), GREEK_FONTS.get(letter), BASIC_FONTS.get('?')];
        let Some(rows) = fonts.into_iter().flatten().next() else { continue };
        for (y, row) in rows.iter().enumerate() {
            for x in (0..LETTER).filter(|x| row >> x & 1 == 1) {
                let (x, y) = (n as u32 * LETTER + x, top + y as u32);
                if x < sheet.width() && y < sheet.height() {
                    sheet.put_pixel(x, y, INK);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("a large blue  square, left", 12), ["a large blue", "square, left"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert!(wrapped(" ", 3).is_empty());
    }

    #[test]
    fn captions_stand_below_their_pictures() {
        let picture = |w: u32, h: u32, level: u8| RgbImage::from_pixel(w, h, Rgb([level; 3]));
        let sheet =
            captioned(&[(picture(80, 20, 1), "one two three".into()), (picture(40, 10, 2), String::new())]).expect("pictures");
        // Ten letters fit: two lines.
        assert_eq!(sheet.dimensions(), (80, 20 + 28 + 10));
        let ink = |rows: std::ops::Range<u32>| {
            rows.flat_map(|y| (0..80).map(move |x| (x, y))).filter(|&(x, y)| *sheet.get_pixel(x, y) == INK).count()
        };
        assert!(ink(22..30) > 20 && ink(32..40) > 20, "both lines are written");
        assert_eq!((ink(0..20), ink(48..58), sheet.get_pixel(0, 48), sheet.get_pixel(79, 48)), (0, 0, &Rgb([2; 3]), &PAPER));
        assert!(captioned(&[]).is_none());
    }
}
