//! A device that is left as it was found, so that tests can share one.

use std::sync::Arc;

use calotype_graph::{
    BoxFuture, CompileJob, Device, DeviceError, DeviceProfile, HostTensor, HostTime, NonFinite, Plan, PlanId, Poll, Region,
    StateSpec, Ticket,
};

/// Passes everything on; when dropped, unloads the plans that were loaded through it and removes all states.
pub struct Tidy<'a> {
    device: &'a mut dyn Device,
    loaded: Vec<PlanId>,
}

impl<'a> Tidy<'a> {
    pub fn new(device: &'a mut dyn Device) -> Self {
        Tidy { device, loaded: Vec::new() }
    }
}

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        self.loaded.iter().for_each(|&id| self.device.unload(id));
        for state in self.device.states() {
            // A device that cannot even do this fails the next test by itself.
            let _ = self.device.remove_state(&state.name);
        }
    }
}

impl Device for Tidy<'_> {
    fn profile(&self) -> &DeviceProfile {
        self.device.profile()
    }

    fn prepare(&mut self, plan: &Arc<Plan>) -> Result<Vec<CompileJob>, DeviceError> {
        self.device.prepare(plan)
    }

    fn load(&mut self, plan: &Arc<Plan>) -> Result<PlanId, DeviceError> {
        let id = self.device.load(plan)?;
        self.loaded.push(id);
        Ok(id)
    }

    fn unload(&mut self, id: PlanId) {
        self.loaded.retain(|&known| known != id);
        self.device.unload(id);
    }

    fn submit(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Ticket, DeviceError> {
        self.device.submit(id, inputs)
    }

    fn replay(&mut self, id: PlanId, n: usize) -> Result<(), DeviceError> {
        self.device.replay(id, n)
    }

    fn poll(&mut self, until: Poll) -> Result<(), DeviceError> {
        self.device.poll(until)
    }

    fn finished(&mut self, ticket: Ticket) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>> {
        self.device.finished(ticket)
    }

    fn forget(&mut self, ticket: Ticket) {
        self.device.forget(ticket);
    }

    fn states(&self) -> Vec<StateSpec> {
        self.device.states()
    }

    fn write_state(&mut self, name: &str, value: &HostTensor) -> Result<(), DeviceError> {
        self.device.write_state(name, value)
    }

    fn read_states(&mut self, names: &[&str]) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>> {
        self.device.read_states(names)
    }

    fn remove_state(&mut self, name: &str) -> Result<(), DeviceError> {
        self.device.remove_state(name)
    }

    fn find_non_finite(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Option<NonFinite>, DeviceError> {
        self.device.find_non_finite(id, inputs)
    }

    fn time_steps(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<f64>, DeviceError> {
        self.device.time_steps(id, inputs)
    }

    fn allocated_bytes(&self) -> u64 {
        self.device.allocated_bytes()
    }

    fn host_time(&self) -> HostTime {
        self.device.host_time()
    }

    fn fill(&mut self, id: PlanId, region: Region, word: u32) -> Result<(), DeviceError> {
        self.device.fill(id, region, word)
    }

    fn dump(&mut self, id: PlanId, region: Region) -> Result<Vec<u32>, DeviceError> {
        self.device.dump(id, region)
    }
}
