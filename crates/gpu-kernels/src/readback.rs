//! Getting words back from the device: buffers that the host can map, used in turn, and futures that resolve as someone
//! polls.

use std::sync::{Arc, Mutex};

use calotype_graph::{DeviceError, ELEMENT_BYTES};
use futures::channel::oneshot;

use crate::faults::lock;

/// Host-visible buffers of one size. One that is waited for too long is made up for by a new one.
#[derive(Clone)]
pub(crate) struct Ring {
    bytes: u64,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    free: Vec<wgpu::Buffer>,
    n_made: u64,
}

/// A buffer to copy into and read on the host.
pub(crate) fn host_buffer(device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size: bytes,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

impl Ring {
    /// `copies` buffers of `bytes`, which is not zero.
    pub fn new(device: &wgpu::Device, bytes: u64, copies: u64) -> Self {
        let free = (0..copies).map(|_| host_buffer(device, bytes)).collect();
        Ring { bytes, shelf: Arc::new(Mutex::new(Shelf { free, n_made: copies })) }
    }

    pub fn take(&self, device: &wgpu::Device) -> wgpu::Buffer {
        let mut shelf = lock(&self.shelf);
        shelf.free.pop().unwrap_or_else(|| {
            shelf.n_made += 1;
            host_buffer(device, self.bytes)
        })
    }

    fn give_back(&self, buffer: wgpu::Buffer) {
        lock(&self.shelf).free.push(buffer);
    }

    pub fn allocated_bytes(&self) -> u64 {
        lock(&self.shelf).n_made * self.bytes
    }
}

/// Maps a buffer that submitted work fills, and sends on what `read` makes of its words. A ring gets its buffer back.
pub(crate) fn read_later<T: Send + 'static>(
    buffer: wgpu::Buffer,
    ring: Option<Ring>,
    sender: oneshot::Sender<Result<T, DeviceError>>,
    read: impl FnOnce(&[u32]) -> T + Send + 'static,
) {
    let mapped = buffer.clone();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        let value = result.map_err(|e| DeviceError::Lost(format!("results cannot be read: {e}"))).and_then(|()| {
            if sender.is_canceled() {
                return Ok(None);
            }
            let view = mapped.get_mapped_range(..).map_err(|e| DeviceError::Other(e.to_string()))?;
            Ok(Some(read(bytemuck::cast_slice(&view))))
        });
        mapped.unmap();
        if let Some(ring) = ring {
            ring.give_back(mapped);
        }
        if let Some(value) = value.transpose() {
            // Whoever asked may have gone.
            let _gone = sender.send(value);
        }
    });
}

/// Words of part of a buffer, now: blocks, where the platform can block.
pub(crate) fn read_now(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
    offset: usize,
    len: usize,
) -> Result<Vec<u32>, DeviceError> {
    if len == 0 {
        return Ok(Vec::new());
    }
    let bytes = len as u64 * ELEMENT_BYTES;
    let host = host_buffer(device, bytes);
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(buffer, offset as u64 * ELEMENT_BYTES, &host, 0, bytes);
    let index = queue.submit([encoder.finish()]);
    let (sender, mut receiver) = oneshot::channel();
    read_later(host, None, sender, <[u32]>::to_vec);
    device
        .poll(wgpu::PollType::Wait { submission_index: Some(index), timeout: None })
        .map_err(|e| DeviceError::Lost(e.to_string()))?;
    match receiver.try_recv() {
        Ok(Some(words)) => words,
        _ => Err(DeviceError::Other("reading at once needs a platform that can wait".to_owned())),
    }
}
