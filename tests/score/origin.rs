//! That data are simulated goes with them, from the trades to the figures.

use crate::evaluate::{evaluate, json};
use crate::support::{Ran, factord, ran};
use serde_json::Value;
use std::fs;
use std::path::Path;

#[track_caller]
fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let ran = ran(factord(arguments).current_dir(folder));
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran
}

fn simulate(folder: &Path, out: &str, more: &[&str]) -> Ran {
    let usual = ["simulate", "--out", out, "--symbols", "2", "--days", "2", "--trades", "4000"];
    run(folder, &[&usual[..], more].concat())
}

/// From trades to scored rows; the JSON of the training.
fn journey(folder: &Path, trades: &[&str], tables: [&str; 2]) -> Value {
    let [features, scored] = tables;
    run(folder, &[&["factors"][..], trades, &["--window", "5m", "--out", features]].concat());
    let trained = run(folder, &["train", features, "--out", "models", "--json"]);
    run(folder, &["score", features, "--models", "models", "--out", scored]);
    serde_json::from_str(&trained.out).unwrap()
}

#[test]
fn that_data_are_simulated_is_said_from_the_trades_to_the_figures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (trades, features, scored) in
        [("t.csv", "f.csv", "s.csv"), ("t.parquet", "f.parquet", "s.parquet")]
    {
        simulate(folder, trades, &[]);
        assert!(run(folder, &["inspect", trades]).out.contains("simulated, no market data"));
        let trained = journey(folder, &[trades], [features, scored]);
        assert_eq!(trained["data"], "simulated");
        assert_eq!(trained["settings"]["data"], Value::Null);
        for table in [features, scored] {
            let seen = run(folder, &["inspect", table, "--json"]).out;
            let seen: Value = serde_json::from_str(&seen).unwrap();
            assert_eq!(seen[0]["data"], "simulated", "{table}");
        }
        let page = fs::read_to_string(folder.join("models/report.html")).unwrap();
        assert!(page.contains("<b>Simulated data.</b>"));
        let model = "models/regression.fmodel";
        assert!(run(folder, &["inspect", model]).out.contains("trained on simulated data"));
        let shown = run(folder, &["model", "show", model]).out;
        assert!(shown.contains("; simulated data") && shown.contains("data       simulated"));
        let report = json(folder, &[scored]);
        assert_eq!(report["data"], "simulated");
        assert_eq!(report["models"][0]["data"], "simulated");
        let text = evaluate(folder, &[scored]).out;
        assert!(text.contains("trained on simulated data"), "{text}");
        assert!(text.contains("simulated data: what holds for them says nothing of a market"));
    }
}

#[test]
fn data_that_do_not_say_so_are_never_called_simulated() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    simulate(folder, "t.csv", &[]);
    // The same trades with a side that an exchange might have told, of other symbols.
    let text = fs::read_to_string(folder.join("t.csv")).unwrap();
    let text = text.replace(",simulated,", ",flag,").replace(",SIM", ",X");
    fs::write(folder.join("real.csv"), text).unwrap();
    let trained = journey(folder, &["real.csv"], ["f.csv", "s.csv"]);
    assert_eq!(trained["data"], Value::Null);
    let page = fs::read_to_string(folder.join("models/report.html")).unwrap();
    let shown = run(folder, &["model", "show", "models/regression.fmodel"]).out;
    let text = evaluate(folder, &["s.csv"]).out;
    let inspected = run(folder, &["inspect", "real.csv", "f.csv", "models/regression.fmodel"]).out;
    for said in [&page, &shown, &text, &inspected] {
        assert!(!said.to_lowercase().contains("simulated"), "{said}");
    }
    // Both together are simulated in part, and a model of either scores the other's windows.
    simulate(folder, "other.csv", &["--seed", "2", "--start", "2024-02-05"]);
    run(folder, &["factors", "other.csv", "--window", "5m", "--out", "g.csv"]);
    run(folder, &["score", "g.csv", "--models", "models", "--out", "sg.csv"]);
    let report = json(folder, &["sg.csv"]);
    assert_eq!(
        (&report["data"], &report["models"][0]["data"]),
        (&"simulated".into(), &Value::Null)
    );
    let both = journey(folder, &["real.csv", "other.csv"], ["h.csv", "sh.csv"]);
    assert_eq!(both["data"], "partly simulated");
    let trained = run(folder, &["train", "f.csv", "g.csv", "--out", "m", "--json"]).out;
    let trained: Value = serde_json::from_str(&trained).unwrap();
    assert_eq!(trained["data"], "partly simulated");
}

#[test]
fn a_simulation_begins_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first_ns = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        text.lines().nth(1).unwrap().split(',').next().unwrap().parse::<i64>().unwrap()
    };
    let said = simulate(folder, "usual.csv", &[]).out;
    assert!(said.contains("on 2 days from 2024-01-01, seed 1"), "{said}");
    // date -u -d '2024-01-01 09:25' +%s, and so on; a Saturday gives way to Monday.
    assert_eq!(first_ns("usual.csv"), 1_704_101_100_000_000_000);
    simulate(folder, "day.csv", &["--start", "2026-03-02"]);
    assert_eq!(first_ns("day.csv"), 1_772_443_500_000_000_000);
    simulate(folder, "time.csv", &["--start", "2026-03-07T01:25"]);
    assert_eq!(first_ns("time.csv"), 1_773_019_500_000_000_000);
    for (start, code, message) in [
        ("2026-02-30", 64, "2026-03-02, or with a time, 2026-03-02T01:25"),
        ("2026-03-02T9:00", 64, "use a day from 1970"),
        ("2026-03-02T18:25", 64, "begin at 18:24 or earlier"),
        ("2200-01-01", 64, "use a day from 1970 to 2199"),
    ] {
        let ran =
            ran(factord(&["simulate", "--out", "x.csv", "--start", start]).current_dir(folder));
        assert_eq!(ran.code, code, "{start}: {}", ran.err);
        assert!(ran.err.contains(message), "{start}: {}", ran.err);
        assert!(!folder.join("x.csv").exists());
    }
}
