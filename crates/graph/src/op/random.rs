//! Random numbers by counter: the same on every device.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp};
use crate::shape::{Dtype, Shape, Type};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Raw 32-bit words, u32.
    Words,
    /// Uniform in (0, 1); see [`philox::uniform`](crate::philox::uniform).
    Uniform,
    /// Standard normal; see [`philox::normal`](crate::philox::normal).
    Normal,
}

/// `shape` numbers drawn by Philox 4x32-10 with counter (element / 4, stream, step, 0), keyed by the seed. Operands: seed
/// u32 [2] (low word first) and step u32 [1].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Random {
    pub distribution: Distribution,
    pub shape: Shape,
    /// [`philox::stream`](crate::philox::stream) of the node's scoped name.
    pub stream: u32,
}

impl Operation for Random {
    fn stem(&self) -> &'static str {
        "random"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        if inputs[0] != Type::u32([2]) || inputs[1] != Type::u32([1]) {
            return Err("takes a seed u32[2] and a step u32[1]".into());
        }
        let dtype = if self.distribution == Distribution::Words { Dtype::U32 } else { Dtype::F32 };
        Ok(Type { shape: self.shape.clone(), dtype })
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        Some(vec![None, None])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }
}

pub fn cases() -> Vec<Case> {
    use Distribution::{Normal, Uniform, Words};
    let case = |distribution, n: usize| {
        let seed = Given::fixed(Type::u32([2]), Fill::Below(u32::MAX));
        let step = Given::fixed(Type::u32([1]), Fill::Below(1000));
        let op = Random { distribution, shape: [n].into(), stream: 0xC0FF_EE00 + n as u32 };
        let case = Case::op("random", format!("{distribution:?} {n}"), op, vec![seed, step]).without_gradient();
        // Words and uniforms are bit-equal everywhere; normals go through log and sqrt of the driver.
        if distribution == Normal { case } else { case.tolerance(0.0, 0.0) }
    };
    vec![case(Words, 1), case(Words, 1023), case(Uniform, 515), case(Normal, 2050)]
}
