//! The two formats: what is written stays what it was, and what only format 2 can say is shown.

use crate::common::{artifact, details, model};
use factord_factors::Stated;
use factord_models::catalogue;
use factord_models::file::{Artifact, DataFile, Facts, Lineage, Section, Tag, Training};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::Command;

/// The file that pins format 2, and its hash.
const GOLDEN: &[u8] = include_bytes!("golden_2.fmodel");
const GOLDEN_SHA256: &str = "ee9bbf9e51fd7bb579d4157e2aef878d671c55f9f31444cedadfa73f9356a526";

/// The hashes under which the two artifacts of format 1 have always been served.
const FIRST_SHA256: [&str; 2] = [
    "afec1d18c5ca4d50de2cf01f825df0eecc7073cbdb4fdd762a54b9c23c80456e",
    "2aacdcbbaa6302210a7199c232636b3f8bdbb4fa16aedea6b9c997e3f5508f79",
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the golden file holds: everything that format 2 can say.
fn golden() -> Artifact {
    let mut settings = Stated::default();
    for (name, text) in [("window", "5m"), ("step", "60s"), ("large_by", "turnover")] {
        settings.put(name, text).unwrap();
    }
    settings.put("not_known_yet", "7").unwrap();
    let edges = |from: f64| std::array::from_fn(|edge| from + edge as f64 / 16.0);
    let training = Training {
        target: "sell_rate".to_owned(),
        horizon: 3,
        pause_ns: Some(90_000_000_000),
        rows: 12_345,
        feature_edges: vec![edges(0.0), edges(-1.0), edges(0.5)],
        answer_edges: edges(0.25),
    };
    let table = |name: &str, sha256, held_out| DataFile { name: name.to_owned(), sha256, held_out };
    let tables = vec![
        table("monday.csv", Some([1; 32]), false),
        table("fd", None, false),
        table("friday.parquet", Some([2; 32]), true),
    ];
    let other = Section { tag: Tag::new(*b"NOTE").unwrap(), bytes: b"kept".as_slice().into() };
    let facts = Facts {
        settings,
        training: Some(training),
        lineage: Some(Lineage { parent: Some([3; 32]), tables }),
        others: vec![other],
    };
    let details = details("600519.SH.next-1m.a-name-of-64-bytes.that-format-1-has-no-place-", 3);
    assert_eq!(details.name.len(), 64);
    Artifact::with_facts(model(3, true, 5), details, facts).unwrap()
}

#[test]
fn format_1_is_read_and_written_to_the_very_bytes_for_ever() {
    for (served, sha256) in catalogue::embedded().iter().zip(FIRST_SHA256) {
        let read = Artifact::decode(&served.bytes).unwrap();
        assert_eq!((read.format_version(), read.facts()), (1, None));
        assert!(read.settings().is_empty());
        assert_eq!(read.encode(), served.bytes);
        assert_eq!(hex(&read.sha256()), sha256);
        assert_eq!(hex(&Sha256::digest(&served.bytes)), sha256);
    }
}

#[test]
fn format_2_is_read_and_written_to_the_very_bytes_of_its_golden_file() {
    assert_eq!(hex(&Sha256::digest(GOLDEN)), GOLDEN_SHA256);
    let read = Artifact::decode(GOLDEN).unwrap();
    assert_eq!(read, golden());
    assert_eq!(read.encode(), GOLDEN);
    assert_eq!(hex(&read.sha256()), GOLDEN_SHA256);
    assert_eq!(golden().encode(), GOLDEN);
}

#[test]
fn what_needs_no_more_is_made_in_format_1_and_a_long_name_in_format_2() {
    assert_eq!(artifact(&"n".repeat(31), 3, false).format_version(), 1);
    let long = artifact(&"n".repeat(32), 3, false);
    assert_eq!(long.format_version(), 2);
    assert_eq!(Artifact::decode(&long.encode()), Ok(long));
}

#[test]
fn an_unknown_section_of_many_megabytes_is_kept() {
    let other = Section { tag: Tag::new(*b"XTRA").unwrap(), bytes: vec![7; 48 << 20].into() };
    let facts = Facts { others: vec![other], ..Facts::default() };
    let large = Artifact::with_facts(model(3, false, 1), details("large", 3), facts).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.fmodel");
    large.save(&path).unwrap();
    assert_eq!(Artifact::load(&path).unwrap(), large);
    let other = Section { tag: Tag::new(*b"XTRA").unwrap(), bytes: vec![7; 64 << 20].into() };
    let facts = Facts { others: vec![other], ..Facts::default() };
    let refused = Artifact::with_facts(model(3, false, 1), details("large", 3), facts);
    assert!(refused.unwrap_err().to_string().contains("the limit is 67108864"));
}

fn shown(folder: &Path, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    let output = command.args(["model", "show"]).args(more).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn everything_that_format_2_says_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("golden.fmodel"), GOLDEN).unwrap();
    let json: Value =
        serde_json::from_str(&shown(folder.path(), &["golden.fmodel", "--json"])).unwrap();
    assert_eq!((&json["format"], &json["arithmetic"]), (&2.into(), &"factord".into()));
    assert_eq!(json["operations"], 4 * 3 + 24);
    assert_eq!(json["settings"]["window"], "300s");
    assert_eq!(json["settings"]["not_known_yet"], "7");
    assert_eq!(json["learnt"]["horizon"], 3);
    assert_eq!(json["learnt"]["pause_ns"], 90_000_000_000_u64);
    assert_eq!(json["learnt"]["answer_edges"][8], 0.75);
    assert_eq!(json["features"][1]["edges"][0], -1.0);
    assert_eq!(json["lineage"]["parent"], hex(&[3; 32]));
    assert_eq!(
        json["lineage"]["tables"][1],
        json!({"name": "fd", "sha256": null, "held_out": false})
    );
    assert_eq!(json["unknown_sections"], json!([{"tag": "NOTE", "bytes": 4}]));
    let page = shown(folder.path(), &["golden.fmodel"]);
    for expected in [
        "sell_rate 3 windows later, 12345 rows; pauses within a session: at most 90 s",
        "settings   large_by turnover, not_known_yet 7, step 60s, window 300s",
        "parent     0303",
        "a pipe  fd",
        "friday.parquet (held out)",
        "format     2, arithmetic of factord, 36 operations an evaluation",
        "section NOTE of 4 bytes is not known, and kept",
        "Tenths of the training rows reach",
        "its answer",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    // Of format 1 nothing is made up.
    let json: Value =
        serde_json::from_str(&shown(folder.path(), &["regression", "--json"])).unwrap();
    assert_eq!((&json["format"], &json["settings"]), (&1.into(), &json!({})));
    assert_eq!((&json["learnt"], &json["lineage"]), (&Value::Null, &Value::Null));
    let page = shown(folder.path(), &["regression"]);
    assert!(page.contains("format     1") && !page.contains("settings"), "{page}");
}
