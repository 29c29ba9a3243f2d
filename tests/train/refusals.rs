//! What cannot be learnt from: refused with a documented code, and with nothing left behind.

use crate::support::{Place, Random, Table, rates};

/// Exit codes of `docs/exit-codes.md`.
const USAGE: i32 = 64;
const DATA: i32 = 65;
const NO_INPUT: i32 = 66;
const CANNOT_CREATE: i32 = 73;

#[test]
fn bad_files_are_named_with_line_and_column_and_leave_nothing() {
    let place = Place::new();
    let good = rates(1, 300, 1).text;
    let lines: Vec<&str> = good.lines().collect();
    let changed = |line: usize, text: &str| {
        let mut lines = lines.clone();
        lines[line - 1] = text;
        lines.join("\n")
    };
    place.write("no-column.csv", good.replace("large_sell", "large_cell"));
    place.write("text.csv", changed(8, "S0,0,1,0.5,0.5,much,0.1"));
    place.write("back.csv", changed(9, "S0,5,60000000000,0.5,0.5,0.1,0.1"));
    place.write("inside-out.csv", changed(2, "S0,60000000000,0,0.5,0.5,0.1,0.1"));
    place.write("short.csv", changed(10, "S0,5"));
    place.write("empty.csv", "");
    for (file, parts) in [
        ("no-column.csv", &["no-column.csv", "no column large_sell"][..]),
        ("text.csv", &["text.csv:8", "column 6 (large_buy)", "`much`"]),
        ("back.csv", &["back.csv:9", "column start_ns", "goes backwards for S0"]),
        ("inside-out.csv", &["inside-out.csv:2", "column end_ns"]),
        ("short.csv", &["short.csv:10"]),
        ("empty.csv", &["empty.csv", "empty"]),
    ] {
        let (code, message) = place.refused(&[file]);
        assert_eq!(code, DATA, "{file}: {message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{file}: {message}");
        assert_eq!(place.names("out"), [""; 0], "{file}");
        assert!(!place.path("out").exists(), "{file}");
    }
    assert_eq!(place.refused(&["nowhere.csv"]).0, NO_INPUT);
}

#[test]
fn a_cut_gzip_stream_is_refused_and_files_from_before_stay() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    let place = Place::new();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(rates(1, 2000, 4).text.as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    place.write("whole.csv.gz", &bytes);
    place.write("cut.csv.gz", &bytes[..bytes.len() / 2]);
    let ran = place.run(&["train", "whole.csv.gz", "--out", "out"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let before = std::fs::read(place.path("out/regression.fmodel")).unwrap();
    let (code, message) = place.refused(&["cut.csv.gz", "--folds", "0"]);
    assert!(code == DATA && message.contains("cut.csv.gz:"), "{code} {message}");
    assert_eq!(std::fs::read(place.path("out/regression.fmodel")).unwrap(), before);
    assert_eq!(place.names("out"), ["classification.fmodel", "regression.fmodel", "report.html"]);
}

#[test]
fn all_files_appear_or_none() {
    let place = Place::new();
    place.write("table.csv", rates(1, 300, 5).text);
    std::fs::create_dir_all(place.path("out/classification.fmodel")).unwrap();
    let (code, message) = place.refused(&["table.csv"]);
    assert_eq!(code, CANNOT_CREATE, "{message}");
    assert!(message.contains("classification.fmodel"), "{message}");
    assert_eq!(place.names("out"), ["classification.fmodel"]);
}

#[test]
fn rows_without_all_numbers_are_dropped_and_counted_or_named() {
    let place = Place::new();
    let mut random = Random(6);
    let mut table = Table::new("x,y");
    for minute in 0..200 {
        let x = if minute == 50 { f64::NAN } else { random.next() };
        let y = if minute == 120 { f64::INFINITY } else { random.next() };
        table.row("A", minute, &[x, y]);
    }
    place.write("table.csv", table.text);
    let base = ["--features", "x", "--target", "y", "--folds", "2"];
    let json = place.train(&base);
    assert_eq!((&json["rows"]["used"], &json["rows"]["not_finite"]), (&198.into(), &2.into()));
    // A window later the target of one row and the input of another are missing, too.
    let json = place.train(&[&base[..], &["--horizon", "1"]].concat());
    assert_eq!((&json["rows"]["used"], &json["rows"]["not_finite"]), (&197.into(), &2.into()));
    let (code, message) = place.refused(&[&["table.csv", "--strict"], &base[..]].concat());
    assert!(code == DATA && message.contains("table.csv:52: column x"), "{code} {message}");
}

#[test]
fn too_little_to_learn_from_is_said_plainly() {
    let place = Place::new();
    place.write("few.csv", rates(1, 4, 7).text);
    place.write("table.csv", rates(1, 60, 7).text);
    let mut still = Table::new("x,y");
    (0..50).for_each(|minute| still.row("A", minute, &[minute as f64, 0.5]));
    place.write("still.csv", still.text);
    let mut apart = Table::new("x,y");
    (0..50).for_each(|minute| apart.row("A", minute, &[minute as f64, minute as f64]));
    place.write("apart.csv", apart.text);
    let xy = ["--features", "x", "--target", "y"];
    for (arguments, code, part) in [
        (vec!["few.csv"], DATA, "3 rows"),
        (vec!["table.csv", "--folds", "30"], DATA, "fewer --folds"),
        (vec!["table.csv", "--cut", "2"], DATA, "there is one class"),
        ([&["still.csv"], &xy[..]].concat(), DATA, "nothing to learn"),
        ([&["apart.csv", "--c", "none", "--folds", "0"], &xy[..]].concat(), DATA, "give --c"),
        (vec!["table.csv", "--features", "buy_rate,buy_rate"], USAGE, "named twice"),
        (vec!["table.csv", "--features", "sell_rate", "--horizon", "0"], USAGE, "same window"),
        (vec!["table.csv", "--c", "0"], USAGE, "above 0"),
        (vec!["table.csv", "--folds", "101"], USAGE, "101"),
        (vec!["table.csv", "--scratch", "nowhere"], CANNOT_CREATE, "--scratch"),
    ] {
        let (found, message) = place.refused(&arguments);
        assert_eq!(found, code, "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
        assert!(!place.path("out").exists(), "{arguments:?}");
    }
}
