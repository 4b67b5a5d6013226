//! When a progressive GAN grows: the phases of its training, counted in images that were shown.

use std::ops::Range;

/// A part of training at one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// 0 is 4x4, 1 is 8x8, …
    pub level: usize,
    /// The level is faded in; otherwise it trains alone.
    pub fades: bool,
    /// Its steps. The last phase goes on for ever.
    pub steps: Range<u64>,
}

impl Phase {
    /// α at a step, in images: those seen since the phase began over those seen before its last step. So it is 0 at the first step of
    /// a fade and 1 at its last; 1 where nothing is faded in.
    pub fn alpha(&self, step: u64) -> f64 {
        let n_before_last = (self.steps.end - self.steps.start).saturating_sub(1).max(1);
        match self.fades {
            true => (step - self.steps.start) as f64 / n_before_last as f64,
            false => 1.0,
        }
    }
}

/// All phases, in their order: 4x4; then of each level its fade and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phases {
    all: Vec<Phase>,
    /// Steps of all phases, the last one as long as `last_images` make it.
    total: u64,
}

/// A fade has a first and a last step, at which α is 0 and 1.
const LEAST_FADE: u64 = 2;

impl Phases {
    /// Of levels whose steps show so many images, for `fade_images` and then for `stable_images`; the last level for `last_images`.
    pub fn new(batches: &[usize], fade_images: u64, stable_images: u64, last_images: u64) -> Self {
        let (mut all, mut at) = (Vec::new(), 0);
        for (level, &batch) in batches.iter().enumerate() {
            let steps = |images: u64, least: u64| images.div_ceil(batch.max(1) as u64).max(least);
            let fade = (level > 0).then(|| (true, steps(fade_images, LEAST_FADE)));
            let alone = if level + 1 == batches.len() { last_images } else { stable_images };
            for (fades, n) in fade.into_iter().chain([(false, steps(alone, 1))]) {
                all.push(Phase { level, fades, steps: at..at + n });
                at += n;
            }
        }
        if let Some(last) = all.last_mut() {
            last.steps.end = u64::MAX;
        }
        Phases { all, total: at }
    }

    /// Steps until every phase is over.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Steps until the last level is alone.
    pub fn grown(&self) -> u64 {
        self.all.last().map_or(0, |last| last.steps.start)
    }

    /// The phase of a step.
    pub fn at(&self, step: u64) -> &Phase {
        &self.all[self.all.partition_point(|phase| phase.steps.end <= step).min(self.all.len() - 1)]
    }

    /// The steps of a level.
    pub fn of_level(&self, level: usize) -> Range<u64> {
        let mut of = self.all.iter().filter(|phase| phase.level == level).map(|phase| &phase.steps);
        let first = of.next().cloned().unwrap_or(0..0);
        first.start..of.next_back().map_or(first.end, |last| last.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_of_one_phase_and_fades_begin_at_0_and_end_at_1() {
        let phases = Phases::new(&[4, 4, 3], 10, 7, 13);
        let steps: Vec<(usize, bool, Range<u64>)> = phases.all.iter().map(|p| (p.level, p.fades, p.steps.clone())).collect();
        let want = [(0, false, 0..2), (1, true, 2..5), (1, false, 5..7), (2, true, 7..11), (2, false, 11..u64::MAX)];
        assert_eq!(steps, want);
        assert_eq!(phases.grown(), 11);
        assert_eq!((phases.total(), phases.of_level(0), phases.of_level(1), phases.of_level(2)), (16, 0..2, 2..7, 7..u64::MAX));
        for step in 0..40 {
            assert!(phases.at(step).steps.contains(&step), "{step}");
        }
        let alphas = |steps: Range<u64>| steps.map(|step| phases.at(step).alpha(step)).collect::<Vec<f64>>();
        assert_eq!(alphas(0..7), [1.0, 1.0, 0.0, 0.5, 1.0, 1.0, 1.0]);
        assert_eq!(alphas(7..12), [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]);
    }

    #[test]
    fn a_fade_of_one_image_still_has_two_ends() {
        let phases = Phases::new(&[16, 16], 1, 1, 1);
        assert_eq!((phases.total(), phases.at(1).alpha(1), phases.at(2).alpha(2)), (4, 0.0, 1.0));
        assert!(!phases.at(3).fades && phases.at(u64::MAX - 1).level == 1);
    }

    /// What a step is does not depend on `last_images`: a run from before that setting goes on as it would have.
    #[test]
    fn images_of_the_last_level_change_nothing_but_the_total() {
        let [short, long] = [1, 1000].map(|last_images| Phases::new(&[4, 4, 3], 10, 7, last_images));
        assert_eq!(short.all, long.all);
        assert_eq!((short.total(), long.total(), short.grown()), (12, 11 + 334, long.grown()));
    }
}
