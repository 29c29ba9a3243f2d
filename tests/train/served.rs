//! What was trained is served: it passes every check, and the ring answers to the very bits.

use crate::support::{Place, Random, rates};
use factord_eval::eval::eval;
use factord_models::file::Artifact;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn served(mut command: Command) -> Daemon {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (ready, wait) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = ready.send(line);
        }
    });
    let daemon = Daemon(child);
    let line = wait.recv_timeout(Duration::from_secs(30)).expect("the daemon says it is ready");
    assert!(line.contains("ready"), "{line}");
    daemon
}

#[test]
fn what_was_trained_is_checked_shown_and_served_to_the_very_bits() {
    let place = Place::new();
    place.write("table.csv", rates(3, 800, 1).text);
    place.train(&["--horizon", "1"]);
    let checked = place.run(&["check", "--models", "out"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    let shown = place.run(&["model", "show", "out/regression.fmodel", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["target"], "sell_rate[+1]");
    assert_eq!(shown["features"][0]["name"], "buy_rate");
    assert!(shown["features"][0]["training"]["mean"].is_f64(), "{shown}");
    assert!(shown["metrics"]["walk_forward"]["r2"].is_f64(), "{shown}");
    let mut command =
        place.factord(&["serve", "--no-http", "--idle", "backoff", "--models", "out"]);
    command.arg("--socket").arg(place.path("socket"));
    let _daemon = served(command);
    let mut random = Random(2);
    for name in ["regression", "classification"] {
        let artifact = Artifact::load(&place.path(&format!("out/{name}.fmodel"))).unwrap();
        for _ in 0..20 {
            let x = [random.next(), random.next(), random.next()];
            let texts = x.map(|x| format!("{x:?}"));
            let mut arguments = vec!["predict", name, "--json", "--socket", "socket"];
            arguments.extend(texts.iter().map(String::as_str));
            let ran = place.run(&arguments);
            let answer: Value = serde_json::from_str(&ran.out).unwrap();
            let key = if name == "regression" { "prediction" } else { "probability" };
            let expected = eval(artifact.model(), &x).y;
            assert_eq!(answer[key].as_f64().unwrap().to_bits(), expected.to_bits(), "{answer}");
        }
    }
}

#[test]
fn one_model_alone_is_trained_on_demand() {
    let place = Place::new();
    place.write("table.csv", rates(1, 300, 3).text);
    place.train(&["--only", "logistic"]);
    assert_eq!(place.names("out"), ["classification.fmodel", "report.html"]);
    let ran = place.run(&["train", "table.csv", "--only", "linear", "--out", "line"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(place.names("line"), ["regression.fmodel", "report.html"]);
}
