//! Damage, drawn: to bytes, to text, and to what is packed in zips and the like, which are packed again so that the damage is
//! found.

use calotype_graph::philox::{Domain, Stream};

/// Draws of one case.
pub struct Random(Stream);

impl Random {
    pub fn new(seed: u64, reader: &str, case: u32) -> Self {
        Random(Stream::new(seed, Domain::Test, reader, case))
    }

    /// Of 0..n; 0 of none.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.0.below(n.min(u32::MAX as usize) as u32) as usize }
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A part of something that long, mostly short.
    fn part(&mut self, len: usize) -> std::ops::Range<usize> {
        let longest = if self.one_in(4) { len } else { 16 };
        let begin = self.below(len + 1);
        let n = 1 + self.below(longest.max(1));
        begin..(begin + n).min(len)
    }
}

/// Where counters end, and one beside.
const NUMBERS: [u64; 20] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x100_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fff8,
    0xffff_ffff_ffff_ffff,
];

/// The same as texts have them.
const WORDS: [&str; 28] = [
    "0",
    "-0",
    "1",
    "-1",
    "255",
    "256",
    "65536",
    "2147483648",
    "-2147483649",
    "4294967296",
    "1099511627776",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e38",
    "1e39",
    "1e308",
    "1e309",
    "-1e309",
    "1e-400",
    "nan",
    "inf",
    "0x10",
    "1_000",
    "1,5",
    "٣",
    "",
];

/// What texts may hold where nobody expects it.
const TOKENS: [&[u8]; 30] = [
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\0",
    b"\r\n",
    b"\r",
    b"\n",
    b"\n\n\n",
    b"\x1b[31m",
    b"\x0b",
    "\u{2028}".as_bytes(),
    "\u{202e}".as_bytes(),
    "e\u{301}".as_bytes(),
    "\u{a0}".as_bytes(),
    b"\"",
    b"'",
    b"\"\"\"",
    b",",
    b";",
    b"\t",
    b" ",
    b"#",
    b"\\",
    b"../",
    b"/",
    b"{",
    b"}",
    b"[",
    b"=",
];

/// What opens something.
const NESTS: [&[u8]; 6] = [b"[", b"{", b"(", b"{\"a\":", b"[[", b"a = {"];

/// Damages bytes in one way.
pub fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    match random.below(20) {
        0 | 1 => flip(bytes, random),
        2 | 3 => put_number(bytes, random),
        4 | 5 => bytes.truncate(random.below(bytes.len())),
        6 => drop(bytes.drain(random.part(bytes.len()))),
        7 => insert_run(bytes, random),
        8 => {
            let part = bytes[random.part(bytes.len())].to_vec();
            let most = *random.of(&[2, 3, 4, 200]);
            let (at, times) = (random.below(bytes.len() + 1), 1 + random.below(most));
            bytes.splice(at..at, part.repeat(times));
        }
        9 => {
            let part = bytes[random.part(bytes.len())].to_vec();
            let at = random.below(bytes.len() + 1);
            let end = (at + part.len()).min(bytes.len());
            bytes.splice(at..end, part);
        }
        10..=12 => replace_number(bytes, random),
        13 | 14 => {
            let (at, token) = (random.below(bytes.len() + 1), *random.of(&TOKENS));
            bytes.splice(at..at, token.iter().copied());
        }
        15 | 16 => damage_lines(bytes, random),
        17 => {
            let (at, nest) = (random.below(bytes.len() + 1), *random.of(&NESTS));
            let times = *random.of(&[2, 20, 200, 20_000]);
            bytes.splice(at..at, nest.repeat(times));
        }
        18 => recode(bytes, random),
        _ => {
            let n = random.below(40);
            bytes.extend((0..n).map(|_| random.below(256) as u8));
        }
    }
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte = if random.one_in(2) { *byte ^ (1 << random.below(8)) } else { random.below(256) as u8 };
    }
}

/// Overwrites 1, 2, 4 or 8 bytes.
fn put_number(bytes: &mut [u8], random: &mut Random) {
    let (number, width) = (*random.of(&NUMBERS), *random.of(&[1, 2, 4, 8]));
    let little = number.to_le_bytes();
    let mut number = little[..width].to_vec();
    if random.one_in(2) {
        number.reverse();
    }
    // Headers stand at the beginning.
    let within = if random.one_in(2) { bytes.len().min(64) } else { bytes.len() };
    let at = random.below(within);
    bytes[at..].iter_mut().zip(number).for_each(|(byte, n)| *byte = n);
}

fn insert_run(bytes: &mut Vec<u8>, random: &mut Random) {
    let (at, byte) = (random.below(bytes.len() + 1), *random.of(b"\0\xff a0,;\n\t\"["));
    let n = *random.of(&[1, 3, 17, 300, 70_000]);
    bytes.splice(at..at, std::iter::repeat_n(byte, n));
}

/// Another number where one stands in a text.
fn replace_number(bytes: &mut Vec<u8>, random: &mut Random) {
    let is_number = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let begins: Vec<usize> =
        (0..bytes.len()).filter(|&at| is_number(bytes[at]) && (at == 0 || !is_number(bytes[at - 1]))).collect();
    if begins.is_empty() {
        return put_number(bytes, random);
    }
    let begin = *random.of(&begins);
    let n = bytes[begin..].iter().take_while(|&&b| is_number(b)).count();
    bytes.splice(begin..begin + n, random.of(&WORDS).bytes());
}

/// Removes, repeats, moves or empties a line.
fn damage_lines(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (at, to) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(4) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        _ => lines[at] = b"\n".to_vec(),
    }
    *bytes = lines.concat();
}

/// As other programs write the same.
fn recode(bytes: &mut Vec<u8>, random: &mut Random) {
    *bytes = match random.below(5) {
        0 => [b"\xef\xbb\xbf".as_slice(), bytes].concat(),
        1 => bytes.iter().flat_map(|&b| if b == b'\n' { vec![b'\r', b'\n'] } else { vec![b] }).collect(),
        2 => bytes.iter().map(|&b| if b == b'\n' { b'\r' } else { b }).collect(),
        3 => [0xff, 0xfe].into_iter().chain(bytes.iter().flat_map(|&b| [b, 0])).collect(),
        _ => vec![],
    };
}
