//! No conditional depends on its own dimension or a later one: compared bit for bit, on the user's own weights at full size.

use calotype_models::density;

use super::desk::{Desk, Weights};
use super::finding::{Bound, Claim, Finding};
use super::rows;
use crate::error::Result;
use crate::progress::grouped;

/// Numbers that are compared at most.
const MOST_COMPARED: usize = 1 << 31;
/// Rows of a batch at most.
const BATCH: usize = 64;
/// Leaks that are named.
const NAMED: usize = 3;

/// Changes dimension j of rows that are otherwise equal, by itself and with everything after it, and looks at the conditionals up
/// to and including j. Both rows lie at the same place of a batch of one plan: what differs then is what x changes.
pub(super) fn check(desk: &mut Desk) -> Result<Vec<Finding>> {
    let density = desk.subject.density;
    let (dims, order) = (rows::dims(density), density.order());
    let k = density.conditional().n_parameters();
    let batch = Desk::batch(density).min(BATCH).min(dims.max(1));
    let runner = desk.program(density, density::conditionals, batch, Weights::Own)?;
    let by_flops = (desk.effort.flops / (2.0 * runner.flops_per_row.max(1.0))) as usize;
    let n_looked_at = by_flops.min(MOST_COMPARED / (dims * k)).clamp(batch.min(dims), dims);
    let places = spread(density.shape(), n_looked_at);

    let base = rows::random_row(density, "base").repeat(batch);
    let before = desk.run(&runner, &base)?; // [B, D, K]
    let mut random = rows::random(rows::SEED, "ahead");
    let (mut n_leaks, mut named, mut n_later, mut n_later_changed) = (0_usize, Vec::new(), 0_usize, 0_usize);
    for (nth, chunk) in places.chunks(batch).enumerate() {
        desk.doing(&format!("changing dimension {} of {}", nth * batch, places.len()));
        for with_all_later in [false, true] {
            let mut x = base.clone();
            for (row, &j) in x.chunks_exact_mut(dims).zip(chunk) {
                let end = if with_all_later { dims } else { j + 1 };
                for &d in &order[j..end] {
                    row[d] = rows::other(density, row[d], &mut random);
                }
            }
            let after = desk.run(&runner, &x)?;
            let pairs = before.chunks_exact(dims * k).zip(after.chunks_exact(dims * k));
            for ((before, after), &j) in pairs.zip(chunk) {
                let changed = |d: usize| !same_bits(&before[d * k..][..k], &after[d * k..][..k]);
                for &d in order[..=j].iter().filter(|&&d| changed(d)) {
                    n_leaks += 1;
                    if named.len() < NAMED {
                        named.push(format!("{} changes with {}", rows::place(density, d), rows::place(density, order[j])));
                    }
                }
                n_later += dims - j - 1;
                n_later_changed += order[j + 1..].iter().filter(|&&d| changed(d)).count();
            }
        }
    }
    desk.clear()?;
    let which = if places.len() == dims { format!("each of {}", grouped(dims)) } else { format!("{} of {}", places.len(), dims) };
    let subject = format!("{which} dimensions of {}: earlier conditionals that it changes", rows::size(density));
    let part = 100.0 * n_later_changed as f64 / n_later.max(1) as f64;
    let remark = match n_leaks {
        0 => format!("of the later conditionals, {part:.0} % changed"),
        _ => format!("{}{}", named.join("; "), if n_leaks > named.len() { "; …" } else { "" }),
    };
    Ok(vec![Finding::new(Claim::NoLookAhead, subject, n_leaks as f64, Bound::AtMost(0.0), remark)])
}

/// To the bit; a NaN is the same as itself.
pub(super) fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// `n` places of the order: all, or the first and last, the ends of the first rows, and others from a seed.
fn spread(shape: &[usize], n: usize) -> Vec<usize> {
    let dims: usize = shape.iter().product();
    if n >= dims {
        return (0..dims).collect();
    }
    let row = match *shape {
        [_, w, c] => w * c,
        _ => dims,
    };
    let mut all: Vec<usize> =
        [0, dims - 1].into_iter().chain((1..dims / row.max(1)).flat_map(|r| [r * row - 1, r * row])).collect();
    all.truncate(n.div_ceil(2));
    let mut random = rows::random(rows::SEED, "spread");
    while all.len() < n {
        let place = random.below(dims as u32) as usize;
        if !all.contains(&place) {
            all.push(place);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}
