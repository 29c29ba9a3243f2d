//! `factord evaluate --horizon` and its page: predictions of a later window.

use crate::evaluate::{evaluate, json, near};
use crate::support::{factord, names, ran};
use serde_json::Value;
use std::fs;

const MINUTE: i64 = 60_000_000_000;

/// Windows of a minute of two symbols in turns: what was predicted, what came, and whether it rose.
/// A pauses for a window after its third one.
fn windows() -> String {
    let mut text = "symbol,start_ns,end_ns,regression,probability,sell_rate,rose\n".to_owned();
    for (minute, regression, outcome) in [
        (0, "0.5", 0.25),
        (1, "0.25", 0.5),
        (2, "0.75", 0.5),
        (4, "0.5", 0.75),
        (5, "0.125", 0.5),
        (6, "0.5", 0.25),
    ] {
        let start = 1_675_215_000_000_000_000 + minute * MINUTE;
        let (end, rose) = (start + MINUTE, u8::from(outcome > 0.4));
        text += &format!("A,{start},{end},{regression},0.7,{outcome},{rose}\n");
        if minute < 2 {
            text += &format!("B,{start},{end},0.5,0.2,{},{rose}\n", 1.0 - outcome);
        }
    }
    text
}

#[test]
fn a_horizon_compares_with_later_windows_of_the_same_session() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.csv"), windows()).unwrap();
    let report = json(folder.path(), &["s.csv", "--horizon", "1", "--cut", "0.4"]);
    assert_eq!(report["outcome"], "sell_rate[+1]");
    assert_eq!((&report["rows"], &report["without_outcome"]), (&8.into(), &3.into()));
    let overall = &report["overall"];
    // A: 0.5 and 0.25 against 0.5, then 0.5 against 0.5 and 0.125 against 0.25; B: 0.5 against 0.5.
    assert_eq!(overall["regression"]["rows"], 5);
    near(&overall["regression"]["mae"], (0.25 + 0.125) / 5.0);
    // All of A say 1, and one of the four is 0; B says 0 and is 1.
    near(&overall["classifier"]["accuracy"], 3.0 / 5.0);
    // By labels of one's own: the same, for they are cut there.
    let labelled = json(folder.path(), &["s.csv", "--horizon", "1", "--class", "rose"]);
    assert_eq!(labelled["overall"]["regression"], overall["regression"]);
    let two = json(folder.path(), &["s.csv", "--horizon", "2"]);
    assert_eq!(
        (&two["without_outcome"], &two["overall"]["regression"]["rows"]),
        (&6.into(), &2.into())
    );
    // With longer pauses allowed, A is one session.
    let paused = json(folder.path(), &["s.csv", "--horizon", "1", "--pause", "60"]);
    assert_eq!(paused["without_outcome"], 2);
    // The outcomes of a second table come as late.
    let second = json(folder.path(), &["s.csv", "s.csv", "--horizon", "1", "--cut", "0.4"]);
    assert_eq!(second, report);
    let text = evaluate(folder.path(), &["s.csv", "--horizon", "1"]).out;
    assert!(
        text.contains("8 rows against sell_rate[+1], 0 without a prediction, 3 without"),
        "{text}"
    );
}

#[test]
fn a_horizon_needs_windows_in_order_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &str, arguments: &[&str], code: i32, message: &str| {
        fs::write(folder.path().join("s.csv"), text).unwrap();
        let ran = evaluate(folder.path(), &[&["s.csv"], arguments].concat());
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(message), "{}", ran.err);
    };
    let late = format!("{}A,1675215000000000000,1675215060000000000,0.5,0.5,0.5,1\n", windows());
    let message = "s.csv:10: column start_ns: time goes backwards for A, from 1675215360000000000";
    refused(&late, &["--horizon", "1"], 65, message);
    let renamed = windows().replace("end_ns", "until");
    refused(&renamed, &["--horizon", "1"], 65, "s.csv: no column end_ns: the columns are symbol,");
    let unsaid = windows().replace("regression", "other");
    refused(&unsaid, &[], 64, "give --cut or --class");
    refused(&windows(), &["--horizon", "many"], 64, "--horizon");
    // The default asks for no order.
    fs::write(folder.path().join("s.csv"), late).unwrap();
    assert_eq!(evaluate(folder.path(), &["s.csv"]).code, 0);
}

#[test]
fn what_training_says_of_its_rows_evaluation_says_of_their_scores() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let ran = ran(factord(arguments).current_dir(folder.path()));
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    run(&["simulate", "--out", "t.csv", "--days", "2", "--trades", "3000", "--symbols", "3"]);
    run(&["factors", "t.csv", "--out", "f.parquet"]);
    for horizon in ["0", "1", "3"] {
        let trained = run(&[
            "train",
            "f.parquet",
            "--out",
            "m",
            "--horizon",
            horizon,
            "--folds",
            "0",
            "--json",
        ]);
        let trained: Value = serde_json::from_str(&trained).unwrap();
        run(&["score", "f.parquet", "--out", "s.parquet", "--models", "m"]);
        let cut = trained["cut"].to_string();
        let arguments = ["s.parquet", "--horizon", horizon, "--cut", &cut];
        let evaluated = json(folder.path(), &arguments);
        assert_eq!(evaluated["without_outcome"], trained["rows"]["no_target"], "{horizon}");
        let (ours, theirs) = (&evaluated["overall"], &trained["training"]);
        assert_eq!(ours["regression"]["rows"], trained["rows"]["used"]);
        for name in ["r2", "rmse", "mae"] {
            near(&ours["regression"][name], theirs["linear"][name].as_f64().unwrap());
        }
        for name in ["accuracy", "precision", "recall", "f1"] {
            near(&ours["classifier"][name], theirs["logistic"][name].as_f64().unwrap());
        }
    }
}

#[test]
fn the_page_has_drawings_and_tables_and_needs_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("<s>.csv"), windows()).unwrap();
    let arguments = ["<s>.csv", "--horizon", "1", "--cut", "0.4", "--by", "minute", "--by"];
    let arguments = [&arguments[..], &["symbol", "--html", "p.html"]].concat();
    let ran = evaluate(folder.path(), &arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = fs::read_to_string(folder.path().join("p.html")).unwrap();
    for words in [
        "<h1>sell_rate[+1]</h1><p>Predictions in &lt;s&gt;.csv: 8 rows",
        "<title>Calibration</title>",
        "<title>RMSE over time</title>",
        "<title>Accuracy over time</title>",
        "02-01 01:30</text>",
        "<td>2023-02-01T01:31Z</td>",
        "<h2>By symbol</h2>",
        "<td>B</td><td>1</td>",
        "</body></html>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for word in ["http:", "https:", "<script", "url(", "@import"] {
        assert!(!page.contains(word), "{word}");
    }
    // Nothing is left of an evaluation that fails, and a bad place is told.
    let ran = evaluate(folder.path(), &["<s>.csv", "--target", "none", "--html", "q.html"]);
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert_eq!(names(folder.path()), ["<s>.csv", "p.html"]);
    let ran = evaluate(folder.path(), &["<s>.csv", "--html", "none/q.html"]);
    assert_eq!(ran.code, 73, "{}", ran.err);
}
