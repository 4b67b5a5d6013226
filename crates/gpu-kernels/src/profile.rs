//! An adapter as planning sees it.

use calotype_graph::{DeviceError, DeviceKind, DeviceProfile, Precision};

use crate::adapter::AdapterDescription;
use crate::loaded::{EMPTY_BYTES, STAGING_COPIES, STEP_BYTES, UNIFORM_UNIT};
use crate::tiles::TileTable;
use crate::tuning::TILE_TABLE;

/// Driver, tiles and precision as a run keeps them.
pub(crate) fn driver(description: &AdapterDescription, tiles: &TileTable, precision: Precision) -> String {
    let tuned = if tiles.is_empty() { String::new() } else { format!(", tuned {:08x}", tiles.digest()) };
    let mixed = if precision == Precision::Mixed { ", mixed precision" } else { "" };
    format!("{} {}, tile table {TILE_TABLE}{tuned}{mixed}", description.backend, description.driver)
}

/// What planning needs to know of an adapter.
pub(crate) fn profile(
    description: &AdapterDescription,
    limits: &wgpu::Limits,
    guard_bands: bool,
    precision: Precision,
) -> Result<DeviceProfile, DeviceError> {
    let unit = u64::from(limits.min_storage_buffer_offset_alignment);
    if u64::from(limits.min_uniform_buffer_offset_alignment) > UNIFORM_UNIT {
        return Err(DeviceError::Unsupported {
            op: "uniform blocks".to_owned(),
            device: description.name.clone(),
            why: format!("they must lie {} bytes apart", limits.min_uniform_buffer_offset_alignment),
        });
    }
    Ok(DeviceProfile {
        name: description.name.clone(),
        kind: description.kind,
        // The tile table decides the order of sums, and so the last bits.
        driver: driver(description, &TileTable::default(), precision),
        alignment_bytes: unit.max(256),
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
        memory_bytes: None,
        // wgpu does not say how many processors there are: enough for a large GPU, not too many for a small one.
        parallelism: match description.kind {
            DeviceKind::DiscreteGpu => 256,
            DeviceKind::IntegratedGpu => 64,
            DeviceKind::SoftwareGpu | DeviceKind::Cpu => 16,
        },
        fixed_bytes: EMPTY_BYTES,
        step_bytes: STEP_BYTES,
        staging_copies: STAGING_COPIES,
        guard_bands,
        precision,
    })
}
