//! Messages of protocol buffers, written field by field. <https://protobuf.dev/programming-guides/encoding/>

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
}
