//! The context map: the earlier pixels that one pixel depends on, under several models.

use calotype_data::DataError;
use calotype_data::picture::{self, RgbImage};
use calotype_models::{DataShape, Density, find};

/// Models that are shown, beside the run's own.
const SHOWN: [&str; 4] = ["markov", "pixelcnn", "row-lstm", "diagonal-bilstm"];
/// Pixels of the picture for one of the canvas: about this many for all columns.
const WIDTH: usize = 336;
const SCALE: std::ops::RangeInclusive<usize> = 6..=24;
/// Runs of blind pixels that are named.
const NAMED: usize = 6;

/// Red, green, blue, from 0 to 1.
type Colour = [f32; 3];
/// The pixel in question, what it sees, what came before and is not seen, what comes later.
const HERE: Colour = [0.85, 0.15, 0.10];
const SEEN: Colour = [0.13, 0.47, 0.71];
const BLIND: Colour = [1.00, 0.72, 0.20];
const LATER: Colour = [0.90, 0.90, 0.90];
const LINE: Colour = [0.35, 0.35, 0.35];

/// What the colours are.
pub const LEGEND: &str = "red: the pixel; blue: earlier and seen; yellow: earlier and not seen (blind spot); grey: later";

/// What a pixel sees under one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The model's name.
    pub name: String,
    /// Whether it is the run's own model; others have their default settings.
    pub own: bool,
    /// Of every pixel of the canvas, row by row: whether it comes before in the order, and is seen.
    before: Vec<bool>,
    seen: Vec<bool>,
    width: usize,
}

impl Sight {
    /// Any colour of a pixel that any colour of pixel `at` depends on counts as seen.
    fn new(density: &dyn Density, at: usize, own: bool) -> Option<Self> {
        let &[height, width, channels] = density.shape() else { return None };
        let order = density.order();
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(n, &d)| place[d] = n);
        let colours = |pixel: usize| pixel * channels..(pixel + 1) * channels;
        let pixels = || (0..height * width).filter(|&from| from != at);
        let (mut before, mut seen) = (vec![false; height * width], vec![false; height * width]);
        for from in pixels() {
            before[from] = place[from * channels] < place[at * channels];
            seen[from] = before[from] && colours(at).any(|a| colours(from).any(|f| density.sees(a, f)));
        }
        Some(Sight { name: density.info().name.to_owned(), own, before, seen, width })
    }

    pub fn n_before(&self) -> usize {
        self.before.iter().filter(|b| **b).count()
    }

    pub fn n_seen(&self) -> usize {
        self.seen.iter().filter(|s| **s).count()
    }

    /// Blind pixels in words: `rows 0-6; row 7: 0-3, 25-27`; empty for none.
    pub fn blind(&self) -> String {
        let rows = self.before.chunks(self.width).zip(self.seen.chunks(self.width)).map(|(before, seen)| {
            let blind: Vec<usize> = (0..before.len()).filter(|&j| before[j] && !seen[j]).collect();
            if blind.len() == self.width { "all".to_owned() } else { runs(&blind) }
        });
        let mut groups: Vec<(usize, usize, String)> = Vec::new();
        for (row, text) in rows.enumerate() {
            match groups.last_mut() {
                Some((_, last, same)) if *same == text => *last = row,
                _ => groups.push((row, row, text)),
            }
        }
        groups.retain(|(.., text)| !text.is_empty());
        let word = |(first, last, text): &(usize, usize, String)| {
            let rows = if first == last { format!("row {first}") } else { format!("rows {first}-{last}") };
            if text == "all" { rows } else { format!("{rows}: {text}") }
        };
        let more = if groups.len() > NAMED { "; …" } else { "" };
        groups.iter().take(NAMED).map(word).collect::<Vec<_>>().join("; ") + more
    }
}

/// `0-3, 7` of 0 1 2 3 7.
fn runs(sorted: &[usize]) -> String {
    let mut all: Vec<(usize, usize)> = Vec::new();
    for &n in sorted {
        match all.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => all.push((n, n)),
        }
    }
    let word = |(a, b): &(usize, usize)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    all.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// What the middle pixel of a canvas sees.
#[derive(Clone, Debug)]
pub struct ContextMap {
    /// Of the pixel: row, column.
    pub at: [usize; 2],
    canvas: [usize; 2],
    /// From left to right.
    pub sights: Vec<Sight>,
    /// Models that are not there, and why.
    pub missing: Vec<(String, String)>,
}

/// The context map of a run's model, beside others of its canvas; none for a model of no pictures.
pub fn context_map(own: &dyn Density, n_train: usize) -> Option<ContextMap> {
    let &[height, width, _] = own.shape() else { return None };
    let levels = match own.values() {
        calotype_models::Values::Levels(levels) => Some(levels),
        _ => None,
    };
    let at = [height / 2, width / 2];
    let pixel = at[0] * width + at[1];
    let mut map = ContextMap { at, canvas: [height, width], sights: vec![], missing: vec![] };
    let data = DataShape { shape: own.shape().to_vec(), levels, n_train, ..DataShape::default() };
    let given = levels.map(|l| ("levels".to_owned(), l.to_string())).into_iter().collect();
    for name in SHOWN {
        if name == own.info().name {
            map.sights.extend(Sight::new(own, pixel, true));
            continue;
        }
        match find(name).and_then(|info| info.build(info.default_preset(), &given, &data)) {
            Ok(model) => map.sights.extend(model.density().and_then(|density| Sight::new(density, pixel, false))),
            Err(e) => map.missing.push((name.to_owned(), e.to_string())),
        }
    }
    if !SHOWN.contains(&own.info().name) {
        map.sights.extend(Sight::new(own, pixel, true));
    }
    Some(map)
}

impl ContextMap {
    /// A panel a model, from left to right; each pixel of the canvas is a square of 6 to 24 with a line on two sides.
    ///
    /// # Errors
    /// A picture of more than 32,768 pixels a side.
    pub fn picture(&self) -> Result<RgbImage, DataError> {
        let [height, width] = self.canvas;
        let scale = (WIDTH / width.max(1)).clamp(*SCALE.start(), *SCALE.end());
        let (h, w) = (height * scale, width * scale);
        let panel = |sight: &Sight| {
            let colour = |x: usize, y: usize| match (x + 1).is_multiple_of(scale) || (y + 1).is_multiple_of(scale) {
                true => LINE,
                false => self.colour(sight, y / scale * width + x / scale),
            };
            (0..h * w).flat_map(|p| colour(p % w, p / w)).collect::<Vec<f32>>()
        };
        let panels: Vec<f32> = self.sights.iter().flat_map(panel).collect();
        picture::grid(&panels, [self.sights.len(), h, w, 3], Some(self.sights.len()), scale)
    }

    fn colour(&self, sight: &Sight, pixel: usize) -> Colour {
        match (sight.before[pixel], sight.seen[pixel]) {
            _ if pixel == self.at[0] * self.canvas[1] + self.at[1] => HERE,
            (true, true) => SEEN,
            (true, false) => BLIND,
            (false, _) => LATER,
        }
    }
}

impl std::fmt::Display for ContextMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [row, column] = self.at;
        writeln!(f, "context of pixel ({row}, {column}) of {}x{}:", self.canvas[0], self.canvas[1])?;
        for sight in &self.sights {
            let own = if sight.own { " (this run)" } else { "" };
            write!(f, "{}{own} sees {} of {} earlier pixels", sight.name, sight.n_seen(), sight.n_before())?;
            match sight.blind() {
                blind if blind.is_empty() => writeln!(f)?,
                blind => writeln!(f, "; blind spot: {blind}")?,
            }
        }
        for (name, why) in &self.missing {
            writeln!(f, "{name} is not shown: {why}")?;
        }
        f.write_str(LEGEND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(name: &str, side: usize) -> ContextMap {
        let data = DataShape { shape: vec![side, side, 1], levels: Some(2), n_train: 10, ..DataShape::default() };
        let model = find(name).and_then(|i| i.build(i.default_preset(), &Default::default(), &data)).expect("a model");
        context_map(model.density().expect("a density"), 10).expect("a map")
    }

    #[test]
    fn every_model_is_counted_and_its_blind_spot_named() {
        let map = grey("pixelcnn", 28);
        assert_eq!((map.at, map.sights.len(), map.missing.len()), ([14, 14], 4, 0));
        assert!(map.sights.iter().all(|s| s.n_before() == 14 * 28 + 14));
        let own: Vec<bool> = map.sights.iter().map(|s| s.own).collect();
        assert_eq!(own, [false, true, false, false]);
        let diagonal = &map.sights[3];
        assert_eq!((diagonal.n_seen(), diagonal.blind().as_str()), (405, "row 13: 27"));
        let text = map.to_string();
        assert!(text.contains("pixelcnn (this run) sees") && text.contains("blind spot: rows 0-"), "{text}");
    }

    #[test]
    fn the_runs_own_model_comes_last_where_it_is_none_of_the_four() {
        let map = grey("context", 8);
        let last = map.sights.last().expect("sights");
        assert_eq!((map.sights.len(), last.name.as_str(), last.n_seen()), (5, "context", 10));
    }

    #[test]
    fn every_pixel_is_a_square_of_its_colour() {
        let map = grey("pixelcnn", 28);
        let picture = map.picture().expect("a picture");
        assert_eq!(picture.dimensions(), (4 * 28 * 12 + 5 * 12, 28 * 12 + 24));
        let at = |panel: u32, row: u32, column: u32| picture.get_pixel(12 * (1 + panel * 29 + column) + 2, 12 * (1 + row) + 2).0;
        let byte = |c: Colour| c.map(|v| (v * 255.0).round() as u8);
        assert_eq!([at(3, 14, 14), at(3, 13, 27), at(3, 13, 26)], [byte(HERE), byte(BLIND), byte(SEEN)]);
        assert_eq!([at(1, 0, 0), at(0, 14, 15)], [byte(BLIND), byte(LATER)]);
    }

    #[test]
    fn runs_are_words() {
        assert_eq!(runs(&[0, 1, 2, 3, 7]), "0-3, 7");
        assert_eq!(runs(&[]), "");
    }
}
