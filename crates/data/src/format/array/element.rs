//! What the elements of an array are in a file: whole numbers or floating point, of 1 to 8 bytes, in either byte order.

/// What kind of number an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Number {
    Bool,
    Signed,
    Unsigned,
    Float,
}

/// An element in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Element {
    pub(in crate::format) number: Number,
    /// 1, 2, 4 or 8; 2, 4 or 8 for floating point.
    pub(in crate::format) n_bytes: usize,
    pub(in crate::format) big_endian: bool,
}

impl Element {
    /// As NumPy calls it: `uint8`, `float64`.
    pub(in crate::format) fn name(self) -> String {
        let bits = 8 * self.n_bytes;
        match self.number {
            Number::Bool => "bool".into(),
            Number::Signed => format!("int{bits}"),
            Number::Unsigned => format!("uint{bits}"),
            Number::Float => format!("float{bits}"),
        }
    }

    pub(in crate::format) fn is_whole(self) -> bool {
        self.number != Number::Float
    }

    /// Whether every value is a level by its type: uint8 and bool.
    pub(in crate::format) fn is_level(self) -> bool {
        self.n_bytes == 1 && matches!(self.number, Number::Bool | Number::Unsigned)
    }

    /// Appends the elements that `bytes` are. What f64 cannot hold, whole numbers beyond 2^53, is rounded.
    pub(super) fn decode(self, bytes: &[u8], out: &mut Vec<f64>) {
        let big = self.big_endian;
        match (self.number, self.n_bytes) {
            (Number::Bool, _) => out.extend(bytes.iter().map(|&b| f64::from(u8::from(b != 0)))),
            (Number::Unsigned, 1) => out.extend(bytes.iter().map(|&b| f64::from(b))),
            (Number::Signed, 1) => out.extend(bytes.iter().map(|&b| f64::from(b as i8))),
            (Number::Unsigned, 2) => out.extend(little(bytes, big).map(|b| f64::from(u16::from_le_bytes(b)))),
            (Number::Signed, 2) => out.extend(little(bytes, big).map(|b| f64::from(i16::from_le_bytes(b)))),
            (Number::Float, 2) => out.extend(little(bytes, big).map(|b| half(u16::from_le_bytes(b)))),
            (Number::Unsigned, 4) => out.extend(little(bytes, big).map(|b| f64::from(u32::from_le_bytes(b)))),
            (Number::Signed, 4) => out.extend(little(bytes, big).map(|b| f64::from(i32::from_le_bytes(b)))),
            (Number::Float, 4) => out.extend(little(bytes, big).map(|b| f64::from(f32::from_le_bytes(b)))),
            (Number::Unsigned, _) => out.extend(little(bytes, big).map(|b| u64::from_le_bytes(b) as f64)),
            (Number::Signed, _) => out.extend(little(bytes, big).map(|b| i64::from_le_bytes(b) as f64)),
            (Number::Float, _) => out.extend(little(bytes, big).map(f64::from_le_bytes)),
        }
    }
}

/// Pieces of N bytes, little-endian.
fn little<const N: usize>(bytes: &[u8], big_endian: bool) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().map(move |&piece| {
        let mut piece = piece;
        if big_endian {
            piece.reverse();
        }
        piece
    })
}

/// IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::half;

    /// Oracle: `numpy.array([...], dtype='<u2').view('f2').astype(float)`.
    #[test]
    fn halves_are_what_numpy_says() {
        let of = [
            (0x0000, 0.0),
            (0x0001, 5.960464477539063e-8),
            (0x03ff, 6.097555160522461e-5),
            (0x0400, 6.103515625e-5),
            (0x3555, 0.333251953125),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0xfbff, -65504.0),
        ];
        of.iter().for_each(|&(bits, value)| assert_eq!(half(bits), value, "{bits:04x}"));
        assert!(half(0x8000).is_sign_negative() && half(0x7c00).is_infinite() && half(0x7e01).is_nan());
    }
}
