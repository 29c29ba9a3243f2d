//! What is read from a small file is not multiplied in memory.

use crate::common::dump;
use crate::hostile::{one_feature, program};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Runs a sub-command in a process that may have 128 MiB of addresses, its program's own included:
/// what it said.
fn in_little_memory(arguments: &[&str], folder: &Path) -> String {
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 131072 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_factord")])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Imports `entry` beside a sound model, a pickle of some 100 KB.
fn imported_in_little_memory(name: &str, entry: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("{name}.pkl"));
    let model = dump(&one_feature(), 4);
    let bytes = program(&[b"}(X\x05\0\0\0model", &model[2..model.len() - 1], entry, b"u."]);
    assert!(bytes.len() < 200_000, "{}", bytes.len());
    std::fs::write(&path, bytes).unwrap();
    let file = format!("{name}.pkl");
    in_little_memory(&["import", &file, "--out", "out.fmodel"], directory.path())
}

#[test]
fn a_long_text_that_is_named_again_and_again_is_not_copied() {
    let string = |text: &str| {
        [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
    };
    let long = [string(&"K".repeat(90_000)), b"q\x07".to_vec()].concat();
    // A key of the metadata, which comes first, puts the long text into the memo.
    let memo = [string("metadata"), b"}(".to_vec(), long, b"Nu".to_vec()].concat();
    let before = |entry: Vec<u8>| [memo.clone(), entry].concat();
    // Seven levels under the long key, around 4,000 figures under short ones.
    let nested = {
        let mut inner = b"}(".to_vec();
        for figure in 0..4000 {
            inner.extend([string(&format!("{figure}")), b"K\x01".to_vec()].concat());
        }
        inner.push(b'u');
        (0..7).fold(inner, |inner, _| [b"}h\x07".as_slice(), &inner, b"s"].concat())
    };
    let many = |item: &[u8]| [b"](".as_slice(), &item.repeat(1000), b"e"].concat();
    let cases = [
        (
            "report",
            before([string("performance"), nested].concat()),
            "90000 bytes, 256 are allowed",
        ),
        ("names", before([string("feature_names"), many(b"h\x07")].concat()), "at most 256 bytes"),
        ("type", before([string("model_type"), b"h\x07".to_vec()].concat()), "at most 256 bytes"),
    ];
    for (name, entry, expected) in cases {
        let said = imported_in_little_memory(name, &entry);
        assert!(said.contains(expected), "{name}: {said}");
    }
}

/// The golden artifact of format 2 with other contents of one section, and a hash that vouches for
/// it.
fn with_section(tag: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let golden = &include_bytes!("golden_2.fmodel")[52..];
    let count = usize::from(golden[0]);
    let (table, mut rest) = golden[4..].split_at(16 * count);
    let mut rows = golden[..4].to_vec();
    let mut sections = Vec::new();
    for row in table.chunks(16) {
        let (section, behind) = rest.split_at(usize::from(u16::from_le_bytes([row[8], row[9]])));
        let section = if &row[..4] == tag { contents } else { section };
        rows.extend(&row[..8]);
        rows.extend((section.len() as u64).to_le_bytes());
        sections.extend(section);
        rest = behind;
    }
    let payload = [rows, sections].concat();
    let mut bytes = b"FMODEL\r\n\x02\0\0\0".to_vec();
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(Sha256::digest(&payload));
    bytes.extend(payload);
    bytes
}

#[test]
fn sections_are_not_multiplied_in_memory() {
    // Lengths from 2^16 on stand behind 252.
    let list = |count: u32, item: &[u8]| {
        [&[252][..], &count.to_le_bytes(), &item.repeat(count as usize)].concat()
    };
    let folder = tempfile::tempdir().unwrap();
    let check = |tag: &[u8; 4], contents: &[u8]| {
        std::fs::write(folder.path().join("a.fmodel"), with_section(tag, contents)).unwrap();
        in_little_memory(&["check", "a.fmodel"], folder.path())
    };
    // As many of each as the decoder's own limit lets through.
    // A name, no features, no target, no statistics; then figures without a path, of 0; no time, no
    // threshold, no source.
    let report = [b"\x01n\0\0\0\0".as_slice(), &list(80_000, &[0, 0, 0]), &[0; 3]].concat();
    let said = check(b"INFO", &report);
    assert!(said.contains("0 feature names for a model of 3 features"), "{said}");
    // No parent; then tables without a name and a hash.
    let said = check(b"LINE", &[&[0][..], &list(800_000, &[0, 0, 0])].concat());
    assert!(said.contains("more than 16384 tables"), "{said}");
    let said = check(b"SETT", &list(1_000_000, &[0, 0]));
    assert!(said.contains("section `SETT` has 2000005 bytes, the limit is 65536"), "{said}");
    let said = check(b"GOLD", &[&[0][..], &list(100_000, &[0, 0])].concat());
    assert!(said.contains("golden vector"), "{said}");
}
