//! What a TIFF's directory claims, before its decoder takes memory by it.
//!
//! Source: TIFF revision 6.0, section 2; BigTIFF, awaresystems.be/imaging/tiff/bigtiff.html.

/// Whether every field of a TIFF's first directory has no more values than the file has bytes. The decoder makes room for as many as are
/// claimed, up to 256 MB, before it can be told of a limit. True of what is no TIFF.
pub(super) fn holds_its_values(bytes: &[u8]) -> bool {
    let (little, big) = match bytes.get(..4) {
        Some(b"II*\0") => (true, false),
        Some(b"MM\0*") => (false, false),
        Some(b"II+\0") => (true, true),
        Some(b"MM\0+") => (false, true),
        _ => return true,
    };
    let number = |at: u64, width: u64| -> Option<u64> {
        let begin = usize::try_from(at).ok()?;
        let digits = bytes.get(begin..begin.checked_add(width as usize)?)?;
        let add = |n: u64, &digit: &u8| n << 8 | u64::from(digit);
        Some(if little { digits.iter().rev().fold(0, add) } else { digits.iter().fold(0, add) })
    };
    // Where the directory begins; the width of its length; of a field, and of the number of its values.
    let (at, length, field, count) = if big { (number(8, 8), 8, 20, 8) } else { (number(4, 4), 2, 12, 4) };
    let Some((at, n)) = at.and_then(|at| Some((at, number(at, length)?))) else { return true };
    let begins = (0..n).map_while(|nth| at.checked_add(length)?.checked_add(nth.checked_mul(field)?));
    begins.map_while(|begin| number(begin.checked_add(4)?, count)).all(|n_values| n_values <= bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of one field.
    fn tiff(magic: &[u8; 4], n_values: u64) -> Vec<u8> {
        let (little, big) = (magic[0] == b'I', magic.contains(&b'+'));
        let number = |n: u64, width: usize| {
            let bytes = n.to_le_bytes()[..width].to_vec();
            if little { bytes } else { bytes.into_iter().rev().collect() }
        };
        let head = if big {
            [number(8, 2), number(0, 2), number(16, 8), number(1, 8)]
        } else {
            [number(8, 4), number(1, 2), vec![], vec![]]
        };
        let field =
            [number(0x106, 2), number(3, 2), number(n_values, if big { 8 } else { 4 }), number(0, if big { 8 } else { 4 })];
        [magic.to_vec(), head.concat(), field.concat()].concat()
    }

    #[test]
    fn a_field_has_no_more_values_than_the_file_has_bytes() {
        for magic in [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"] {
            assert!(holds_its_values(&tiff(magic, 1)) && !holds_its_values(&tiff(magic, 8_000_000)), "{magic:?}");
            let whole = tiff(magic, 8_000_000);
            assert!((0..4).all(|n| holds_its_values(&whole[..n])));
        }
        assert!(holds_its_values(b"\x89PNG") && holds_its_values(&[]));
        assert!(holds_its_values(&[b"II+\0\x08\0\0\0".as_slice(), &[0xff; 64]].concat()), "a directory beyond the end");
    }
}
