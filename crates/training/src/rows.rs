//! Runs rows through a loaded program: pads them to whole batches, keeps two in flight, and cuts the results. Scoring, encoding,
//! sampling and the held-out set all use this.

use std::collections::VecDeque;
use std::sync::Arc;

use calotype_data::Evaluation;
use calotype_graph::{Device, Dtype, HostTensor, Plan, PlanId, Ticket, Type};
use calotype_models::feeds::{SEED, STEP, borrowed, random_words};

use crate::error::{Result, TrainingError};
use crate::load::Loader;
use crate::wait;

/// Submissions that have not been read yet: the device works on one while the host is busy with the other.
const IN_FLIGHT: usize = 2;

/// A loaded program from rows to numbers: an input f32 [B, ..] or several, whose rows lie beside each other in a row; an output f32
/// [B, ..]; what it draws, it draws by a seed and the number of the batch.
#[derive(Clone, Debug)]
pub struct RowProgram {
    id: PlanId,
    inputs: Vec<Input>,
    /// Numbers of a row's output.
    n_out: usize,
    /// By which it draws random numbers, where it does.
    seed: Option<u64>,
}

/// What the program is given of rows.
#[derive(Clone, Debug)]
struct Input {
    name: String,
    /// [B, ..].
    shape: Vec<usize>,
}

impl Input {
    /// Numbers of a row.
    fn width(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

/// Some rows, at most a batch, of which the first `n_valid` count.
#[derive(Clone, Debug)]
pub struct Part {
    pub rows: Vec<f32>,
    pub n_valid: usize,
}

impl RowProgram {
    /// # Errors
    /// A plan of another kind; what the device says.
    pub fn load(device: &mut dyn Device, plan: &Arc<Plan>, loader: Loader, seed: u64) -> Result<Self> {
        let of = |what: &str| TrainingError::Contradiction(format!("`{}` is no program of rows: {what}", plan.name));
        let (draws, rows): (Vec<_>, Vec<_>) = plan.inputs.iter().partition(|p| [SEED, STEP].contains(&p.name.as_str()));
        let ([first, ..], [output]) = (rows.as_slice(), plan.outputs.as_slice()) else {
            return Err(of("it has not one output, or no input"));
        };
        let batch = output.ty.shape.dims().first().copied().unwrap_or(0);
        let fits = |ty: &Type| ty.dtype == Dtype::F32 && ty.shape.dims().first() == Some(&batch);
        if batch == 0 || !fits(&output.ty) || !rows.iter().all(|input| fits(&input.ty)) {
            return Err(of(&format!("it makes {} of {}", output.ty, first.ty)));
        }
        let n_out = output.ty.numel() / batch;
        let inputs = rows.iter().map(|p| Input { name: p.name.clone(), shape: p.ty.shape.dims().to_vec() }).collect();
        let seed = (!draws.is_empty()).then_some(seed);
        Ok(RowProgram { id: loader.load(device, plan)?, inputs, n_out, seed })
    }

    /// Takes it off the device.
    pub fn unload(self, device: &mut dyn Device) {
        device.unload(self.id);
    }

    /// What is loaded.
    pub fn id(&self) -> PlanId {
        self.id
    }

    /// B.
    pub fn batch(&self) -> usize {
        self.inputs[0].shape[0]
    }

    /// Numbers of a row, of all inputs.
    pub fn n_in(&self) -> usize {
        self.inputs.iter().map(Input::width).sum()
    }

    /// A batch of rows as the inputs take it.
    fn split(&self, rows: Vec<f32>) -> Vec<HostTensor> {
        let n_in = self.n_in();
        if let [input] = self.inputs.as_slice() {
            return vec![HostTensor::f32(input.shape.as_slice(), rows)];
        }
        let mut at = 0;
        let of = |input: &Input| {
            let part = at..at + input.width();
            at = part.end;
            let values = rows.chunks_exact(n_in).flat_map(|row| &row[part.clone()]).copied();
            HostTensor::f32(input.shape.as_slice(), values.collect::<Vec<_>>())
        };
        self.inputs.iter().map(of).collect()
    }

    /// Numbers of a row's output.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// The outputs of rows [N, n_in]: [N, n_out].
    ///
    /// # Errors
    /// What the device says.
    pub fn all(&self, device: &mut dyn Device, rows: &[f32]) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(rows.len() / self.n_in().max(1) * self.n_out);
        self.each(device, parts(rows, self.batch(), self.n_in()), |_, out| {
            all.extend_from_slice(out);
            Ok::<(), TrainingError>(())
        })?;
        Ok(all)
    }

    /// The outputs of one row by `times` runs that draw other random numbers, one after the other: [times, n_out].
    ///
    /// # Errors
    /// What the device says.
    pub fn repeated(&self, device: &mut dyn Device, row: &[f32], times: usize) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(times * self.n_out);
        self.each_times(device, parts(row, 1, self.n_in()), times, |_, out| {
            all.extend_from_slice(out);
            Ok::<(), TrainingError>(())
        })?;
        Ok(all)
    }

    /// Runs all parts and hands over, in their order, what the first input is of the rows that count of each and their outputs [n, n_out].
    ///
    /// # Errors
    /// What the device or `f` says.
    pub fn each<E: From<TrainingError>>(
        &self,
        device: &mut dyn Device,
        parts: impl Iterator<Item = Part>,
        f: impl FnMut(&[f32], &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_times(device, parts, 1, f)
    }

    /// The same with `times` runs of each part, one after the other, that draw other random numbers.
    ///
    /// # Errors
    /// What the device or `f` says.
    pub fn each_times<E: From<TrainingError>>(
        &self,
        device: &mut dyn Device,
        parts: impl Iterator<Item = Part>,
        times: usize,
        mut f: impl FnMut(&[f32], &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut in_flight = VecDeque::new();
        let repeated = parts.flat_map(|part| std::iter::repeat_n(part, times));
        let done = self.run(device, repeated, &mut in_flight, &mut f);
        in_flight.drain(..).for_each(|(_, _, ticket)| device.forget(ticket));
        done
    }

    fn run<E: From<TrainingError>>(
        &self,
        device: &mut dyn Device,
        parts: impl Iterator<Item = Part>,
        in_flight: &mut VecDeque<(Vec<HostTensor>, usize, Ticket)>,
        f: &mut impl FnMut(&[f32], &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (nth, Part { mut rows, n_valid }) in parts.enumerate() {
            pad(&mut rows, self.batch() * self.n_in(), self.n_in());
            let words = self.seed.map(|seed| random_words(seed, nth as u64));
            let rows = self.split(rows);
            let mut inputs = borrowed(words.as_ref().map_or(&[], |w| w.as_slice()));
            inputs.extend(self.inputs.iter().map(|input| input.name.as_str()).zip(&rows));
            let ticket = device.submit(self.id, &inputs).map_err(TrainingError::from)?;
            in_flight.push_back((rows, n_valid, ticket));
            if in_flight.len() >= IN_FLIGHT {
                self.hand_over(device, in_flight, f)?;
            }
        }
        while !in_flight.is_empty() {
            self.hand_over(device, in_flight, f)?;
        }
        Ok(())
    }

    /// The mean over rows of the sum of a row's output, in f64: of losses [N, T], the mean loss.
    ///
    /// # Errors
    /// What the device says.
    pub fn mean_sum(&self, device: &mut dyn Device, rows: &Evaluation) -> Result<f64> {
        let mut sums = Vec::with_capacity(rows.rows().len());
        self.each(device, of_data(rows), |_, out| {
            sums.extend(out.chunks_exact(self.n_out).map(|terms| terms.iter().map(|&v| f64::from(v)).sum::<f64>()));
            Ok::<(), TrainingError>(())
        })?;
        Ok(sums.iter().sum::<f64>() / sums.len().max(1) as f64)
    }

    /// Waits for the oldest submission.
    fn hand_over<E: From<TrainingError>>(
        &self,
        device: &mut dyn Device,
        in_flight: &mut VecDeque<(Vec<HostTensor>, usize, Ticket)>,
        f: &mut impl FnMut(&[f32], &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((rows, n_valid, ticket)) = in_flight.pop_front() else { return Ok(()) };
        let out = wait::only_output(device, ticket).map_err(TrainingError::from)?;
        let (rows, out) = (rows[0].as_f32().unwrap_or_default(), out.as_f32().unwrap_or_default());
        f(&rows[..n_valid * self.inputs[0].width()], &out[..n_valid * self.n_out])
    }
}

/// Repeats the last row up to `n` numbers: what fills a batch is a row as others are, and is thrown away.
pub(crate) fn pad(rows: &mut Vec<f32>, n: usize, row: usize) {
    if rows.is_empty() {
        rows.resize(row, 0.0);
    }
    while rows.len() < n {
        rows.extend_from_within(rows.len() - row..);
    }
}

/// Rows [N, `row`], `batch` at a time; a last part of a row is left out.
pub(crate) fn parts(rows: &[f32], batch: usize, row: usize) -> impl Iterator<Item = Part> + '_ {
    let whole = rows.len() / row.max(1) * row;
    rows[..whole].chunks((batch * row).max(1)).map(move |rows| Part { rows: rows.to_vec(), n_valid: rows.len() / row.max(1) })
}

/// Rows of a data set in their order.
pub(crate) fn of_data(rows: &Evaluation) -> impl Iterator<Item = Part> + '_ {
    rows.iter().map(|b| Part { rows: b.batch.images, n_valid: b.n_valid })
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_cpu_reference::Cpu;
    use calotype_graph::op::Distribution;
    use calotype_graph::{Graph, PlanOptions, Type, plan};

    const LOADER: Loader = Loader { threads: 1 };

    fn planned(build: impl Fn(&Graph)) -> Arc<Plan> {
        let graph = Graph::new("test");
        build(&graph);
        let cpu = Cpu::<f32>::plain();
        Arc::new(plan(&graph.finish().expect("sound"), cpu.profile(), PlanOptions::default()).expect("it fits"))
    }

    /// Whatever their number, rows come back in order, each with its own output, and nothing of what filled the batch.
    #[test]
    fn rows_come_back_in_order_and_only_they() {
        let plan = planned(|g| {
            let x = g.input("x", Type::f32([4, 2]));
            g.output("y", &(x.sum(&[1]).reshape([4, 1]) * 10.0));
        });
        let mut cpu = Cpu::<f32>::plain();
        let program = RowProgram::load(&mut cpu, &plan, LOADER, 0).expect("a program of rows");
        assert_eq!((program.batch(), program.n_in(), program.n_out()), (4, 2, 1));
        for n in [0, 1, 3, 4, 5, 8, 23] {
            let rows: Vec<f32> = (0..2 * n).map(|v| v as f32).collect();
            let want: Vec<f32> = (0..n).map(|i| (4 * i + 1) as f32 * 10.0).collect();
            assert_eq!(program.all(&mut cpu, &rows).expect("it runs"), want, "{n} rows");
        }
        let mut seen = 0;
        let stopped = program.each(&mut cpu, parts(&[0.0; 40], 4, 2), |_, _| {
            seen += 1;
            Err(TrainingError::Contradiction("enough".into()))
        });
        assert!(stopped.is_err() && seen == 1);
    }

    /// Draws depend on the seed and the batch's number, so that the same rows give the same numbers again.
    #[test]
    fn draws_repeat_and_differ_between_batches() {
        let plan = planned(|g| {
            let x = g.input("x", Type::f32([2, 1]));
            g.output("y", &(x + g.random("noise", Distribution::Normal, [2, 1])));
        });
        let mut cpu = Cpu::<f32>::plain();
        let mut run = |seed| {
            let program = RowProgram::load(&mut cpu, &plan, LOADER, seed).expect("a program of rows");
            program.all(&mut cpu, &[0.0; 6]).expect("it runs")
        };
        let (first, again, other) = (run(1), run(1), run(2));
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert_ne!(first[..2], first[2..4]);
    }

    #[test]
    fn a_row_of_several_inputs_is_one_after_the_other() {
        let plan = planned(|g| {
            let (a, b) = (g.input("a", Type::f32([2, 2])), g.input("b", Type::f32([2, 1])));
            g.output("y", &(a.sum(&[1]).reshape([2, 1]) - b * 10.0));
        });
        let mut cpu = Cpu::<f32>::plain();
        let program = RowProgram::load(&mut cpu, &plan, LOADER, 0).expect("a program of rows");
        assert_eq!((program.n_in(), program.batch()), (3, 2));
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        assert_eq!(program.all(&mut cpu, &rows).expect("it runs"), [-27.0, -51.0, -75.0]);
        let mut first = vec![];
        let parts = parts(&rows, 2, 3);
        program
            .each(&mut cpu, parts, |rows, _| {
                first.extend_from_slice(rows);
                Ok::<(), TrainingError>(())
            })
            .expect("it runs");
        assert_eq!(first, [1.0, 2.0, 4.0, 5.0, 7.0, 8.0], "what the first input is of each");
    }

    #[test]
    fn other_programs_are_refused() {
        let other = planned(|g| {
            g.output("y", &(g.input("a", Type::f32([2, 1])) + g.input("b", Type::f32([1, 1])).expand([2, 1])));
        });
        let reduced = planned(|g| g.output("y", &g.input("a", Type::f32([2, 1])).sum_all()));
        for plan in [other, reduced] {
            assert!(RowProgram::load(&mut Cpu::<f32>::plain(), &plan, LOADER, 0).is_err());
        }
    }
}
