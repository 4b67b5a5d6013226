//! The header of `.npy`: type, order and sizes.

use crate::error::{DataError, Result};
use crate::format::array::{Claim, Element, Number};
use crate::format::source::Source;

pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
const MOST_HEADER_BYTES: u64 = 1 << 16;

/// Reads the header, up to the first element.
///
/// Errors: no header of NumPy's; elements that are no numbers; sizes whose bytes cannot be counted.
pub(in crate::format) fn read_claim(source: &mut Source) -> Result<Claim> {
    let name = source.name().to_owned();
    let magic = source.exact(8, "the .npy magic number")?;
    if !magic.starts_with(MAGIC) || !(1..=3).contains(&magic[6]) {
        return Err(DataError::format(name, "the magic number of .npy, version 1 to 3", format!("{magic:02x?}")));
    }
    let mut n_bytes = source.exact(if magic[6] == 1 { 2 } else { 4 }, "the .npy header's length")?;
    n_bytes.resize(8, 0);
    let n_bytes = n_bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    if n_bytes > MOST_HEADER_BYTES {
        let expected = format!("a header of at most {MOST_HEADER_BYTES} bytes");
        return Err(DataError::format(name, expected, n_bytes.to_string()));
    }
    let text = String::from_utf8_lossy(&source.exact(n_bytes, "the .npy header")?).into_owned();
    let malformed = |expected: &str| DataError::format(&name, expected, format!("`{}`", beginning(&text)));
    let descr = field(&text, "descr").ok_or_else(|| malformed("a header with `descr`, the type of the elements"))?;
    let element = element(descr).map_err(|found| DataError::format(&name, "an array of numbers", found))?;
    let fortran = match field(&text, "fortran_order") {
        Some("False") => false,
        Some("True") => true,
        _ => return Err(malformed("a header with `fortran_order`, True or False")),
    };
    let sizes = field(&text, "shape").ok_or_else(|| malformed("a header with `shape`"))?;
    let sizes = sizes.split(',').map(str::trim).filter(|s| !s.is_empty()).map(|s| s.parse::<usize>());
    let shape = sizes.collect::<Result<Vec<_>, _>>().map_err(|_| malformed("a shape of whole numbers"))?;
    let claim = Claim { element, shape, fortran };
    match claim.n_elements() {
        Some(_) => Ok(claim),
        None => Err(malformed("a shape whose size is below 2^64 bytes")),
    }
}

/// Of a header, for messages.
fn beginning(text: &str) -> String {
    text.trim().chars().take(200).collect()
}

/// The value of a key in the header's dictionary: a quoted string or word up to the comma, or what stands in brackets.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = [format!("'{key}'"), format!("\"{key}\"")].iter().find_map(|k| text.find(k.as_str()).map(|at| at + k.len()))?;
    let value = text[at..].trim_start().strip_prefix(':')?.trim_start();
    match value.strip_prefix('(') {
        Some(inside) => inside.split_once(')').map(|(sizes, _)| sizes),
        None => value.split([',', '}']).next().map(str::trim),
    }
}

/// The type that `descr` says; else what it is instead, and how numbers are made of it.
fn element(descr: &str) -> Result<Element, String> {
    if descr.starts_with('[') {
        let call = "numpy.lib.recfunctions.structured_to_unstructured(a)";
        return Err(format!("records of named fields; save `{call}`, after `import numpy.lib.recfunctions`"));
    }
    let word = descr.trim_matches(['\'', '"']);
    let (order, rest) = match word.chars().next() {
        Some('<' | '|' | '=') => (false, &word[1..]),
        Some('>') => (true, &word[1..]),
        _ => (false, word),
    };
    let number = |number, n_bytes| Ok(Element { number, n_bytes, big_endian: order && n_bytes > 1 });
    let size = || rest.get(1..).and_then(|digits| digits.parse::<usize>().ok());
    match (rest.chars().next(), size()) {
        (Some('b'), Some(1)) => number(Number::Bool, 1),
        (Some('i'), Some(n @ (1 | 2 | 4 | 8))) => number(Number::Signed, n),
        (Some('u'), Some(n @ (1 | 2 | 4 | 8))) => number(Number::Unsigned, n),
        (Some('f'), Some(n @ (2 | 4 | 8))) => number(Number::Float, n),
        (kind, _) => Err(format!("{}; save `{}`{}", described(kind, &beginning(word)), remedy(kind), otherwise(kind))),
    }
}

fn described(kind: Option<char>, word: &str) -> String {
    match kind {
        Some('O') => format!("Python objects, saved with pickle (`{word}`)"),
        Some('c') => format!("complex numbers (`{word}`)"),
        Some('U' | 'S' | 'a' | 'T') => format!("words (`{word}`)"),
        Some('M' | 'm') => format!("dates or times (`{word}`)"),
        Some('f') => format!("long floating point (`{word}`)"),
        _ => format!("elements of type `{word}`"),
    }
}

/// What to do where that call fails.
fn otherwise(kind: Option<char>) -> &'static str {
    match kind {
        Some('O') => {
            " of numbers; of words, as classes, `numpy.unique(a.astype(str), return_inverse=True)[1]`; of rows of unequal length, cut \
             to the shortest, `numpy.stack([row[:min(map(len, a))] for row in a]).astype('float64')`"
        }
        _ => "",
    }
}

/// The call of NumPy's that makes numbers of an array `a` of that kind.
fn remedy(kind: Option<char>) -> &'static str {
    match kind {
        Some('O') => "numpy.stack(a).astype('float64')",
        Some('c') => "numpy.stack([a.real, a.imag], -1)",
        Some('U' | 'S' | 'a' | 'T') => {
            "numpy.unique(a, return_inverse=True)[1]` for classes, or for numbers `a.astype('float64')"
        }
        Some('M' | 'm') => "a.astype('int64')",
        _ => "a.astype('float64')",
    }
}
