//! What numbers mean: levels, or continuous values of some range.

use std::sync::Arc;

use super::{Array, Number, Numbers, Wide, wide_of};
use crate::error::{DataError, Result};
use crate::options::{Options, Range};
use crate::parts::Values;

/// Values, and how they came of the numbers.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) values: Values,
    /// What became 0 and 1, for other files that are to be read the same way; none where the type says it.
    pub(super) range: Option<Range>,
    pub(super) note: Option<String>,
}

/// The least and the largest of continuous values, and whether all of them are whole.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Extent {
    low: f64,
    high: f64,
    whole: bool,
}

impl Extent {
    fn of(numbers: &Numbers) -> Self {
        let all = (0..numbers.len()).map(|at| numbers.get(at));
        let start = Extent { low: f64::INFINITY, high: f64::NEG_INFINITY, whole: true };
        all.fold(start, |e, v| Extent { low: e.low.min(v), high: e.high.max(v), whole: e.whole && v.fract() == 0.0 })
    }

    fn within(self, low: f64, high: f64) -> bool {
        self.low >= low && self.high <= high
    }
}

/// Images of whole numbers up to this or more have 256 levels, as those of other files of their kind have.
const MANY_LEVELS: u8 = 64;

/// Whole numbers of 0..=255 are levels: `options.levels` of them, else `levels` of that kind of file, else 256 of images whose maximum
/// is 64 or more, else the maximum + 1. The
/// others are continuous: vectors as they are, images brought to 0..1 where it can be seen how. `options.range` says it.
///
/// Errors: a value that is not finite, beyond the levels or outside the range.
pub(super) fn scale(array: Array, levels: Option<u32>, options: &Options) -> Result<Scaled> {
    array.check_finite()?;
    let is_image = array.shape.len() > 2;
    if array.element.is_level() {
        let ignored = matches!(options.range, Some(Range::Between(..)));
        let note = ignored.then(|| format!("range has no effect on {}: its values are levels", array.element.name()));
        let Numbers::Bytes(data) = array.numbers else { return Err(array.value(0, "a level")) };
        let levels = if array.element.number == Number::Bool { Some(2) } else { levels };
        let leveled = leveled(data, levels, is_image, options);
        return Ok(Scaled { note: note.or(leveled.note), ..leveled });
    }
    match (array.numbers, options.range) {
        (Numbers::Bytes(data), None) => Ok(leveled(data, levels, is_image, options)),
        (numbers, Some(range)) => between(Array { numbers, ..array }, range, options),
        (numbers, None) if options.levels.is_some() => whole(Array { numbers, ..array }, options),
        (numbers, None) if is_image => Ok(by_extent(numbers)),
        (numbers, None) => Ok(as_it_is(numbers)),
    }
}

fn leveled(data: Vec<u8>, levels: Option<u32>, is_image: bool, options: &Options) -> Scaled {
    let (levels, note) = match options.levels.or(levels) {
        Some(levels) => (levels, None),
        None => match data.iter().copied().max().unwrap_or(0) {
            255 => (256, None),
            most @ MANY_LEVELS.. if is_image => {
                let fewer = u32::from(most) + 1;
                (
                    256,
                    Some(format!(
                        "values reach up to {most}: taken for levels of 256; if they are fewer, use --set levels={fewer}"
                    )),
                )
            }
            most => ((u32::from(most) + 1).max(2), None),
        },
    };
    Scaled { values: Values::Levels { data: Arc::new(data), levels }, range: None, note }
}

fn as_it_is(numbers: Numbers) -> Scaled {
    let values = match numbers {
        Numbers::Double(data) => Values::Double(Arc::new(data)),
        Numbers::Single(data) => Values::Continuous(Arc::new(data)),
        Numbers::Bytes(data) => Values::Continuous(Arc::new(data.into_iter().map(f32::from).collect())),
    };
    Scaled { values, range: Some(Range::Raw), note: None }
}

fn as_bytes(numbers: &Numbers) -> Arc<Vec<u8>> {
    Arc::new((0..numbers.len()).map(|at| numbers.get(at) as u8).collect())
}

/// Numbers that `options.levels` says are levels. Errors: one that is not.
fn whole(array: Array, options: &Options) -> Result<Scaled> {
    let levels = options.levels.unwrap_or(256);
    let is_level = |v: f64| v.fract() == 0.0 && (0.0..f64::from(levels.min(256))).contains(&v);
    match (0..array.numbers.len()).find(|&at| !is_level(array.numbers.get(at))) {
        Some(at) => Err(array.value(at, &format!("a whole number from 0 to {}, for levels={levels}", levels.saturating_sub(1)))),
        None => {
            let values = Values::Levels { data: as_bytes(&array.numbers), levels };
            let range = Range::Between(0.0, f64::from(levels.saturating_sub(1)));
            Ok(Scaled { values, range: (!array.element.is_whole()).then_some(range), note: None })
        }
    }
}

/// Images whose range is seen by their values.
fn by_extent(numbers: Numbers) -> Scaled {
    let extent = Extent::of(&numbers);
    // As f32 they are shortest.
    let (low, high) = (extent.low as f32, extent.high as f32);
    let reach = format!("values reach from {low} to {high}");
    if extent.within(0.0, 1.0) {
        return Scaled { range: Some(Range::Between(0.0, 1.0)), ..as_it_is(numbers) };
    }
    if extent.within(0.0, 255.0) && extent.whole {
        let fewer = if high < 255.0 { format!("; if {high} is white, use --set range=0..{high}") } else { String::new() };
        let note = Some(format!("{reach}, all of them whole: taken for levels of 256{fewer}"));
        let values = Values::Levels { data: as_bytes(&numbers), levels: 256 };
        return Scaled { values, range: Some(Range::Between(0.0, 255.0)), note };
    }
    if extent.within(0.0, 255.0) {
        let note = Some(format!("{reach}: divided by 255; if {high} is white, use --set range={low}..{high}"));
        return Scaled { note, ..mapped(numbers, 0.0, 255.0) };
    }
    if extent.within(-1.0, 1.0) {
        return Scaled { note: Some(format!("{reach}: -1..1 became 0..1")), ..mapped(numbers, -1.0, 1.0) };
    }
    let note = Some(format!("{reach} and are left as they are; --set range={low}..{high} brings them to 0..1"));
    Scaled { note, ..as_it_is(numbers) }
}

/// `low` becomes 0 and `high` 1; all values are between them.
fn mapped(numbers: Numbers, low: f64, high: f64) -> Scaled {
    let map = |v: f64| ((v - low) / (high - low)).clamp(0.0, 1.0);
    let values = match numbers {
        Numbers::Double(data) => Values::Double(Arc::new(data.into_iter().map(map).collect())),
        Numbers::Single(data) => Values::Continuous(Arc::new(data.into_iter().map(|v| map(v.into()) as f32).collect())),
        Numbers::Bytes(data) => Values::Continuous(Arc::new(data.into_iter().map(|v| map(v.into()) as f32).collect())),
    };
    Scaled { values, range: Some(Range::Between(low, high)), note: None }
}

/// Numbers whose range is given. Whole numbers of 0..N are levels of N + 1: the same values, but that they are known to be few.
///
/// Errors: numbers outside it; another number of levels beside it.
fn between(array: Array, range: Range, options: &Options) -> Result<Scaled> {
    let wide = wide_of(array.element, &array.shape);
    let Range::Between(low, high) = range else { return Ok(as_it_is(array.numbers.widened(wide))) };
    check_inside(&array, low, high, wide)?;
    let n_levels = high + 1.0;
    let few = low == 0.0 && high.fract() == 0.0 && n_levels <= 256.0;
    let few = few && (high > 1.0 || options.levels == Some(2)) && Extent::of(&array.numbers).whole;
    if let Some(levels) = options.levels.filter(|&levels| !few || f64::from(levels) != n_levels) {
        let expected = format!("nothing beside range={range}; leave one of them out");
        return Err(DataError::Setting { key: "levels", expected, found: levels.to_string() });
    }
    Ok(match few {
        true => Scaled {
            values: Values::Levels { data: as_bytes(&array.numbers), levels: n_levels as u32 },
            range: Some(range),
            note: None,
        },
        false => mapped(array.numbers.widened(wide), low, high),
    })
}

/// Errors: numbers outside the range, with how many there are, and the range that takes them.
fn check_inside(array: &Array, low: f64, high: f64, wide: Wide) -> Result<()> {
    // f32 are compared as such: their own least value, as it is printed, is not outside.
    let bound = |v: f64| if wide == Wide::Single { f64::from(v as f32) } else { v };
    let inside = bound(low)..=bound(high);
    let mut outside = (0..array.numbers.len()).filter(|&at| !inside.contains(&array.numbers.get(at)));
    let Some(first) = outside.next() else { return Ok(()) };
    let (n, all, extent) = (1 + outside.count(), array.numbers.len(), Extent::of(&array.numbers));
    let shown = |a: f64, b: f64| match wide {
        // The shortest form.
        Wide::Single => Range::Between(a, b).single(),
        Wide::Double => Range::Between(a, b).to_string(),
    };
    let expected = format!(
        "a value in {low}..{high}, as range says ({n} of {all} are outside: they reach over {}; `--set range={}` as the model is trained \
         takes them all)",
        shown(extent.low, extent.high),
        // With the range that was set, so that what it took is not outside.
        shown(extent.low.min(low), extent.high.max(high))
    );
    Err(array.value(first, &expected))
}
