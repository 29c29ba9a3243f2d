//! The fingerprint of the layout covers every constant of it.

use factord_core::abi::{LAYOUT, LAYOUT_HASH, fingerprint};

/// Those that are no part of the layout: the minor, what carries it, and the fingerprint itself.
const OUTSIDE: [&str; 4] = ["ABI_MINOR", "ABI_WORD", "LAYOUT", "LAYOUT_HASH"];

/// The paths of all constants that `crates/core/src/abi.rs` has in its text.
fn constants_of_the_source() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/core/src/abi.rs");
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
fn every_constant_of_the_layout_is_in_its_fingerprint() {
    let mut written = constants_of_the_source();
    written.retain(|path| !OUTSIDE.contains(&path.as_str()));
    let listed: Vec<&str> = LAYOUT.iter().map(|(path, _)| *path).collect();
    assert!(written.len() > 90, "only {} constants were found", written.len());
    assert_eq!(written, listed);
}

#[test]
fn exchanging_or_changing_any_constants_changes_the_fingerprint() {
    assert_eq!(fingerprint(LAYOUT), LAYOUT_HASH);
    for one in 0..LAYOUT.len() {
        let mut changed = LAYOUT.to_vec();
        changed[one].1 ^= 1;
        assert_ne!(fingerprint(&changed), LAYOUT_HASH, "{}", LAYOUT[one].0);
        for other in (0..one).filter(|&other| LAYOUT[one].1 != LAYOUT[other].1) {
            let mut values = LAYOUT.to_vec();
            (values[one].1, values[other].1) = (values[other].1, values[one].1);
            assert_ne!(fingerprint(&values), LAYOUT_HASH, "{:?}", (LAYOUT[one], LAYOUT[other]));
        }
    }
}
