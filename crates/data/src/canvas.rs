//! A part of the plane as a picture: fields of colour, dots, lines and bars at places in the plane's own units.

use image::{Rgb, RgbImage};

/// A colour with its opacity from 0 to 1.
pub type Ink = ([u8; 3], f32);

const BACKGROUND: [u8; 3] = [255; 3];

/// Colours that can be told apart, with their names: for classes, in turn.
pub const PALETTE: [(&str, [u8; 3]); 10] = [
    ("blue", [31, 98, 180]),
    ("orange", [245, 130, 20]),
    ("green", [40, 150, 50]),
    ("red", [210, 40, 40]),
    ("violet", [140, 90, 190]),
    ("brown", [130, 80, 60]),
    ("pink", [230, 110, 190]),
    ("black", [20, 20, 20]),
    ("olive", [175, 175, 30]),
    ("turquoise", [20, 180, 200]),
];

/// A rectangle of the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    pub centre: [f32; 2],
    /// Half its width and half its height.
    pub half: [f32; 2],
}

impl View {
    /// The smallest square that holds all finite points with a tenth of its side around them, and one of side 2 around none.
    pub fn around(points: &[[f32; 2]]) -> Self {
        let finite = || points.iter().filter(|p| p.iter().all(|v| v.is_finite()));
        let range = |axis: usize| {
            let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), p| (l.min(p[axis]), h.max(p[axis])));
            if low <= high { (low, high) } else { (0.0, 0.0) }
        };
        let (x, y) = (range(0), range(1));
        let half = 0.625 * (x.1 - x.0).max(y.1 - y.0);
        let half = if half > 0.0 { half } else { 1.0 };
        View { centre: [0.5 * (x.0 + x.1), 0.5 * (y.0 + y.1)], half: [half; 2] }
    }

    /// Places [n n] of a lattice, row by row from the top left: the centres of n x n equal cells.
    pub fn lattice(&self, n: usize) -> Vec<[f32; 2]> {
        let part = |i: usize| (2 * i + 1) as f32 / n as f32 - 1.0;
        let place = |at: usize| [self.centre[0] + self.half[0] * part(at % n), self.centre[1] - self.half[1] * part(at / n)];
        (0..n * n).map(place).collect()
    }
}

/// A picture that is drawn on. What lies outside is cut off; what is not finite is left out.
#[derive(Clone, Debug)]
pub struct Canvas {
    picture: RgbImage,
    view: View,
}

impl Canvas {
    /// White, of `side` pixels a side, showing `view`.
    pub fn new(side: u32, view: View) -> Self {
        Canvas { picture: RgbImage::from_pixel(side, side, Rgb(BACKGROUND)), view }
    }

    pub fn into_picture(self) -> RgbImage {
        self.picture
    }

    /// Where a point is, in pixels from the top left corner.
    fn at(&self, point: [f32; 2]) -> [f32; 2] {
        let side = self.picture.width() as f32;
        let part = |axis: usize| (point[axis] - self.view.centre[axis]) / (2.0 * self.view.half[axis]);
        [(0.5 + part(0)) * side, (0.5 - part(1)) * side]
    }

    /// [`Canvas::at`], unless it is not finite or far outside.
    fn near(&self, point: [f32; 2]) -> Option<[f32; 2]> {
        const FAR: f32 = 1e6;
        Some(self.at(point)).filter(|at| at.iter().all(|v| v.abs() < FAR))
    }

    fn blend(&mut self, x: i64, y: i64, (colour, opacity): Ink) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if let Some(pixel) = self.picture.get_pixel_mut_checked(x, y) {
            let opacity = opacity.clamp(0.0, 1.0);
            let mixed = |old: u8, new: u8| (f32::from(old) * (1.0 - opacity) + f32::from(new) * opacity).round() as u8;
            pixel.0 = std::array::from_fn(|c| mixed(pixel.0[c], colour[c]));
        }
    }

    /// Fills everything with the colours of values at [`View::lattice`], interpolated in between. `values` has n x n of them.
    pub fn field(&mut self, values: &[f32], colour: impl Fn(f32) -> [u8; 3]) {
        let n = values.len().isqrt();
        if n == 0 {
            return;
        }
        let side = self.picture.width();
        let place = |pixel: u32| {
            let at = ((pixel as f32 + 0.5) * n as f32 / side as f32 - 0.5).clamp(0.0, (n - 1) as f32);
            (at.floor() as usize, (at.floor() as usize + 1).min(n - 1), at.fract())
        };
        for y in 0..side {
            let (top, bottom, v) = place(y);
            for x in 0..side {
                let (left, right, u) = place(x);
                let line = |row: usize| values[row * n + left] * (1.0 - u) + values[row * n + right] * u;
                let value = line(top) * (1.0 - v) + line(bottom) * v;
                if value.is_finite() {
                    self.picture.put_pixel(x, y, Rgb(colour(value)));
                }
            }
        }
    }

    /// A disc of a radius in pixels.
    pub fn dot(&mut self, point: [f32; 2], radius: f32, (colour, opacity): Ink) {
        let Some([cx, cy]) = self.near(point) else { return };
        let reach = radius.ceil() as i64 + 1;
        for y in cy as i64 - reach..=cy as i64 + reach {
            for x in cx as i64 - reach..=cx as i64 + reach {
                let distance = (x as f32 + 0.5 - cx).hypot(y as f32 + 0.5 - cy);
                let covered = (radius + 0.5 - distance).clamp(0.0, 1.0);
                if covered > 0.0 {
                    self.blend(x, y, (colour, opacity * covered));
                }
            }
        }
    }

    /// Line segments from point to point, about two pixels thick.
    pub fn line(&mut self, points: &[[f32; 2]], ink: Ink) {
        for pair in points.windows(2) {
            let (Some(a), Some(b)) = (self.near(pair[0]), self.near(pair[1])) else { continue };
            let n = ((b[0] - a[0]).hypot(b[1] - a[1]).ceil() as usize).max(1);
            for i in 0..=n {
                let t = i as f32 / n as f32;
                let (x, y) = (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]));
                let (left, top) = ((x - 0.5).floor() as i64, (y - 0.5).floor() as i64);
                for (dx, dy) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    self.blend(left + dx, top + dy, ink);
                }
            }
        }
    }

    /// A rectangle from one corner to the opposite one.
    pub fn bar(&mut self, from: [f32; 2], to: [f32; 2], ink: Ink) {
        let (Some(a), Some(b)) = (self.near(from), self.near(to)) else { return };
        let side = self.picture.width() as f32;
        let range = |axis: usize| {
            let (low, high) = (a[axis].min(b[axis]).max(0.0), a[axis].max(b[axis]).min(side));
            low.round() as i64..high.round() as i64
        };
        for y in range(1) {
            for x in range(0) {
                self.blend(x, y, ink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: View = View { centre: [0.0, 0.0], half: [1.0, 1.0] };
    const RED: Ink = ([255, 0, 0], 1.0);

    #[test]
    fn a_dot_is_where_its_point_is() {
        let mut canvas = Canvas::new(100, UNIT);
        canvas.dot([0.5, 0.5], 2.0, RED);
        let picture = canvas.into_picture();
        assert_eq!(picture.get_pixel(75, 25).0, [255, 0, 0], "right of the middle and above it");
        assert_eq!(picture.get_pixel(75, 75).0, [255; 3]);
        assert_eq!(picture.pixels().filter(|p| p.0[1] < 128).count(), 12, "a disc of radius 2 has an area of 12.6");
    }

    #[test]
    fn what_is_outside_or_not_finite_is_left_out() {
        let mut canvas = Canvas::new(20, UNIT);
        for point in [[9.0, 0.0], [f32::NAN, 0.0], [f32::INFINITY, f32::NEG_INFINITY], [1e30, 0.0]] {
            canvas.dot(point, 1.0, RED);
            canvas.line(&[point, point], RED);
            canvas.bar(point, point, RED);
        }
        assert!(canvas.into_picture().pixels().all(|p| p.0 == [255; 3]));
    }

    /// A field of what a lattice says: the colour of a place is that of its value.
    #[test]
    fn a_field_lies_as_its_lattice() {
        let values: Vec<f32> = UNIT.lattice(10).iter().map(|p| p[0]).collect();
        let mut canvas = Canvas::new(100, UNIT);
        canvas.field(&values, |v| [(128.0 + 100.0 * v) as u8, 0, 0]);
        let picture = canvas.into_picture();
        // The outermost values are those of ±0.9.
        let red = |x, y| f32::from(picture.get_pixel(x, y).0[0]);
        assert!((red(97, 3) - 218.0).abs() <= 1.0 && (red(2, 90) - 38.0).abs() <= 1.0 && (red(50, 50) - 128.0).abs() <= 1.0);
        let top = UNIT.lattice(2)[0];
        assert_eq!(top, [-0.5, 0.5]);
    }

    #[test]
    fn a_view_holds_its_points_and_is_square() {
        let view = View::around(&[[1.0, 1.0], [3.0, 2.0], [f32::NAN, 50.0]]);
        assert_eq!((view.centre, view.half), ([2.0, 1.5], [1.25; 2]));
        assert_eq!(View::around(&[]).half, [1.0; 2]);
        assert_eq!(View::around(&[[4.0, 4.0]]).half, [1.0; 2]);
    }
}
