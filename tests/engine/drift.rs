//! Drift that the pilot sees: requests that are spread otherwise than the training rows were.

use crate::data::Random;
use crate::harness::{Watchdog, eventually};
use crate::pilot::{Rig, artifact, end, linear};
use factord_core::client::{Answer, Client};
use factord_eval::evaluator::Evaluator;
use factord_models::file::{Artifact, EDGE_COUNT, Facts, Training};
use factord_models::store;
use serde_json::Value;
use std::fs;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Requests of a window.
const WINDOW: usize = 500;

/// A version whose training rows were even from -1 to 1, as [`Random::row`] makes them.
fn trained(name: &str, intercept: f64) -> Artifact {
    let plain = artifact(name, &linear(intercept));
    let edges: [f64; EDGE_COUNT] = std::array::from_fn(|edge| (edge as f64 + 1.0) / 5.0 - 1.0);
    let evaluator = Evaluator::new(plain.model());
    let mut random = Random(1);
    let mut answer = || f64::from_bits(evaluator.evaluate(&random.row(3)).y);
    let mut answers: Vec<f64> = (0..100_000).map(|_| answer()).collect();
    answers.sort_by(f64::total_cmp);
    let training = Training {
        target: "sell_rate".to_owned(),
        horizon: 1,
        pause_ns: None,
        rows: 1_000_000,
        feature_edges: vec![edges; 3],
        answer_edges: std::array::from_fn(|edge| answers[(edge + 1) * 10_000 - 1]),
    };
    let facts = Facts { training: Some(training), ..Facts::default() };
    Artifact::with_facts(plain.model().clone(), plain.details().clone(), facts).unwrap()
}

/// Asks about rows whose first feature is shifted.
fn ask(client: &mut Client, name: &str, random: &mut Random, count: usize, shift: f64) {
    let number = client.number(name).unwrap();
    let mut rows: Vec<f64> = (0..count).flat_map(|_| random.row(3)).collect();
    rows.iter_mut().step_by(3).for_each(|x| *x += shift);
    let mut answers: Vec<Answer> = vec![Err(factord_core::client::PredictError::BadInput); count];
    client.predict_batch(number, &rows, &mut answers, 10 * SECOND).unwrap();
    assert!(shift.is_nan() || answers.iter().all(Result::is_ok));
}

/// The champion's figures, once the pilot has told of so many windows and requests since.
fn arm(rig: &Rig, windows: usize, requests: usize) -> Value {
    eventually("windows", 30 * SECOND, || {
        let arm = rig.last("look")?["drift"]["spread"][0].clone();
        let is = |key: &str, value: usize| arm[key].as_u64() == Some(value as u64);
        (is("windows", windows) && is("requests", requests)).then_some(arm)
    })
}

/// [SPEC-820] [SPEC-821] [SPEC-822] [SPEC-823]
#[test]
fn drift_is_told_when_it_begins_and_ends_and_a_killed_pilot_goes_on() {
    let _watchdog = Watchdog::start("drift", 120);
    let (rig, _) =
        Rig::of(vec![vec![trained("spread", 1.0)], vec![artifact("old", &linear(1.0))]], "--tap");
    let window = WINDOW.to_string();
    let more = ["--drift-window", &window];
    let mut pilot = rig.pilot_with(&more);
    let mut client = rig.engine.attach(3, 64);
    let mut random = Random(760);
    for _ in 0..20 {
        ask(&mut client, "spread", &mut random, WINDOW, 0.0);
    }
    ask(&mut client, "spread", &mut random, 200, 0.0);
    let before = arm(&rig, 20, 200);
    let series = |arm: &Value, label: &str| {
        let all = arm["series"].as_array().unwrap().clone();
        all.into_iter().find(|series| series["series"] == label).unwrap()
    };
    assert_eq!(series(&before, "output")["rows"], 500);
    assert_eq!(before["nulls"], 0.0);
    assert_eq!(rig.all("drift"), Vec::<Value>::new());

    // What a pilot that is killed has kept is at most a look old.
    let looks = rig.all("look").len();
    eventually("another look", 10 * SECOND, || (rig.all("look").len() > looks + 1).then_some(()));
    pilot.kill();
    drop(pilot);
    let pilot = rig.pilot_with(&more);
    ask(&mut client, "spread", &mut random, 300, 0.0);
    let after = arm(&rig, 21, 0);
    assert_eq!(series(&after, "output")["windows_remembered"], 21);

    // 0.2 of its standard deviation of 0.577, in one feature; then as before.
    ask(&mut client, "spread", &mut random, 2 * WINDOW, 0.2);
    arm(&rig, 23, 0);
    let first = rig.all("drift").remove(0);
    assert_eq!((&first["name"], &first["drift"]), (&"spread".into(), &true.into()));
    let text = fs::read_to_string(rig.root.join("pilot/pilot.prom")).unwrap();
    assert!(text.contains("factord_drift{"), "{text}");
    ask(&mut client, "spread", &mut random, 2 * WINDOW, 0.0);
    arm(&rig, 25, 0);
    let told = rig.all("drift");
    let of_a: Vec<bool> = told
        .iter()
        .filter(|told| told["series"] == first["series"])
        .map(|told| told["drift"] == true)
        .collect();
    assert_eq!(of_a, [true, false], "{told:?}");

    // Half of a window has a feature that is no number, the other half one out of range.
    ask(&mut client, "spread", &mut random, WINDOW / 2, f64::NAN);
    ask(&mut client, "spread", &mut random, WINDOW / 2, 2.0);
    let last = arm(&rig, 26, 0);
    assert_eq!(last["nulls"], 0.5);
    // No number is in no range; of the others, the least of 1 to 3 are within.
    assert!(last["out_of_range"].as_f64().unwrap() > 0.95, "{last}");
    assert_eq!(rig.last("look").unwrap()["drift"]["old"], Value::Null);
    let text = end(pilot);
    assert!(text.contains("of spread (arm 0, ") && text.contains("drifts: population"), "{text}");

    // What no pilot of this version kept is set aside.
    let kept = rig.root.join("pilot/drift.json");
    fs::write(&kept, "{\"spread\": 5").unwrap();
    let pilot = rig.pilot_with(&more);
    ask(&mut client, "spread", &mut random, WINDOW, 0.0);
    arm(&rig, 1, 0);
    assert_eq!(fs::read_to_string(kept.with_extension("unread")).unwrap(), "{\"spread\": 5");
    end(pilot);
}

/// [SPEC-824]
#[test]
fn a_candidate_that_is_asked_what_it_was_not_trained_on_goes_back() {
    let _watchdog = Watchdog::start("the guard on drift", 120);
    let plain = artifact("spread", &linear(2.0));
    let (rig, versions) =
        Rig::of(vec![vec![trained("spread", 1.0), trained("spread", 1.001), plain]], "--tap");
    let pilot = rig.pilot();
    let [candidate, unknown] = [1, 2].map(|version| versions[0][version].short());
    let steps = ["--steps", "128,256", "--hold", "2000", "--guard", "drift=0.25"];
    let reason = rig.refused(&[&["canary", "spread", &unknown], &steps[..]].concat());
    assert!(reason.contains("does not say the deciles of its training rows"), "{reason}");
    let now = || store::deployment(&rig.root).unwrap().names["spread"].clone();
    let mut client = rig.engine.attach(3, 64);
    let mut random = Random(764);
    for (shift, is_good) in [(0.8, false), (0.0, true)] {
        rig.done(&[&["canary", "spread", &candidate], &steps[..]].concat());
        for _ in 0..1000 {
            ask(&mut client, "spread", &mut random, 64, shift);
            std::thread::sleep(Duration::from_millis(5));
            if now().canary.is_none() {
                break;
            }
        }
        let served = now();
        assert_eq!(served.canary, None);
        assert_eq!(served.champion, versions[0][usize::from(is_good)]);
        let last = store::changes(&rig.root, "spread").unwrap().pop().unwrap();
        if !is_good {
            let reason = last.reason.unwrap();
            assert!(reason.starts_with("guard drift: the greatest population"), "{reason}");
        }
    }
    end(pilot);
}
