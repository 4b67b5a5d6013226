//! The device's states: one buffer each, shared by plans.

use std::collections::{BTreeMap, BTreeSet};

use calotype_graph::plan::{Init, Layout};
use calotype_graph::{DeviceError, ELEMENT_BYTES, HostTensor, StateSpec, Type};

/// A state and the plans that use it.
struct Entry {
    spec: StateSpec,
    buffer: wgpu::Buffer,
    bytes: u64,
    n_plans: usize,
}

/// States by name.
#[derive(Default)]
pub(crate) struct Store {
    entries: BTreeMap<String, Entry>,
}

/// A buffer that kernels bind, zero-filled.
pub(crate) fn storage_buffer(device: &wgpu::Device, label: &str, bytes: u64) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: false })
}

impl Store {
    /// Says whether these states agree with what is there.
    pub fn check(&self, specs: &[StateSpec]) -> Result<(), DeviceError> {
        for spec in specs {
            if let Some(entry) = self.entries.get(&spec.name).filter(|e| e.spec.ty != spec.ty) {
                let (expected, got) = (entry.spec.ty.clone(), spec.ty.clone());
                return Err(DeviceError::WrongType { name: spec.name.clone(), expected, got });
            }
        }
        Ok(())
    }

    /// The buffer of a state that a plan uses, made if it is missing.
    pub fn use_in_plan(&mut self, device: &wgpu::Device, spec: &StateSpec, alignment_bytes: u64) -> wgpu::Buffer {
        let entry = self.entry(device, spec, alignment_bytes);
        entry.spec = spec.clone(); // what wrote it first may have known its type alone
        entry.n_plans += 1;
        entry.buffer.clone()
    }

    fn entry(&mut self, device: &wgpu::Device, spec: &StateSpec, alignment_bytes: u64) -> &mut Entry {
        self.entries.entry(spec.name.clone()).or_insert_with(|| {
            let bytes = spec.ty.shape.bytes().max(1).next_multiple_of(alignment_bytes);
            let buffer = storage_buffer(device, &spec.name, bytes);
            Entry { spec: spec.clone(), buffer, bytes, n_plans: 0 }
        })
    }

    pub fn release(&mut self, specs: &[StateSpec]) {
        for spec in specs {
            if let Some(entry) = self.entries.get_mut(&spec.name) {
                entry.n_plans = entry.n_plans.saturating_sub(1);
            }
        }
    }

    pub fn specs(&self) -> Vec<StateSpec> {
        self.entries.values().map(|e| e.spec.clone()).collect()
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.entries.keys().cloned().collect()
    }

    /// Drops states that a failed load made.
    pub fn keep_only(&mut self, names: &BTreeSet<String>) {
        self.entries.retain(|name, _| names.contains(name));
    }

    pub fn allocated_bytes(&self) -> u64 {
        self.entries.values().map(|e| e.bytes).sum()
    }

    pub fn write(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        name: &str,
        value: &HostTensor,
        alignment_bytes: u64,
    ) -> Result<(), DeviceError> {
        let spec = StateSpec { name: name.to_owned(), ty: value.ty(), init: Init::Zeros, layout: Layout::Plain };
        self.check(std::slice::from_ref(&spec))?;
        let entry = self.entry(device, &spec, alignment_bytes);
        if !value.words().is_empty() {
            queue.write_buffer(&entry.buffer, 0, bytemuck::cast_slice(value.words()));
        }
        Ok(())
    }

    /// Type and buffer of a state.
    pub fn get(&self, name: &str) -> Result<(&Type, &wgpu::Buffer), DeviceError> {
        let entry = self.entries.get(name).ok_or_else(|| DeviceError::UnknownState(name.to_owned()))?;
        Ok((&entry.spec.ty, &entry.buffer))
    }

    pub fn remove(&mut self, name: &str) -> Result<(), DeviceError> {
        let entry = self.entries.get(name).ok_or_else(|| DeviceError::UnknownState(name.to_owned()))?;
        if entry.n_plans > 0 {
            return Err(DeviceError::Other(format!("state `{name}` is used by {} loaded plans", entry.n_plans)));
        }
        self.entries.remove(name);
        Ok(())
    }
}

/// Elements to bytes.
pub(crate) fn bytes(len: usize) -> u64 {
    len as u64 * ELEMENT_BYTES
}
