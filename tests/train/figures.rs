//! Figures: what they are counted from, and that nothing is fitted to what is tested.

use crate::support::{Place, Random, Table, rates, shared};
use factord_eval::eval::eval;
use factord_models::file::Artifact;
use serde_json::Value;

/// The float columns of a table made by [`rates`], row by row.
fn rows(text: &str) -> Vec<Vec<f64>> {
    let row = |line: &str| line.split(',').skip(3).map(|field| field.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

/// Features, and the target they are asked for.
type Pair = ([f64; 3], f64);

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    0.5 * (values[(values.len() - 1) / 2] + values[values.len() / 2])
}

#[test]
fn figures_on_tables_held_out_are_those_of_the_artifacts() {
    let place = Place::new();
    place.write("table.csv", rates(1, 3000, 1).text);
    let held_out = rates(1, 1000, 2).text;
    place.write("held-out.csv", &held_out);
    let json = place.train(&["--horizon", "1", "--holdout", "held-out.csv", "--folds", "0"]);
    let load = |name: &str| Artifact::load(&place.path("out").join(name)).unwrap();
    let (line, class) = (load("regression.fmodel"), load("classification.fmodel"));
    let rows = rows(&held_out);
    let cut = class.details().threshold.unwrap();
    assert_eq!(number(&json["cut"]), cut);
    let x = |row: &[f64]| [row[0], row[2], row[3]];
    let pairs: Vec<Pair> = rows.windows(2).map(|pair| (x(&pair[0]), pair[1][1])).collect();
    let count = pairs.len() as f64;
    let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
    let sum = |f: &dyn Fn(&Pair) -> f64| pairs.iter().map(f).sum::<f64>();
    let sse = sum(&|(x, y)| (y - eval(line.model(), x).y).powi(2));
    let sst = sum(&|(_, y)| (y - mean).powi(2));
    let linear = &json["holdout"]["linear"];
    assert_eq!(linear["rows"], 999);
    assert!((number(&linear["r2"]) - (1.0 - sse / sst)).abs() < 1e-12, "{linear}");
    assert!((number(&linear["rmse"]) - (sse / count).sqrt()).abs() < 1e-12);
    let last: f64 = rows.windows(2).map(|pair| (pair[1][1] - pair[0][1]).powi(2)).sum();
    let baseline = number(&linear["baseline_rmse"]["last_value"]);
    assert!((baseline - (last / count).sqrt()).abs() < 1e-12);
    let hits = sum(&|(x, y)| f64::from((eval(class.model(), x).second > 0.0) == (*y > cut)));
    let logistic = &json["holdout"]["logistic"];
    assert!((number(&logistic["accuracy"]) - hits / count).abs() < 1e-12, "{logistic}");
    let (mut above, mut pairs_count) = (0.0, 0.0);
    for one in pairs.iter().filter(|pair| pair.1 > cut) {
        for zero in pairs.iter().filter(|pair| pair.1 <= cut) {
            let (a, b) = (eval(class.model(), &one.0).y, eval(class.model(), &zero.0).y);
            above += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
            pairs_count += 1.0;
        }
    }
    assert!((number(&logistic["auc"]) - above / pairs_count).abs() < 1e-12, "{logistic}");
    assert_eq!(logistic["auc_is_exact"], true);
    // What always 0 or always 1 would reach stands beside the class most seen in training.
    let ones = sum(&|(_, y)| f64::from(*y > cut)) / count;
    let constant = number(&logistic["baseline_accuracy"]["better_constant"]);
    assert!((constant - ones.max(1.0 - ones)).abs() < 1e-12, "{logistic}");
    let best =
        ["last_class", "majority_class"].map(|name| number(&logistic["baseline_accuracy"][name]));
    let gain = number(&logistic["accuracy"]) - best.into_iter().fold(constant, f64::max);
    assert!((number(&logistic["gain"]) - gain).abs() < 1e-12, "{logistic}");
}

#[test]
fn symbols_that_are_only_held_out_are_not_among_those_learnt_from() {
    let place = Place::new();
    place.write("table.csv", rates(2, 300, 1).text);
    place.write("held-out.csv", rates(1, 300, 2).text.replace("S0,", "OTHER,"));
    let more = ["--horizon", "1", "--holdout", "held-out.csv", "--folds", "0"];
    let ran = place.run(&[&["train", "table.csv", "--out", "out"][..], &more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let first = ran.out.lines().next().unwrap();
    assert!(first.ends_with("598 rows of 600 read, 2 symbols"), "{first}");
    assert!(ran.out.contains("better constant"), "{}", ran.out);
}

#[test]
fn a_fold_trains_on_what_is_over_before_its_test_and_cuts_by_that_median() {
    let place = Place::new();
    let text = rates(1, 1000, 3).text;
    place.write("table.csv", &text);
    let targets: Vec<f64> = rows(&text).iter().map(|row| row[1]).collect();
    for horizon in [0usize, 1, 4] {
        let json = place.train(&["--horizon", &horizon.to_string(), "--folds", "4"]);
        let folds = json["folds"].as_array().unwrap();
        assert_eq!(folds.len(), 4);
        let used = 1000 - horizon;
        let mut tested = 0;
        for (at, fold) in folds.iter().enumerate() {
            let first = used * (at + 1) / 5;
            assert_eq!(number(&fold["from_ns"]), first as f64 * 60e9);
            // A target is over `horizon` windows later, and as many again are left free.
            let purged = if horizon == 0 { 0 } else { 2 * horizon };
            assert_eq!(fold["purged"], purged, "{fold}");
            assert_eq!(fold["trained"], first - purged, "{fold}");
            let known = targets[horizon..horizon + first - purged].to_vec();
            assert!((number(&fold["cut"]) - median(known)).abs() < 1e-15, "{fold}");
            tested += fold["linear"]["rows"].as_u64().unwrap();
        }
        assert_eq!(tested as usize, used - used / 5);
    }
}

#[test]
fn rows_in_any_order_of_symbols_are_tested_by_time() {
    let place = Place::new();
    let mixed = rates(3, 500, 4).text;
    place.write("table.csv", &mixed);
    let by_time = place.train(&["--horizon", "2"]);
    let mut lines: Vec<&str> = mixed.lines().skip(1).collect();
    lines.sort_by_key(|line| line.split(',').next().unwrap().to_owned());
    let header = mixed.lines().next().unwrap();
    place.write("table.csv", format!("{header}\n{}\n", lines.join("\n")));
    let by_symbol = place.train(&["--horizon", "2"]);
    assert_eq!(by_time["folds"].as_array().unwrap().len(), 5);
    for (one, other) in
        by_time["folds"].as_array().unwrap().iter().zip(by_symbol["folds"].as_array().unwrap())
    {
        for key in ["from_ns", "trained", "purged", "cut"] {
            assert_eq!(one[key], other[key]);
        }
        let (one, other) = (&one["linear"]["r2"], &other["linear"]["r2"]);
        assert!((number(one) - number(other)).abs() < 1e-12);
    }
}

#[test]
fn where_there_is_no_skill_none_is_reported() {
    let place = Place::new();
    let mut random = Random(8);
    let mut table = Table::new("x,y");
    (0..4000).for_each(|minute| table.row("A", minute, &[random.normal(), random.normal()]));
    place.write("table.csv", table.text);
    let json = place.train(&["--features", "x", "--target", "y", "--horizon", "1"]);
    let tests = &json["walk_forward"];
    // The seed is fixed: chance has been drawn, once and for all.
    assert!(number(&tests["linear"]["r2"]) < 0.01, "{tests}");
    assert!((number(&tests["logistic"]["auc"]) - 0.5).abs() < 0.05, "{tests}");
    let (low, high) =
        (&tests["logistic"]["auc_interval"][0], &tests["logistic"]["auc_interval"][1]);
    assert!(number(low) < number(high) && number(high) - number(low) < 0.1, "{tests}");
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("cannot be distinguished from") || page.contains("is worse than"));
}

const DAYS: [&str; 5] = [
    "600519.SH_20230201",
    "600000.SH_20230201",
    "000001.SZ_20230201",
    "600536.SH_20230711",
    "600961.SH_20230711",
];

#[test]
fn four_real_stock_days_explain_the_fifth_at_horizon_0_and_say_why() {
    let Some(ticks) = shared("ticks") else { return };
    let place = Place::new();
    for day in DAYS {
        let file = ticks.join(format!("{day}.csv.gz")).display().to_string();
        let table = format!("{day}.csv");
        let ran = place.run(&["factors", &file, "--out", &table, "--window", "1m"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let tables: Vec<String> = DAYS.iter().map(|day| format!("{day}.csv")).collect();
    for held_out in 0..DAYS.len() {
        let mut arguments = vec!["train", "--out", "out", "--json"];
        let others = tables.iter().enumerate().filter(|(at, _)| *at != held_out);
        arguments.extend(others.map(|(_, table)| table.as_str()));
        arguments.extend(["--holdout", &tables[held_out], "--horizon"]);
        let ran = place.run(&[&arguments[..], &["0"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(json["warning_kinds"][0], "affine", "{json}");
        assert!(number(&json["holdout"]["linear"]["r2"]) > 0.995, "{json}");
        assert!(number(&json["holdout"]["logistic"]["accuracy"]) > 0.75, "{json}");
        let ran = place.run(&[&arguments[..], &["1"]].concat());
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        assert!(!json["warning_kinds"].to_string().contains("affine"), "{json}");
        // What the figures are is not for a test to say; that they stand beside baselines is.
        for part in ["walk_forward", "holdout"] {
            for baseline in ["last_value", "rolling_mean", "training_mean"] {
                assert!(json[part]["linear"]["baseline_rmse"][baseline].is_f64(), "{json}");
            }
            assert!(json[part]["logistic"]["baseline_accuracy"]["majority_class"].is_f64());
        }
    }
}

#[test]
fn the_next_window_is_what_is_learnt_unless_another_is_asked_for() {
    let place = Place::new();
    place.write("table.csv", rates(1, 300, 5).text);
    let ran = place.run(&["train", "table.csv", "--out", "out", "--folds", "0", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    let asked = place.train(&["--folds", "0", "--horizon", "1"]);
    assert_eq!(json["target"], asked["target"]);
    assert_eq!(json["rows"], asked["rows"]);
    assert_ne!(json["rows"], place.train(&["--folds", "0"])["rows"], "another horizon shows");
}
