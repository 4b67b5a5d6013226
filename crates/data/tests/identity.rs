//! The identity of data: a run is continued only on data of the hash that it began with, so the hashes of named data never change.

use std::sync::Arc;

use calotype_data::{CATALOGUE, Evaluation, Options, Preparation, Prepared, hex, open};
use sha2::{Digest, Sha256};

/// By name, with options as they are by default.
const HASHES: [(&str, &str); 12] = [
    ("fashion-mnist", "07e49f6cb363ae83ca5f07f4c03a72439cff3bc6f6090c757aec2d69287ed725"),
    ("digits", "3d1e6c833e90c2906328761f412bdc4b5a7e92092efedb2897f5d3c8305b6701"),
    ("emoji", "68fa8b0cd3da0fa1196a0a26b9d88ecd1446fcf152f73d12da958ffebb8ffbf4"),
    ("emoji-noto", "15a5c8997b4dad5e7c93869e94a9ac94cb0dad8178b720d8e6817715a759bc1b"),
    ("emoji-twemoji", "2d244ca4c1f294e810175a55d9614cd3afd088d1ec58d023a8b485f9f519eeed"),
    ("emoji-tones", "0a21c35c1728f6654ff572ada0d6515c54a566f3f2236ad5db8a3b4d39e30065"),
    ("shapes", "55fbce3634fa8a19782c02f99b8495b93c638b4cfe4acd311df81c0080bf790c"),
    ("scenes", "2910198c8fe793dee1bee58f95dfe6b0772b7801907ff655aa62649743c30574"),
    ("ring", "d8e70d922a247da78216c037f68e3df706752dc4b6716cf367236702f058ba8b"),
    ("grid", "8868b89e8b4d74f2c22e7f389c7c7cfc0c6390b166d2ee24e84ddc9c81cdd991"),
    ("swiss-roll", "8bcd45cb0aa8888ec6fb7701d26224a4bc2be32a29e8e5f452c95203bcbba3bf"),
    ("mixture-1d", "f848bf98c6329a1a2a394906c4dc9a2c5e73ccba25ae4b309a7f71c81b5816ba"),
];

#[test]
fn hashes_of_named_data_are_as_they_were() {
    let found = HASHES.map(|(name, _)| (name, open(name, &Options::default()).expect(name).content_hash().to_owned()));
    let listed = found.iter().map(|(name, hash)| format!("    (\"{name}\", \"{hash}\"),\n")).collect::<String>();
    assert!(found.iter().zip(HASHES).all(|((_, found), (_, known))| found == known), "they are now:\n{listed}");
}

/// None is left out but the one that is fetched, whose files have hashes of their own.
#[test]
fn every_named_set_has_its_hash_here() {
    let known = CATALOGUE.iter().filter(|e| !e.fetched).map(|e| e.name);
    assert!(known.eq(HASHES.iter().map(|(name, _)| *name)));
}

/// SHA-256 of the first 64 rows in 0..1, as they are prepared at a size and with a number of channels: of images that shrink, that
/// grow, and that get a border.
const PREPARED: [(&str, usize, usize, &str); 6] = [
    ("fashion-mnist", 16, 1, "0d865c59b79f7f5c9bac8d256a6a5c780f0cc68fcebef812d0240b1fafb1503b"),
    ("fashion-mnist", 32, 3, "da21f9861b54c90a947f0b1a1fa8d2e625f4f0151e18a84e00facecf33322328"),
    ("fashion-mnist", 64, 1, "b5eef919146962dd70ac4f2aa29606f87583393a297e9567beaa67459f9c4c64"),
    ("digits", 16, 1, "5ea002308594ad97134bc1b6b0754e3054eaf53de41d1d1c0fc324138eda1c31"),
    ("emoji-noto", 32, 3, "b64ba730cea535df049da0de9ec4bad15f3ade3357158b24eae80f0795945170"),
    ("emoji-twemoji", 28, 1, "81d91fef6aa5136f2cc66cbb36ea330a0b53ac90b5d43bb6db9179ff92060120"),
];

/// A run that is continued learns from the rows that it began with, to the bit.
#[test]
fn prepared_rows_are_as_they_were() {
    let hash = |(name, size, channels, _): (&str, usize, usize, &str)| {
        let preparation = Preparation { size: Some(size), channels: Some(channels), ..Preparation::default() };
        let data = open(name, &Options::default()).expect(name);
        let rows: Vec<u32> = (0..64).collect();
        let prepared = Prepared::new(&data, &preparation).expect(name);
        let evaluation = Evaluation::new(Arc::new(prepared), rows.clone(), 1, 0).expect(name);
        let bytes: Vec<u8> = rows.iter().flat_map(|&r| evaluation.row(r)).flat_map(f32::to_le_bytes).collect();
        hex(&Sha256::digest(&bytes))
    };
    let found = PREPARED.map(|p| (p.0, p.1, p.2, hash(p)));
    let listed: String =
        found.iter().map(|(name, size, c, hash)| format!("    (\"{name}\", {size}, {c}, \"{hash}\"),\n")).collect();
    assert!(found.iter().zip(PREPARED).all(|(found, known)| found.3 == known.3), "they are now:\n{listed}");
}
