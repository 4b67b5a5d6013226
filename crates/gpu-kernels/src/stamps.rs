//! Timestamps around compute passes.

use calotype_graph::DeviceError;

use crate::readback::read_now;

/// Passes whose timestamps one set of queries may hold.
pub(crate) const MAX_PASSES: usize = 2048;

/// A timestamp before and after each of some passes. Only for adapters that have them.
pub(crate) struct Stamps {
    n_passes: u32,
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl Stamps {
    /// For 1 to [`MAX_PASSES`] passes.
    pub fn new(device: &wgpu::Device, n_passes: u32) -> Self {
        let (label, count) = (Some("timestamps"), 2 * n_passes);
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor { label, ty: wgpu::QueryType::Timestamp, count });
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label,
            size: u64::from(count) * 8,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Stamps { n_passes, queries, resolved }
    }

    /// What pass `n` is to write.
    pub fn around(&self, n: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * n),
            end_of_pass_write_index: Some(2 * n + 1),
        }
    }

    /// To be encoded after the last pass.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2 * self.n_passes, &self.resolved, 0);
    }

    /// Seconds of each pass, once submitted. Blocks, where the platform can block.
    pub fn seconds(&self, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Vec<f64>, DeviceError> {
        let words = read_now(device, queue, &self.resolved, 0, 4 * self.n_passes as usize)?;
        let ticks = |n: usize| u64::from(words[2 * n]) | u64::from(words[2 * n + 1]) << 32;
        let period_s = f64::from(queue.get_timestamp_period()) * 1e-9;
        let seconds = |n: usize| ticks(2 * n + 1).saturating_sub(ticks(2 * n)) as f64 * period_s;
        Ok((0..self.n_passes as usize).map(seconds).collect())
    }
}
