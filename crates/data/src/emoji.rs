//! Emoji as two vendors draw them: 64x64 RGB on white, with names, categories and skin tones.
//!
//! Sheets of 66-pixel cells with a margin of one pixel, and an index of them: `assets/data/README.md`.

use std::collections::HashMap;
use std::sync::Arc;

use flate2::Crc;
use image::RgbaImage;

use crate::bundled::asset;
use crate::captions::Captions;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::format::{decode_image, over_white};
use crate::options::Options;
use crate::parts::{Factor, Values};

static INDEX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/data/emoji.tsv"));
static NOTO: &[u8] = asset!("emoji-noto-64.png");
static TWEMOJI: &[u8] = asset!("emoji-twemoji-64.png");

static BOTH: [(&str, &[u8]); 2] = [("noto", NOTO), ("twemoji", TWEMOJI)];
/// Factors that are classes of some of these data.
const CATEGORY: &str = "category";
const TONE: &str = "tone";
const SIDE: usize = 64;
const PITCH: usize = 66;
const MARGIN: usize = 1;
const ROW_BYTES: usize = SIDE * SIDE * 3;

/// The tones by code point of their modifier, in the order of the factor's values 1 to 5; 0 is none.
const TONES: [(&str, &str); 5] =
    [("1F3FB", "light"), ("1F3FC", "medium-light"), ("1F3FD", "medium"), ("1F3FE", "medium-dark"), ("1F3FF", "dark")];
/// Value of the factor `tone` for glyphs with a modifier for each of two people.
const TWO_TONES: u32 = 6;

/// One drawing of the index.
struct Glyph {
    /// Which entry of the index it belongs to: 0 to 1,910.
    base: u32,
    base_unified: &'static str,
    tone: u32,
    column: usize,
    row: usize,
    name: String,
    category: &'static str,
}

/// Both vendors: all Noto rows, then all Twemoji rows, in the same order.
pub(crate) fn both(options: &Options) -> Result<Dataset> {
    open("emoji", &BOTH, (bases(options)?, CATEGORY), options)
}

/// Noto alone. Row r is the same emoji as row r of [`twemoji`].
pub(crate) fn noto(options: &Options) -> Result<Dataset> {
    open("emoji-noto", &BOTH[..1], (bases(options)?, CATEGORY), options)
}

/// Twemoji alone.
pub(crate) fn twemoji(options: &Options) -> Result<Dataset> {
    open("emoji-twemoji", &BOTH[1..], (bases(options)?, CATEGORY), options)
}

/// Both vendors' glyphs that are drawn in no tone and in each of the five; the tone is the class.
pub(crate) fn tones(options: &Options) -> Result<Dataset> {
    let mut glyphs = index()?;
    glyphs.retain(|g| g.tone != TWO_TONES);
    let mut n_tones = HashMap::new();
    glyphs.iter().for_each(|g| *n_tones.entry(g.base).or_insert(0) += 1);
    glyphs.retain(|g| n_tones[&g.base] == 1 + TONES.len());
    open("emoji-tones", &BOTH, (glyphs, TONE), options)
}

/// What `options` ask for: every glyph, or one a base.
fn bases(options: &Options) -> Result<Vec<Glyph>> {
    let mut glyphs = index()?;
    if !options.tones {
        let mut last = None;
        glyphs.retain(|g| last.replace(g.base) != Some(g.base));
    }
    Ok(glyphs)
}

/// Images [64, 64, 3] with captions and the factors `category`, `tone`, `base` and `vendor`, of which one is the class. Test rows are those
/// whose base has crc32(`unified`) % 10 == 9, so that tones and vendors of one base stay together.
fn open(name: &str, sheets: &[(&str, &[u8])], (glyphs, class): (Vec<Glyph>, &str), options: &Options) -> Result<Dataset> {
    options.check_total(name, glyphs.len() * sheets.len(), ROW_BYTES)?;
    let mut data = Vec::with_capacity(glyphs.len() * sheets.len() * ROW_BYTES);
    for (vendor, bytes) in sheets {
        let sheet = decode_image(vendor, bytes)?.into_rgba8();
        for glyph in &glyphs {
            draw(&sheet, glyph, vendor, &mut data)?;
        }
    }
    let all = || sheets.iter().flat_map(|_| &glyphs);
    let mut categories: Vec<&str> = glyphs.iter().map(|g| g.category).collect();
    categories.sort_unstable();
    categories.dedup();
    let category = Factor {
        name: CATEGORY.into(),
        values: categories.iter().map(|&c| c.to_owned()).collect(),
        of_row: all().map(|g| categories.partition_point(|&c| c < g.category) as u32).collect(),
    };
    // As a class it has only the values that there are.
    let two = (class != TONE).then_some("two");
    let tone_names = ["default"].into_iter().chain(TONES.map(|(_, name)| name)).chain(two);
    let tone =
        Factor { name: TONE.into(), values: tone_names.map(str::to_owned).collect(), of_row: all().map(|g| g.tone).collect() };
    let mut bases: Vec<String> = glyphs.iter().map(|g| g.base_unified.to_owned()).collect();
    bases.dedup();
    let of_base: Vec<u32> = all().map(|g| g.base).collect();
    // Numbered by those that there are.
    let mut numbers = of_base.clone();
    numbers.sort_unstable();
    numbers.dedup();
    let number = |base: &u32| numbers.partition_point(|n| n < base) as u32;
    let base = Factor { name: "base".into(), values: bases, of_row: of_base.iter().map(number).collect() };
    let vendor = Factor {
        name: "vendor".into(),
        values: sheets.iter().map(|&(vendor, _)| vendor.to_owned()).collect(),
        of_row: (0..sheets.len()).flat_map(|v| glyphs.iter().map(move |_| v as u32)).collect(),
    };
    let images = Dataset::new(name, &[SIDE, SIDE, 3], Values::Levels { data: Arc::new(data), levels: 256 })?;
    let with = |dataset: Dataset, factor: Factor| match factor.name == class {
        true => dataset.with_class_factor(factor, name),
        false => dataset.with_factor(factor),
    };
    [category, tone, base, vendor]
        .into_iter()
        .try_fold(images, with)?
        .with_captions(Captions::new(all().map(|g| vec![&g.name])))?
        .with_test_rows(all().map(|g| crc32(g.base_unified) % 10 == 9).collect())?
        .with_groups(of_base)
}

/// Appends a glyph over white.
fn draw(sheet: &RgbaImage, glyph: &Glyph, vendor: &str, data: &mut Vec<u8>) -> Result<()> {
    let (x0, y0) = (glyph.column * PITCH + MARGIN, glyph.row * PITCH + MARGIN);
    let (width, height) = (sheet.width() as usize, sheet.height() as usize);
    if x0 + SIDE > width || y0 + SIDE > height {
        let place = format!("a cell at column {}, row {}", glyph.column, glyph.row);
        return Err(DataError::format(format!("the {vendor} sheet"), place, format!("{height}x{width} pixels")));
    }
    let rgba = sheet.as_raw();
    for y in y0..y0 + SIDE {
        let line = &rgba[4 * (y * width + x0)..4 * (y * width + x0 + SIDE)];
        data.extend(line.chunks_exact(4).flat_map(|p| [over_white(p[0], p[3]), over_white(p[1], p[3]), over_white(p[2], p[3])]));
    }
    Ok(())
}

/// Every glyph, in the order of the index: bases, each followed by its tones.
fn index() -> Result<Vec<Glyph>> {
    let malformed = |line: &str| DataError::format("the emoji index", "unified, tone, column, row[, name, category]", line);
    let mut glyphs: Vec<Glyph> = Vec::new();
    for line in INDEX.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let place = |at: usize| fields.get(at).and_then(|f| f.parse().ok()).ok_or_else(|| malformed(line));
        let (column, row) = (place(2)?, place(3)?);
        let glyph = match (fields.as_slice(), glyphs.last()) {
            (&[unified, "", _, _, name, category], last) => Glyph {
                base: last.map_or(0, |g| g.base + 1),
                base_unified: unified,
                tone: tone_of(unified),
                column,
                row,
                name: name.to_lowercase(),
                category,
            },
            (&[_, modifiers, _, _], Some(last)) => {
                let tone = tone_of(modifiers);
                let base_name = last.name.split(';').next().unwrap_or_default();
                let tones = modifiers.split('-').filter_map(tone_name).collect::<Vec<_>>().join(" and ");
                let name = format!("{base_name}; {tones} skin tone");
                Glyph { tone, column, row, name, ..*last }
            }
            _ => return Err(malformed(line)),
        };
        glyphs.push(glyph);
    }
    Ok(glyphs)
}

/// 0 for no tone, 1 to 5 for one, 6 for two.
fn tone_of(modifiers: &str) -> u32 {
    let mut tones = modifiers.split('-').filter_map(|m| TONES.iter().position(|&(code, _)| code == m));
    match (tones.next(), tones.next()) {
        (None, _) => 0,
        (Some(tone), None) => tone as u32 + 1,
        (Some(_), Some(_)) => TWO_TONES,
    }
}

fn tone_name(modifier: &str) -> Option<&'static str> {
    TONES.iter().find(|&&(code, _)| code == modifier).map(|&(_, name)| name)
}

/// CRC-32 as in zlib.
fn crc32(text: &str) -> u32 {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    crc.sum()
}
