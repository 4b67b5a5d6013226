//! What a model says of the classes of rows, held against what they are.

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
    let side = n_categories.max(n_classes);
    let mut wrong = vec![vec![0_i64; side]; side];
    for (&category, &label) in categories.iter().zip(labels) {
        if let Some(count) = wrong.get_mut(category as usize).and_then(|row| row.get_mut(label as usize)) {
            *count -= 1;
        }
    }
    let classes = cheapest_matching(&wrong);
    classes.iter().take(n_categories).map(|&class| (class < n_classes).then_some(class as u32)).collect()
}

/// The column of each row of a square table of costs, no two of the same, such that their sum is least. Rows come one after the other, and
/// each frees its column by a shortest chain of exchanges, of costs less the potentials of rows and columns: Jonker and Volgenant 1987, "A
/// shortest augmenting path algorithm for dense and sparse linear assignment problems", without its first phases. Time n³.
fn cheapest_matching(costs: &[Vec<i64>]) -> Vec<usize> {
    let n = costs.len();
    let (mut of_row, mut of_column) = (vec![0; n], vec![0; n + 1]);
    // The row of each column; column n is where a new row stands before it has one.
    let mut row_of = vec![None; n + 1];
    for new in 0..n {
        row_of[n] = Some(new);
        let (mut least, mut before, mut seen) = (vec![i64::MAX; n], vec![n; n], vec![false; n + 1]);
        let mut at = n;
        while let Some(row) = row_of[at] {
            seen[at] = true;
            for column in (0..n).filter(|&c| !seen[c]) {
                let cost = costs[row][column] - of_row[row] - of_column[column];
                if cost < least[column] {
                    (least[column], before[column]) = (cost, at);
                }
            }
            let Some(next) = (0..n).filter(|&c| !seen[c]).min_by_key(|&c| least[c]) else { break };
            let step = least[next];
            for column in 0..=n {
                match row_of[column].filter(|_| seen[column]) {
                    Some(row) => {
                        of_row[row] += step;
                        of_column[column] -= step;
                    }
                    None => least[column] -= step,
                }
            }
            at = next;
        }
        // Each row of the chain takes the column behind it.
        while at != n {
            row_of[at] = row_of[before[at]];
            at = before[at];
        }
    }
    let mut columns = vec![0; n];
    row_of.iter().take(n).enumerate().for_each(|(column, row)| row.iter().for_each(|&row: &usize| columns[row] = column));
    columns
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

    /// Of every small table the best of all orders is found.
    #[test]
    fn a_matching_is_the_cheapest_of_all() {
        for n in 0..6_usize {
            for seed in 0..40_usize {
                let cost = |r: usize, c: usize| ((seed * 7919 + r * 104_729 + c * 1_299_709) % 23) as i64 - 11;
                let costs: Vec<Vec<i64>> = (0..n).map(|r| (0..n).map(|c| cost(r, c)).collect()).collect();
                let sum = |order: &[usize]| order.iter().enumerate().map(|(r, &c)| costs[r][c]).sum::<i64>();
                let mut least = i64::MAX;
                for code in 0..n.pow(n as u32) {
                    let order: Vec<usize> = (0..n).map(|r| code / n.pow(r as u32) % n).collect();
                    if (0..n).all(|c| order.contains(&c)) {
                        least = least.min(sum(&order));
                    }
                }
                let found = cheapest_matching(&costs);
                assert!((0..n).all(|c| found.contains(&c)), "{found:?}");
                assert_eq!(sum(&found), least, "{costs:?}");
            }
        }
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
