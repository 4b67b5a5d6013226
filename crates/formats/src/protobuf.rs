//! Messages of protocol buffers, written and read field by field. <https://protobuf.dev/programming-guides/encoding/>

/// A message: its fields one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn field(mut self, field: u64, wire: u64, add: impl FnOnce(&mut Self)) -> Self {
        self.number(field << 3 | wire);
        add(&mut self);
        self
    }

    /// A whole number: `int64`, `uint64`, `int32`, an enumeration.
    pub fn whole(self, field: u64, n: i64) -> Self {
        self.field(field, 0, |m| m.number(n as u64))
    }

    pub fn double(self, field: u64, v: f64) -> Self {
        self.field(field, 1, |m| m.0.extend_from_slice(&v.to_le_bytes()))
    }

    pub fn single(self, field: u64, v: f32) -> Self {
        self.field(field, 5, |m| m.0.extend_from_slice(&v.to_le_bytes()))
    }

    pub fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        self.field(field, 2, |m| {
            m.number(bytes.len() as u64);
            m.0.extend_from_slice(bytes);
        })
    }

    pub fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub fn message(self, field: u64, other: &Message) -> Self {
        self.bytes(field, &other.0)
    }

    /// A field again for each of several values.
    pub fn each<T>(self, values: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        values.into_iter().fold(self, add)
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire<'a> {
    /// A whole number; a negative one has all upper bits.
    Whole(u64),
    /// 8 or 4 bytes.
    Fixed(&'a [u8]),
    /// Bytes, a text, or a message.
    Bytes(&'a [u8]),
}

/// The fields of a message, each with its number.
///
/// An item is an error where the bytes are no message; nothing follows then.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

/// What is wrong with the bytes of a message.
pub(crate) const BROKEN: &str = "its bytes are no message of protocol buffers, or end early";

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Fields(message)
    }

    fn number(&mut self) -> Option<u64> {
        let mut n = 0;
        for at in 0..10 {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            n |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
            if byte < 0x80 {
                return Some(n);
            }
        }
        None
    }

    fn bytes(&mut self, n: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(n).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Wire::Whole(self.number()?),
            1 => Wire::Fixed(self.bytes(8)?),
            2 => {
                let n = self.number()?;
                Wire::Bytes(self.bytes(n)?)
            }
            5 => Wire::Fixed(self.bytes(4)?),
            _ => return None, // groups, which nobody writes any more
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(BROKEN))
    }
}

impl<'a> Wire<'a> {
    pub fn bytes(self) -> Result<&'a [u8], &'static str> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => Err(BROKEN),
        }
    }

    pub fn text(self) -> Result<String, &'static str> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    pub fn whole(self) -> Result<i64, &'static str> {
        match self {
            Wire::Whole(n) => Ok(n as i64),
            _ => Err(BROKEN),
        }
    }

    pub fn single(self) -> Result<f32, &'static str> {
        match self {
            Wire::Fixed(&[a, b, c, d]) => Ok(f32::from_le_bytes([a, b, c, d])),
            _ => Err(BROKEN),
        }
    }

    /// Whole numbers of a repeated field: one of them, or all in a row.
    pub fn wholes(self, to: &mut Vec<i64>) -> Result<(), &'static str> {
        match self {
            Wire::Whole(n) => to.push(n as i64),
            Wire::Bytes(bytes) => {
                let mut packed = Fields(bytes);
                while !packed.0.is_empty() {
                    to.push(packed.number().ok_or(BROKEN)? as i64);
                }
            }
            Wire::Fixed(_) => return Err(BROKEN),
        }
        Ok(())
    }

    /// Numbers of single precision of a repeated field.
    pub fn singles(self, to: &mut Vec<f32>) -> Result<(), &'static str> {
        match self {
            Wire::Bytes(bytes) if bytes.len().is_multiple_of(4) => {
                to.extend(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
            }
            one => to.push(one.single()?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the encoding's own description.
    #[test]
    fn fields_are_as_the_encoding_says() {
        assert_eq!(Message::new().whole(1, 150).into_bytes(), b"\x08\x96\x01");
        assert_eq!(Message::new().text(2, "testing").into_bytes(), b"\x12\x07testing");
        assert_eq!(Message::new().message(3, &Message::new().whole(1, 150)).into_bytes(), b"\x1a\x03\x08\x96\x01");
        assert_eq!(Message::new().whole(1, -2).into_bytes(), b"\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        assert_eq!(Message::new().single(2, 1.0).double(20, 1.0).into_bytes(), b"\x15\0\0\x80\x3f\xa1\x01\0\0\0\0\0\0\xf0\x3f");
        assert_eq!(Message::new().each([1, 2], |m, n| m.whole(1, n)).into_bytes(), b"\x08\x01\x08\x02");
    }
    #[test]
    fn what_is_written_is_read() {
        let inner = Message::new().whole(1, -7).text(2, "a text");
        let all = Message::new().whole(3, 1 << 40).single(4, -1.5).double(5, 2.5).message(6, &inner).into_bytes();
        let read: Vec<_> = Fields::of(&all).collect::<Result<_, _>>().expect("a message");
        assert_eq!(read.iter().map(|f| f.0).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!((read[0].1.whole(), read[1].1.single()), (Ok(1 << 40), Ok(-1.5)));
        let inner: Vec<_> = Fields::of(read[3].1.bytes().expect("bytes")).collect::<Result<_, _>>().expect("a message");
        assert_eq!((inner[0].1.whole(), inner[1].1.text()), (Ok(-7), Ok("a text".into())));
        let (mut wholes, mut singles) = (vec![], vec![]);
        Wire::Bytes(b"\x01\x96\x01").wholes(&mut wholes).expect("packed");
        Wire::Whole(3).wholes(&mut wholes).expect("one");
        Wire::Bytes(&[0, 0, 0x80, 0x3f]).singles(&mut singles).expect("packed");
        assert_eq!((wholes, singles), (vec![1, 150, 3], vec![1.0]));
    }

    /// Every beginning of a message, and every byte changed: an error or other fields, nothing worse.
    #[test]
    fn broken_messages_are_errors() {
        let whole = Message::new().whole(1, 150).text(2, "testing").double(3, 1.0).into_bytes();
        for n in 0..whole.len() {
            let read: Vec<_> = Fields::of(&whole[..n]).collect();
            let fields_end = [0, 3, 12].contains(&n);
            assert_eq!(read.iter().all(Result::is_ok), fields_end, "{n} bytes: {read:?}");
            for byte in 0..=255 {
                let mut changed = whole.clone();
                changed[n] = byte;
                assert!(Fields::of(&changed).count() <= whole.len());
            }
        }
        assert!(Fields::of(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).any(|f| f.is_err()), "a huge length");
        assert!(Fields::of(&[0xff; 12]).any(|f| f.is_err()), "a number without an end");
    }
}
