//! What a model says of the classes of rows, held against what they are.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

/// The most probable category of each row of probabilities [N, K].
pub fn most_probable(probabilities: &[f32], k: usize) -> Vec<u32> {
    let best = |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(n, _)| n as u32);
    probabilities.chunks_exact(k.max(1)).map(best).collect()
}

/// The class that is the most common among the rows of each cluster, as Makhzani et al. 2015 name clusters (§6); 0 for a cluster
/// without rows.
pub fn named_clusters(clusters: &[u32], labels: &[u32], n_clusters: usize, n_classes: usize) -> Vec<u32> {
    let mut counts = vec![vec![0_u32; n_classes]; n_clusters];
    for (&cluster, &label) in clusters.iter().zip(labels) {
        if let Some(count) = counts.get_mut(cluster as usize).and_then(|c| c.get_mut(label as usize)) {
            *count += 1;
        }
    }
    // The first of classes that are as common.
    let most = |counts: &Vec<u32>| counts.iter().enumerate().rev().max_by_key(|(_, n)| **n).map_or(0, |(class, _)| class as u32);
    counts.iter().map(most).collect()
}

/// A class for each category, no two of the same: the matching that makes the most rows right (Kuhn 1955, "The Hungarian method for the
/// assignment problem"). None for categories that are left over where there are fewer classes.
pub fn matched_classes(categories: &[u32], labels: &[u32], n_categories: usize, n_classes: usize) -> Vec<Option<u32>> {
    // The method wants at least as many columns as rows.
    let side = n_categories.max(n_classes);
    let mut counts = Matrix::new(side, side, 0_i64);
    for (&category, &label) in categories.iter().zip(labels) {
        if let Some(count) = counts.get_mut((category as usize, label as usize)) {
            *count += 1;
        }
    }
    let (_, classes) = kuhn_munkres(&counts);
    classes.iter().take(n_categories).map(|&class| (class < n_classes).then_some(class as u32)).collect()
}

/// Part of the rows whose category is matched with their class; 0 of none.
pub fn matched_accuracy(categories: &[u32], labels: &[u32], classes: &[Option<u32>]) -> f64 {
    let is_right = |pair: &(&u32, &u32)| classes.get(*pair.0 as usize) == Some(&Some(*pair.1));
    categories.iter().zip(labels).filter(is_right).count() as f64 / labels.len().max(1) as f64
}

/// Part of the rows whose class is another than what was said; 0 of none.
pub fn error_rate(said: &[u32], labels: &[u32]) -> f64 {
    let wrong = said.iter().zip(labels).filter(|(said, label)| said != label).count();
    wrong as f64 / labels.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_named_by_what_is_most_common_in_them() {
        let (clusters, labels) = ([0, 0, 0, 2, 2, 1, 1], [4, 4, 1, 0, 0, 3, 2]);
        assert_eq!(named_clusters(&clusters, &labels, 4, 5), [4, 2, 0, 0]);
    }

    /// Every one-to-one matching is tried: none makes more rows right. By majority two categories would take one class.
    #[test]
    fn a_matching_makes_the_most_rows_right() {
        let table = [[30, 29, 1, 0], [28, 2, 0, 0], [0, 1, 5, 6], [9, 9, 9, 0]];
        let rows = |table: &[[u32; 4]; 4]| {
            let mut all = (vec![], vec![]);
            for (category, counts) in table.iter().enumerate() {
                for (label, &n) in counts.iter().enumerate() {
                    all.0.extend(std::iter::repeat_n(category as u32, n as usize));
                    all.1.extend(std::iter::repeat_n(label as u32, n as usize));
                }
            }
            all
        };
        let (categories, labels) = rows(&table);
        let classes = matched_classes(&categories, &labels, 4, 4);
        assert_eq!(classes, [Some(1), Some(0), Some(3), Some(2)]);
        let right = |order: &[usize]| order.iter().enumerate().map(|(category, &class)| table[category][class]).sum::<u32>();
        let mut best = 0;
        for code in 0..256_usize {
            let order: Vec<usize> = (0..4).map(|n| code >> (2 * n) & 3).collect();
            if (0..4).all(|class| order.contains(&class)) {
                best = best.max(right(&order));
            }
        }
        let accuracy = matched_accuracy(&categories, &labels, &classes);
        assert!((accuracy - f64::from(best) / labels.len() as f64).abs() < 1e-12, "{accuracy}");
    }

    #[test]
    fn what_is_left_over_is_matched_with_nothing() {
        let (categories, labels) = ([0, 0, 1, 1, 2, 2, 2], [0, 0, 0, 1, 1, 1, 1]);
        assert_eq!(matched_classes(&categories, &labels, 3, 2), [Some(0), None, Some(1)]);
        assert!((matched_accuracy(&categories, &labels, &[Some(0), None, Some(1)]) - 5.0 / 7.0).abs() < 1e-12);
        let fewer = matched_classes(&[0, 1], &[2, 0], 2, 3);
        assert_eq!(fewer, [Some(2), Some(0)]);
        assert_eq!((matched_classes(&[], &[], 2, 2).len(), matched_accuracy(&[], &[], &[])), (2, 0.0));
    }

    #[test]
    fn the_most_probable_category_is_said_and_errors_are_counted() {
        let said = most_probable(&[0.1, 0.9, 0.0, 0.5, 0.2, 0.3, 0.0, 0.0, 1.0], 3);
        assert_eq!(said, [1, 0, 2]);
        assert_eq!(error_rate(&said, &[1, 1, 1]), 2.0 / 3.0);
        assert_eq!(error_rate(&[], &[]), 0.0);
    }
}
