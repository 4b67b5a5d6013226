//! Anomaly detection: the AUROC of a score, and thresholds by false-alarm rate.

/// Area under the ROC curve: the probability that a row of `abnormal` has a higher score than one of `normal`, ties counting half.
/// 0.5 is a coin; below, the order is the wrong way round. NaN where a set is empty.
///
/// Mann and Whitney 1947, by ranks: O(n log n).
pub fn auroc(normal: &[f64], abnormal: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = normal.iter().map(|&s| (s, false)).chain(abnormal.iter().map(|&s| (s, true))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Of every abnormal score: normal ones below it, and half of those beside it.
    let (mut below, mut wins) = (0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let n_abnormal = equal.iter().filter(|(_, abnormal)| *abnormal).count() as f64;
        let n_normal = equal.len() as f64 - n_abnormal;
        wins += n_abnormal * (below + 0.5 * n_normal);
        below += n_normal;
    }
    wins / (normal.len() as f64 * abnormal.len() as f64)
}

/// The score above which a part `rate` of these scores lies, at most: a threshold with that false-alarm rate. None for no scores.
pub fn threshold(scores: &[f64], rate: f64) -> Option<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let alarms = (rate * sorted.len() as f64).floor() as usize;
    sorted.get(sorted.len().checked_sub(1 + alarms)?).copied()
}

/// The part of scores above a threshold.
pub fn rate_above(scores: &[f64], threshold: f64) -> f64 {
    scores.iter().filter(|&&s| s > threshold).count() as f64 / scores.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_in_order() {
        assert_eq!(auroc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auroc(&[3.0, 4.0], &[1.0, 2.0]), 0.0);
        assert_eq!(auroc(&[1.0, 1.0], &[1.0]), 0.5);
        // Pairs (1, 2), (1, 3), (2, 2), (2, 3), (4, 2), (4, 3): right, right, half, right, wrong, wrong.
        assert_eq!(auroc(&[1.0, 2.0, 4.0], &[2.0, 3.0]), 3.5 / 6.0);
        assert!(auroc(&[], &[1.0]).is_nan());
    }

    #[test]
    fn a_threshold_has_at_most_its_rate_of_alarms() {
        let scores: Vec<f64> = (0..100).map(f64::from).collect();
        for rate in [0.0, 0.05, 0.051, 0.5] {
            let t = threshold(&scores, rate).expect("scores");
            let above = rate_above(&scores, t);
            assert!(above <= rate && above > rate - 0.01, "{above} at {rate}");
        }
        // Ties give fewer alarms, never more.
        assert_eq!(rate_above(&[1.0; 10], threshold(&[1.0; 10], 0.3).expect("scores")), 0.0);
        assert_eq!(threshold(&[], 0.1), None);
    }
}
