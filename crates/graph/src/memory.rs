//! Liveness, and offsets in arenas: tensors whose lives do not meet share memory.

use crate::profile::DeviceProfile;
use crate::shape::ELEMENT_BYTES;

/// Something that needs `len` elements from step `first` to step `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Demand {
    pub len: usize,
    pub first: usize,
    pub last: usize,
}

/// Where a demand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub arena: u32,
    pub offset: usize,
}

/// Elements that `len` take with alignment and guard bands; never none, so that every tensor can be bound.
pub(crate) fn padded(len: usize, profile: &DeviceProfile) -> usize {
    let unit = (profile.alignment_bytes / ELEMENT_BYTES).max(1) as usize;
    len.max(1).next_multiple_of(unit) + if profile.guard_bands { unit } else { 0 }
}

/// Places every demand, largest first, in the lowest gap that is free throughout its life. Returns the slots and the length
/// of each arena. A new arena is opened where a buffer would become too large.
pub(crate) fn assign(demands: &[Demand], profile: &DeviceProfile) -> (Vec<Slot>, Vec<usize>) {
    let limit = (profile.max_buffer_bytes / ELEMENT_BYTES) as usize;
    let mut by_size: Vec<usize> = (0..demands.len()).collect();
    by_size.sort_by_key(|&i| (std::cmp::Reverse(demands[i].len), demands[i].first, i));
    let mut slots = vec![Slot { arena: 0, offset: 0 }; demands.len()];
    // For each arena, what has been placed there.
    let mut placed: Vec<Vec<usize>> = Vec::new();
    let mut lengths: Vec<usize> = Vec::new();
    for i in by_size {
        let len = padded(demands[i].len, profile);
        let found = (0..placed.len()).find_map(|arena| {
            let offset = lowest_gap(demands, &slots, &placed[arena], i, len, profile);
            (offset + len <= limit).then_some((arena, offset))
        });
        let (arena, offset) = found.unwrap_or_else(|| {
            placed.push(Vec::new());
            lengths.push(0);
            (placed.len() - 1, 0)
        });
        slots[i] = Slot { arena: arena as u32, offset };
        placed[arena].push(i);
        lengths[arena] = lengths[arena].max(offset + len);
    }
    (slots, lengths)
}

fn lowest_gap(demands: &[Demand], slots: &[Slot], placed: &[usize], i: usize, len: usize, profile: &DeviceProfile) -> usize {
    let meets = |j: &&usize| demands[**j].first <= demands[i].last && demands[i].first <= demands[**j].last;
    let mut taken: Vec<(usize, usize)> =
        placed.iter().filter(meets).map(|&j| (slots[j].offset, slots[j].offset + padded(demands[j].len, profile))).collect();
    taken.sort_unstable();
    let mut offset = 0;
    for (start, end) in taken {
        if offset + len <= start {
            break;
        }
        offset = offset.max(end);
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::{Domain, Stream};
    use crate::profile::DeviceKind;

    pub(crate) fn profile() -> DeviceProfile {
        DeviceProfile {
            name: "test".into(),
            kind: DeviceKind::Cpu,
            driver: String::new(),
            alignment_bytes: 64,
            max_binding_bytes: 1 << 20,
            max_buffer_bytes: 1 << 20,
            memory_bytes: None,
            parallelism: 1,
            fixed_bytes: 0,
            step_bytes: 0,
            staging_copies: 0,
            guard_bands: false,
            precision: crate::profile::Precision::Full,
        }
    }

    #[test]
    fn living_tensors_never_share_memory() {
        let mut random = Stream::new(3, Domain::Test, "memory", 0);
        let demands: Vec<Demand> = (0..200)
            .map(|_| {
                let first = random.below(50) as usize;
                Demand { len: random.below(5000) as usize, first, last: first + random.below(20) as usize }
            })
            .collect();
        let profile = profile();
        let (slots, arenas) = assign(&demands, &profile);
        for (i, (a, s)) in demands.iter().zip(&slots).enumerate() {
            assert!(s.offset + a.len <= arenas[s.arena as usize]);
            assert_eq!(s.offset % 16, 0);
            for (b, t) in demands.iter().zip(&slots).skip(i + 1) {
                let meet = a.first <= b.last && b.first <= a.last && s.arena == t.arena;
                let apart = s.offset + padded(a.len, &profile) <= t.offset || t.offset + padded(b.len, &profile) <= s.offset;
                assert!(!meet || apart, "{a:?} at {s:?} and {b:?} at {t:?}");
            }
        }
        assert!(arenas.iter().all(|&n| n as u64 * ELEMENT_BYTES <= profile.max_buffer_bytes));
        // The planner is worth its name: far below the sum of all demands.
        assert!(arenas.iter().sum::<usize>() < demands.iter().map(|d| d.len).sum::<usize>());
    }

    #[test]
    fn a_life_that_has_ended_gives_its_memory_back() {
        let chain: Vec<Demand> = (0..10).map(|i| Demand { len: 1000, first: i, last: i + 1 }).collect();
        let (_, arenas) = assign(&chain, &profile());
        assert_eq!(arenas, [2 * padded(1000, &profile())]);
    }
}
