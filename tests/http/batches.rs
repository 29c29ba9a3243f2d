//! Many rows at once: the same bits as one by one, as the engine's own arithmetic, as the file.

use crate::harness::{Daemon, get, post, shared};
use factord_eval::eval::eval;
use factord_models::catalogue;
use serde_json::{Value, json};

fn embedded(name: &str) -> factord_eval::Model {
    let served = catalogue::embedded();
    let found = served.iter().find(|served| served.artifact.name() == name).unwrap();
    found.artifact.model().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn batch(daemon: &Daemon, model: &str, rows: &[[f64; 3]]) -> Value {
    let body = json!({ "model": model, "features": rows }).to_string();
    let reply = post(daemon.http, "/predict/batch", &body);
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let view = reply.json();
    assert_eq!(view["count"], rows.len());
    assert_eq!(view["model_type"], model);
    assert_eq!(view["generation"], 1);
    assert!(view["latency_ms"].is_f64());
    view
}

/// Rows without a pattern, in and around the training range.
fn rows(count: usize) -> Vec<[f64; 3]> {
    let mut state = 7_u64;
    let mut next = || {
        // xorshift64 (Marsaglia 2003): enough to be without a pattern.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 1.4 - 0.2
    };
    (0..count).map(|_| [next(), next(), next()]).collect()
}

#[test]
fn a_batch_is_bit_equal_to_single_requests_and_to_evaluation_in_process() {
    let daemon = Daemon::start();
    let rows = rows(10_000);
    for name in ["regression", "classification"] {
        let model = embedded(name);
        let view = batch(&daemon, name, &rows);
        let logistic = name == "classification";
        let outputs = numbers(&view[if logistic { "probabilities" } else { "predictions" }]);
        let classes = if logistic { numbers(&view["predictions"]) } else { vec![0.0; rows.len()] };
        for ((row, y), second) in rows.iter().zip(&outputs).zip(&classes) {
            let expected = eval(&model, row);
            assert_eq!(y.to_bits(), expected.y.to_bits(), "{name} {row:?}");
            assert_eq!(*second, expected.second, "{name} {row:?}");
        }
        for (row, y) in rows.iter().zip(&outputs).take(150) {
            let key = if logistic { "probability" } else { "prediction" };
            let body = json!({ "features": row }).to_string();
            let single = post(daemon.http, &format!("/predict/{name}"), &body).json();
            assert_eq!(single[key].as_f64().unwrap().to_bits(), y.to_bits(), "{row:?}");
            let path = format!("/predict/{name}/{}/{}/{}", row[0], row[1], row[2]);
            let single = get(daemon.http, &path).json();
            assert_eq!(single[key].as_f64().unwrap().to_bits(), y.to_bits(), "{row:?}");
        }
    }
}

#[test]
fn the_reference_rows_come_back_as_the_reference_says() {
    let Some(shared) = shared() else { return };
    let daemon = Daemon::start();
    let mut reader = csv::Reader::from_path(shared.join("jay/golden.csv")).unwrap();
    let names = ["buy_rate", "large_buy", "large_sell", "regression", "probability", "class"];
    assert_eq!(reader.headers().unwrap(), &names[..]);
    let records: Vec<Vec<f64>> = reader
        .records()
        .map(|record| record.unwrap().iter().map(|field| field.parse().unwrap()).collect())
        .collect();
    assert_eq!(records.len(), 4000);
    let rows: Vec<[f64; 3]> = records.iter().map(|r| [r[0], r[1], r[2]]).collect();
    let regression = numbers(&batch(&daemon, "regression", &rows)["predictions"]);
    let view = batch(&daemon, "classification", &rows);
    let (probabilities, classes) = (numbers(&view["probabilities"]), numbers(&view["predictions"]));
    for (index, record) in records.iter().enumerate() {
        let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= 1e-12 * theirs.abs();
        assert!(near(regression[index], record[3]), "row {index}");
        assert!(near(probabilities[index], record[4]), "row {index}");
        assert_eq!(classes[index], record[5], "row {index}");
    }
}

#[test]
fn a_bad_batch_names_its_row_and_changes_nothing() {
    let daemon = Daemon::start();
    for (body, status, error) in [
        ("nonsense", 400, "not valid JSON"),
        ("{}", 400, "Missing model or features"),
        (
            r#"{"model":"regression","features":[[1,2,3],[1,2]]}"#,
            400,
            "Row 1: Expected 3 features, got 2",
        ),
        (
            r#"{"model":"regression","features":[[1,2,null]]}"#,
            400,
            "Row 0: Feature 2 is not numeric: None",
        ),
        (r#"{"model":"regression","features":[[1e308,2,3],[-1e308,1e308,1e308]]}"#, 200, ""),
        (
            r#"{"model":"none","features":[[1,2,3]]}"#,
            404,
            "No such model. Served: regression, classification",
        ),
    ] {
        let reply = post(daemon.http, "/predict/batch", body);
        assert_eq!(reply.status, status, "{body}");
        if status != 200 {
            assert!(reply.error().contains(error), "{body}: {}", reply.error());
        }
    }
    let empty = post(daemon.http, "/predict/batch", r#"{"model":"regression","features":[]}"#);
    assert_eq!((empty.status, empty.json()["count"].as_u64()), (200, Some(0)));
    let many =
        format!(r#"{{"model":"regression","features":[{}]}}"#, vec!["[0,0,0]"; 10_001].join(","));
    let reply = post(daemon.http, "/predict/batch", &many);
    assert_eq!(reply.status, 413, "{}", reply.error());
    let overflow = r#"{"model":"classification","features":[[0,0,0],[1.7e308,1.7e308,-1.7e308]]}"#;
    let reply = post(daemon.http, "/predict/batch", overflow);
    assert!([200, 400].contains(&reply.status), "{}", reply.status);
}
