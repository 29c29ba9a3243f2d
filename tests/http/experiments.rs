//! Names whose requests are divided among versions: HTTP has the ring's arms and bits, and replies
//! name the version.

use crate::harness::{Daemon, get, post};
use factord_core::client::{AttachOptions, Client, Prediction};
use factord_eval::Model;
use factord_models::file::{Artifact, Details};
use factord_models::store::{Arm, Store};
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn version(name: &str, logistic: bool, y: f64) -> Artifact {
    let feature_names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let target = format!("target-{y}");
    let details = Details { name: name.to_owned(), feature_names, target, ..Details::default() };
    let weights = vec![0.5, -0.25, 0.125];
    let model = match logistic {
        true => Model::logistic(weights, y - 2.0, vec![0.5; 3], vec![1.0; 3]),
        false => Model::linear(weights, y),
    };
    Artifact::new(model.unwrap(), details).unwrap()
}

/// Serves a store in which `spread` and `rise` are divided, and `plain` is not.
fn start() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let mut store = Store::open_or_make(&root).unwrap();
    let plain = store.publish(&version("plain", false, 1.0)).unwrap().0;
    store.promote(plain).unwrap();
    for (name, logistic) in [("spread", false), ("rise", true)] {
        let arms: Vec<Arm> = [(1.0, 128), (2.0, 64), (3.0, 64)]
            .map(|(y, weight)| {
                let (version, _) = store.publish(&version(name, logistic, y)).unwrap();
                Arm { version, weight }
            })
            .to_vec();
        store.promote(arms[0].version).unwrap();
        store.split(name, &arms, None).unwrap();
    }
    drop(store);
    let daemon = Daemon::start_with(&["--models", root.to_str().unwrap()]);
    (folder, daemon)
}

fn client(daemon: &Daemon) -> Client {
    let socket = Some(daemon.socket());
    Client::attach(&AttachOptions { socket, ..AttachOptions::default() }).unwrap()
}

fn digits(answer: &Prediction) -> String {
    answer.fingerprint.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a reply names the version that answered, and has its bits.
fn check(reply: &Value, output: &str, answer: &Prediction) {
    assert_eq!(reply["arm"], answer.arm, "{reply}");
    assert_eq!(reply["generation"], answer.generation, "{reply}");
    assert_eq!(reply["version"], digits(answer), "{reply}");
    assert_eq!(reply[output].as_f64().unwrap().to_bits(), answer.y.to_bits(), "{reply}");
}

/// [SPEC-785]
#[test]
fn http_has_the_arm_and_the_bits_of_the_ring_and_names_the_version() {
    let (_folder, daemon) = start();
    let mut client = client(&daemon);
    for (name, output) in [("spread", "prediction"), ("rise", "probability")] {
        let number = client.number(name).unwrap();
        let mut seen = [0; 3];
        for key in 0..200u64 {
            let key = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let x = [0.25 + (key % 7) as f64 / 16.0, 0.5, 0.75];
            let answer = client.predict_keyed(number, key, &x, SECOND).unwrap();
            let body = json!({"features": x, "key": key}).to_string();
            let reply = post(daemon.http, &format!("/predict/{name}"), &body).json();
            check(&reply, output, &answer);
            if name == "rise" {
                let target = ["target-1", "target-2", "target-3"][usize::from(answer.arm)];
                let words = reply["interpretation"].as_str().unwrap();
                assert!(words.ends_with(target), "the arm's own words: {reply}");
            }
            seen[usize::from(answer.arm)] += 1;
            // Without a key, by the features.
            let answer = client.predict(number, &x, SECOND).unwrap();
            let path = format!("/predict/{name}/{}/{}/{}", x[0], x[1], x[2]);
            check(&get(daemon.http, &path).json(), output, &answer);
        }
        assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
    }
}

/// [SPEC-785]
#[test]
fn a_batch_over_http_has_the_arms_of_the_ring_by_key_or_by_features() {
    let (_folder, daemon) = start();
    let mut client = client(&daemon);
    let number = client.number("spread").unwrap();
    let rows: Vec<[f64; 3]> = (0..300).map(|row| [f64::from(row) / 300.0, 0.5, 0.75]).collect();
    for key in [0, 7, u64::MAX] {
        let body = json!({"model": "spread", "features": rows, "key": key}).to_string();
        let reply = post(daemon.http, "/predict/batch", &body).json();
        for (at, x) in rows.iter().enumerate() {
            let answer = client.predict_keyed(number, key, x, SECOND).unwrap();
            assert_eq!(reply["arms"][at], answer.arm);
            assert_eq!(reply["versions"][usize::from(answer.arm)], digits(&answer));
            let y = reply["predictions"][at].as_f64().unwrap();
            assert_eq!(y.to_bits(), answer.y.to_bits());
        }
    }
    // A name that is not divided says so where a key is sent, and is as it was where none is.
    let body = |key: &str| format!(r#"{{"features": [0.5, 0.5, 0.5]{key}}}"#);
    let keyed = post(daemon.http, "/predict/plain", &body(r#", "key": 0"#)).json();
    assert_eq!((&keyed["arm"], &keyed["generation"]), (&json!(0), &json!(1)));
    let plain = post(daemon.http, "/predict/plain", &body("")).json();
    assert!(plain.get("arm").is_none() && plain.get("version").is_none(), "{plain}");
    for key in [r#", "key": -1"#, r#", "key": "a""#, r#", "key": 1.5"#] {
        let refused = post(daemon.http, "/predict/plain", &body(key));
        assert_eq!(refused.status, 400);
        let text = "The key must be an integer from 0 to 18446744073709551615";
        assert_eq!(refused.json()["error"], text);
    }
}
