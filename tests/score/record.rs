//! What predictions say of their models, and what `factord evaluate` makes of it.

use crate::evaluate::{evaluate, json};
use crate::support::{engine, factord, ran};
use crate::tables::{csv, generated};
use crate::{score, scored};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Runs a sub-command in a folder; it has to go well.
#[track_caller]
fn done(folder: &Path, arguments: &str) -> String {
    let words: Vec<&str> = arguments.split(' ').collect();
    let ran = ran(factord(&words).current_dir(folder));
    assert_eq!(ran.code, 0, "{arguments}: {}", ran.err);
    ran.err
}

/// Models of the next window in `models`, and a table of other days in `features.parquet`.
fn trained(folder: &Path) {
    for (name, seed) in [("past", 1), ("today", 2)] {
        let flags = format!("--symbols 3 --days 3 --trades 4000 --seed {seed}");
        done(folder, &format!("simulate --out {name}.csv.gz {flags}"));
        done(folder, &format!("factors {name}.csv.gz --out {name}.parquet"));
    }
    done(folder, "train past.parquet --out models --horizon 1");
}

#[track_caller]
fn warned(report: &Value, words: &[&str]) {
    let warnings: Vec<&str> =
        report["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(warnings.len(), words.len(), "{warnings:?}");
    for (warning, words) in warnings.iter().zip(words) {
        assert!(warning.contains(words), "{words}: {warnings:?}");
    }
}

#[test]
fn horizon_and_cut_are_those_that_the_models_were_trained_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    for output in ["s.parquet", "s.csv", "s.csv.gz"] {
        done(folder, &format!("score today.parquet --models models --out {output}"));
        assert_eq!(folder.join(format!("{output}.models.json")).exists(), output != "s.parquet");
        let report = json(folder, &[output]);
        assert_eq!((&report["outcome"], &report["horizon"]), (&"sell_rate[+1]".into(), &1.into()));
        warned(&report, &[]);
        let models = report["models"].as_array().unwrap();
        let names: Vec<&Value> = models.iter().map(|model| &model["name"]).collect();
        assert_eq!(names, ["regression", "classification"]);
        let cut = models[1]["cut"].as_f64().unwrap();
        assert_eq!(report["cut"].as_f64(), Some(cut));
        // By hand the same; and what was printed without a word before is another figure.
        let by_hand = json(folder, &[output, "--horizon", "1", "--cut", &cut.to_string()]);
        assert_eq!(by_hand["overall"], report["overall"]);
        let own = json(folder, &[output, "--horizon", "0"]);
        warned(
            &own,
            &[
                "regression was trained for horizon 1, not 0",
                "classification was trained for horizon 1, not 0",
                "the input's own window",
            ],
        );
        assert_ne!(own["overall"]["regression"]["r2"], report["overall"]["regression"]["r2"]);
        let other = json(folder, &[output, "--cut", "0.25"]);
        warned(&other, &["the label of classification was cut at"]);
        let text = evaluate(folder, &[output]).out;
        for words in
            ["model regression ", ", target sell_rate[+1], horizon 1, trained", "compared at"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        let page = folder.join("page.html");
        done(folder, &format!("evaluate {output} --horizon 0 --html page.html"));
        assert!(fs::read_to_string(page).unwrap().contains("warning: the outcome is of the input"));
    }
    // The figures of the three forms are the same.
    let reports = ["s.parquet", "s.csv", "s.csv.gz"].map(|output| json(folder, &[output]));
    assert_eq!(reports[0]["overall"], reports[1]["overall"]);
    assert_eq!(reports[1], reports[2]);
}

#[test]
fn a_record_is_of_one_table_and_follows_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    for (input, between, output) in [
        ("today.parquet", "one.parquet", "both.parquet"),
        ("today.parquet", "one.csv", "both.csv"),
        ("today.parquet", "one.csv", "both.parquet"),
    ] {
        done(folder, &format!("score {input} --model models/regression.fmodel --out {between}"));
        done(folder, &format!("score {between} --model classification --out {output}"));
        let report = json(folder, &[output, "--horizon", "1"]);
        let names: Vec<&Value> =
            report["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
        assert_eq!(names, ["regression", "classification"], "{output}");
        assert_eq!(report["cut"], 0.5243, "the built-in classifier's");
    }
    // Another table under the same name, by another program.
    let text = fs::read_to_string(folder.join("both.csv")).unwrap();
    fs::write(folder.join("both.csv"), text.replacen("0.", "1.", 1)).unwrap();
    let report = json(folder, &["both.csv"]);
    warned(&report, &["written for another table", "nothing is recorded", "own window"]);
    assert_eq!(report["models"], json!([]));
    // Where there is no place it is said.
    let said = done(folder, "score today.parquet --models models --out -");
    assert!(said.contains("target sell_rate[+1], horizon 1"), "{said}");
    assert!(!folder.join("-.models.json").exists());
    // Models of different horizons are not compared with one outcome unless it is chosen.
    done(folder, "train past.parquet --out other --horizon 2");
    done(folder, "score one.parquet --model other/classification.fmodel --out mixed.parquet");
    let ran = evaluate(folder, &["mixed.parquet"]);
    assert_eq!(ran.code, 64, "{}", ran.err);
    assert!(ran.err.contains("regression has 1 and classification has 2"), "{}", ran.err);
}

#[test]
fn the_ring_s_predictions_say_whose_they_are_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let socket = folder.join("factord.sock");
    let mut child = engine(
        &socket,
        &["--models", folder.join("models").to_str().unwrap()],
        Duration::from_secs(20),
    );
    done(folder, "replay today.csv.gz --out r.csv --socket factord.sock");
    done(folder, "replay today.csv.gz --out r.parquet --socket factord.sock");
    done(folder, "score today.parquet --models models --out t.csv");
    done(folder, "predict --csv t.csv --out p.csv --socket factord.sock");
    let _ = child.kill();
    let _ = child.wait();
    let scored = json(folder, &["t.csv"]);
    for output in ["r.csv", "r.parquet", "p.csv"] {
        let report = json(folder, &[output]);
        assert_eq!((&report["horizon"], &report["cut"]), (&1.into(), &scored["cut"]), "{output}");
        warned(&report, &[]);
        assert_eq!(report["overall"], scored["overall"], "{output}");
    }
}

#[test]
fn a_table_without_a_record_is_compared_with_its_own_window_and_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("a.csv"), folder.path().join("o.csv"));
    csv(&input, &generated(50));
    scored(&score(&input, &output, &[]));
    fs::remove_file(folder.path().join("o.csv.models.json")).unwrap();
    let text = fs::read_to_string(&output).unwrap().replacen("large_sell", "sell_rate", 1);
    fs::write(&output, text).unwrap();
    let report = json(folder.path(), &["o.csv"]);
    warned(&report, &["nothing is recorded about the models", "the input's own window"]);
    assert_eq!((&report["horizon"], &report["cut"]), (&0.into(), &Value::Null));
}
