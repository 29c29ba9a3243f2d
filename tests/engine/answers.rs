//! What a client gets for what it asks.

use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Setup, Watchdog};
use factord_core::client::{Answer, Batch, Client, PredictError};
use factord_core::idle::IdleStrategy;
use factord_eval::Model;
use rustix::process::Signal;
use std::thread::sleep;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_width_and_kind_is_answered_bit_for_bit() {
    let _watchdog = Watchdog::start("widths", 60);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let mut cases = Vec::new();
    for (index, width) in [1, 2, 3, 7, 64, 1000, 1024].into_iter().enumerate() {
        for (kind, logistic) in [("linear", false), ("logistic", true)] {
            let name = format!("{kind}-{width}");
            let model = data::model(width, logistic, index as u64);
            data::save(&models, &name, &model);
            cases.push((name, model));
        }
    }
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let mut random = Random(7);
    for (name, model) in &cases {
        let width = model.width();
        let mut client = engine.attach(width, 8);
        let row = client.model(name).unwrap_or_else(|| panic!("{name} is not served"));
        assert_eq!((row.width, row.kind, row.generation), (width, model.kind().into(), 1));
        for _ in 0..50 {
            let x = random.row(width);
            let answer = client.predict(row.id, &x, SECOND);
            let prediction = assert_exact(model, &x, &answer);
            assert_eq!((prediction.generation, prediction.epoch), (1, client.epoch()));
        }
        let rows: Vec<f64> = random.row(40 * width);
        let mut answers: Vec<Answer> = vec![Err(PredictError::Deadline); 40];
        client.predict_batch(row.id, &rows, &mut answers, 10 * SECOND).unwrap();
        for (x, answer) in rows.chunks(width).zip(&answers) {
            assert_exact(model, x, answer);
        }
    }
    assert_eq!(cases.len(), 14);
}

#[test]
fn values_at_the_edges_of_f64_are_answered_or_refused_as_the_model_says() {
    let _watchdog = Watchdog::start("specials", 30);
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let models = data::embedded();
    let specials = [0.0, -0.0, 5e-324, -2.2e-308, 1.0, -1e300, f64::MAX, f64::MIN];
    let (mut exact, mut bad) = (0, 0);
    for (id, model) in models.iter().enumerate() {
        for a in specials {
            for b in specials {
                let x = [a, b, 0.25];
                let expected = factord_eval::eval::eval(model, &x);
                let answer = client.predict(id as u16, &x, SECOND);
                if expected.y.is_finite() {
                    assert_exact(model, &x, &answer);
                    exact += 1;
                } else {
                    assert_eq!(answer, Err(PredictError::BadInput));
                    bad += 1;
                }
            }
        }
    }
    assert!(exact > 100 && exact + bad == 128, "{exact} exact, {bad} bad");
}

#[test]
fn a_feature_that_is_not_finite_is_bad_input() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for place in 0..3 {
            for id in 0..2 {
                let mut x = [0.5, 0.2, 0.3];
                x[place] = bad;
                assert_eq!(client.predict(id, &x, SECOND), Err(PredictError::BadInput));
            }
        }
    }
    assert_exact(
        &data::embedded()[0],
        &[0.5, 0.2, 0.3],
        &client.predict(0, &[0.5, 0.2, 0.3], SECOND),
    );
    let counters = &engine.snapshot().workers[0];
    assert_eq!((counters.requests, counters.bad_input, counters.ok), (25, 24, 1));
}

#[test]
fn finite_features_whose_prediction_overflows_are_bad_input() {
    let setup = Setup::new();
    let directory = setup.directory.path().join("models");
    std::fs::create_dir(&directory).unwrap();
    for width in [3, 5] {
        let model = Model::linear(vec![1e300; width], 0.0).unwrap();
        data::save(&directory, &format!("steep-{width}"), &model);
    }
    let engine = setup.with(&["--models", directory.to_str().unwrap()]).start();
    for width in [3, 5] {
        let mut client = engine.attach(width, 4);
        let id = client.model(&format!("steep-{width}")).unwrap().id;
        let mut x = vec![0.0; width];
        x[1] = 1e10;
        assert_eq!(client.predict(id, &x, SECOND), Err(PredictError::BadInput));
        x[1] = 1e8;
        assert_eq!(client.predict(id, &x, SECOND).unwrap().y, 1e308);
    }
}

#[test]
fn an_id_without_a_model_is_unknown_and_another_width_a_mismatch() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    for id in [2, 15, 16, 17, 255, u16::MAX] {
        let answer = client.predict(id, &[0.5, 0.2, 0.3], SECOND);
        assert_eq!(answer, Err(PredictError::UnknownModel), "id {id}");
    }
    for width in [1, 2, 4, 1024] {
        let mut other = engine.attach(width, 2);
        let answer = other.predict(0, &vec![0.5; width], SECOND);
        assert_eq!(answer, Err(PredictError::WidthMismatch), "width {width}");
    }
    let counters = &engine.snapshot().workers[0];
    assert_eq!((counters.unknown_model, counters.width_mismatch, counters.ok), (6, 4, 0));
}

#[test]
fn a_request_of_another_width_than_the_channel_is_not_sent() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    assert_eq!(client.submit(0, &[0.5, 0.2]), Err(PredictError::WidthMismatch));
    assert_eq!(client.submit(0, &[0.5; 4]), Err(PredictError::WidthMismatch));
    let mut answers = vec![Err(PredictError::Deadline); 2];
    let refused = client.predict_batch(0, &[0.5; 5], &mut answers, SECOND);
    assert_eq!(refused, Err(PredictError::WidthMismatch));
    assert_eq!(client.submit(0, &[0.5; 3]), Ok(1), "nothing was sent before");
}

#[test]
fn answers_come_in_the_order_of_submission_each_once() {
    let _watchdog = Watchdog::start("pipelining", 60);
    let engine = Engine::start();
    let models = data::embedded();
    let mut client = engine.attach(3, 64);
    let mut random = Random(3);
    let mut rows: Vec<(u64, usize, Vec<f64>)> = Vec::new();
    let mut taken = 0;
    while taken < 20_000 {
        let id = rows.len() % 2;
        let x = random.row(3);
        match client.submit(id as u16, &x) {
            Ok(ticket) => rows.push((ticket, id, x)),
            Err(error) => assert_eq!(error, PredictError::BackPressure),
        }
        while let Some((ticket, answer)) = client.poll().unwrap() {
            let (expected, id, x) = &rows[taken];
            assert_eq!((ticket, ticket), (*expected, taken as u64 + 1));
            assert_exact(&models[*id], x, &answer);
            taken += 1;
        }
    }
}

#[test]
fn a_full_ring_says_so_and_loses_nothing() {
    let _watchdog = Watchdog::start("back-pressure", 30);
    let engine = Engine::start();
    let mut client = engine.attach(3, 4);
    engine.process.stop();
    for ticket in 1..=4 {
        assert_eq!(client.submit(0, &[ticket as f64, 0.0, 0.0]), Ok(ticket));
    }
    for _ in 0..10 {
        assert_eq!(client.submit(0, &[9.0, 9.0, 9.0]), Err(PredictError::BackPressure));
    }
    let waited = client.predict(0, &[9.0, 9.0, 9.0], Duration::from_millis(50));
    assert_eq!(waited, Err(PredictError::BackPressure));
    engine.process.signal(Signal::CONT);
    let model = &data::embedded()[0];
    for expected in 1..=4 {
        let (ticket, answer) = next(&mut client);
        assert_eq!(ticket, expected);
        assert_exact(model, &[expected as f64, 0.0, 0.0], &answer);
    }
    assert_eq!(client.submit(0, &[1.0, 1.0, 1.0]), Ok(5));
}

#[test]
fn an_answer_past_its_deadline_is_never_taken_for_a_later_one() {
    let _watchdog = Watchdog::start("deadlines", 30);
    let engine = Engine::start();
    let model = &data::embedded()[0];
    let mut client = engine.attach(3, 16);
    let first = client.submit(0, &[0.1, 0.1, 0.1]).unwrap();
    engine.process.stop();
    // The engine may have answered the first one before it stopped.
    for round in 0..5 {
        let limit = Duration::from_millis(20);
        let start = Instant::now();
        let late = client.predict(0, &[round as f64, 0.5, 0.5], limit);
        assert_eq!(late, Err(PredictError::Deadline));
        assert!(start.elapsed() >= limit, "gave up early: {:?}", start.elapsed());
        assert!(start.elapsed() < SECOND, "far past the deadline: {:?}", start.elapsed());
    }
    let mut answers = vec![Err(PredictError::NotConnected); 3];
    let limit = Duration::from_millis(20);
    let late = client.predict_batch(0, &[0.7; 9], &mut answers, limit);
    assert_eq!(
        (late, &answers[..]),
        (Err(PredictError::Deadline), &[Err(PredictError::Deadline); 3][..])
    );
    let pending = client.submit(1, &[0.2, 0.2, 0.2]).unwrap();
    engine.process.signal(Signal::CONT);
    for round in 0..100 {
        let x = [round as f64, 2.0, 3.0];
        assert_exact(model, &x, &client.predict(0, &x, SECOND));
    }
    let (ticket, answer) = next(&mut client);
    assert_eq!(ticket, first);
    assert_exact(model, &[0.1, 0.1, 0.1], &answer);
    let (ticket, answer) = next(&mut client);
    assert_eq!(ticket, pending);
    assert_exact(&data::embedded()[1], &[0.2, 0.2, 0.2], &answer);
    assert_eq!(client.poll(), Ok(None), "the abandoned answers are gone");
}

#[test]
fn a_batch_that_is_interrupted_goes_on_where_it_stood() {
    let _watchdog = Watchdog::start("an interrupted batch", 30);
    let engine = Engine::start();
    let model = &data::embedded()[0];
    let mut client = engine.attach(3, 16);
    let rows = Random(11).row(3 * 100);
    let mut taken = Vec::new();
    let mut batch = Batch::default();
    engine.process.stop();
    for _ in 0..3 {
        let limit = Duration::from_millis(10);
        let take = |row, answer| taken.push((row, answer));
        let overdue = client.advance_batch(&mut batch, 0, &rows, take, limit);
        assert_eq!(overdue, Err(PredictError::Deadline));
    }
    engine.process.signal(Signal::CONT);
    let take = |row, answer| taken.push((row, answer));
    client.advance_batch(&mut batch, 0, &rows, take, 10 * SECOND).unwrap();
    assert_eq!(taken.len(), 100);
    for (expected, (row, answer)) in taken.iter().enumerate() {
        assert_eq!(*row, expected);
        assert_exact(model, &rows[3 * row..3 * row + 3], answer);
    }
    engine.process.stop();
    let mut given_up = Batch::default();
    let limit = Duration::from_millis(10);
    let none = |row, _| panic!("row {row} was answered by an engine that stands still");
    assert_eq!(
        client.advance_batch(&mut given_up, 0, &rows, none, limit),
        Err(PredictError::Deadline)
    );
    client.abandon_batch(given_up);
    engine.process.signal(Signal::CONT);
    assert_exact(model, &[0.5, 0.2, 0.3], &client.predict(0, &[0.5, 0.2, 0.3], SECOND));
    assert_eq!(client.poll(), Ok(None), "the rest was given up");
}

#[test]
fn a_client_that_sleeps_while_it_waits_keeps_to_its_deadline() {
    let engine = Engine::start();
    let mut options = engine.options(3, 64);
    options.idle = IdleStrategy::Backoff;
    let mut client = Client::attach(&options).unwrap();
    engine.process.stop();
    let limit = Duration::from_millis(1);
    let wait = |_| {
        let start = Instant::now();
        assert_eq!(client.predict(0, &[0.5, 0.2, 0.3], limit), Err(PredictError::Deadline));
        start.elapsed()
    };
    let waits: Vec<Duration> = (0..20).map(wait).collect();
    let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*shortest >= limit, "{shortest:?} instead of {limit:?}");
    assert!(*longest < limit + Duration::from_secs(1), "{longest:?} instead of {limit:?}");
}

#[test]
fn evaluation_in_the_client_gives_the_same_bits_and_follows_a_swap_at_once() {
    let _watchdog = Watchdog::start("local evaluation", 60);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let mut cases = Vec::new();
    for width in [1, 3, 64, 1000] {
        for logistic in [false, true] {
            let name = format!("m{width}-{logistic}");
            data::save(&models, &name, &data::model(width, logistic, 9));
            cases.push((name, width, logistic));
        }
    }
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let mut client = engine.attach(3, 8);
    let mut random = Random(23);
    for seed in [9, 10] {
        for (name, width, logistic) in &cases {
            let model = data::model(*width, *logistic, seed);
            data::save(&models, name, &model);
            factord_core::channel::reload(engine.socket()).unwrap();
            let row = client.model(name).unwrap();
            for _ in 0..50 {
                let x = random.row(*width);
                let prediction = assert_exact(&model, &x, &client.predict_local(row.id, &x));
                assert_eq!(prediction.generation, row.generation);
                assert_eq!(prediction.epoch, client.epoch());
            }
            let mut x = random.row(*width);
            x[0] = f64::NAN;
            assert_eq!(client.predict_local(row.id, &x), Err(PredictError::BadInput));
            x.push(1.0);
            assert_eq!(client.predict_local(row.id, &x), Err(PredictError::WidthMismatch));
        }
    }
    for unknown in [0, 1, 15, 16, u16::MAX] {
        assert_eq!(client.predict_local(unknown, &[0.5]), Err(PredictError::UnknownModel));
    }
}

#[test]
fn time_stamps_come_only_when_asked_for() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let plain = client.predict(0, &[0.5, 0.2, 0.3], SECOND).unwrap();
    assert_eq!((plain.t_received, plain.t_done), (0, 0));
    client.stamp(true);
    for _ in 0..200 {
        let stamped = client.predict(0, &[0.5, 0.2, 0.3], SECOND).unwrap();
        assert!(0 < stamped.t_received && stamped.t_received <= stamped.t_done, "{stamped:?}");
    }
    client.stamp(false);
    for _ in 0..200 {
        let plain = client.predict(0, &[0.5, 0.2, 0.3], SECOND).unwrap();
        assert_eq!((plain.t_received, plain.t_done), (0, 0));
    }
}

/// The next answer, which must come within a second.
fn next(client: &mut Client) -> (u64, Answer) {
    let end = Instant::now() + SECOND;
    loop {
        if let Some(entry) = client.poll().unwrap() {
            return entry;
        }
        assert!(Instant::now() < end, "no answer within a second");
        sleep(Duration::from_micros(50));
    }
}
