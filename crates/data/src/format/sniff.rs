//! What files are that bear the name of an image and are none that can be read.

/// What it is, and the way out; none for what may be an image.
pub(super) fn no_image(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let starts = |text: &str| {
        let begin = bytes.iter().skip_while(|b| b.is_ascii_whitespace()).take(text.len()).copied();
        begin.map(|b| b.to_ascii_lowercase()).eq(text.bytes())
    };
    let brand = bytes.get(4..12).filter(|b| b.starts_with(b"ftyp")).map(|b| &b[4..]);
    match brand {
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1") => {
            return Some(("a HEIC photograph", "save it as JPEG or PNG"));
        }
        Some(b"avif" | b"avis") => return Some(("an AVIF image", "save it as JPEG or PNG")),
        Some(_) => return Some(("a film", "save its frames as JPEG or PNG")),
        None => {}
    }
    if bytes.is_empty() {
        return Some(("an empty file", "replace or remove it"));
    }
    if bytes.starts_with(&[0xff, 0x0a]) || bytes.get(4..8) == Some(b"JXL ") {
        return Some(("a JPEG XL image", "save it as JPEG or PNG"));
    }
    if starts("version https://git-lfs") {
        return Some(("a Git LFS pointer", "fetch the file itself: git lfs pull"));
    }
    if starts("<!doctype html") || starts("<html") {
        return Some(("a web page", "download the image itself again"));
    }
    if starts("<svg") || starts("<?xml") {
        return Some(("a vector drawing (SVG)", "export it as PNG"));
    }
    if bytes.starts_with(b"%PDF") {
        return Some(("a PDF", "export its pages as PNG"));
    }
    let begin = &bytes[..bytes.len().min(512)];
    let printable = |b: &u8| *b >= 0x20 || matches!(b, b'\n' | b'\r' | b'\t');
    let is_text = begin.iter().all(printable) && std::str::from_utf8(begin).map_or_else(|e| e.error_len().is_none(), |_| true);
    is_text.then_some(("a text file", "replace or remove it"))
}
