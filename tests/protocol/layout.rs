//! The fingerprint of the layout covers every constant of it.

use factord_core::abi::{
    CHANNELS_HASH, CHANNELS_LAYOUT, COMMON_HASH, COMMON_LAYOUT, IMAGE_HASH, IMAGE_LAYOUT,
    MODELS_HASH, MODELS_LAYOUT, RINGS_HASH, RINGS_LAYOUT, STATUS_HASH, STATUS_LAYOUT, TAP_HASH,
    TAP_LAYOUT, fingerprint,
};

/// An object: the file that defines it, its list, its hash, and what the hash goes on from.
type Object = (&'static str, &'static [(&'static str, u64)], u64, u64);

const OBJECTS: [Object; 7] = [
    ("abi.rs", COMMON_LAYOUT, COMMON_HASH, 0xcbf2_9ce4_8422_2325),
    ("abi/rings.rs", RINGS_LAYOUT, RINGS_HASH, COMMON_HASH),
    ("abi/tables.rs", STATUS_LAYOUT, STATUS_HASH, COMMON_HASH),
    ("abi/tables.rs", CHANNELS_LAYOUT, CHANNELS_HASH, COMMON_HASH),
    ("abi/models.rs", MODELS_LAYOUT, MODELS_HASH, COMMON_HASH),
    ("abi/models.rs", IMAGE_LAYOUT, IMAGE_HASH, COMMON_HASH),
    ("abi/tap.rs", TAP_LAYOUT, TAP_HASH, COMMON_HASH),
];

/// Those that are no part of a layout: the minor, what carries it, the common hash itself, and what
/// follows from others.
const OUTSIDE: [&str; 5] = ["ABI_MINOR", "ABI_WORD", "COMMON_HASH", "COMMON_LAYOUT", "UNDIVIDED"];

/// The paths of all public constants that a file below `crates/core/src` has in its text.
fn constants_of(file: &str) -> Vec<String> {
    let path = format!("{}/crates/core/src/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut module = None;
    let mut paths = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub mod ") {
            module = name.strip_suffix(" {").filter(|name| !name.starts_with('$'));
        } else if line == "}" {
            module = None;
        } else if let Some((name, _)) =
            line.strip_prefix("pub const ").and_then(|line| line.split_once(':'))
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            paths.push(module.map_or(name.to_owned(), |module| format!("{module}::{name}")));
        }
    }
    paths
}

#[test]
fn every_constant_of_the_layout_is_in_the_list_of_its_object() {
    let files: std::collections::BTreeSet<&str> = OBJECTS.iter().map(|object| object.0).collect();
    let mut count = 0;
    for file in files {
        let mut written = constants_of(file);
        written.retain(|path| !OUTSIDE.contains(&path.as_str()));
        let of_file = OBJECTS.iter().filter(|object| object.0 == file);
        let listed: Vec<&str> =
            of_file.flat_map(|object| object.1.iter().map(|(path, _)| *path)).collect();
        assert_eq!(written, listed, "{file}");
        count += written.len();
    }
    assert!(count > 130, "only {count} constants were found");
}

#[test]
fn exchanging_or_changing_any_constants_changes_the_hash() {
    for (_, layout, hash, start) in OBJECTS {
        assert_eq!(fingerprint(start, layout), hash);
        for one in 0..layout.len() {
            let mut changed = layout.to_vec();
            changed[one].1 ^= 1;
            assert_ne!(fingerprint(start, &changed), hash, "{}", layout[one].0);
            for other in (0..one).filter(|&other| layout[one].1 != layout[other].1) {
                let mut values = layout.to_vec();
                (values[one].1, values[other].1) = (values[other].1, values[one].1);
                assert_ne!(fingerprint(start, &values), hash, "{:?}", (layout[one], layout[other]));
            }
        }
    }
}

#[test]
fn each_object_has_a_hash_of_its_own() {
    let hashes: std::collections::BTreeSet<u64> = OBJECTS.iter().map(|object| object.2).collect();
    assert_eq!(hashes.len(), OBJECTS.len());
}
