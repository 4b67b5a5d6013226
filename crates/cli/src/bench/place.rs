//! Places for labels in a picture, in pixels: near what they name, and none on another.

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Place {
    pub fn around((x, y): (i32, i32), (width, height): (i32, i32)) -> Self {
        Place { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 }
    }

    pub fn centre(&self) -> (i32, i32) {
        (i32::midpoint(self.left, self.right), i32::midpoint(self.top, self.bottom))
    }

    fn overlaps(&self, other: &Place) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn is_in(&self, outer: &Place) -> bool {
        outer.left <= self.left && self.right <= outer.right && outer.top <= self.top && self.bottom <= outer.bottom
    }
}

/// The first of some places, at least one, that lies inside and on nothing that is taken; the first of all where none does.
pub fn first_free(places: &mut dyn Iterator<Item = Place>, inside: &Place, taken: &[Place]) -> Option<Place> {
    let mut first = None;
    let is_free = |place: &Place| place.is_in(inside) && !taken.iter().any(|t| t.overlaps(place));
    places.inspect(|place| first = first.or(Some(*place))).find(is_free).or(first)
}

/// The nearest place of a size around a dot: rings of directions, further and further out.
pub fn beside((x, y): (i32, i32), size: (i32, i32), inside: &Place, taken: &[Place]) -> Place {
    let rings = (1..=12).flat_map(|ring| (0..16).map(move |turn| (12.0 * f64::from(ring), f64::from(turn))));
    let mut places = rings.map(|(radius, turn)| {
        let angle = std::f64::consts::FRAC_PI_8 * turn - std::f64::consts::FRAC_PI_4;
        Place::around((x + (radius * angle.cos()) as i32, y + (radius * angle.sin()) as i32), size)
    });
    first_free(&mut places, inside, taken).unwrap_or(Place::around((x, y), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: Place = Place { left: 0, top: 0, right: 400, bottom: 400 };

    /// As many as fit around a dot, and around one in a corner.
    #[test]
    fn labels_do_not_lie_on_each_other() {
        for (dot, n) in [((200, 200), 40), ((3, 398), 10)] {
            let mut taken = vec![Place::around(dot, (9, 9))];
            for _ in 0..n {
                let place = beside(dot, (18, 12), &INSIDE, &taken);
                assert!(!taken.iter().any(|t| t.overlaps(&place)) && place.is_in(&INSIDE), "{place:?}");
                taken.push(place);
            }
        }
    }

    #[test]
    fn where_nothing_is_free_the_first_is_taken() {
        let mut places = [(200, 200), (100, 100)].map(|at| Place::around(at, (10, 10))).into_iter();
        assert_eq!(first_free(&mut places, &INSIDE, &[INSIDE]).map(|p| p.centre()), Some((200, 200)));
    }
}
