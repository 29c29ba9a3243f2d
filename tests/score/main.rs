//! `factord score` and `factord evaluate`, by the real binary.

mod arrow;
mod bad;
mod evaluate;
mod footers;
mod later;
mod origin;
mod ranks;
mod record;
mod settings;
#[path = "../cli/support.rs"]
#[expect(dead_code, reason = "some of it serves the tests of the command line alone")]
mod support;
mod tables;
mod text;

use std::fs;
use std::path::Path;
use support::{Daemon, Ran, factord, ran, ran_on, shared};
use tables::{FEATURES, TextTable, csv, generated, parquet, read_csv, read_parquet};

/// Runs `factord score` to the end.
fn score(input: &Path, output: &Path, more: &[&str]) -> Ran {
    let mut command = factord(&["score"]);
    ran(command.arg(input).arg("--out").arg(output).args(more))
}

#[track_caller]
fn scored(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.err);
}

/// Rows that the ring answers, as `predict --csv` writes them.
fn by_the_ring(daemon: &Daemon, rows: &TextTable) -> TextTable {
    csv(&daemon.path("in.csv"), rows);
    let arguments = ["predict", "--csv", "in.csv", "--out", "ring.csv"];
    scored(&ran(&mut daemon.factord(&arguments)));
    read_csv(&daemon.path("ring.csv"))
}

#[test]
fn every_combination_of_formats_has_the_bits_of_the_ring() {
    let daemon = Daemon::start();
    // More than a chunk, more than a row group, and not a multiple of a vector.
    let rows = generated(20_011);
    let ring = by_the_ring(&daemon, &rows);
    let expected = ["regression", "probability", "class"].map(|name| ring.column(name).to_vec());
    assert_eq!(expected[0].len(), 20_011);
    let inputs = ["a.csv", "a.csv.gz", "a.parquet"].map(|name| daemon.path(name));
    csv(&inputs[0], &rows);
    csv(&inputs[1], &rows);
    parquet(&inputs[2], &rows, 7_000);
    for input in &inputs {
        for output in ["o.csv", "o.csv.gz", "o.parquet"] {
            for threads in ["1", "2", "5"] {
                let output = daemon.path(output);
                scored(&score(input, &output, &["--threads", threads]));
                let found = match output.extension().is_some_and(|e| e == "parquet") {
                    true => read_parquet(&output),
                    false => read_csv(&output),
                };
                let case = format!("{} to {}", input.display(), output.display());
                assert_eq!(found.names, ring.names, "{case}");
                for (name, bits) in ["regression", "probability", "class"].iter().zip(&expected) {
                    assert_eq!(found.column(name), bits, "{case}: {name}");
                }
                for name in FEATURES.iter().chain(&["symbol", "start_ns"]) {
                    assert_eq!(found.column(name), rows.column(name), "{case}: {name}");
                }
            }
        }
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.parquet");
    parquet(&input, &generated(30_000), 4_000);
    let mut before: Option<Vec<u8>> = None;
    for threads in ["1", "2", "4"] {
        let output = folder.path().join("o.parquet");
        scored(&score(&input, &output, &["--threads", threads, "--compression", "snappy"]));
        let bytes = fs::read(&output).unwrap();
        assert!(before.as_ref().is_none_or(|before| *before == bytes), "{threads}");
        before = Some(bytes);
    }
}

#[test]
fn columns_are_packed_to_the_same_bytes_by_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let [text, table] = ["a.csv", "a.arrow"].map(|name| folder.path().join(name));
    // More than a row group.
    let rows = generated(300_000);
    csv(&text, &rows);
    arrow::file(&table, &tables::record(&rows), None);
    for input in [&text, &table] {
        let mut before: Option<Vec<u8>> = None;
        for threads in ["1", "2", "5"] {
            let output = folder.path().join("o.parquet");
            scored(&score(input, &output, &["--threads", threads]));
            let bytes = fs::read(&output).unwrap();
            assert!(before.as_ref().is_none_or(|before| *before == bytes), "{threads}");
            before = Some(bytes);
        }
        let found = read_parquet(&folder.path().join("o.parquet"));
        for name in FEATURES {
            assert!(found.column(name) == rows.column(name), "{name}");
        }
    }
}

#[test]
fn csv_is_written_as_predict_writes_it() {
    let daemon = Daemon::start();
    let text = "id,class,large_sell,S_LI_INITIATIVEBUYRATE,large_buy\r\n\
                \"a,b\",old,0.3,0.5,0.2\r\n\r\nc,old, 1e-3,-2 ,7e5\n";
    fs::write(daemon.path("in.csv"), text).unwrap();
    for (command, output) in [("predict", "p.csv"), ("score", "s.csv")] {
        let arguments = match command {
            "predict" => vec!["predict", "--csv", "in.csv", "--out", output],
            _ => vec!["score", "in.csv", "--out", output],
        };
        scored(&ran(&mut daemon.factord(&arguments)));
    }
    let [p, s] = ["p.csv", "s.csv"].map(|name| fs::read_to_string(daemon.path(name)).unwrap());
    assert_eq!(p, s);
    assert!(s.starts_with("id,class,large_sell,S_LI_INITIATIVEBUYRATE,large_buy,regression,"));
    let piped = ran_on(&mut factord(&["score", "-", "--out", "-"]), text.as_bytes());
    assert_eq!((piped.code, piped.out), (0, s));
}

#[test]
fn golden_rows_are_answered_as_scikit_learn_answers_them() {
    let Some(golden) = shared("jay/golden.csv") else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("o.parquet");
    scored(&score(&golden, &output, &[]));
    let (theirs, ours) = (read_csv(&golden), read_parquet(&output));
    assert_eq!(theirs.names, ours.names);
    for name in ["regression", "probability"] {
        let pairs = theirs.column(name).iter().zip(ours.column(name));
        assert_eq!(pairs.len(), 4000);
        for (a, b) in pairs {
            let [a, b] = [a, b].map(|text| text.parse::<f64>().unwrap());
            assert!((a - b).abs() <= 1e-12 * a.abs(), "{name}: {a} {b}");
        }
    }
    assert_eq!(theirs.column("class"), ours.column("class"));
}

#[test]
fn models_are_chosen_by_name_and_file_and_name_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.csv");
    csv(&input, &generated(100));
    let output = folder.path().join("o.csv");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let file = models.join("regression.fmodel");
    let file = file.to_str().unwrap();
    let added = |more: &[&str]| -> Vec<String> {
        scored(&score(&input, &output, more));
        read_csv(&output).names[5..].to_vec()
    };
    assert_eq!(added(&["--model", "classification"]), ["probability", "class"]);
    assert_eq!(added(&["--model", file]), ["regression"]);
    assert_eq!(
        added(&["--models", models.to_str().unwrap()]),
        ["regression", "probability", "class"]
    );
    let ran = score(&input, &output, &["--model", file, "--model", "regression"]);
    assert_eq!(ran.code, 64);
    assert!(ran.err.contains("regression_regression"), "{}", ran.err);
    let ran = score(&input, &output, &["--model", "nobody"]);
    assert_eq!(ran.code, 66, "{}", ran.err);
}
