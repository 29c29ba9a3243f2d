//! The suite itself: its golden files are fresh, its page names its cases, and Rust passes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn suite(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord-conformance"));
    command.args(arguments).output().unwrap()
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under a folder.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let inner = files(&path).into_iter();
            found.extend(inner.map(|(file, text)| (format!("{name}/{file}"), text)));
        } else {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

#[test]
fn the_golden_files_are_what_their_generator_writes() {
    let fresh = tempfile::tempdir().unwrap();
    let output = suite(&["golden", fresh.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let (fresh, committed) = (files(fresh.path()), files(&folder().join("golden")));
    assert!(fresh.len() > 30, "only {} files", fresh.len());
    assert_eq!(
        fresh.keys().collect::<Vec<_>>(),
        committed.keys().collect::<Vec<_>>(),
        "write them again: factord-conformance golden clients/conformance/golden"
    );
    for (name, text) in fresh {
        assert!(committed[&name] == text, "{name} is stale");
    }
}

/// The cases of the table, which are also what every runner prints.
fn cases_of_the_page() -> Vec<String> {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let case = |line: &str| {
        let (number, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
        let name = rest.split_once('`')?.0;
        number.parse::<u32>().ok().map(|_| format!("{number} {name}"))
    };
    page.lines().filter_map(case).collect()
}

#[test]
fn every_case_passes_in_rust_and_the_page_names_it() {
    let output = suite(&["drive", "rust"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let row = |line: &str| Some(line.strip_suffix("ok")?.trim().to_owned());
    let passed: Vec<String> = text.lines().filter_map(|line| row(line.trim())).collect();
    assert!(passed.len() > 20, "{text}");
    assert_eq!(passed, cases_of_the_page(), "{text}");
}

#[test]
fn every_case_fails_in_rust_where_nothing_is_as_it_should_be() {
    let output = suite(&["drive", "--spoilt", "rust"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("rust: 26 of 26 spoilt cases fail"), "{text}");
}

#[test]
fn a_missing_toolchain_is_named_and_fails_where_all_must_run() {
    for (all_must_run, passes) in [("false", true), ("true", false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factord-conformance"));
        command.args(["drive", "rust", "c"]).env("PATH", "/nowhere").env("CI", all_must_run);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), passes, "{text}");
        assert!(text.contains("c: skipped, make is missing: install make"), "{text}");
    }
}

#[test]
fn every_image_is_an_impostor_of_the_page() {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let images = files(&folder().join("golden/images"));
    assert!(images.len() > 20, "only {} images", images.len());
    for name in images.keys() {
        let name = name.strip_suffix(".image").unwrap();
        assert!(page.contains(&format!("`{name}`")), "{name} is in no case");
    }
}

#[test]
fn a_language_or_a_call_that_is_not_there_is_refused_by_name() {
    for (arguments, word) in [
        (&["drive", "cobol"][..], "no language cobol"),
        (&["sing"], "no such call: sing"),
        (&["conduct", "/nowhere/conduct.sock", "kill"], "/nowhere/conduct.sock"),
    ] {
        let output = suite(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(word), "{arguments:?}: {text}");
    }
}
