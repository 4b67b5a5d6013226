//! Values for the operands of cases: the same on every run and every machine.

use calotype_graph::op::{Fill, Given};
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Dtype, HostTensor, Type};

/// The operand `name` of a case; the name chooses the random stream.
pub fn operand(given: &Given, name: &str) -> HostTensor {
    fill(&given.ty, given.fill, name)
}

/// A tensor filled as told, from the random stream of `name`.
pub fn fill(ty: &Type, fill: Fill, name: &str) -> HostTensor {
    let mut random = Stream::new(0, Domain::Test, name, 0);
    match ty.dtype {
        Dtype::F32 => {
            let values: Vec<f32> = (0..ty.numel()).map(|i| number(fill, i, &mut random)).collect();
            HostTensor::f32(ty.shape.clone(), values)
        }
        Dtype::U32 => {
            let word = |i: usize, random: &mut Stream| match fill {
                Fill::Below(n) => random.below(n),
                other => number(other, i, random) as u32,
            };
            let words: Vec<u32> = (0..ty.numel()).map(|i| word(i, &mut random)).collect();
            HostTensor::u32(ty.shape.clone(), words)
        }
    }
}

fn number(fill: Fill, i: usize, random: &mut Stream) -> f32 {
    match fill {
        Fill::Normal => random.normal(),
        Fill::Uniform { low, high } => low + (high - low) * random.uniform(),
        Fill::Below(n) => random.below(n) as f32,
        Fill::Value(v) => v,
        Fill::Cycle(values) => values[i % values.len()],
    }
}
