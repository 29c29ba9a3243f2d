//! `factord evaluate`, by the real binary.

use crate::score;
use crate::support::{Ran, factord, ran};
use crate::tables::generated;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Ten windows of two symbols: predictions and outcomes of 1/16ths, so that sums are exact.
const SCORED: &str = "\
symbol,start_ns,regression,probability,class,sell_rate,rose
A,1675215000000000000,0.5,0.9,1,0.625,1
A,1675215060000000000,0.25,0.2,0,0.5,0
A,1675215120000000000,0.75,0.7,1,0.75,1
A,1675301400000000000,0.5,0.7,1,0.25,0
A,1675301460000000000,0.375,0.4,0,0.375,1
B,1675215000000000000,0.5,0.55,1,0.75,1
B,1675215060000000000,0.625,0.2,0,0.5,0
B,1675301400000000000,0.125,0.1,0,0.25,0
B,1675301460000000000,,0.6,1,0.5,1
B,1675301520000000000,0.5,0.6,1,,1
";

pub(crate) fn evaluate(folder: &Path, arguments: &[&str]) -> Ran {
    ran(factord(&["evaluate"]).args(arguments).current_dir(folder))
}

pub(crate) fn json(folder: &Path, arguments: &[&str]) -> Value {
    let ran = evaluate(folder, &[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[track_caller]
pub(crate) fn near(value: &Value, expected: f64) {
    let found = value.as_f64().unwrap_or_else(|| panic!("{value}"));
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
}

#[test]
fn figures_are_those_worked_out_by_hand_and_by_scikit_learn() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.csv"), SCORED).unwrap();
    let report = json(folder.path(), &["s.csv", "--class", "rose"]);
    assert_eq!(report["rows"], 10);
    assert_eq!(report["without_prediction"], 1);
    assert_eq!(report["without_outcome"], 1);
    let regression = &report["overall"]["regression"];
    // Errors -1/8, -1/4, 0, 1/4, 0, -1/4, 1/8, -1/8 against outcomes of mean 1/2.
    assert_eq!(regression["rows"], 8);
    near(&regression["rmse"], (0.234375f64 / 8.0).sqrt());
    near(&regression["mae"], 1.125 / 8.0);
    near(&regression["r2"], 1.0 - 0.234375 / 0.28125);
    // Computed by sklearn.metrics 1.9.1 on the same eight rows.
    let classifier = &report["overall"]["classifier"];
    near(&classifier["accuracy"], 0.75);
    near(&classifier["precision"], 0.75);
    near(&classifier["recall"], 0.75);
    near(&classifier["f1"], 0.75);
    near(&classifier["auc"], 0.84375);
    near(&classifier["brier"], 0.155_312_5);
    near(&classifier["ece"], 0.256_25);
}

#[test]
fn groups_add_up_to_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.csv"), SCORED).unwrap();
    let arguments = ["s.csv", "--cut", "0.4", "--by", "day", "--by", "symbol", "--by", "hour"];
    let report = json(folder.path(), &arguments);
    for (by, names) in [
        ("day", vec!["2023-02-01", "2023-02-02"]),
        ("symbol", vec!["A", "B"]),
        ("hour", vec!["2023-02-01T01:00Z", "2023-02-02T01:00Z"]),
    ] {
        let groups = report["by"][by].as_object().unwrap();
        assert_eq!(groups.keys().map(String::as_str).collect::<Vec<_>>(), names);
        let rows = groups.values().map(|group| group["regression"]["rows"].as_u64().unwrap());
        assert_eq!(rows.sum::<u64>(), 8);
    }
    let text = evaluate(folder.path(), &arguments).out;
    for word in [
        "10 rows against sell_rate, 1 without a prediction",
        "R2",
        "AUC",
        "by day",
        "2023-02-02",
        "0.9 to 1.0",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_group_has_the_correlations_and_intervals_of_its_rows_alone() {
    let folder = tempfile::tempdir().unwrap();
    let head = "symbol,start_ns,regression,probability,sell_rate\n";
    let (mut all, mut of_b, mut of_day) = (head.to_owned(), head.to_owned(), head.to_owned());
    for at in 0..12 * 40_u64 {
        // Two symbols in each of 20 minutes a day; noise of a multiplicative generator.
        let noise = |by: u64| (at * by % 1009) as f64 / 1009.0;
        let (day, symbol) = (at / 40, ["A", "B"][(at % 2) as usize]);
        let start = 1_675_215_000 + day * 86_400 + at / 2 % 20 * 60;
        let (x, y) = (noise(523), 0.5 * noise(523) + 0.5 * noise(89));
        let line = format!("{symbol},{start}000000000,{x},{x},{y}\n");
        all.push_str(&line);
        of_b.push_str(if symbol == "B" { &line } else { "" });
        of_day.push_str(if day == 2 { &line } else { "" });
    }
    for (name, text) in [("all.csv", all), ("b.csv", of_b), ("day.csv", of_day)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let arguments = ["--cut", "0.5", "--by", "symbol", "--by", "day"];
    let report = json(folder.path(), &[&["all.csv"], &arguments[..]].concat());
    for (by, group, alone) in [("symbol", "B", "b.csv"), ("day", "2023-02-03", "day.csv")] {
        let (group, alone) =
            (&report["by"][by][group], json(folder.path(), &[alone, "--cut", "0.5"]));
        for (model, interval) in [("regression", "r2_interval"), ("classifier", "auc_interval")] {
            let (group, alone) = (&group[model], &alone["overall"][model]);
            assert!(group["ic"]["mean"].is_number(), "{by}: {group}");
            for figure in ["ic", "rank_ic", "by", "intervals_by_drawing", interval] {
                assert_eq!(group[figure], alone[figure], "{by}, {model}: {figure}");
            }
            assert_eq!(group[interval].is_array(), by == "symbol", "{by}: {group}");
            assert_eq!(group["undefined"].get(interval).is_some(), by == "day", "{by}: {group}");
        }
    }
    let text = evaluate(folder.path(), &[&["all.csv"], &arguments[..]].concat()).out;
    let line = text.lines().find(|line| line.starts_with("B ")).unwrap();
    let ends = &report["by"]["symbol"]["B"]["regression"]["r2_interval"];
    let ends = [0, 1].map(|end| format!("{:.4}", ends[end].as_f64().unwrap()));
    assert!(line.ends_with(&ends.join(" to ")), "{line}");
}

#[test]
fn a_second_table_is_joined_by_key_or_by_row_order() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("s.csv", SCORED);
    let column = |line: &str, at: usize| line.split(',').nth(at).unwrap().to_owned();
    // In another order, under other names, and one more.
    let mut lines: Vec<String> = SCORED
        .lines()
        .skip(1)
        .map(|line| format!("{},{},{}", column(line, 5), column(line, 1), column(line, 0)))
        .collect();
    lines.reverse();
    write("key.csv", &format!("y,start_ns,symbol\n{}\n0.5,1,C\n", lines.join("\n")));
    let rows: Vec<String> = SCORED.lines().skip(1).map(|line| column(line, 5)).collect();
    write(
        "rows.csv",
        &format!("n,y\n{}\n", rows.iter().map(|y| format!("1,{y}")).collect::<Vec<_>>().join("\n")),
    );
    let own = json(folder.path(), &["s.csv", "--cut", "0.4"]);
    for second in ["key.csv", "rows.csv"] {
        let other = json(folder.path(), &["s.csv", second, "--target", "y", "--cut", "0.4"]);
        for name in ["rows", "without_prediction", "without_outcome", "overall"] {
            assert_eq!(own[name], other[name], "{second}: {name}");
        }
    }
    for (arguments, message) in [
        (vec!["s.csv", "rows.csv", "--target", "y", "--key"], "no column symbol"),
        (vec!["s.csv", "key.csv", "--target", "y", "--rows"], "differ in their rows"),
        (vec!["s.csv", "--target", "z"], "s.csv: no column z: the columns are symbol"),
        (vec!["rows.csv", "--target", "y"], "there is no column regression or probability"),
        (vec!["rows.csv", "--target", "y", "--by", "day"], "no column regression or probability"),
    ] {
        let ran = evaluate(folder.path(), &arguments);
        assert_eq!(ran.code, 65, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(message), "{arguments:?}: {}", ran.err);
    }
    write("twice.csv", "y,start_ns,symbol\n1,2,A\n3,2,A\n");
    let ran = evaluate(folder.path(), &["s.csv", "twice.csv", "--target", "y"]);
    assert_eq!(ran.code, 65);
    assert!(ran.err.contains("twice.csv:3: A at 2 has two outcomes"), "{}", ran.err);
}

#[test]
fn bad_predictions_are_named_by_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let bad = SCORED.replace("0.375,0.4", "0.375,much");
    fs::write(folder.path().join("s.csv"), bad).unwrap();
    let ran = evaluate(folder.path(), &["s.csv", "--cut", "0.4"]);
    assert_eq!(ran.code, 65);
    let message = "s.csv:6: column 4 (probability): `much` is not a number";
    assert!(ran.err.contains(message), "{}", ran.err);
    fs::write(folder.path().join("e.csv"), "regression,sell_rate\n,\n").unwrap();
    let ran = evaluate(folder.path(), &["e.csv"]);
    assert_eq!(ran.code, 65);
    assert!(ran.err.contains("e.csv: none of 1 rows has both"), "{}", ran.err);
    let ran = evaluate(folder.path(), &["none.csv"]);
    assert_eq!(ran.code, 66);
}

#[test]
fn what_score_writes_evaluate_reads() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.csv");
    crate::csv(&input, &generated(2000));
    let output = folder.path().join("o.parquet");
    assert_eq!(score(&input, &output, &[]).code, 0);
    // The seed's identity: what is sold is what is not bought.
    let report = json(folder.path(), &["o.parquet", "--target", "buy_rate", "--cut", "0.5"]);
    assert!(report["overall"]["regression"]["r2"].as_f64().unwrap() < 0.0);
    assert!(report["overall"]["classifier"]["auc"].as_f64().unwrap() < 0.05);
}
