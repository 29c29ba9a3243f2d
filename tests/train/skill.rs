//! Correlations by day, deciles and the ROC curve of what was tested.

use crate::support::{Place, Random, Table, rates};
use factord_eval::eval::eval;
use factord_models::file::Artifact;
use serde_json::Value;

const DAY_MINUTES: usize = 1440;

#[track_caller]
fn near(value: &Value, expected: f64) {
    let found = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
}

/// How many are below, and half of the equals: the rank, as its definition has it.
fn rank(all: &[f64], one: f64) -> f64 {
    let below = all.iter().filter(|other| **other < one).count() as f64;
    let equal = all.iter().filter(|other| **other == one).count() as f64;
    below + (equal + 1.0) / 2.0
}

/// Pearson's correlation by its sums of products, which suffice for numbers near 1.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let sum = |f: &dyn Fn(usize) -> f64| (0..x.len()).map(f).sum::<f64>();
    let (sx, sy) = (sum(&|at| x[at]), sum(&|at| y[at]));
    let product = n * sum(&|at| x[at] * y[at]) - sx * sy;
    let squares = |v: &[f64], s: f64| n * v.iter().map(|v| v * v).sum::<f64>() - s * s;
    product / (squares(x, sx) * squares(y, sy)).sqrt()
}

#[test]
fn rank_correlations_of_days_held_out_are_those_of_the_artifacts() {
    let place = Place::new();
    place.write("table.csv", rates(1, 3000, 1).text);
    // Nine days and a half of one-minute windows.
    let count = 9 * DAY_MINUTES + DAY_MINUTES / 2;
    let held_out = rates(1, count as i64, 2).text;
    place.write("held-out.csv", &held_out);
    let json = place.train(&["--horizon", "1", "--holdout", "held-out.csv", "--folds", "0"]);
    let load = |name: &str| Artifact::load(&place.path("out").join(name)).unwrap();
    let (line, class) = (load("regression.fmodel"), load("classification.fmodel"));
    let row = |line: &str| line.split(',').skip(3).map(|f| f.parse().unwrap()).collect();
    let rows: Vec<Vec<f64>> = held_out.lines().skip(1).map(row).collect();
    for (name, model) in [("linear", line.model()), ("logistic", class.model())] {
        let said = |row: &Vec<f64>| eval(model, &[row[0], row[2], row[3]]).y;
        let x: Vec<f64> = rows[..count - 1].iter().map(said).collect();
        let y: Vec<f64> = rows[1..].iter().map(|row| row[1]).collect();
        let all = &json["holdout"][name];
        let days = all["by_day"].as_array().unwrap();
        assert_eq!(days.len(), 10);
        let mut found = Vec::new();
        for (day, (x, y)) in x.chunks(DAY_MINUTES).zip(y.chunks(DAY_MINUTES)).enumerate() {
            assert_eq!(days[day]["rows"], x.len());
            near(&days[day]["ic"], correlation(x, y));
            let ranks = |v: &[f64]| v.iter().map(|&one| rank(v, one)).collect::<Vec<f64>>();
            let rank_ic = correlation(&ranks(x), &ranks(y));
            near(&days[day]["rank_ic"], rank_ic);
            found.push(rank_ic);
        }
        let mean = found.iter().sum::<f64>() / 10.0;
        near(&all["rank_ic"]["mean"], mean);
        let squares = found.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
        near(&all["rank_ic"]["t"], mean / (squares / 9.0 / 10.0).sqrt());
        let ends = [&all["rank_ic"]["interval"][0], &all["rank_ic"]["interval"][1]];
        let [low, high] = ends.map(|end| end.as_f64().unwrap());
        assert!(low < mean && mean < high, "{low} {mean} {high}");
        // The lowest tenth: a row belongs to it by its rank.
        let lowest: Vec<usize> =
            (0..x.len()).filter(|&at| 10.0 * (rank(&x, x[at]) - 0.5) < x.len() as f64).collect();
        let decile = &all["deciles"][0];
        assert_eq!(decile["rows"], lowest.len());
        let outcome = lowest.iter().map(|&at| y[at]).sum::<f64>() / lowest.len() as f64;
        near(&decile["outcome"], outcome);
    }
    let curve = json["holdout"]["logistic"]["roc"].as_array().unwrap();
    let last = curve.last().unwrap();
    near(&last["false_positive_rate"], 1.0);
    near(&last["true_positive_rate"], 1.0);
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    for part in ["<title>Rank IC over time", "<title>Deciles", "<title>ROC curve", "held out</h2>"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_is_tested_is_ordered_by_the_models_of_its_fold_and_what_is_not_by_none() {
    let place = Place::new();
    let mut random = Random(3);
    let mut table = Table::new("x,y");
    for minute in 0..4000 {
        table.row("A", minute, &[random.normal(), random.normal()]);
    }
    place.write("table.csv", table.text);
    let json = place.train(&["--features", "x", "--target", "y", "--folds", "3"]);
    let linear = &json["walk_forward"]["linear"];
    let rows = linear["by_day"].as_array().unwrap().iter().map(|day| day["rows"].as_u64().unwrap());
    assert_eq!(rows.sum::<u64>(), linear["rows"].as_u64().unwrap());
    // Two days and a bit: too few for an interval, which says so.
    assert_eq!(linear["rank_ic"]["interval"], Value::Null);
    assert!(linear["undefined"]["rank_ic.interval"].as_str().unwrap().contains("takes 8"));
    assert_eq!(json["training"]["linear"]["rank_ic"], Value::Null);
    let text = place.run(&["train", "table.csv", "--out", "o", "--features", "x", "--target", "y"]);
    for part in ["Order, walk-forward", "linear, by day", "logistic, deciles"] {
        assert!(text.out.contains(part), "{part}: {}", text.out);
    }
}
