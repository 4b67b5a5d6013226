//! What a safetensors file of another program holds.

use std::collections::BTreeMap;
use std::path::Path;

use calotype_graph::HostTensor;
use half::f16;
use safetensors::{Dtype, SafeTensors};

/// What a file has under a name.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// f32 or u32.
    Numbers(HostTensor),
    /// Of a type that is not read.
    Other(Dtype),
}

/// The tensors of a file by name, floating-point numbers as f32.
///
/// # Errors
/// In words: no safetensors file; a number that is not finite.
pub(crate) fn read(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Found>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| not_safetensors(bytes, path, &e.to_string()))?;
    let mut all = BTreeMap::new();
    for (name, view) in file.tensors() {
        let words = |n: usize| view.data().chunks_exact(n);
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => words(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Dtype::BF16 => words(2).map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16)).collect(),
            Dtype::F64 => words(8).map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32).collect(),
            Dtype::F16 => words(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            Dtype::U32 => {
                let words: Vec<u32> = words(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
                all.insert(name, Found::Numbers(HostTensor::u32(view.shape(), words)));
                continue;
            }
            other => {
                all.insert(name, Found::Other(other));
                continue;
            }
        };
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(format!("`{name}` holds {bad}"));
        }
        all.insert(name, Found::Numbers(HostTensor::f32(view.shape(), values)));
    }
    Ok(all)
}

/// What a file is that is no safetensors file, and how it becomes one.
fn not_safetensors(bytes: &[u8], path: &Path, why: &str) -> String {
    // A zip archive since PyTorch 1.6, the pickle itself before.
    if !(bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02")) {
        return format!("not a whole safetensors file ({why})");
    }
    let (from, to) = (path.display(), path.with_extension("safetensors"));
    format!(
        "a PyTorch pickle, not a safetensors file; convert it: python3 -c 'import torch, safetensors.torch as s; \
         s.save_file(torch.load(\"{from}\", map_location=\"cpu\"), \"{}\")'",
        to.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_is_known_and_how_it_is_converted() {
        let said = |bytes: &[u8]| read(bytes, Path::new("g.pth")).expect_err("no safetensors");
        for pickle in [b"PK\x03\x04 and more".as_slice(), b"\x80\x02}q"] {
            let message = said(pickle);
            assert!(message.contains("save_file(torch.load(\"g.pth\", map_location=\"cpu\"), \"g.safetensors\")"), "{message}");
        }
        assert!(said(b"not one").contains("not a whole safetensors file"));
    }

    /// 1.5 and -2 in each kind of number; what is none is known by its type.
    #[test]
    fn numbers_of_all_widths_are_read() {
        use safetensors::tensor::TensorView;
        let kinds: [(&str, Dtype, &[u8]); 5] = [
            ("half", Dtype::F16, &[0x00, 0x3e, 0x00, 0xc0]),
            ("brain", Dtype::BF16, &[0xc0, 0x3f, 0x00, 0xc0]),
            ("single", Dtype::F32, &[0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0]),
            ("double", Dtype::F64, &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]),
            ("integer", Dtype::I64, &[7, 0, 0, 0, 0, 0, 0, 0]),
        ];
        let view = |(name, dtype, bytes): (&'static str, Dtype, &'static [u8])| {
            let n = if dtype == Dtype::I64 { 1 } else { 2 };
            (name, TensorView::new(dtype, vec![n], bytes).expect("as many bytes"))
        };
        let path = Path::new("x.safetensors");
        let mut found = read(&safetensors::serialize(kinds.map(view), None).expect("a file"), path).expect("it reads");
        assert_eq!(found.remove("integer"), Some(Found::Other(Dtype::I64)));
        assert_eq!(found.keys().collect::<Vec<_>>(), ["brain", "double", "half", "single"]);
        assert!(found.values().all(|f| *f == Found::Numbers(HostTensor::f32([2], [1.5, -2.0]))), "{found:?}");
        let infinite = [("half", TensorView::new(Dtype::F16, vec![1], &[0x00, 0x7c]).expect("two bytes"))];
        let message = read(&safetensors::serialize(infinite, None).expect("a file"), path).expect_err("it is infinite");
        assert!(message.contains("`half` holds inf"), "{message}");
    }
}
