//! The number types that the plain kernels are generic over.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// f32 or f64. A u32 element lives in the same slot: as the bit pattern of an f32, or as the low half of an f64's.
pub trait Float:
    Copy
    + Debug
    + Default
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    const ZERO: Self;
    const ONE: Self;

    fn of(value: f32) -> Self;
    fn of_f64(value: f64) -> Self;
    fn to_f32(self) -> f32;
    fn to_f64(self) -> f64;
    /// A u32 element's slot.
    fn from_word(word: u32) -> Self;
    /// The u32 element in this slot.
    fn word(self) -> u32;
    /// A slot that reads as `word` if it is taken for a u32, and as NaN if `word` is an f32's NaN and it is taken for a
    /// float: for guard bands.
    fn poison(word: u32) -> Self;

    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn tanh(self) -> Self;
    fn floor(self) -> Self;
    fn abs(self) -> Self;

    /// A count as a float.
    fn count(n: usize) -> Self {
        Self::of_f64(n as f64)
    }

    fn is_nan(self) -> bool {
        self.partial_cmp(&self).is_none()
    }

    fn is_infinite(self) -> bool {
        self.abs().to_f64() == f64::INFINITY
    }

    /// Whether it comes before `best` where the largest is looked for: a NaN is larger than any number.
    fn exceeds(self, best: Self) -> bool {
        self > best || (self.is_nan() && !best.is_nan())
    }

    /// The larger; NaN if either is.
    fn larger(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }

    /// The smaller; NaN if either is.
    fn smaller(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
}

macro_rules! float {
    ($t:ident) => {
        const ZERO: Self = 0.0;
        const ONE: Self = 1.0;

        fn of(value: f32) -> Self {
            value.into()
        }

        fn of_f64(value: f64) -> Self {
            value as $t
        }

        fn to_f32(self) -> f32 {
            self as f32
        }

        fn to_f64(self) -> f64 {
            self.into()
        }

        float!(calls $t: exp ln ln_1p sqrt tanh floor abs);
    };
    (calls $t:ident: $($f:ident)*) => {$(
        fn $f(self) -> Self {
            $t::$f(self)
        }
    )*};
}

impl Float for f32 {
    float!(f32);

    fn from_word(word: u32) -> Self {
        f32::from_bits(word)
    }

    fn word(self) -> u32 {
        self.to_bits()
    }

    fn poison(word: u32) -> Self {
        f32::from_bits(word)
    }
}

impl Float for f64 {
    float!(f64);

    fn from_word(word: u32) -> Self {
        f64::from_bits(word.into())
    }

    fn word(self) -> u32 {
        self.to_bits() as u32
    }

    fn poison(word: u32) -> Self {
        let high = if f32::from_bits(word).is_nan() { f64::NAN.to_bits() } else { 0 };
        f64::from_bits(high | u64::from(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_in_both_slots() {
        for word in [0, 1, 0x7F80_0001, 0x7FC0_0000, 0xFFFF_FFFF, 0x8000_0000] {
            assert_eq!(f32::from_word(word).word(), word);
            assert_eq!(f64::from_word(word).word(), word);
            assert_eq!((f32::poison(word).word(), f64::poison(word).word()), (word, word));
            assert_eq!(f64::poison(word).is_nan(), f32::from_bits(word).is_nan());
        }
    }

    #[test]
    fn extrema_keep_nan() {
        for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN)] {
            assert!(a.larger(b).is_nan() && a.smaller(b).is_nan());
        }
        assert_eq!((2.0f64.larger(3.0), 2.0f64.smaller(3.0)), (3.0, 2.0));
        let first = |x: &[f32]| (1..x.len()).fold(0, |best, i| if x[i].exceeds(x[best]) { i } else { best });
        assert_eq!([first(&[1.0, 3.0, 3.0]), first(&[f32::INFINITY, f32::NAN, f32::NAN, 9.0])], [1, 1]);
    }
}
