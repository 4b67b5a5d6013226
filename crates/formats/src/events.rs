//! Event files that TensorBoard reads: a row of records, each a message of protocol buffers between checksums.
//! `tensorflow/core/lib/io/record_writer.h`, `tensorflow/core/util/event.proto`.

use crate::protobuf::Message;

/// The record that begins a file.
pub fn version(wall_s: f64) -> Vec<u8> {
    record(&event(wall_s, 0).text(3, "brain.Event:2"))
}

/// A process begins or goes on: what earlier files say of this step and later ones is forgotten.
pub fn session(wall_s: f64, step: u64) -> Vec<u8> {
    // SessionLog { status: START }
    record(&event(wall_s, step).message(7, &Message::new().whole(1, 1)))
}

/// Values by name.
pub fn scalars<'a>(wall_s: f64, step: u64, values: impl IntoIterator<Item = (&'a str, f32)>) -> Vec<u8> {
    let value = |m: Message, (name, value)| m.message(1, &Message::new().text(1, name).single(2, value));
    record(&event(wall_s, step).message(5, &Message::new().each(values, value)))
}

/// A picture, as PNG; none if the bytes are no PNG.
pub fn picture(wall_s: f64, step: u64, name: &str, png: &[u8]) -> Option<Vec<u8>> {
    let [width, height] = png_size(png)?;
    let image = Message::new().whole(1, height).whole(2, width).whole(3, 3).bytes(4, png);
    let value = Message::new().text(1, name).message(4, &image);
    Some(record(&event(wall_s, step).message(5, &Message::new().message(1, &value))))
}

/// Seconds since 1970, and steps done.
fn event(wall_s: f64, step: u64) -> Message {
    Message::new().double(1, wall_s).whole(2, step as i64)
}

fn record(event: &Message) -> Vec<u8> {
    let event = event.clone().into_bytes();
    let length = (event.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), &event, &masked(&event)].concat()
}

/// Width and height of a PNG, from its first chunk.
fn png_size(png: &[u8]) -> Option<[i64; 2]> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    let side = |bytes: &[u8]| bytes.iter().fold(0, |n, &b| n << 8 | i64::from(b));
    Some([side(&header[..4]), side(&header[4..])])
}

/// The checksum of a record: CRC-32C, rotated and shifted, so that a checksum of checksums is none.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// CRC-32C (Castagnoli), RFC 3720, §12.1.
fn crc32c(bytes: &[u8]) -> u32 {
    const REVERSED: u32 = 0x82f6_3b78;
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let (mut crc, mut bit) = (n as u32, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ REVERSED } else { crc >> 1 };
                bit += 1;
            }
            table[n] = crc;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc: u32, &b| crc >> 8 ^ TABLE[(crc as u8 ^ b) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4, and the common check value.
    #[test]
    fn checksums_are_those_of_the_rfc() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
    }

    /// Messages of a file, whose checksums are right.
    fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut all = vec![];
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_at(8);
            assert_eq!(rest[..4], masked(length));
            let n = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
            let event = &rest[4..4 + n];
            assert_eq!(rest[4 + n..8 + n], masked(event));
            (bytes, _) = (&rest[8 + n..], all.push(event));
        }
        all
    }

    #[test]
    fn records_hold_events() {
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0, 0, 1, 2, 0, 0, 0, 3], b"..."].concat();
        let picture_of = |bytes| picture(1.5, 320, "Samples", bytes);
        assert_eq!(picture_of(b"GIF89a"), None);
        let values = [("loss", 0.5), ("bad", f32::NAN)];
        let file = [version(1.5), session(1.5, 301), scalars(1.5, 310, values), picture_of(&png).expect("a PNG")].concat();
        let all = records(&file);
        assert_eq!(all.len(), 4);
        let time = [&[0x09][..], &1.5_f64.to_le_bytes()].concat();
        assert!(all.iter().all(|event| event.starts_with(&time)), "each begins with its time");
        assert_eq!(&all[0][9..], [b"\x10\0\x1a\x0d".as_slice(), b"brain.Event:2"].concat());
        assert_eq!(&all[1][9..], b"\x10\xad\x02\x3a\x02\x08\x01");
        let loss = [b"\x0a\x0b\x0a\x04loss\x15".as_slice(), &0.5_f32.to_le_bytes()].concat();
        assert!(all[2][9..].starts_with(b"\x10\xb6\x02\x2a") && all[2].windows(loss.len()).any(|w| w == loss));
        let size = b"\x08\x03\x10\x82\x02\x18\x03\x22";
        assert!(all[3].windows(size.len()).any(|w| w == size) && all[3].ends_with(&png), "{:?}", all[3]);
    }
}
