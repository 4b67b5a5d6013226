//! A loss or state that is not finite stops the run, is traced to a tensor, and loses nothing.

use std::sync::Arc;

use crate::common::{Run, bytes, cpu, losses, same, trained, wanted};
use calotype_graph::{
    BoxFuture, CompileJob, Device, DeviceError, DeviceProfile, HostTensor, HostTime, Init, Layout, NonFinite, Plan, PlanId, Poll,
    Region, StateSpec, Ticket,
};
use calotype_training::{Checkpoint, Interrupt, TrainingError, metrics};

const STATE: &str = "discriminator.main.0.weight";

/// A device that puts a NaN into a state after a number of submissions, each time they are counted from a write of all states.
struct Spoils {
    inner: Box<dyn Device>,
    /// Submissions since the first, and before which the state is spoilt.
    n_submitted: u64,
    at: u64,
    /// Whether it happens again when the steps are replayed.
    again: bool,
}

impl Spoils {
    fn at(at: u64, again: bool) -> Box<dyn Device> {
        Box::new(Spoils { inner: cpu(), n_submitted: 0, at, again })
    }

    fn spoil(&mut self) -> Result<(), DeviceError> {
        self.n_submitted += 1;
        if self.n_submitted != self.at {
            return Ok(());
        }
        let future = self.inner.read_states(&[STATE]);
        let mut values = block(future)?;
        let mut words = values.remove(0);
        if let calotype_graph::HostData::F32(v) = &mut words.data {
            v[1] = f32::NAN;
        }
        self.inner.write_state(STATE, &words)
    }
}

fn block<T>(mut future: BoxFuture<'static, T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the CPU is always ready"),
    }
}

impl Device for Spoils {
    fn submit(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Ticket, DeviceError> {
        self.spoil()?;
        self.inner.submit(id, inputs)
    }
    fn find_non_finite(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Option<NonFinite>, DeviceError> {
        self.spoil()?;
        self.inner.find_non_finite(id, inputs)
    }
    fn time_steps(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<f64>, DeviceError> {
        self.inner.time_steps(id, inputs)
    }
    fn write_state(&mut self, name: &str, value: &HostTensor) -> Result<(), DeviceError> {
        if self.again && name == STATE {
            self.n_submitted = 0;
        }
        self.inner.write_state(name, value)
    }
    fn profile(&self) -> &DeviceProfile {
        self.inner.profile()
    }
    fn prepare(&mut self, plan: &Arc<Plan>) -> Result<Vec<CompileJob>, DeviceError> {
        self.inner.prepare(plan)
    }
    fn load(&mut self, plan: &Arc<Plan>) -> Result<PlanId, DeviceError> {
        self.inner.load(plan)
    }
    fn unload(&mut self, id: PlanId) {
        self.inner.unload(id);
    }
    fn replay(&mut self, id: PlanId, n: usize) -> Result<(), DeviceError> {
        self.inner.replay(id, n)
    }

    fn poll(&mut self, until: Poll) -> Result<(), DeviceError> {
        self.inner.poll(until)
    }
    fn finished(&mut self, ticket: Ticket) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>> {
        self.inner.finished(ticket)
    }
    fn forget(&mut self, ticket: Ticket) {
        self.inner.forget(ticket);
    }
    fn states(&self) -> Vec<StateSpec> {
        self.inner.states()
    }
    fn read_states(&mut self, names: &[&str]) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>> {
        self.inner.read_states(names)
    }
    fn remove_state(&mut self, name: &str) -> Result<(), DeviceError> {
        self.inner.remove_state(name)
    }
    fn allocated_bytes(&self) -> u64 {
        self.inner.allocated_bytes()
    }
    fn host_time(&self) -> HostTime {
        self.inner.host_time()
    }
    fn fill(&mut self, id: PlanId, region: Region, word: u32) -> Result<(), DeviceError> {
        self.inner.fill(id, region, word)
    }
    fn dump(&mut self, id: PlanId, region: Region) -> Result<Vec<u32>, DeviceError> {
        self.inner.dump(id, region)
    }
}

fn stopped(e: TrainingError) -> (u64, String, String) {
    let text = e.to_string();
    match e {
        TrainingError::NonFinite { step, found, .. } => (step, found, text),
        other => panic!("{other}"),
    }
}

/// Step 7 meets a spoilt parameter; the checkpoint of step 4 is the last good one. (The sample grids are off.)
#[test]
fn the_tensor_is_named_and_the_last_good_checkpoint_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let good = trained(&dir.path().join("good"), &[("steps", "8")]);
    let path = dir.path().join("bad");
    // Counted from the start, then again from the reload of step 4: spoilt in submission 3 of the replay, too.
    let set = [("steps", "8"), ("checkpoint_every", "4"), ("sample_every", "100")];
    let mut run = Run::fresh(&path, &wanted(&set), Spoils::at(3, true));
    let interrupt = Interrupt::default();
    let (step, found, text) = stopped(run.train(&interrupt).expect_err("it is spoilt"));
    assert_eq!(step, 3);
    assert!(found.contains("discriminator.main.0") && found.contains("step 3") && found.contains("NaN"), "{found}");
    assert!(text.contains("No checkpoint had been written") && text.contains("--set lr"), "{text}");

    let path = dir.path().join("later");
    let mut run = Run::fresh(&path, &wanted(&set), Spoils::at(7, false));
    let (step, found, text) = stopped(run.train(&interrupt).expect_err("it is spoilt"));
    assert_eq!(step, 7);
    assert!(found.contains("did not reproduce"), "{found}");
    assert!(text.contains("step-0000004.safetensors") && text.contains("calotype sample"), "{text}");
    same(&bytes(&path, 4), &bytes(&good, 4));
    assert!(!path.join("checkpoints/step-0000008.safetensors").exists());
    let lines = losses(&path);
    assert_eq!(lines.len(), 7);
    let all = metrics::read(&path.join("metrics.jsonl")).expect("strict JSON");
    let warning = all.last().and_then(|line| line.warning.as_deref()).expect("the reason");
    assert!(warning.starts_with("training stopped at step 7"), "{warning}");
    assert!(lines[6].losses.iter().any(|(_, v)| v.is_none()), "a loss that is not finite is null");
    let report = std::fs::read_to_string(path.join("report.html")).expect("a report");
    assert!(report.contains("What went wrong") && report.contains("stopped at step 7: not finite"), "{report}");
    let text = std::fs::read_to_string(path.join("metrics.jsonl")).expect("text");
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
}

/// A checkpoint whose weights overflow in the next step: found by the loop, and again by the replay.
#[test]
fn a_run_that_blows_up_is_traced() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = trained(&dir.path().join("run"), &[("steps", "4")]);
    let mut run = Run::again(&path, 8);
    let good = Checkpoint::decode(&bytes(&path, 4)).expect("it is whole");
    let huge = |(name, t): (&String, &HostTensor)| {
        let spec = StateSpec { name: name.clone(), ty: t.ty(), init: Init::Zeros, layout: Layout::Plain };
        let value = if name == STATE { HostTensor::f32(t.shape.clone(), vec![3e38; t.shape.numel()]) } else { t.clone() };
        (spec, value)
    };
    let states: Vec<(StateSpec, HostTensor)> = good.tensors().iter().map(huge).collect();
    let bad = Checkpoint::new(good.identity.clone(), 4, states.iter().map(|(s, v)| (s, v.clone())));
    std::fs::write(run.folder.checkpoint(4), bad.encode().expect("it encodes")).expect("it is written");
    let (step, found, text) = stopped(run.train(&Interrupt::default()).expect_err("it overflows"));
    assert_eq!(step, 5);
    assert!(found.contains("discriminator.main.0") && found.contains("in step 5") && found.contains("inf"), "{text}");
}

#[test]
fn an_interrupt_skips_the_replay() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut run = Run::fresh(&dir.path().join("run"), &wanted(&[("steps", "4")]), Spoils::at(2, true));
    // Asked for after the loop has begun: by the device, as it spoils the state.
    let interrupt = Interrupt::default();
    let asked = interrupt.clone();
    let watcher = std::thread::spawn({
        let log = run.folder.metrics();
        move || {
            // The failing step's line is written just before the replay.
            while !metrics::read(&log).is_ok_and(|lines| lines.iter().any(|l| l.losses.iter().any(|(_, v)| v.is_none()))) {
                std::thread::yield_now();
            }
            asked.ask();
        }
    });
    let e = run.train(&interrupt).expect_err("it is spoilt");
    watcher.join().expect("it saw the line");
    let (_, found, _) = stopped(e);
    assert!(found.contains("skipped") || found.contains("discriminator.main.0"), "{found}");
}
