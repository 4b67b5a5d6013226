//! Known answers, exact densities, and what is refused.

mod exact;
mod refusals;
mod terms;

use std::collections::BTreeMap;

use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{HostTensor, Type};

use super::{INFO, Vae};
use crate::model::DataShape;
use crate::settings::{Preset, SettingError, Settings};

fn build(preset: Preset, given: &[(&str, &str)], shape: &[usize], levels: Option<u32>) -> Result<Vae, SettingError> {
    let data = DataShape { shape: shape.to_vec(), levels, n_train: 600, ..DataShape::default() };
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Vae::new(Settings::resolve(&(INFO.settings)(preset), &given)?, &data)
}

fn mlp(given: &[(&str, &str)], shape: &[usize], levels: Option<u32>) -> Vae {
    build(super::settings::MLP, given, shape, levels).expect("valid settings")
}

/// Standard normal numbers.
fn normal(shape: &[usize], stream: &str) -> HostTensor {
    let mut random = Stream::new(9, Domain::Test, stream, 0);
    let n = Type::f32(shape).numel();
    HostTensor::f32(shape, (0..n).map(|_| random.normal()).collect::<Vec<_>>())
}

/// Bits.
fn bits(shape: &[usize], stream: &str) -> HostTensor {
    let values = normal(shape, stream);
    HostTensor::f32(shape, values.as_f32().expect("floats").iter().map(|v| f32::from(*v > 0.2)).collect::<Vec<_>>())
}

/// The same rows once more.
fn twice(t: &HostTensor) -> HostTensor {
    let (shape, values) = (t.shape.dims(), t.as_f32().expect("floats"));
    HostTensor::f32([&[2 * shape[0]], &shape[1..]].concat(), [values, values].concat())
}
