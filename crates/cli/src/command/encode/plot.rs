//! Codes as places in a plane, coloured by class.

use calotype_data::canvas::{Canvas, PALETTE, View};
use calotype_data::picture::RgbImage;

/// Pixels a side, and of a dot.
const SIDE: u32 = 640;
const RADIUS: f32 = 2.2;
const OPACITY: f32 = 0.75;
/// Of rows without classes, or of more classes than there are colours.
const OTHER: [u8; 3] = [90, 90, 90];

/// A dot at the first two of the Z numbers of each code [N, Z]; of one, along a line.
pub(super) fn picture(codes: &[f32], z: usize, classes: Option<&[u32]>) -> RgbImage {
    let places: Vec<[f32; 2]> = codes.chunks_exact(z.max(1)).map(|c| [c[0], c.get(1).copied().unwrap_or(0.0)]).collect();
    let mut canvas = Canvas::new(SIDE, View::around(&places));
    for (n, &place) in places.iter().enumerate() {
        let colour = classes.and_then(|c| PALETTE.get(c[n] as usize)).map_or(OTHER, |&(_, colour)| colour);
        canvas.dot(place, RADIUS, (colour, OPACITY));
    }
    canvas.into_picture()
}

/// What is seen in it.
pub(super) fn legend(z: usize, names: &[String]) -> String {
    let shown = match z {
        1 => "the code".to_owned(),
        2 => "both numbers of each code".to_owned(),
        n => format!("the first two of {n} numbers of each code"),
    };
    let known = names.iter().zip(PALETTE).map(|(name, (colour, _))| format!("{name} {colour}"));
    let others = (names.len() > PALETTE.len()).then(|| "others grey".to_owned());
    let classes: Vec<String> = known.chain(others).collect();
    let classes = if classes.is_empty() { "rows without classes in grey".to_owned() } else { classes.join(", ") };
    format!("shown: {shown}; {classes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_colour() {
        let seen = |classes: Option<&[u32]>| {
            let picture = picture(&[0.0, 0.0, 5.0, 1.0, 1.0, 5.0], 3, classes);
            picture.pixels().filter(|p| p.0 != [255; 3]).map(|p| p.0).collect::<Vec<_>>()
        };
        let blue = |p: &[u8; 3]| p[2] > p[0] + 20;
        let green = |p: &[u8; 3]| p[1] > p[0] + 20 && p[1] > p[2] + 20;
        let both = seen(Some(&[0, 2]));
        assert!(both.iter().any(blue) && both.iter().any(green));
        assert!(seen(None).iter().all(|p| p[0] == p[1] && p[1] == p[2]), "grey");
        assert!(legend(3, &["a".to_owned(), "b".to_owned()]).contains("a blue, b orange"));
    }
}
