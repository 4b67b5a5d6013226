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

    #[test]
    fn the_most_probable_category_is_said_and_errors_are_counted() {
        let said = most_probable(&[0.1, 0.9, 0.0, 0.5, 0.2, 0.3, 0.0, 0.0, 1.0], 3);
        assert_eq!(said, [1, 0, 2]);
        assert_eq!(error_rate(&said, &[1, 1, 1]), 2.0 / 3.0);
        assert_eq!(error_rate(&[], &[]), 0.0);
    }
}
