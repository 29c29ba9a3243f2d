//! What a training takes from its tables besides their rows: settings, hashes, edges of drift.

use crate::support::{Place, rates};
use factord_eval::eval::eval;
use factord_factors::Stated;
use factord_models::file::{Artifact, EDGE_COUNT};
use factord_quant::stated;
use sha2::{Digest, Sha256};

/// A table whose windows were made with these settings.
fn table(place: &Place, name: &str, seed: u64, settings: &[(&str, &str)]) {
    place.write(name, rates(2, 400, seed).text);
    let mut all = Stated::default();
    settings.iter().for_each(|(setting, text)| all.put(setting, text).unwrap());
    stated::save(&all, &place.path(name)).unwrap();
}

fn load(place: &Place, path: &str) -> Artifact {
    Artifact::load(&place.path(path)).unwrap()
}

fn hash(place: &Place, name: &str) -> [u8; 32] {
    Sha256::digest(std::fs::read(place.path(name)).unwrap()).into()
}

#[test]
fn settings_horizon_session_and_tables_become_part_of_the_models() {
    let place = Place::new();
    table(&place, "table.csv", 1, &[("window", "60s"), ("multiplier", "1")]);
    table(&place, "more.csv", 2, &[("per", "trade"), ("multiplier", "10")]);
    let later = std::fs::read_to_string(place.path("more.csv")).unwrap().replace('S', "T");
    place.write("more.csv", later);
    stated::save(
        &{
            let mut all = Stated::default();
            all.put("per", "trade").unwrap();
            all.put("multiplier", "10").unwrap();
            all
        },
        &place.path("more.csv"),
    )
    .unwrap();
    table(&place, "held.csv", 3, &[("window", "1m")]);
    let more = ["more.csv", "--holdout", "held.csv", "--horizon", "2", "--pause", "90"];
    let json = place.train(&more);
    assert_eq!(json["settings"], serde_json::json!({"window": "60s", "per": "trade"}));
    for (name, target) in
        [("regression", "sell_rate[+2]"), ("classification", "sell_rate[+2]_binary")]
    {
        let artifact = load(&place, &format!("out/{name}.fmodel"));
        assert_eq!((artifact.format_version(), artifact.details().target.as_str()), (2, target));
        let stated: Vec<(&str, &str)> = artifact.settings().iter().collect();
        // What a contract is worth differs, and is not stated.
        assert_eq!(stated, [("per", "trade"), ("window", "60s")]);
        let facts = artifact.facts().unwrap();
        let training = facts.training.as_ref().unwrap();
        assert_eq!((training.target.as_str(), training.horizon), ("sell_rate", 2));
        assert_eq!(
            (training.pause_ns, training.rows),
            (Some(90_000_000_000), json["rows"]["used"].as_u64().unwrap())
        );
        let lineage = facts.lineage.as_ref().unwrap();
        assert_eq!(lineage.parent, None);
        let names: Vec<_> = lineage.tables.iter().map(|t| (t.name.as_str(), t.held_out)).collect();
        assert_eq!(names, [("table.csv", false), ("more.csv", false), ("held.csv", true)]);
        for read in &lineage.tables {
            assert_eq!(read.sha256, Some(hash(&place, &read.name)), "{}", read.name);
        }
    }
    assert_eq!(load(&place, "out/classification.fmodel").details().threshold, json["cut"].as_f64());
}

/// The values that reach each tenth, by sorting.
fn tenths(mut values: Vec<f64>) -> [f64; EDGE_COUNT] {
    values.sort_by(f64::total_cmp);
    std::array::from_fn(|edge| values[(values.len() * (edge + 1)).div_ceil(10) - 1])
}

#[test]
fn the_edges_are_the_exact_quantiles_of_the_rows_learnt_from() {
    let place = Place::new();
    let text = rates(1, 30_001, 4).text;
    place.write("table.csv", &text);
    place.write("held.csv", rates(1, 9_000, 5).text.replace("0.", "0.9"));
    place.train(&["--horizon", "1", "--holdout", "held.csv", "--folds", "2", "--threads", "2"]);
    let row = |line: &str| -> Vec<f64> {
        line.split(',').skip(3).map(|field| field.parse().unwrap()).collect()
    };
    let mut rows: Vec<Vec<f64>> = text.lines().skip(1).map(row).collect();
    // The last has no target.
    rows.pop();
    let x: Vec<[f64; 3]> = rows.iter().map(|row| [row[0], row[2], row[3]]).collect();
    assert_eq!(x.len(), 30_000);
    for name in ["regression", "classification"] {
        let artifact = load(&place, &format!("out/{name}.fmodel"));
        let training = artifact.facts().unwrap().training.clone().unwrap();
        for feature in 0..3 {
            let expected = tenths(x.iter().map(|x| x[feature]).collect());
            assert_eq!(training.feature_edges[feature], expected, "{name} {feature}");
        }
        let answers = x.iter().map(|x| eval(artifact.model(), x).y).collect();
        assert_eq!(training.answer_edges, tenths(answers), "{name}");
    }
}

#[test]
fn the_same_tables_give_the_same_bytes_wherever_they_lie() {
    let (one, two) = (Place::new(), Place::new());
    for place in [&one, &two] {
        table(place, "table.csv", 6, &[("window", "60s")]);
        for out in ["out", "again"] {
            let ran = place.run(&["train", "table.csv", "--horizon", "1", "--out", out]);
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
    }
    for name in ["regression.fmodel", "classification.fmodel"] {
        let read = |place: &Place, folder: &str| {
            std::fs::read(place.path(&format!("{folder}/{name}"))).unwrap()
        };
        assert_eq!(read(&one, "out"), read(&one, "again"));
        assert_eq!(read(&one, "out"), read(&two, "out"));
    }
}

#[test]
fn tables_of_different_settings_are_refused_by_name_and_unknown_is_no_mismatch() {
    let place = Place::new();
    table(&place, "a.csv", 1, &[("window", "60s"), ("large_by", "turnover"), ("large", "200000")]);
    table(&place, "b.csv", 1, &[("large_by", "turnover"), ("large", "1000")]);
    place.write("c.csv", rates(2, 400, 1).text);
    let message = "b.csv: large: this table has 1000, a.csv has 200000: make one of them with the \
                   other's --large";
    for tables in [&["a.csv", "b.csv"][..], &["a.csv", "--holdout", "b.csv"]] {
        let (code, said) = place.refused(tables);
        assert_eq!((code, said.contains(message)), (65, true), "{said}");
    }
    assert!(place.names("out").is_empty());
    let ran = place.run(&["train", "c.csv", "--holdout", "b.csv", "--out", "out"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(load(&place, "out/regression.fmodel").settings().get("large"), Some("1000"));
    // A note that is another table's is named among the warnings.
    place.write("b.csv", rates(2, 400, 9).text);
    let ran = place.run(&["train", "b.csv", "--out", "out"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("b.csv.factors.json was written for another table"), "{}", ran.out);
    assert!(load(&place, "out/regression.fmodel").settings().is_empty());
}

#[test]
fn a_parent_is_recorded_by_its_hash_and_its_settings_are_kept_to() {
    let place = Place::new();
    table(&place, "table.csv", 1, &[("window", "60s")]);
    place.train(&["--horizon", "1"]);
    let parent = load(&place, "out/regression.fmodel");
    let parented = ["--parent", "out/regression.fmodel", "--out", "next"];
    let ran = place.run(&[&["train", "table.csv", "--horizon", "1"][..], &parented].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lineage = |path: &str| load(&place, path).facts().unwrap().lineage.clone().unwrap();
    assert_eq!(lineage("next/regression.fmodel").parent, Some(parent.sha256()));
    assert_eq!(lineage("next/classification.fmodel").parent, None);
    table(&place, "other.csv", 1, &[("window", "5m")]);
    let refused = |more: &[&str]| place.refused(&[&["other.csv", "--horizon", "1"], more].concat());
    let (code, said) = refused(&["--parent", "out/regression.fmodel"]);
    let message = "window: the model `regression` was trained on 60s, these tables have 300s: make \
                   them with --window 60s, or train without --parent";
    assert_eq!((code, said.contains(message)), (65, true), "{said}");
    let twice = ["--parent", "out/regression.fmodel", "--parent", "next/regression.fmodel"];
    let (code, said) = refused(&twice);
    assert_eq!((code, said.contains("two of --parent have one name")), (64, true), "{said}");
    let odd = ["--parent", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/golden_2.fmodel")];
    let (code, said) = refused(&odd);
    assert_eq!(
        (code, said.contains("cannot be succeeded: the models are named")),
        (64, true),
        "{said}"
    );
}
