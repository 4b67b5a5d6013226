//! Batches as pure functions of (seed, step).

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{DataError, Result};
use crate::prepare::{Moment, Prepared};
use crate::random::{Draws, Stream};

/// Some rows, ready for a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// [B, H, W, C] or [B, D], row-major.
    pub images: Vec<f32>,
    /// `[B]` classes; empty where the data have none.
    pub labels: Vec<u32>,
    /// `[B]` rows of the data set.
    pub indices: Vec<u32>,
}

impl Batch {
    fn of(prepared: &Prepared, indices: Vec<u32>, moment: Moment) -> Self {
        let n_values = prepared.n_values();
        let mut images = vec![0.0; indices.len() * n_values];
        for (out, &row) in images.chunks_exact_mut(n_values).zip(&indices) {
            prepared.fill(row, moment, out);
        }
        let labels = prepared.labels().map(|l| indices.iter().map(|&r| l[r as usize]).collect()).unwrap_or_default();
        Batch { images, labels, indices }
    }
}

/// Training batches: every epoch is its rows in an order of its own, the tail dropped.
///
/// Batch k depends on (seed, k) alone: the order on (seed, epoch), flips and dynamic bits on (seed, step, row). The last order is
/// remembered to save time; nothing can be told from it.
#[derive(Debug)]
pub struct Batches {
    prepared: Arc<Prepared>,
    rows: Vec<u32>,
    batch: usize,
    seed: u64,
    last_order: Mutex<Option<(u64, Arc<Vec<u32>>)>>,
}

impl Batches {
    /// Batches of `batch` of `rows`, which index the data set. Errors: a batch of zero or of more than the rows; a row out of range.
    pub fn new(prepared: Arc<Prepared>, rows: Vec<u32>, batch: usize, seed: u64) -> Result<Self> {
        check_rows(&prepared, &rows, batch)?;
        if batch > rows.len() {
            return Err(DataError::BatchTooLarge { batch, rows: rows.len() });
        }
        Ok(Batches { prepared, rows, batch, seed, last_order: Mutex::new(None) })
    }

    /// Whole batches in an epoch: floor(rows / batch), at least 1.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.rows.len() / self.batch) as u64
    }

    /// Rows in a batch.
    pub fn batch_size(&self) -> usize {
        self.batch
    }

    /// The rows that they are of, by their numbers in the data.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The data that the batches are of.
    pub fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    /// Batch `step`, counted from 0 through all epochs.
    pub fn batch(&self, step: u64) -> Batch {
        Batch::of(&self.prepared, self.indices(step), Moment { seed: self.seed, step, training: true })
    }

    /// The rows of batch `step`, without their values.
    pub fn indices(&self, step: u64) -> Vec<u32> {
        let (epoch, nth) = (step / self.steps_per_epoch(), (step % self.steps_per_epoch()) as usize);
        let order = self.order(epoch);
        order[nth * self.batch..][..self.batch].iter().map(|&place| self.rows[place as usize]).collect()
    }

    /// The classes of batch `step`, without its values; none where the data have none.
    pub fn labels(&self, step: u64) -> Vec<u32> {
        let labels = self.prepared.labels();
        labels.map(|l| self.indices(step).iter().map(|&row| l[row as usize]).collect()).unwrap_or_default()
    }

    /// The places of a batch in another order, drawn for this step: whose classes, say, each row is shown beside its own.
    pub fn other_order(&self, step: u64) -> Vec<u32> {
        Draws::new(self.seed, Stream::OtherOrder, step).permutation(self.batch as u32)
    }

    fn order(&self, epoch: u64) -> Arc<Vec<u32>> {
        let mut last = self.last_order.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some((known, order)) if *known == epoch => Arc::clone(order),
            _ => {
                let order = Draws::new(self.seed, Stream::EpochOrder, epoch).permutation(self.rows.len() as u32);
                let order = Arc::new(order);
                *last = Some((epoch, Arc::clone(&order)));
                order
            }
        }
    }
}

/// A batch of evaluation: the first `n_valid` rows count, the rest repeat the last of them.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationBatch {
    pub batch: Batch,
    pub n_valid: usize,
}

/// All rows in their order, in batches of one fixed size, the tail padded. Nothing is flipped; dynamic bits are drawn once for each
/// row from the seed, so that the size of a batch changes nothing.
#[derive(Clone, Debug)]
pub struct Evaluation {
    prepared: Arc<Prepared>,
    rows: Vec<u32>,
    batch: usize,
    seed: u64,
}

impl Evaluation {
    /// The step that evaluation draws its dynamic bits at; training never gets there.
    const STEP: u64 = (1 << 48) - 1;

    /// Errors: a batch of zero; a row out of range. A batch larger than the rows is padded.
    pub fn new(prepared: Arc<Prepared>, rows: Vec<u32>, batch: usize, seed: u64) -> Result<Self> {
        check_rows(&prepared, &rows, batch)?;
        Ok(Evaluation { prepared, rows, batch, seed })
    }

    /// How many batches there are.
    pub fn n_batches(&self) -> usize {
        self.rows.len().div_ceil(self.batch)
    }

    /// The rows, in the order in which they come.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The same of other rows.
    ///
    /// Errors: a row out of range.
    pub fn of(&self, rows: Vec<u32>) -> Result<Self> {
        check_rows(&self.prepared, &rows, self.batch)?;
        Ok(Evaluation { rows, ..self.clone() })
    }

    /// The same of its first `n` rows; of all if there are fewer.
    pub fn first(&self, n: usize) -> Self {
        Evaluation { rows: self.rows[..n.min(self.rows.len())].to_vec(), ..self.clone() }
    }

    /// The numbers of at most `most` of its rows, evenly spaced: a file may have its rows in the order of their classes.
    pub fn spaced(&self, most: usize) -> Vec<u32> {
        let (all, n) = (&self.rows, self.rows.len().min(most));
        (0..n).map(|i| all[i * all.len() / n]).collect()
    }

    /// One row of the data set, [..shape], as it is in its batch.
    pub fn row(&self, row: u32) -> Vec<f32> {
        Batch::of(&self.prepared, vec![row], self.moment()).images
    }

    /// The class of a row of the data set; none where they have none.
    pub fn label(&self, row: u32) -> Option<u32> {
        self.prepared.labels()?.get(row as usize).copied()
    }

    fn moment(&self) -> Moment {
        Moment { seed: self.seed, step: Self::STEP, training: false }
    }

    /// Every batch in turn.
    pub fn iter(&self) -> impl Iterator<Item = EvaluationBatch> + '_ {
        self.rows.chunks(self.batch).map(|valid| {
            let padding = std::iter::repeat_n(valid[valid.len() - 1], self.batch - valid.len());
            let indices = valid.iter().copied().chain(padding).collect();
            EvaluationBatch { batch: Batch::of(&self.prepared, indices, self.moment()), n_valid: valid.len() }
        })
    }
}

fn check_rows(prepared: &Prepared, rows: &[u32], batch: usize) -> Result<()> {
    if batch == 0 {
        return Err(DataError::Setting { key: "batch", expected: "1 or more".into(), found: "0".into() });
    }
    match rows.iter().find(|&&row| row as usize >= prepared.n_rows()) {
        None => Ok(()),
        Some(row) => {
            Err(DataError::Setting { key: "rows", expected: format!("rows below {}", prepared.n_rows()), found: row.to_string() })
        }
    }
}
