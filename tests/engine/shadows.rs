//! Shadows: versions that are scored beside what serves, and answer nobody.

use crate::data::{Random, assert_exact};
use crate::harness::{Watchdog, eventually};
use crate::pilot::{Rig, end, linear, logistic};
use factord_eval::Model;
use factord_models::store::{self, Digest, Verb};
use rustix::process::Signal;
use serde_json::Value;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Requests for each name.
const COUNT: u64 = 3000;

fn close(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

/// What the shadows differ in, counted apart: by one constant, by one weight, and two classifiers.
#[derive(Default)]
struct Tally {
    count: u64,
    sums: [f64; 3],
    max: f64,
    flips: u64,
}

impl Tally {
    fn add(&mut self, x: &[f64]) {
        self.count += 1;
        let steeper = (0.5 * x[0]).abs();
        let decisions = [2.0 * (x[0] + x[1] + x[2]), 2.0 * x[0] + x[1] + x[2] + 0.25];
        let [p, q] = decisions.map(|decision: f64| 1.0 / (1.0 + (-decision).exp()));
        for (sum, difference) in self.sums.iter_mut().zip([0.25, steeper, (p - q).abs()]) {
            *sum += difference;
        }
        self.max = self.max.max(steeper);
        self.flips += u64::from((decisions[0] > 0.0) != (decisions[1] > 0.0));
    }
}

/// Asks for both names; every answer is the champion's, to the bit.
fn ask(rig: &Rig) -> Tally {
    let mut client = rig.engine.attach(3, 8);
    let (mut random, mut tally) = (Random(790), Tally::default());
    for request in 0..COUNT {
        let mut x = random.row(3);
        if request % 100 == 0 {
            x[2] = f64::NAN;
        }
        for (name, model) in [("spread", linear(1.0)), ("sign", logistic(2.0))] {
            let number = client.number(name).unwrap();
            let answer = client.predict_keyed(number, request, &x, 10 * SECOND);
            if x[2].is_nan() {
                assert!(answer.is_err(), "{answer:?}");
            } else {
                assert_exact(&model, &x, &answer);
            }
        }
        if !x[2].is_nan() {
            tally.add(&x);
        }
    }
    tally
}

/// [SPEC-790] [SPEC-791]
#[test]
fn shadows_are_scored_beside_the_champion_and_answer_nobody() {
    let _watchdog = Watchdog::start("shadows", 120);
    let steep = Model::linear(vec![1.0, -0.25, 0.125], 1.0).unwrap();
    let values = ("spread", vec![linear(1.0), linear(1.25), steep]);
    let tilted = Model::logistic(vec![2.0, 1.0, 1.0], 0.25, vec![0.0; 3], vec![1.0; 3]).unwrap();
    let classes = ("sign", vec![logistic(2.0), tilted]);
    let (rig, versions) = Rig::new(&[values, classes]);
    let [one, two] = [&versions[0][1], &versions[0][2]].map(Digest::short);
    rig.done(&["shadow", "spread", &one]);
    let pilot = rig.pilot();
    // The others while the pilot runs.
    rig.done(&["shadow", "spread", &two]);
    rig.done(&["shadow", "sign", &versions[1][1].short()]);
    eventually("three shadows", 10 * SECOND, || {
        let look = rig.last("look")?;
        let shadows = |name: &str| Some(look["names"][name]["shadows"].as_array()?.len());
        (shadows("spread")? + shadows("sign")? == 3).then_some(())
    });
    let Tally { count, sums, max, flips } = ask(&rig);
    let look = rig.seen(2 * COUNT);
    assert_eq!((look["missed"].as_u64(), look["seen"].as_u64()), (Some(0), Some(2 * COUNT)));
    let [spread, sign] = ["spread", "sign"].map(|name| &look["names"][name]["shadows"]);
    for (shadow, sum) in [&spread[0], &spread[1], &sign[0]].into_iter().zip(sums) {
        assert_eq!(shadow["count"].as_u64(), Some(count), "{look}");
        assert_eq!(shadow["refused_alone"].as_u64(), Some(0));
        close(&shadow["mean_abs_difference"], sum / count as f64);
    }
    close(&spread[0]["max_abs_difference"], 0.25);
    close(&spread[1]["max_abs_difference"], max);
    close(&sign[0]["class_share"], flips as f64 / count as f64);
    assert_eq!((spread[0]["class_share"].clone(), flips > 100), (Value::Null, true));
    // Nothing but the ledger's lines about shadows has come of them.
    let served = store::deployment(&rig.root).unwrap().names["spread"].clone();
    assert_eq!((served.champion, served.generation), (versions[0][0], 1));
    assert_eq!(rig.verbs("spread"), [Verb::Promote, Verb::Shadow, Verb::Shadow]);
    rig.done(&["shadow", "spread", &one, "--off"]);
    let one_left = eventually("one shadow", 10 * SECOND, || {
        let look = rig.last("look")?;
        let shadows = look["names"]["spread"]["shadows"].as_array()?;
        (shadows.len() == 1).then(|| shadows[0]["count"].as_u64())
    });
    assert_eq!(one_left, Some(count), "what was seen of the other stays");
    let text = end(pilot);
    assert!(text.contains(&format!("spread shadow {two} against ")), "{text}");
    assert!(text.contains(&format!("{} answers read, 0 missed", 2 * COUNT)), "{text}");
}

/// [SPEC-790]
#[test]
fn a_pilot_that_stands_still_counts_what_it_missed() {
    let _watchdog = Watchdog::start("a pilot that stands still", 120);
    let names = [("spread", vec![linear(1.0), linear(1.25)])];
    let (rig, versions) = Rig::with_tap(&names, "--tap=4096");
    rig.done(&["shadow", "spread", &versions[0][1].short()]);
    let pilot = rig.pilot();
    let mut client = rig.engine.attach(3, 8);
    let number = client.number("spread").unwrap();
    let mut ask = |count: u64| {
        for key in 1..=count {
            client.predict_keyed(number, key, &[0.25, 0.5, 0.75], 10 * SECOND).unwrap();
        }
    };
    ask(10);
    rig.seen(10);
    pilot.stop();
    ask(5000);
    pilot.signal(Signal::CONT);
    ask(10);
    let look = eventually("all to be seen or missed", 30 * SECOND, || {
        let look = rig.last("look")?;
        (look["seen"].as_u64()? + look["missed"].as_u64()? == 5020).then_some(look)
    });
    assert!(look["missed"].as_u64() > Some(1000), "a tap of 4,096 cells: {look}");
    let shadow = &look["names"]["spread"]["shadows"][0];
    assert_eq!((&shadow["count"], look["unscored"].as_u64()), (&look["seen"], Some(0)));
    end(pilot);
}
