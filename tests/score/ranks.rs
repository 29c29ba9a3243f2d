//! Correlations by day, deciles, the ROC curve and intervals of `factord evaluate`.

use crate::evaluate::{evaluate, json, near};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const DAY_NS: i64 = 86_400_000_000_000;

/// Two days of eighths with ties, one of equal outcomes, one of a single row.
const ROWS: [(i64, i64, i64); 11] = [
    (0, 1, 4),
    (0, 2, 2),
    (1, 3, 1),
    (0, 2, 6),
    (1, 1, 2),
    (0, 3, 6),
    (0, 4, 8),
    (1, 2, 3),
    (1, 5, 4),
    (2, 1, 4),
    (3, 7, 7),
];

fn write(folder: &Path, rows: &[(i64, i64, i64)]) {
    let mut text = "start_ns,regression,probability,sell_rate\n".to_owned();
    for (minute, &(day, said, came)) in (0..).zip(rows) {
        let start_ns = day * DAY_NS + minute * 60_000_000_000;
        let (said, came) = (said as f64 / 8.0, came as f64 / 8.0);
        writeln!(text, "{start_ns},{said},{said},{came}").unwrap();
    }
    fs::write(folder.join("s.csv"), text).unwrap();
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn correlations_of_days_are_those_of_exact_fractions_and_of_scipy() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = ROWS.to_vec();
    rows.push((2, 3, 4));
    write(folder.path(), &rows);
    let report = json(folder.path(), &["s.csv", "--cut", "0.4"]);
    for name in ["regression", "classifier"] {
        let all = &report["overall"][name];
        let days = all["by_day"].as_array().unwrap();
        let from: Vec<&str> = days.iter().map(|day| day["from"].as_str().unwrap()).collect();
        assert_eq!(from, ["1970-01-01", "1970-01-02", "1970-01-03", "1970-01-04"]);
        let counts: Vec<u64> = days.iter().map(|day| day["rows"].as_u64().unwrap()).collect();
        assert_eq!(counts, [5, 4, 2, 1]);
        // Products of 7.6 over the root of squares 5.2 and 20.8; of 3.5 over that of 8.75 and 5.
        near(&days[0]["ic"], 19.0 / 26.0);
        near(&days[1]["ic"], 3.5 / 43.75f64.sqrt());
        // Ranks 1, 2.5, 2.5, 4, 5 and 2, 1, 3.5, 3.5, 5; and 1 - 6 * 6 / 60.
        near(&days[0]["rank_ic"], 29.0 / 38.0);
        near(&days[1]["rank_ic"], 0.4);
        for (day, why) in [(2, "its outcomes are all equal"), (3, "it has one row")] {
            assert_eq!(days[day]["rank_ic"], Value::Null);
            assert_eq!(days[day]["undefined"]["rank_ic"], why);
        }
        // By scipy 1.17's ttest_1samp of the two days that define it.
        near(&all["ic"]["mean"], 0.629_959_746_491_074_4);
        near(&all["ic"]["std"], 0.142_566_139_882_005_8);
        near(&all["ic"]["t"], 6.249_012_689_648_056);
        near(&all["rank_ic"]["mean"], 0.581_578_947_368_421_2);
        near(&all["rank_ic"]["t"], 3.202_898_550_724_637);
        assert_eq!(all["rank_ic"]["count"], 2);
        let why = all["undefined"]["rank_ic.interval"].as_str().unwrap();
        assert_eq!(why, "there are 2 to draw from, and an interval takes 8");
    }
    let text = evaluate(folder.path(), &["s.csv"]).out;
    for line in [
        "rank IC (Spearman)      0.5816    0.2568      3.20         2   -",
        "  1970-01-01                 5    0.7308    0.7632",
        "  1970-01-03                 2         -         -   its outcomes are all equal",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn deciles_and_the_curve_are_counted_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    // Twenty predictions in no order, outcomes that are their eighths backwards.
    let rows: Vec<(i64, i64, i64)> =
        (0..20).map(|at| at * 7 % 20).map(|said| (0, said, 20 - said)).collect();
    write(folder.path(), &rows);
    let report = json(folder.path(), &["s.csv", "--cut", "1.25"]);
    let all = &report["overall"]["classifier"];
    let deciles = all["deciles"].as_array().unwrap();
    assert_eq!(deciles.len(), 10);
    for (at, decile) in deciles.iter().enumerate() {
        assert_eq!((&decile["decile"], &decile["rows"]), (&(at + 1).into(), &2.into()));
        near(&decile["predicted"], (2.0 * at as f64 + 0.5) / 8.0);
        near(&decile["outcome"], (19.5 - 2.0 * at as f64) / 8.0);
        // Above 10 eighths are those of predictions 0 to 9.
        near(&decile["positive_share"], f64::from(u8::from(at < 5)));
    }
    let curve = all["roc"].as_array().unwrap();
    assert_eq!(curve.len(), 21);
    assert_eq!(curve[0]["threshold"], Value::Null);
    near(&curve[5]["false_positive_rate"], 0.5);
    near(&curve[5]["true_positive_rate"], 0.0);
    near(&curve[15]["threshold"], 5.0 / 8.0);
    near(&curve[15]["false_positive_rate"], 1.0);
    near(&curve[15]["true_positive_rate"], 0.5);
    assert_eq!(all["auc"], 0.0);
    let html = evaluate(folder.path(), &["s.csv", "--cut", "1.25", "--html", "e.html"]);
    assert_eq!(html.code, 0, "{}", html.err);
    let page = fs::read_to_string(folder.path().join("e.html")).unwrap();
    for title in ["<title>Deciles</title>", "<title>ROC curve</title>", "rank IC"] {
        assert!(page.contains(title), "{title}");
    }
}

#[test]
fn what_is_not_defined_is_null_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    // Equal predictions, equal outcomes, all of class 1.
    write(folder.path(), &[(0, 3, 4); 200]);
    let report = json(folder.path(), &["s.csv", "--cut", "0.4"]);
    let (line, class) = (&report["overall"]["regression"], &report["overall"]["classifier"]);
    for (figures, name, why) in [
        (line, "r2", "its outcomes are all equal"),
        (line, "r2_interval", "its outcomes are all equal"),
        (line, "deciles", "its predictions are all equal"),
        (class, "auc", "its rows are of one class"),
        (class, "auc_interval", "its rows are of one class"),
        (class, "roc", "its rows are of one class"),
        (class, "precision", "no row is said to be of class 1"),
    ] {
        assert_eq!(figures[name], Value::Null, "{name}");
        assert_eq!(figures["undefined"][name], why);
    }
    assert_eq!(line["rank_ic"]["mean"], Value::Null);
    assert_eq!(line["undefined"]["rank_ic.mean"], "its predictions are all equal");
    // Nothing was right, in any draw.
    assert_eq!(class["accuracy_interval"], serde_json::json!([0.0, 0.0]));
    let text = evaluate(folder.path(), &["s.csv", "--cut", "0.4"]).out;
    assert!(!text.contains("NaN") && text.contains("R2 has none: its outcomes are all equal"));
}

#[test]
fn a_table_without_days_is_taken_in_blocks_of_rows_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "regression,sell_rate\n".to_owned();
    for at in 0..160u32 {
        let (said, came) = (f64::from(at % 16), f64::from((at * 5 + at / 16) % 16));
        writeln!(text, "{said},{came}").unwrap();
    }
    fs::write(folder.path().join("s.csv"), text).unwrap();
    let report = json(folder.path(), &["s.csv"]);
    let all = &report["overall"]["regression"];
    assert_eq!((&all["by"], &all["ic"]["count"]), (&"rows".into(), &10.into()));
    assert_eq!(all["by_rows"][1]["from"], "row 17");
    let drawn = &all["intervals_by_drawing"];
    assert_eq!(
        (&drawn["what"], &drawn["count"]),
        (&"blocks of consecutive rows".into(), &10.into())
    );
    assert!(all["r2_interval"].is_array());
    let text = evaluate(folder.path(), &["s.csv"]).out;
    let said = "the table has no start_ns, so these are of blocks of consecutive rows, not of days";
    assert!(text.contains(said), "{text}");
}

/// Uniform in 0 to 1, by a linear congruence.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

/// Rows of 60 days: day, prediction, outcome. The rows of a day share a part of both.
fn dependent() -> Vec<(usize, f64, f64)> {
    let mut state = 5;
    let mut rows = Vec::new();
    for day in 0..60 {
        let (skill, shift) = (uniform(&mut state), 0.3 * uniform(&mut state));
        for _ in 0..40 {
            let said = 0.2 + 0.6 * uniform(&mut state);
            rows.push((day, said, 0.5 * skill * said + shift + 0.4 * uniform(&mut state)));
        }
    }
    rows
}

/// The standard error of a mean of independent days, from what each row adds to it.
fn standard_error(rows: &[(usize, f64, f64)], adds: impl Fn(usize) -> f64) -> f64 {
    let mut days = vec![0.0; 60];
    rows.iter().enumerate().for_each(|(at, row)| days[row.0] += adds(at));
    days.iter().map(|sum| sum * sum).sum::<f64>().sqrt()
}

#[test]
fn intervals_are_as_wide_as_errors_that_take_days_for_independent_and_rows_not() {
    let folder = tempfile::tempdir().unwrap();
    let rows = dependent();
    let mut text = "start_ns,regression,probability,sell_rate\n".to_owned();
    for (at, (day, said, came)) in (0..).zip(&rows) {
        writeln!(text, "{},{said},{said},{came}", *day as i64 * DAY_NS + at).unwrap();
    }
    fs::write(folder.path().join("s.csv"), text).unwrap();
    let report = json(folder.path(), &["s.csv", "--cut", "0.45"]);
    let (line, class) = (&report["overall"]["regression"], &report["overall"]["classifier"]);
    let count = rows.len() as f64;
    let mean = rows.iter().map(|row| row.2).sum::<f64>() / count;
    let total = rows.iter().map(|row| (row.2 - mean).powi(2)).sum::<f64>();
    let off = |at: usize| (rows[at].1 - rows[at].2).powi(2);
    let r2 = 1.0 - (0..rows.len()).map(off).sum::<f64>() / total;
    let of_r2 = |at: usize| ((1.0 - r2) * (rows[at].2 - mean).powi(2) - off(at)) / total;
    let hit = |at: usize| f64::from(u8::from((rows[at].1 > 0.5) == (rows[at].2 > 0.45)));
    let accuracy = (0..rows.len()).map(hit).sum::<f64>() / count;
    // DeLong's components: how many rows of the other class each one is above or below.
    let label = |at: usize| rows[at].2 > 0.45;
    let ones = (0..rows.len()).filter(|&at| label(at)).count() as f64;
    let zeros = count - ones;
    let share = |at: usize| {
        let others = rows.iter().enumerate().filter(|(other, _)| label(*other) != label(at));
        let wins = others.filter(|(_, other)| (rows[at].1 > other.1) == label(at)).count() as f64;
        wins / if label(at) { zeros } else { ones }
    };
    let shares: Vec<f64> = (0..rows.len()).map(share).collect();
    let auc = (0..rows.len()).filter(|&at| label(at)).map(|at| shares[at]).sum::<f64>() / ones;
    let of_auc = |at: usize| (shares[at] - auc) / if label(at) { ones } else { zeros };
    near(&class["auc"], auc);
    for (figures, name, value, error) in [
        (line, "r2_interval", r2, standard_error(&rows, of_r2)),
        (class, "accuracy_interval", accuracy, {
            standard_error(&rows, |at| (hit(at) - accuracy) / count)
        }),
        (class, "auc_interval", auc, standard_error(&rows, of_auc)),
    ] {
        let (low, high) = (number(&figures[name][0]), number(&figures[name][1]));
        assert!(low < value && value < high, "{name}: {low} {value} {high}");
        let errors = (high - low) / 2.0 / error;
        // 1.96, but for the chance of a thousand draws and for skew.
        assert!((1.7..2.25).contains(&errors), "{name}: {errors} errors to either side");
    }
    assert_eq!(line["intervals_by_drawing"]["what"], "days");
    assert_eq!(line["intervals_by_drawing"]["count"], 60);
    // The same table has the same intervals.
    assert_eq!(json(folder.path(), &["s.csv", "--cut", "0.45"]), report);
}
