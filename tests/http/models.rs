//! Models besides the two: another name, another width, another generation.

use crate::harness::{Daemon, command, get, post};
use factord_eval::Model;
use factord_eval::eval::eval;
use factord_models::file::{Artifact, Details};
use serde_json::{Value, json};

/// A linear model of five features named after its first weight.
pub(crate) fn wide(first_weight: f64) -> Artifact {
    let model = Model::linear(vec![first_weight, -0.1, 0.7, 1e-3, 2.5], 0.25).unwrap();
    let feature_names = (0..5).map(|index| format!("w{first_weight}_{index}")).collect();
    let details = Details { name: "wide".to_owned(), feature_names, ..Details::default() };
    Artifact::new(model, details).unwrap()
}

const ROW: [f64; 5] = [0.3, 1.7, -2.25, 1e6, 0.1];

fn predict(daemon: &Daemon) -> Value {
    let reply = post(daemon.http, "/predict/wide", &json!({ "features": ROW }).to_string());
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()
}

fn bits(value: &Value) -> u64 {
    value.as_f64().unwrap().to_bits()
}

#[test]
fn a_model_of_another_width_is_served_under_its_name() {
    let models = tempfile::tempdir().unwrap();
    let artifact = wide(0.5);
    artifact.save(&models.path().join("wide.fmodel")).unwrap();
    let daemon = Daemon::start_with(&["--models", models.path().to_str().unwrap()]);
    let expected = eval(artifact.model(), &ROW).y.to_bits();
    let view = predict(&daemon);
    assert_eq!(bits(&view["prediction"]), expected);
    assert_eq!(view["model_type"], "wide");
    assert_eq!(view["feature_names"], json!(artifact.details().feature_names));
    let body = json!({ "model": "wide", "features": [ROW, ROW] }).to_string();
    let batch = post(daemon.http, "/predict/batch", &body).json();
    assert_eq!(bits(&batch["predictions"][1]), expected);
    let three = get(daemon.http, "/predict/wide/1/2/3");
    assert_eq!((three.status, three.error().as_str()), (400, "Expected 5 features, got 3"));
    let info = get(daemon.http, "/info").json();
    assert_eq!(info["wide_model"]["type"], "regression");
    assert_eq!(info["wide_model"]["trained_at"], Value::Null, "the artifact does not say when");
    assert_eq!(get(daemon.http, "/plot/model_comparison").status, 404);
    assert_eq!(get(daemon.http, "/health").status, 200);
}

#[test]
fn after_a_reload_names_and_numbers_are_of_one_generation() {
    let models = tempfile::tempdir().unwrap();
    let path = models.path().join("wide.fmodel");
    wide(0.5).save(&path).unwrap();
    let daemon = Daemon::start_with(&["--models", models.path().to_str().unwrap()]);
    for (index, weight) in [0.75, 0.25, 2.0].into_iter().enumerate() {
        let artifact = wide(weight);
        artifact.save(&path).unwrap();
        let reload = command(&daemon.socket()).args(["model", "reload"]).output().unwrap();
        assert!(reload.status.success(), "{}", String::from_utf8_lossy(&reload.stderr));
        let view = predict(&daemon);
        assert_eq!(bits(&view["prediction"]), eval(artifact.model(), &ROW).y.to_bits());
        assert_eq!(view["feature_names"], json!(artifact.details().feature_names));
        let body = json!({ "model": "wide", "features": [ROW] }).to_string();
        let batch = post(daemon.http, "/predict/batch", &body).json();
        assert_eq!(batch["generation"], index + 2);
    }
}
