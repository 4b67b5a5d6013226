//! Golden vectors: the files that `assets/golden/*.py` wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use calotype_graph::HostTensor;
use safetensors::{Dtype, SafeTensors};

/// One file of tensors.
pub struct Golden(BTreeMap<String, HostTensor>);

impl Golden {
    /// `assets/golden/NAME.safetensors`.
    ///
    /// # Panics
    /// When the file is missing or damaged.
    pub fn open(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../assets/golden/{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tensor = |(name, view): (String, safetensors::tensor::TensorView)| {
            let words = view.data().chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let value = match view.dtype() {
                Dtype::F32 => HostTensor::f32(view.shape().to_vec(), words.map(f32::from_bits).collect::<Vec<_>>()),
                Dtype::I32 => HostTensor::u32(view.shape().to_vec(), words.collect::<Vec<_>>()),
                other => panic!("{name} is {other:?}"),
            };
            (name, value)
        };
        Golden(file.tensors().into_iter().map(tensor).collect())
    }

    /// # Panics
    /// When there is no such tensor.
    pub fn get(&self, name: &str) -> HostTensor {
        self.0.get(name).cloned().unwrap_or_else(|| panic!("no `{name}`; there are: {:?}", self.0.keys()))
    }

    /// Names of tensors that start with `prefix`.
    pub fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str).filter(move |n| n.starts_with(prefix))
    }

    /// What stands before the last `/` of the names that start with `prefix`: the cases.
    ///
    /// # Panics
    /// When there is none.
    pub fn cases(&self, prefix: &str) -> BTreeSet<String> {
        let cases: BTreeSet<String> = self.names(prefix).filter_map(|n| Some(n.rsplit_once('/')?.0.to_owned())).collect();
        assert!(!cases.is_empty(), "no cases `{prefix}`");
        cases
    }
}

/// Axis `d` of the result is axis `axes[d]`.
///
/// # Panics
/// When `axes` is not a permutation of the tensor's axes, or the tensor not f32.
pub fn permuted(t: &HostTensor, axes: &[usize]) -> HostTensor {
    let values = t.as_f32().expect("floats");
    let (dims, strides) = (t.shape.dims(), t.shape.strides());
    let shape: Vec<usize> = axes.iter().map(|&a| dims[a]).collect();
    let element = |i: usize| {
        let (mut rest, mut at) = (i, 0);
        for (d, &n) in shape.iter().enumerate().rev() {
            at += (rest % n) * strides[axes[d]] as usize;
            rest /= n;
        }
        values[at]
    };
    assert_eq!(axes.iter().copied().collect::<BTreeSet<_>>().len(), dims.len(), "{axes:?} of {}", t.shape);
    HostTensor::f32(shape.clone(), (0..values.len()).map(element).collect::<Vec<_>>())
}
