//! The replaced service's recorded requests, asked again.

use crate::harness::{Daemon, request, shared};
use serde_json::Value;

/// What differs from one answer to the next.
const VOLATILE: [&str; 2] = ["timestamp", "latency_ms"];

fn same(path: &str, ours: &Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-12 * b.abs(), "{path}: {a} for {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                same(&format!("{path}[{index}]"), a, b);
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            let keys =
                |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(a), keys(b), "{path}");
            for (key, value) in a {
                if !VOLATILE.contains(&key.as_str()) {
                    same(&format!("{path}.{key}"), value, &b[key]);
                }
            }
        }
        _ => assert_eq!(ours, theirs, "{path}"),
    }
}

#[test]
fn every_recorded_request_gets_the_recorded_reply() {
    let Some(shared) = shared() else { return };
    let daemon = Daemon::start();
    let recorded = std::fs::read_to_string(shared.join("jay/seed_api.jsonl")).unwrap();
    let mut count = 0;
    for line in recorded.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let (method, path) = (entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap());
        let reply = request(daemon.http, method, path, entry["body"].as_str());
        let name = format!("{method} {path} {}", entry["body"]);
        assert_eq!(u64::from(reply.status), entry["status"].as_u64().unwrap(), "{name}");
        assert_eq!(reply.header("Content-Type"), Some("application/json"), "{name}");
        same(&name, &reply.json(), &entry["reply"]);
        count += 1;
    }
    assert_eq!(count, 72);
}
