//! Several workers, and evaluation without any.

use crate::data::{Random, assert_exact, embedded};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::client::PredictError;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(5);

#[test]
fn channels_are_spread_over_one_worker_a_core() {
    let _watchdog = Watchdog::start("two workers", 60);
    // A cpuset may hold others than the first two.
    let allowed = factord_core::sys::sched::allowed_cpus().unwrap();
    let two: Vec<usize> = allowed.iter().copied().cycle().take(2).collect();
    let engine = Setup::new().with(&["--core", &format!("{},{}", two[0], two[1])]).start();
    let models = embedded();
    let mut random = Random(7);
    let mut clients: Vec<_> = (0..4).map(|_| engine.attach(3, 16)).collect();
    for round in 0..200 {
        for client in &mut clients {
            let x = random.row(3);
            let id = round % 2;
            assert_exact(&models[id], &x, &client.predict(id as u16, &x, DEADLINE));
        }
    }
    let workers = eventually("all answers counted", DEADLINE, || {
        let workers = engine.snapshot().workers;
        (workers.iter().map(|worker| worker.ok).sum::<u64>() == 800).then_some(workers)
    });
    let cores: Vec<_> = workers.iter().map(|worker| worker.core).collect();
    assert_eq!(cores, [Some(two[0]), Some(two[1])]);
    let counts: Vec<u64> = workers.iter().map(|worker| worker.ok).collect();
    assert_eq!(counts, [400, 400], "two of the four channels each");
    drop(clients);
    eventually("all channels freed", Duration::from_secs(1), || {
        (engine.snapshot().channel_count == 0).then_some(())
    });
}

#[test]
fn local_evaluation_has_the_bits_generation_and_epoch_of_the_ring() {
    let _watchdog = Watchdog::start("local evaluation", 60);
    let engine = Engine::start();
    let mut client = engine.attach(3, 16);
    let models = embedded();
    let mut random = Random(11);
    for round in 0..2000 {
        let x = random.row(3);
        let id = (round % 2) as u16;
        let ring = assert_exact(&models[usize::from(id)], &x, &client.predict(id, &x, DEADLINE));
        let local = client.predict_local(id, &x).unwrap();
        assert_eq!(local.y.to_bits(), ring.y.to_bits());
        assert_eq!(local.second.to_bits(), ring.second.to_bits());
        assert_eq!((local.generation, local.epoch), (ring.generation, ring.epoch));
    }
}

#[test]
fn local_evaluation_refuses_what_the_ring_refuses() {
    let _watchdog = Watchdog::start("local refusals", 60);
    let engine = Engine::start();
    let mut client = engine.attach(3, 16);
    for id in 0..2 {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for place in 0..3 {
                let mut x = [0.5; 3];
                x[place] = bad;
                assert_eq!(client.predict_local(id, &x), Err(PredictError::BadInput));
            }
        }
        assert_eq!(client.predict_local(id, &[0.5; 4]), Err(PredictError::WidthMismatch));
        let huge = [f64::MAX; 3];
        assert_eq!(
            client.predict_local(id, &huge).is_ok(),
            client.predict(id, &huge, DEADLINE).is_ok()
        );
    }
    assert_eq!(client.predict_local(9, &[0.5; 3]), Err(PredictError::UnknownModel));
    assert_eq!(client.predict_local(u16::MAX, &[0.5; 3]), Err(PredictError::UnknownModel));
}
