//! Evaluation in the client's own process.

use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::abi::req_header::LOCAL_BY_STATUS;
use factord_core::channel::{self, Shape};
use factord_core::client::PredictError;
use factord_core::counters::LocalCounters;
use factord_core::ring::Geometry;
use factord_core::sync::Ordering;
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

#[test]
fn what_clients_evaluate_themselves_is_counted_and_stays_counted() {
    let _watchdog = Watchdog::start("local counts", 60);
    let engine = Engine::start();
    assert_eq!(engine.snapshot().local, LocalCounters::default());
    let mut clients = [engine.attach(3, 8), engine.attach(3, 8)];
    for (client, count) in clients.iter_mut().zip([300, 20]) {
        for _ in 0..count {
            client.predict_local(0, &[0.5, 0.2, 0.3]).unwrap();
        }
        assert_eq!(client.predict_local(0, &[f64::NAN; 3]), Err(PredictError::BadInput));
        assert_eq!(client.predict_local(9, &[0.5; 3]), Err(PredictError::UnknownModel));
        assert_eq!(client.predict_local(0, &[0.5; 4]), Err(PredictError::WidthMismatch));
    }
    let all = LocalCounters { ok: 320, bad_input: 2, unknown_model: 2, width_mismatch: 2 };
    let counted = |all| (engine.snapshot().local == all).then_some(());
    eventually("all to be counted", 5 * SECOND, || counted(all));
    let [mut first, second] = clients;
    drop(second);
    for _ in 0..80 {
        first.predict_local(1, &[0.5, 0.2, 0.3]).unwrap();
    }
    drop(first);
    let all = LocalCounters { ok: 400, ..all };
    eventually("the last ones to be counted", 5 * SECOND, || counted(all));
    let gone = || (engine.snapshot().channel_count == 0).then_some(());
    eventually("the channels to be freed", 5 * SECOND, gone);
    assert_eq!(engine.snapshot().local, all);
    assert_eq!(engine.snapshot().workers[0].requests, 0, "nothing went through the ring");
}

#[test]
fn a_client_that_claims_too_much_is_believed_one_evaluation_a_nanosecond() {
    let _watchdog = Watchdog::start("claims", 60);
    let start = std::time::Instant::now();
    let engine = Engine::start();
    let shape = Geometry::new(3, 8).unwrap();
    let attached = channel::attach(engine.socket(), Shape::light(shape), "boaster").unwrap();
    let words = &attached.req.words()[LOCAL_BY_STATUS..][..4];
    words[0].store(u64::MAX, Ordering::Relaxed);
    let believed = || Some(engine.snapshot().local.ok).filter(|&ok| ok > 0);
    let ok = eventually("the claim", 5 * SECOND, believed);
    assert!(u128::from(ok) <= start.elapsed().as_nanos(), "{ok}");
    // A count that goes back takes nothing away.
    words[0].store(5, Ordering::Relaxed);
    words[1].store(7, Ordering::Relaxed);
    eventually("more", 5 * SECOND, || (engine.snapshot().local.bad_input == 7).then_some(()));
    assert_eq!(engine.snapshot().local.ok, ok);
}
