//! A column of a list: words of which there are few.

use std::collections::HashMap;

use crate::natural::natural;

/// What a column says of every image.
#[derive(Debug, Default)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its words, in the order in which they were met.
    words: Vec<String>,
    place: HashMap<String, u32>,
    of_row: Vec<u32>,
    many: bool,
}

impl Column {
    /// A column of more values than these is no factor.
    pub(super) const MOST_VALUES: usize = 256;

    pub(super) fn new(name: &str) -> Self {
        Column { name: name.to_owned(), ..Column::default() }
    }

    pub(super) fn push(&mut self, word: &str) {
        if self.many {
            return;
        }
        let next = self.words.len() as u32;
        let place = match self.place.get(word) {
            Some(&place) => place,
            None => {
                self.words.push(word.to_owned());
                self.place.insert(word.to_owned(), next);
                next
            }
        };
        self.many = self.words.len() > Self::MOST_VALUES;
        self.of_row.push(place);
    }

    /// Whether it says nothing of a row.
    pub(super) fn is_empty_at(&self, row: usize) -> bool {
        self.of_row.get(row).is_some_and(|&word| self.words[word as usize].is_empty())
    }

    /// Whether it has more values than a factor may.
    pub(super) fn is_many(&self) -> bool {
        self.many
    }

    /// The names of its values, and which of them each of `rows` has: `no` and `yes` for -1 and 1 or 0 and 1, else its words: in natural
    /// order, as numbers if all of them are.
    pub(super) fn values(&self, rows: &[usize]) -> (Vec<String>, Vec<u32>) {
        let only = |known: [&str; 2]| self.words.iter().all(|word| known.contains(&word.as_str()));
        if only(["-1", "1"]) || only(["0", "1"]) {
            let yes: Vec<u32> = self.words.iter().map(|word| u32::from(word == "1")).collect();
            let of_row = rows.iter().map(|&row| yes[self.of_row[row] as usize]).collect();
            return (vec!["no".into(), "yes".into()], of_row);
        }
        let mut order: Vec<usize> = (0..self.words.len()).collect();
        let numbers: Option<Vec<f64>> = self.words.iter().map(|word| word.parse().ok()).collect();
        match &numbers {
            Some(numbers) => order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b])),
            None => order.sort_by(|&a, &b| natural(&self.words[a], &self.words[b])),
        }
        let mut rank = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &word)| rank[word] = at as u32);
        let of_row = rows.iter().map(|&row| rank[self.of_row[row] as usize]).collect();
        (order.into_iter().map(|at| self.words[at].clone()).collect(), of_row)
    }
}

#[cfg(test)]
mod tests {
    use super::Column;

    #[test]
    fn columns_become_factors() {
        let of = |words: &[&str]| {
            let mut column = Column::new("c");
            words.iter().for_each(|word| column.push(word));
            let (values, of_row) = column.values(&(0..words.len()).collect::<Vec<_>>());
            (values.join(" "), of_row)
        };
        assert_eq!(of(&["1", "-1", "1"]), ("no yes".into(), vec![1, 0, 1]));
        assert_eq!(of(&["1", "1"]), ("no yes".into(), vec![1, 1]));
        assert_eq!(of(&["0", "1"]), ("no yes".into(), vec![0, 1]));
        assert_eq!(of(&["0", "-1", "1"]), ("-1 0 1".into(), vec![1, 0, 2]));
        assert_eq!(of(&["10", "9", "10"]), ("9 10".into(), vec![1, 0, 1]));
        assert_eq!(of(&["img10", "img9"]), ("img9 img10".into(), vec![1, 0]));
        assert_eq!(of(&["rose", "", "lily"]), (" lily rose".into(), vec![2, 0, 1]));
        let mut many = Column::new("c");
        (0..=Column::MOST_VALUES).for_each(|n| many.push(&n.to_string()));
        assert!(many.is_many());
    }
}
