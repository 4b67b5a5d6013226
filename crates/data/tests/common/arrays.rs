//! Arrays as NumPy writes them.

/// What NumPy writes for a header's three fields, in version 1, 2 or 3.
pub fn npy_of(version: u8, descr: &str, fortran: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}");
    let before = if version == 1 { 10 } else { 12 };
    header.extend(std::iter::repeat_n(' ', 63 - (before + header.len()) % 64));
    header.push('\n');
    let n = header.len() as u32;
    let length = if version == 1 { (n as u16).to_le_bytes().to_vec() } else { n.to_le_bytes().to_vec() };
    [b"\x93NUMPY".as_slice(), &[version, 0], &length, header.as_bytes(), elements].concat()
}

/// Version 1, C order.
pub fn npy(descr: &str, shape: &[usize], elements: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|d| format!("{d},")).collect();
    npy_of(1, descr, false, &sizes, elements)
}

pub fn npy_f32(shape: &[usize], values: &[f32]) -> Vec<u8> {
    npy("<f4", shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}

pub fn npy_f64(shape: &[usize], values: &[f64]) -> Vec<u8> {
    npy("<f8", shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}

pub fn npy_i64(shape: &[usize], values: &[i64]) -> Vec<u8> {
    npy("<i8", shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}
