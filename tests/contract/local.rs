//! Evaluation in the client's own process.

use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Setup, Watchdog};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn local_answers_are_the_ring_s_bit_for_bit() {
    let _watchdog = Watchdog::start("local evaluation", 60);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let widths = [1, 3, 64, 1000];
    for width in widths {
        data::save(&models, &format!("linear-{width}"), &data::model(width, false, 1));
        data::save(&models, &format!("logistic-{width}"), &data::model(width, true, 2));
    }
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let mut random = Random(9);
    let mut compared = 0;
    for width in widths {
        let mut client = engine.attach(width, 8);
        for (kind, logistic, seed) in [("linear", false, 1), ("logistic", true, 2)] {
            let id = client.model(&format!("{kind}-{width}")).unwrap().id;
            let model = data::model(width, logistic, seed);
            for _ in 0..50 {
                let x = random.row(width);
                let local = assert_exact(&model, &x, &client.predict_local(id, &x));
                let ring = assert_exact(&model, &x, &client.predict(id, &x, SECOND));
                assert_eq!(local, ring);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 400);
}

#[test]
fn local_evaluation_outlives_the_engine() {
    let _watchdog = Watchdog::start("local evaluation without an engine", 60);
    let mut engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let epoch = client.epoch();
    engine.process.kill();
    let mut random = Random(4);
    let models = data::embedded();
    for round in 0..20_000 {
        let (id, x) = (round % 2, random.row(3));
        let prediction = assert_exact(&models[id], &x, &client.predict_local(id as u16, &x));
        assert_eq!(prediction.epoch, epoch);
    }
}
