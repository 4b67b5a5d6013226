//! Initial values of states, drawn on the host: every device starts from the same bits.

use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{HostTensor, Init, StateSpec};

use crate::averages::averaged;

/// The value that a state has before the first step of a run with this seed. Each state draws from a stream of its own name; a moving
/// average begins at what it is the average of.
pub fn initial(spec: &StateSpec, seed: u64) -> HostTensor {
    let n = spec.ty.numel();
    let shape = spec.ty.shape.clone();
    let mut random = Stream::new(seed, Domain::Init, averaged(&spec.name), 0);
    match spec.init {
        Init::Zeros if spec.ty.dtype == calotype_graph::Dtype::U32 => HostTensor::u32(shape, vec![0; n]),
        Init::Zeros => HostTensor::f32(shape, vec![0.0; n]),
        Init::Constant(v) => HostTensor::f32(shape, vec![v; n]),
        Init::Integer(v) => HostTensor::u32(shape, vec![v; n]),
        Init::Given(ref value) => value.clone(),
        Init::Normal { mean, deviation } => {
            HostTensor::f32(shape, (0..n).map(|_| mean + deviation * random.normal()).collect::<Vec<_>>())
        }
        Init::Uniform { low, high } => {
            HostTensor::f32(shape, (0..n).map(|_| low + (high - low) * random.uniform()).collect::<Vec<_>>())
        }
    }
}

/// Random numbers [count, D, R] that rows are drawn by, for [`Drawing`](crate::Drawing): of each dimension a uniform in (0, 1)
/// and, where R is 2, a standard normal. Row `i` depends on the seed and `i` alone.
pub fn noise(count: usize, n_values: usize, n_noise: usize, seed: u64) -> HostTensor {
    let rows = (0..count).flat_map(|row| noise_of_row(row, n_values, n_noise, seed));
    HostTensor::f32([count, n_values, n_noise], rows.collect::<Vec<_>>())
}

/// Row `row` of [`noise`]: [D, R].
pub fn noise_of_row(row: usize, n_values: usize, n_noise: usize, seed: u64) -> Vec<f32> {
    let mut random = Stream::new(seed, Domain::Latent, "noise", row as u32);
    (0..n_values * n_noise).map(|at| if at % n_noise == 0 { random.uniform() } else { random.normal() }).collect()
}
