//! The settings of windows travel with tables, and are compared with the models'.

use crate::support::{engine, factord, ran};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Runs a sub-command in a folder: code and stderr.
fn said(folder: &Path, arguments: &str) -> (i32, String) {
    let words: Vec<&str> = arguments.split(' ').collect();
    let ran = ran(factord(&words).current_dir(folder));
    (ran.code, ran.err)
}

#[track_caller]
fn done(folder: &Path, arguments: &str) -> String {
    let (code, err) = said(folder, arguments);
    assert_eq!(code, 0, "{arguments}: {err}");
    err
}

#[track_caller]
fn refused(folder: &Path, arguments: &str, message: &str) {
    let (code, err) = said(folder, arguments);
    assert_eq!(code, 65, "{arguments}: {err}");
    assert!(err.contains(message), "{arguments}: {err}");
}

/// Trades, tables of minutes and of five minutes, and models of five minutes in `models`.
fn prepared(folder: &Path) {
    done(folder, "simulate --out t.csv.gz --symbols 2 --days 3 --trades 6000 --seed 5");
    for name in ["minutes.csv", "minutes.parquet"] {
        done(folder, &format!("factors t.csv.gz --out {name}"));
    }
    for name in ["five.csv", "five.csv.gz", "five.parquet"] {
        done(folder, &format!("factors t.csv.gz --window 5m --out {name}"));
    }
    done(folder, "train five.parquet --horizon 1 --out models");
}

/// What a table states, or nothing.
fn stated(folder: &Path, table: &str) -> Value {
    let table = folder.join(table);
    let stated = factord_quant::stated::of(&table).unwrap();
    stated.iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
}

#[test]
fn a_table_of_other_windows_than_the_models_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    let message = "window: the model `regression` was trained on 300s, this table has 60s: make the \
                   table with --window 300s, or train anew";
    for table in ["minutes.csv", "minutes.parquet"] {
        refused(folder, &format!("score {table} --models models --out o.csv"), message);
        assert!(!folder.join("o.csv").exists());
        // The built-in models state nothing: what is unknown is no mismatch.
        done(folder, &format!("score {table} --out o.parquet"));
    }
    done(folder, "factors t.csv.gz --window 5m --large 1000 --out large.parquet");
    let message = "large: the model `regression` was trained on 200000, this table has 1000";
    refused(folder, "score large.parquet --models models --out o.csv", message);
    // A table that another program has written states nothing either.
    let rows = fs::read(folder.join("minutes.csv")).unwrap();
    fs::write(folder.join("unknown.csv"), rows).unwrap();
    done(folder, "score unknown.csv --models models --out o.csv");
}

#[test]
fn settings_stay_with_the_rows_that_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    let expected = stated(folder, "five.parquet");
    assert_eq!(expected["window"], "300s");
    assert_eq!(expected["aggressor"], "auto");
    for input in ["five.csv", "five.csv.gz", "five.parquet"] {
        assert_eq!(stated(folder, input), expected, "{input}");
        for output in ["o.csv", "o.csv.gz", "o.parquet"] {
            done(folder, &format!("score {input} --models models --out {output}"));
            assert_eq!(stated(folder, output), expected, "{input} to {output}");
        }
    }
    let beside = fs::read_to_string(folder.join("five.csv.factors.json")).unwrap();
    let beside: Value = serde_json::from_str(&beside).unwrap();
    assert_eq!(beside["factors"], expected);
    // One left behind by another table is named, and says nothing.
    fs::copy(folder.join("minutes.csv"), folder.join("five.csv")).unwrap();
    let err = done(folder, "score five.csv --models models --out o.csv");
    assert!(err.contains("five.csv.factors.json was written for another table"), "{err}");
    assert!(err.contains("it is ignored"), "{err}");
}

#[test]
fn a_replay_of_other_windows_than_the_served_models_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    let socket = folder.join("factord.sock");
    let models = folder.join("models");
    let served = ["--models", models.to_str().unwrap()];
    let mut child = engine(&socket, &served, Duration::from_secs(20));
    let replay = "replay t.csv.gz --socket factord.sock --out r.csv";
    let minute = said(folder, replay);
    let rolling = said(folder, &format!("{replay} --window 5m --step 1m"));
    let five = said(folder, &format!("{replay} --window 5m"));
    let csv = said(folder, "predict --csv minutes.csv --out p.csv --socket factord.sock");
    let _ = child.kill();
    let _ = child.wait();
    let message = "window: the model `regression` was trained on 300s, this replay has 60s: give \
                   --window 300s, or train anew";
    assert_eq!((minute.0, minute.1.contains(message)), (65, true), "{}", minute.1);
    let message =
        "step: the model `regression` was trained on 300s, this replay has 60s: give --step";
    assert_eq!((rolling.0, rolling.1.contains(message)), (65, true), "{}", rolling.1);
    assert_eq!(five.0, 0, "{}", five.1);
    assert_eq!(stated(folder, "r.csv")["window"], "300s");
    let message =
        "window: the model `regression` was trained on 300s, this table has 60s: make the";
    assert_eq!((csv.0, csv.1.contains(message)), (65, true), "{}", csv.1);
}

#[test]
fn sessions_are_those_of_the_models_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    done(folder, "train five.parquet --horizon 1 --pause 1000000 --out nights");
    let mut next = Vec::new();
    for models in ["models", "nights"] {
        let socket = folder.join(format!("{models}.sock"));
        let served = folder.join(models);
        let served = ["--models", served.to_str().unwrap()];
        let mut child = engine(&socket, &served, Duration::from_secs(20));
        let replay =
            format!("replay t.csv.gz --window 5m --out r.csv --json --socket {models}.sock");
        let words: Vec<&str> = replay.split(' ').collect();
        let ran = ran(factord(&words).current_dir(folder));
        let _ = child.kill();
        let _ = child.wait();
        let summary: Value = serde_json::from_str(&ran.out).unwrap();
        next.push(summary["next"]["rows"].as_u64().unwrap());
    }
    // Two symbols of three days, with a break at noon: all but the very last windows go on.
    assert!(next[1] > next[0], "{next:?}");
    // So are those of an evaluation, unless a flag says otherwise.
    done(folder, "score five.parquet --models nights --out s.parquet");
    let evaluated = |more: &str| -> Value {
        let words = format!("evaluate s.parquet --json{more}");
        let words: Vec<&str> = words.split(' ').collect();
        serde_json::from_str(&ran(factord(&words).current_dir(folder)).out).unwrap()
    };
    let (own, same, other) =
        (evaluated(""), evaluated(" --pause 1000000"), evaluated(" --pause 1"));
    assert_eq!(own, same);
    assert_ne!(own["without_outcome"], other["without_outcome"]);
    let warning = "regression was trained with pauses of up to 1000000 s, not 1";
    assert_eq!(other["warnings"][0], json!(warning));
}
