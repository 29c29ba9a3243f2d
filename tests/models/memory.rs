//! What is read from a small file is not multiplied in memory.

use crate::common::dump;
use crate::hostile::{one_feature, program};

/// Imports `entry` beside a sound model, a pickle of some 100 KB, in a process that may have 128
/// MiB of addresses, its program's own included: what it said.
fn imported_in_little_memory(name: &str, entry: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("{name}.pkl"));
    let model = dump(&one_feature(), 4);
    let bytes = program(&[b"}(X\x05\0\0\0model", &model[2..model.len() - 1], entry, b"u."]);
    assert!(bytes.len() < 200_000, "{}", bytes.len());
    std::fs::write(&path, bytes).unwrap();
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -v 131072 && exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_factord"),
            "import",
        ])
        .arg(&path)
        .arg("--out")
        .arg(directory.path().join("out.fmodel"))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
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
