//! Event files that TensorBoard reads: what `metrics.jsonl` holds, as scalars, and pictures. A file is a row of records, each a message of
//! protocol buffers between checksums: `tensorflow/core/lib/io/record_writer.h` and `tensorflow/core/util/event.proto`.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::metrics::Line;

/// A file that is added to while a run trains; each process begins its own, as TensorBoard expects.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a file of a run that has done `step` steps. What an earlier file says of later steps no longer counts.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(folder: &RunFolder, step: u64) -> Result<Self> {
        let second = now_s() as u64;
        // TensorBoard reads the files of a folder in the order of their names.
        let name =
            |n: u32| folder.path().join(format!("events.out.tfevents.{second:010}.{:010}.{n}.calotype", std::process::id()));
        let mut n = 0;
        while name(n).exists() {
            n += 1;
        }
        let path = name(n);
        let file = File::create_new(&path).map_err(TrainingError::io(&path))?;
        let mut events = EventFile { path, file };
        events.put(&Message::default().text(3, "brain.Event:2"), 0)?;
        // SessionLog { status: START }: events of its step and later ones are forgotten.
        events.put(&Message::default().message(7, &Message::default().whole(1, 1)), step + 1)?;
        Ok(events)
    }

    /// What was measured.
    ///
    /// # Errors
    /// What the system says.
    pub fn line(&mut self, line: &Line) -> Result<()> {
        let mut summary = Message::default();
        for (name, value) in &line.losses {
            summary = summary.message(1, &Message::default().text(1, name).single(2, value.unwrap_or(f32::NAN)));
        }
        match line.losses.is_empty() {
            true => Ok(()),
            false => self.put(&Message::default().message(5, &summary), line.step),
        }
    }

    /// A picture, as PNG.
    ///
    /// # Errors
    /// What the system says; bytes that are no PNG.
    pub fn picture(&mut self, name: &str, step: u64, png: &[u8]) -> Result<()> {
        let Some([width, height]) = png_size(png) else {
            return Err(TrainingError::Report(format!("{name}, step {step}: no PNG")));
        };
        let image = Message::default().whole(1, height).whole(2, width).whole(3, 3).bytes(4, png);
        let value = Message::default().text(1, name).message(4, &image);
        self.put(&Message::default().message(5, &Message::default().message(1, &value)), step)
    }

    /// A record: an event with what is in `rest`.
    fn put(&mut self, rest: &Message, step: u64) -> Result<()> {
        let mut event = Message::default().double(1, now_s()).whole(2, step);
        event.0.extend_from_slice(&rest.0);
        let length = (event.0.len() as u64).to_le_bytes();
        let record = [&length[..], &masked(&length), &event.0, &masked(&event.0)].concat();
        self.file.write_all(&record).map_err(TrainingError::io(&self.path))
    }
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64())
}

/// Width and height of a PNG, from its first chunk.
fn png_size(png: &[u8]) -> Option<[u64; 2]> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    let side = |bytes: &[u8]| bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b));
    Some([side(&header[..4]), side(&header[4..])])
}

/// A message of protocol buffers: its fields one after the other.
#[derive(Clone, Debug, Default)]
struct Message(Vec<u8>);

impl Message {
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

    fn whole(self, field: u64, n: u64) -> Self {
        self.field(field, 0, |m| m.number(n))
    }

    fn double(self, field: u64, v: f64) -> Self {
        self.field(field, 1, |m| m.0.extend_from_slice(&v.to_le_bytes()))
    }

    fn single(self, field: u64, v: f32) -> Self {
        self.field(field, 5, |m| m.0.extend_from_slice(&v.to_le_bytes()))
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        self.field(field, 2, |m| {
            m.number(bytes.len() as u64);
            m.0.extend_from_slice(bytes);
        })
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, other: &Message) -> Self {
        self.bytes(field, &other.0)
    }
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
    use std::fs;

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
    fn a_file_is_records_of_events() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::at(dir.path());
        let mut events = EventFile::create(&folder, 300).expect("it is made");
        events.line(&Line::of(310, 1.0, vec![("loss".into(), Some(0.5)), ("bad".into(), None)])).expect("it is written");
        events.line(&Line { warning: Some("beware".into()), ..Line::of(310, 1.0, vec![]) }).expect("nothing is written");
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0, 0, 1, 2, 0, 0, 0, 3], b"..."].concat();
        events.picture("Samples", 320, &png).expect("it is written");
        assert!(events.picture("Samples", 330, b"GIF89a").is_err());
        let bytes = fs::read(&events.path).expect("it is there");
        let all = records(&bytes);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|event| event[0] == 0x09), "each begins with its time");
        assert_eq!(&all[0][9..], [b"\x10\0\x1a\x0d".as_slice(), b"brain.Event:2"].concat());
        assert_eq!(&all[1][9..], b"\x10\xad\x02\x3a\x02\x08\x01");
        let loss = [b"\x0a\x0b\x0a\x04loss\x15".as_slice(), &0.5_f32.to_le_bytes()].concat();
        assert!(all[2].starts_with(&all[2][..9]) && all[2][9..].starts_with(b"\x10\xb6\x02\x2a"));
        assert!(all[2].windows(loss.len()).any(|w| w == loss));
        let size = b"\x08\x03\x10\x82\x02\x18\x03\x22";
        assert!(all[3].windows(size.len()).any(|w| w == size) && all[3].ends_with(&png), "{:?}", all[3]);
        let second = EventFile::create(&folder, 0).expect("another");
        assert_ne!(second.path, events.path);
    }
}
