//! Checkpoints: one safetensors file with everything needed to resume. Equal states are equal bytes.
//!
//! Tensors lie under their scoped names in PyTorch's layouts. One metadata key, `calotype`, holds JSON with sorted keys: what the
//! run is, the step, and a SHA-256 of those fields and of every tensor's name, type, shape and bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use calotype_data::hex;
use calotype_graph::{Dtype, HostTensor, Shape, StateSpec};
use safetensors::tensor::TensorView;
use safetensors::{SafeTensors, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Scalar;
use crate::layouts::{inward, outward};
use crate::validation::Record;

/// Version of what is written here.
const FORMAT: u32 = 1;
const KEY: &str = "calotype";
/// Larger heads are none of this program's.
const MOST_HEAD_BYTES: u64 = 1 << 26;

/// What a checkpoint belongs to. Periods and the total number of steps are not in it: they do not change the states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// SHA-256 of the data's content.
    pub data: String,
    pub model: String,
    pub seed: u64,
    pub settings: BTreeMap<String, Scalar>,
}

/// The metadata; fields in alphabetical order, which is the order in which they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    data: String,
    format: u32,
    model: String,
    seed: u64,
    settings: BTreeMap<String, Scalar>,
    sha256: String,
    step: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation: Option<Record>,
}

/// States after `step` steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub identity: Identity,
    pub step: u64,
    /// What held-out rows have said; none where nothing was held out, or not looked at yet.
    pub validation: Option<Record>,
    /// By name, in PyTorch's layout.
    tensors: BTreeMap<String, HostTensor>,
}

impl Checkpoint {
    /// From states as a device has them.
    pub fn new<'a>(identity: Identity, step: u64, states: impl IntoIterator<Item = (&'a StateSpec, HostTensor)>) -> Self {
        let tensors = states.into_iter().map(|(spec, value)| (spec.name.clone(), outward(spec.layout, value))).collect();
        Checkpoint { identity, step, validation: None, tensors }
    }

    /// With what validation has said.
    #[must_use]
    pub fn with_validation(self, validation: Option<Record>) -> Self {
        Checkpoint { validation, ..self }
    }

    /// Tensors by name, as they lie in the file.
    pub fn tensors(&self) -> &BTreeMap<String, HostTensor> {
        &self.tensors
    }

    /// The state that `spec` describes, as a device wants it.
    ///
    /// # Errors
    /// No tensor of that name, or of another shape or type.
    pub fn state(&self, spec: &StateSpec) -> Result<HostTensor, String> {
        let tensor = self.tensors.get(&spec.name).ok_or_else(|| format!("it has no tensor `{}`", spec.name))?;
        let value = inward(spec.layout, tensor);
        match value.ty() == spec.ty {
            true => Ok(value),
            false => Err(format!("shape mismatch of `{}`: expected {}, found {}", spec.name, spec.ty, value.ty())),
        }
    }

    /// The file's bytes: the only copy that is made of the states.
    ///
    /// # Errors
    /// What safetensors refuses; nothing that this program makes.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        let mut metadata = self.metadata();
        metadata.sha256 = hash(&metadata, self.tensors.iter().map(|(name, t)| (name.as_str(), t, little_endian(t))))?;
        let json = serde_json::to_string(&metadata).map_err(|e| e.to_string())?;
        let tensors = self.tensors.iter().map(|(name, t)| (name.as_str(), InFile(t)));
        safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_owned(), json)]))).map_err(|e| e.to_string())
    }

    /// Reads a file's bytes and verifies the hash.
    ///
    /// # Errors
    /// In words: truncated, not a checkpoint, of another format, or with another hash than it says.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| format!("not a whole safetensors file ({e})"))?;
        let json = header.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or("it is not a checkpoint of calotype")?;
        let metadata: Metadata = serde_json::from_str(json).map_err(|e| format!("its metadata cannot be read ({e})"))?;
        if metadata.format != FORMAT {
            return Err(format!("format mismatch: expected {FORMAT}, found {}", metadata.format));
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| format!("not a whole safetensors file ({e})"))?;
        let mut views = file.tensors();
        views.sort_by(|a, b| a.0.cmp(&b.0));
        let tensors =
            views.iter().map(|(name, v)| Ok((name.clone(), tensor(name, v)?))).collect::<Result<BTreeMap<_, _>, String>>()?;
        let found = hash(&metadata, views.iter().map(|(name, v)| (name.as_str(), &tensors[name], v.data().into())))?;
        if found != metadata.sha256 {
            return Err(format!("SHA-256 mismatch: expected {}, found {found}", metadata.sha256));
        }
        let Metadata { data, model, seed, settings, step, validation, .. } = metadata;
        Ok(Checkpoint { identity: Identity { data, model, seed, settings }, step, validation, tensors })
    }

    /// The step of the best checkpoint so far, as the head of a file says; none where there is no such head. Nothing is verified.
    pub(crate) fn peek_best(path: &Path) -> Option<u64> {
        let mut file = File::open(path).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let length = u64::from_le_bytes(length);
        let mut head = Vec::new();
        file.take(length.min(MOST_HEAD_BYTES)).read_to_end(&mut head).ok()?;
        let head: serde_json::Value = serde_json::from_slice(&head).ok()?;
        let metadata: Metadata = serde_json::from_str(head.get("__metadata__")?.get(KEY)?.as_str()?).ok()?;
        Some(metadata.validation?.best_step)
    }

    fn metadata(&self) -> Metadata {
        let Identity { data, model, seed, settings } = self.identity.clone();
        let (sha256, validation) = (String::new(), self.validation);
        Metadata { data, format: FORMAT, model, seed, settings, sha256, step: self.step, validation }
    }
}

/// SHA-256 of the other fields and of all tensors in the order of their names, each part with its length before it.
fn hash<'a>(
    metadata: &Metadata,
    tensors: impl Iterator<Item = (&'a str, &'a HostTensor, Cow<'a, [u8]>)>,
) -> Result<String, String> {
    let fields = Metadata { sha256: String::new(), ..metadata.clone() };
    let mut sha = Sha256::new();
    let mut part = |bytes: &[u8]| {
        sha.update((bytes.len() as u64).to_le_bytes());
        sha.update(bytes);
    };
    part(serde_json::to_string(&fields).map_err(|e| e.to_string())?.as_bytes());
    for (name, tensor, bytes) in tensors {
        part(name.as_bytes());
        part(tensor.ty().to_string().as_bytes());
        part(&bytes);
    }
    Ok(hex(&sha.finalize()))
}

/// A tensor as safetensors wants to see it.
pub(crate) struct InFile<'a>(pub &'a HostTensor);

impl View for InFile<'_> {
    fn dtype(&self) -> safetensors::Dtype {
        match self.0.ty().dtype {
            Dtype::F32 => safetensors::Dtype::F32,
            Dtype::U32 => safetensors::Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape.dims()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        little_endian(self.0)
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.words())
    }
}

/// The bytes of a file, which are those in memory on all but the rarest machines.
fn little_endian(t: &HostTensor) -> Cow<'_, [u8]> {
    match cfg!(target_endian = "little") {
        true => bytemuck::cast_slice(t.words()).into(),
        false => t.words().iter().flat_map(|w| w.to_le_bytes()).collect(),
    }
}

fn tensor(name: &str, view: &TensorView) -> Result<HostTensor, String> {
    let words: Vec<u32> = view.data().as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
    let shape = Shape::from(view.shape());
    match view.dtype() {
        safetensors::Dtype::F32 => Ok(HostTensor::f32(shape, words.into_iter().map(f32::from_bits).collect::<Vec<_>>())),
        safetensors::Dtype::U32 => Ok(HostTensor::u32(shape, words)),
        other => Err(format!("`{name}`: expected F32 or U32, found {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{Init, Layout, Type};

    fn spec(name: &str, ty: Type, layout: Layout) -> StateSpec {
        StateSpec { name: name.into(), ty, init: Init::Zeros, layout }
    }

    fn identity() -> Identity {
        let settings = BTreeMap::from([("lr".to_owned(), Scalar::Number(2e-4)), ("width".to_owned(), Scalar::Integer(2))]);
        Identity { data: "ab".into(), model: "dcgan".into(), seed: 7, settings }
    }

    fn states() -> Vec<(StateSpec, HostTensor)> {
        let numbers = |n: usize| (0..n).map(|i| i as f32 * 0.5 - 3.0).collect::<Vec<_>>();
        vec![
            (spec("g.weight", Type::f32([2, 3, 4, 5]), Layout::ConvTranspose), HostTensor::f32([2, 3, 4, 5], numbers(120))),
            (spec("d.linear", Type::f32([3, 2]), Layout::Linear), HostTensor::f32([3, 2], numbers(6))),
            (spec("state.count", Type::u32([1]), Layout::Plain), HostTensor::u32([1], vec![u32::MAX])),
            (spec("scalar", Type::f32(Shape::scalar()), Layout::Plain), HostTensor::scalar(-0.0)),
        ]
    }

    fn checkpoint() -> Checkpoint {
        let states = states();
        Checkpoint::new(identity(), 12, states.iter().map(|(s, v)| (s, v.clone())))
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = checkpoint().encode().expect("it encodes");
        let read = Checkpoint::decode(&bytes).expect("it decodes");
        assert_eq!(read, checkpoint());
        for (spec, value) in states() {
            assert_eq!(read.state(&spec).expect(&spec.name).words(), value.words(), "{}", spec.name);
        }
        assert_eq!(read.encode().expect("it encodes"), bytes, "equal states are equal bytes");
    }

    /// Written by another way of making the bytes: files that lie in run folders are still the ones that would be written today.
    #[test]
    fn bytes_are_as_they_were() {
        let bytes = checkpoint().encode().expect("it encodes");
        let known = "f4821107d7d8b00765039e1495125cf1ef14d2d57c9fbf09bb9d4ac53c4c9219";
        assert_eq!((bytes.len(), hex(&Sha256::digest(&bytes)).as_str()), (1008, known));
    }

    /// Element (kh, kw, Cout, Cin) here is element (Cin, Cout, kh, kw) there.
    #[test]
    fn tensors_lie_as_in_pytorch() {
        let c = checkpoint();
        let (here, there) = (&states()[0].1, &c.tensors()["g.weight"]);
        assert_eq!(there.shape.dims(), [5, 4, 2, 3]);
        let (kh, kw, out, inn) = (1, 2, 3, 4);
        assert_eq!(there.words()[((inn * 4 + out) * 2 + kh) * 3 + kw], here.words()[((kh * 3 + kw) * 4 + out) * 5 + inn]);
        assert_eq!(c.tensors()["d.linear"].as_f32().expect("floats"), [-3.0, -2.0, -1.0, -2.5, -1.5, -0.5]);
    }

    #[test]
    fn metadata_is_one_key_with_sorted_json() {
        let bytes = checkpoint().encode().expect("it encodes");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a safetensors file");
        let metadata = header.metadata().clone().expect("metadata");
        assert_eq!(metadata.len(), 1);
        let json = &metadata[KEY];
        let sorted: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(&serde_json::to_string(&sorted).expect("JSON"), json, "keys are sorted, at every depth");
        assert!(sorted["step"] == 12 && sorted["settings"]["width"] == 2, "{json}");
    }

    /// One byte changed anywhere, or the end cut off anywhere, is noticed.
    #[test]
    fn damage_is_noticed() {
        let bytes = checkpoint().encode().expect("it encodes");
        for at in (0..bytes.len()).step_by(7) {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            // Padding spaces after the header are the only bytes that carry nothing; a flip there breaks the JSON's end.
            assert!(Checkpoint::decode(&bad).is_err(), "byte {at} of {}", bytes.len());
            assert!(Checkpoint::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_shape_is_an_error_that_names_both() {
        let wrong = spec("d.linear", Type::f32([2, 2]), Layout::Linear);
        let message = checkpoint().state(&wrong).expect_err("another shape");
        assert!(message.contains("[3, 2]") && message.contains("[2, 2]"), "{message}");
        assert!(checkpoint().state(&spec("nobody", Type::f32([1]), Layout::Plain)).is_err());
    }
}
