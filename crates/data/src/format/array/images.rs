//! From the sizes of an array to the shape of its rows, and channels brought to their place.

use super::{Array, Numbers};
use crate::error::{DataError, Result};
use crate::format::decode::over_white;
use crate::options::{Layout, Options};

/// What the rows of an array are.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    /// [H, W, C] or `[D]`, as they lie in the array once the channels are last.
    pub(super) shape: Vec<usize>,
    /// Whether the channels are before the pixels.
    planes: bool,
    pub(super) note: Option<String>,
}

/// What an array of these sizes holds: [N], [N, D], [N, H, W], [N, H, W, C] or [N, C, H, W].
///
/// Errors: other sizes; other than 1, 3 or 4 channels.
pub(super) fn rows(origin: &str, sizes: &[usize], options: &Options) -> Result<Rows> {
    let plain = |shape: Vec<usize>| Rows { shape, planes: false, note: None };
    match *sizes {
        [n] => Ok(Rows { note: Some(format!("its one size, {n}, is taken for {n} rows of one value")), ..plain(vec![1]) }),
        [_, d] => Ok(plain(vec![d])),
        [n, h, w] => Ok(Rows { note: one_picture(n, h, w), ..plain(vec![h, w, 1]) }),
        [] => {
            let found = "[], a single number; save `a.reshape(1, 1)` for one row of one value";
            Err(DataError::format(origin, "shape [N], [N, D], [N, H, W], [N, H, W, C] or [N, C, H, W]", found))
        }
        [_, a, b, c] => images(origin, [a, b, c], options.layout),
        _ => {
            let expected = "shape [N], [N, D], [N, H, W], [N, H, W, C] or [N, C, H, W]";
            let found = format!("{sizes:?}; save `a.reshape(len(a), -1)` for rows of vectors");
            Err(DataError::format(origin, expected, found))
        }
    }
}

/// Says that [N, H, W] may as well be one image [H, W, C].
fn one_picture(n: usize, h: usize, w: usize) -> Option<String> {
    let what = match w {
        3 => "RGB image",
        4 => "RGBA image",
        _ => return None,
    };
    (n > 4 && h > 4).then(|| {
        format!("[{n}, {h}, {w}] is taken for {n} grey images of {h}x{w}; if it is one {what} of {n}x{h}, save it as [1, {n}, {h}, {w}]: `a[None]`")
    })
}

fn is_channels(size: usize) -> bool {
    matches!(size, 1 | 3)
}

/// Whether the first of three sizes are channels, though not of a number that an image may have: fewer than the sides have pixels.
fn are_other_channels(a: usize, b: usize, c: usize) -> bool {
    a < b.min(c) && !matches!(c, 1 | 3 | 4) && a != 4
}

/// Images whose channels are the first or the last of three sizes.
fn images(origin: &str, [a, b, c]: [usize; 3], layout: Option<Layout>) -> Result<Rows> {
    let planes = match layout {
        Some(layout) => layout == Layout::Nchw,
        None => is_channels(a) && !is_channels(c) || are_other_channels(a, b, c),
    };
    let (shape, order) = if planes { (vec![b, c, a], "[N, C, H, W]") } else { (vec![a, b, c], "[N, H, W, C]") };
    let (channels, other) = (shape[2], if planes { "nhwc" } else { "nchw" });
    let sizes = format!("[N, {a}, {b}, {c}]");
    if !matches!(channels, 1 | 3 | 4) {
        let elsewhere = if planes { c } else { a };
        let axes = if planes { "[:, " } else { "[..., " };
        let remedy = match (elsewhere, channels) {
            (1 | 3 | 4, _) => format!("use --set layout={other}"),
            (_, 2) => format!("save the channel wanted (`a{axes}:1]`), or `a.reshape(len(a), -1)` for rows of vectors"),
            _ => {
                format!("save the channels wanted (`a{axes}:3]` or `a{axes}:1]`), or `a.reshape(len(a), -1)` for rows of vectors")
            }
        };
        let found = format!("{channels} channels in {sizes} as {order}; {remedy}");
        return Err(DataError::format(origin, "images of 1, 3 or 4 channels", found));
    }
    let note = match layout {
        Some(_) => None,
        None if planes => Some(format!("{sizes} is taken for {order}; use --set layout={other} if it is not")),
        None if is_channels(a) => {
            Some(format!("{sizes} may be either; it is taken for {order}; use --set layout={other} if it is not"))
        }
        None => None,
    };
    Ok(Rows { shape, planes, note })
}

impl Array {
    /// With the channels last, and the sizes of `rows`.
    pub(super) fn arranged(self, rows: &Rows) -> Self {
        let n = self.shape.first().copied().unwrap_or(0);
        let shape: Vec<usize> = std::iter::once(n).chain(rows.shape.iter().copied()).collect();
        let numbers = match (rows.planes, rows.shape.as_slice()) {
            (true, &[h, w, c]) => match self.numbers {
                Numbers::Bytes(data) => Numbers::Bytes(channels_last(data, h * w, c)),
                Numbers::Single(data) => Numbers::Single(channels_last(data, h * w, c)),
                Numbers::Double(data) => Numbers::Double(channels_last(data, h * w, c)),
            },
            _ => self.numbers,
        };
        Array { shape, numbers, ..self }
    }
}

/// Each row of `c` planes becomes pixels of `c` channels, row by row, in place.
fn channels_last<T: Copy>(mut data: Vec<T>, plane: usize, c: usize) -> Vec<T> {
    let mut row_before = Vec::with_capacity(plane * c);
    for row in data.chunks_exact_mut((plane * c).max(1)) {
        row_before.clear();
        row_before.extend_from_slice(row);
        for (at, value) in row.iter_mut().enumerate() {
            *value = row_before[at % c * plane + at / c];
        }
    }
    data
}

/// Pixels of red, green, blue and opacity become what is seen of them on white, as it is with PNGs.
pub(super) fn bytes_on_white(rgba: Vec<u8>) -> Vec<u8> {
    on_white(rgba, over_white)
}

/// The same of values of 0..=1.
pub(super) fn unit_on_white(rgba: Vec<f32>) -> Vec<f32> {
    on_white(rgba, |c, a| (a * c + (1.0 - a)).clamp(0.0, 1.0))
}

fn on_white<T: Copy>(mut rgba: Vec<T>, over: impl Fn(T, T) -> T) -> Vec<T> {
    let n_pixels = rgba.len() / 4;
    for pixel in 0..n_pixels {
        let a = rgba[4 * pixel + 3];
        (0..3).for_each(|channel| rgba[3 * pixel + channel] = over(rgba[4 * pixel + channel], a));
    }
    rgba.truncate(3 * n_pixels);
    rgba
}
