//! Forests over HTTP: `null` is a missing value for them, and for nobody else.

use crate::harness::{Daemon, get, post};
use factord_eval::Model;
use factord_eval::eval::eval;
use factord_eval::forest::{Builder, Link, Missing, Node};
use factord_models::file::{Artifact, Details};
use serde_json::json;

/// One tree of two features: 1.5 for what is missing, else 0.25 up to 0.5 and -1 above 0.6.
fn stump(link: Link) -> Model {
    let mut builder = Builder::new(2, link, false).unwrap();
    let split = |threshold, default_left| Node::Split {
        feature: 1,
        threshold,
        missing: Missing::Nan,
        default_left,
    };
    let leaf = Node::Leaf;
    // What is missing goes right at the root, and left below it.
    let below = [leaf(0.25), split(0.6, true)];
    builder.push(&[&[split(0.5, false)][..], &below, &[leaf(1.5), leaf(-1.0)]].concat()).unwrap();
    Model::Forest(builder.finish().unwrap())
}

fn save(models: &std::path::Path, name: &str, model: Model) {
    let details = Details {
        name: name.to_owned(),
        feature_names: (0..model.width()).map(|index| format!("x{index}")).collect(),
        ..Details::default()
    };
    let file = models.join(format!("{name}.fmodel"));
    Artifact::new(model, details).unwrap().save(&file).unwrap();
}

#[test]
fn null_is_missing_for_a_forest_and_refused_for_any_other_model() {
    let models = tempfile::tempdir().unwrap();
    let forests = [("stump", Link::Identity), ("odds", Link::Sigmoid { scale: 1.0 })];
    for (name, link) in forests {
        save(models.path(), name, stump(link));
    }
    save(models.path(), "line", Model::linear(vec![1.0, 2.0], 0.5).unwrap());
    let daemon = Daemon::start_with(&["--models", models.path().to_str().unwrap()]);
    // More than once: at first the image is on its way.
    for (name, link) in forests.into_iter().cycle().take(20) {
        let model = stump(link);
        for (x, sent) in
            [([7.0, f64::NAN], json!([7, null])), ([f64::NAN, 0.25], json!([null, 0.25]))]
        {
            let body = json!({ "features": sent }).to_string();
            let reply = post(daemon.http, &format!("/predict/{name}"), &body);
            assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
            let (view, expected) = (reply.json(), eval(&model, &x));
            let y = if model.is_classifier() { "probability" } else { "prediction" };
            assert_eq!(view[y].as_f64().unwrap().to_bits(), expected.y.to_bits());
            assert_eq!(view["input_features"], sent);
        }
    }
    let rows = json!([[1, null], [null, 0.5], [0, 0.75]]);
    let batch = json!({ "model": "odds", "features": rows }).to_string();
    let batch = post(daemon.http, "/predict/batch", &batch).json();
    assert_eq!(batch["predictions"], json!([1, 1, 0]));
    let line = post(daemon.http, "/predict/line", r#"{"features": [1, null]}"#);
    assert_eq!((line.status, line.error().as_str()), (400, "Feature 1 is not numeric: None"));
    let line = post(daemon.http, "/predict/batch", r#"{"model": "line", "features": [[null, 2]]}"#);
    assert_eq!(
        (line.status, line.error().as_str()),
        (400, "Row 0: Feature 0 is not numeric: None")
    );
    let info = get(daemon.http, "/info").json();
    assert_eq!(info["stump_model"]["kind"], "forest");
    assert_eq!(info["line_model"].get("kind"), None);
}
