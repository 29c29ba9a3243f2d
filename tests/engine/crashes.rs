//! Ends by SIGKILL, of clients and of the engine, and models that change under load.

use crate::actor::Actor;
use crate::admission::eventually_settled;
use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use crate::roles::alternating;
use factord_core::channel;
use factord_core::client::PredictError;
use std::thread::sleep;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn clients_killed_in_mid_flight_disturb_nobody_and_leave_nothing() {
    let _watchdog = Watchdog::start("eight clients", 60);
    let engine = Engine::start();
    // The first client makes the daemon allocate what it keeps.
    drop(engine.attach(3, 64));
    let freed = || (engine.snapshot().freed_total == 1).then_some(());
    eventually("the first client's memory", SECOND, freed);
    // The look at the counters was a connection too.
    let base = eventually_settled(&engine);
    let base_kib = engine.resident_kib();
    let start = |seed: u64| {
        let role = if seed.is_multiple_of(2) { "predict" } else { "pipeline" };
        Actor::start(role, engine.socket(), seed)
    };
    let mut actors: Vec<Actor> = (0..8).map(start).collect();
    assert_eq!(engine.holdings().channels, base.channels + 8);
    sleep(Duration::from_millis(700));
    for actor in &mut actors[..3] {
        actor.process.kill();
        sleep(Duration::from_millis(100));
    }
    let five_left = || (engine.holdings().channels == base.channels + 5).then_some(());
    eventually("the channels of the dead", SECOND, five_left);
    sleep(Duration::from_millis(700));
    assert_eq!(engine.holdings().channels, base.channels + 5, "nobody else was disturbed");
    for actor in actors.drain(3..) {
        actor.finish().is_flawless(50);
    }
    engine.returns_to(&base);
    let grown_kib = engine.resident_kib().saturating_sub(base_kib);
    assert!(grown_kib < 1024, "{grown_kib} KiB more than before");
    let snapshot = engine.snapshot();
    assert_eq!((snapshot.attached_total, snapshot.freed_total), (9, 9));
    assert_eq!(snapshot.workers[0].violations, 0);
}

#[test]
fn an_engine_killed_under_load_comes_back_without_a_wrong_or_lost_answer() {
    let _watchdog = Watchdog::start("engine kills", 90);
    let mut engine = Engine::start();
    let start = |(seed, role)| Actor::start(role, engine.socket(), seed as u64);
    let roles = ["patient", "pipeline", "hasty", "pipeline"];
    let mut actors: Vec<Actor> = roles.into_iter().enumerate().map(start).collect();
    let mut random = Random(11);
    let mut epochs = vec![engine.snapshot().epoch];
    for _ in 0..10 {
        sleep(Duration::from_millis(80 + random.bits() % 150));
        engine.process.kill();
        engine.start_again();
        epochs.push(engine.snapshot().epoch);
        // All four are back by themselves.
        let end = Instant::now() + SECOND;
        while engine.snapshot().channel_count < 4 {
            assert!(Instant::now() < end, "{:?}", engine.snapshot());
            sleep(Duration::from_millis(5));
        }
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    sleep(Duration::from_millis(200));
    for (actor, role) in actors.drain(..).zip(roles) {
        let tale = actor.finish();
        if role == "hasty" {
            // Its errors came past their own deadline, and no answer was taken for another's.
            assert_eq!((tale.wrong, tale.odd), (0, 0), "{tale:?}");
            assert_eq!(tale.exact + tale.late, tale.sent);
            assert!(tale.exact > 50, "{tale:?}");
        } else {
            tale.is_flawless(50);
        }
        assert!(tale.epochs >= 5, "{role} met too few engines: {tale:?}");
    }
}

#[test]
fn a_client_without_an_engine_says_so_at_its_deadline_and_recovers() {
    let _watchdog = Watchdog::start("no engine", 60);
    let mut engine = Engine::start();
    let model = &data::embedded()[0];
    let mut client = engine.attach(3, 8);
    let first_epoch = client.epoch();
    let x = [0.5, 0.2, 0.3];
    assert_exact(model, &x, &client.predict(0, &x, SECOND));
    engine.process.kill();
    let start = Instant::now();
    let limit = Duration::from_millis(200);
    assert_eq!(client.predict(0, &x, limit), Err(PredictError::NotConnected));
    assert!(start.elapsed() >= limit && start.elapsed() < SECOND, "{:?}", start.elapsed());
    assert!(!client.connected());
    assert_eq!(client.poll(), Err(PredictError::NotConnected));
    engine.start_again();
    for round in 0..100 {
        let x = [round as f64, 0.2, 0.3];
        let prediction = assert_exact(model, &x, &client.predict(0, &x, SECOND));
        assert!(prediction.epoch > first_epoch);
    }
    assert!(client.connected() && client.epoch() > first_epoch);
    assert_eq!(client.poll(), Ok(None), "nothing is delivered twice");
}

#[test]
fn a_client_that_the_daemon_hung_up_on_attaches_again() {
    let _watchdog = Watchdog::start("an outcast", 30);
    let engine = Engine::start();
    let mut actor = Actor::start("outcast", engine.socket(), 0);
    actor.line("spoke");
    let again = || (engine.snapshot().attached_total == 2).then_some(());
    eventually("a second attachment", SECOND, again);
    sleep(Duration::from_millis(50));
    actor.finish().is_flawless(2);
    let snapshot = engine.snapshot();
    assert_eq!((snapshot.refused_total, snapshot.attached_total), (1, 2));
}

#[test]
fn a_thousand_reloads_under_load_give_answers_of_the_generation_they_name() {
    let _watchdog = Watchdog::start("reloads", 90);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    data::save(&models, "alternating", &alternating(1));
    data::save(&models, "steady", &data::model(3, true, 5));
    let engine =
        setup.with(&["--models", models.to_str().unwrap(), "--log-level", "ERROR"]).start();
    let actors: Vec<Actor> =
        (0..2).map(|seed| Actor::start("reload", engine.socket(), seed)).collect();
    let mut client = engine.attach(3, 8);
    let steady = client.model("steady").unwrap();
    let id = client.model("alternating").unwrap().id;
    let base_kib = engine.resident_kib();
    for generation in 2..=1001 {
        data::save(&models, "alternating", &alternating(generation));
        let adopted = channel::reload(engine.socket()).unwrap();
        assert!(adopted.contains(&format!("generation {generation}, ")), "{adopted}");
        assert_eq!(client.model("alternating").unwrap().generation, generation);
        // The worker adopts it between two sweeps; until then the older one answers under its name.
        let x = [0.25, 0.5, f64::from(generation)];
        let adopted = || {
            let prediction = client.predict(id, &x, SECOND).unwrap();
            assert!((generation - 1..=generation).contains(&prediction.generation));
            assert_exact(&alternating(prediction.generation), &x, &Ok(prediction));
            (prediction.generation == generation).then_some(())
        };
        eventually("the worker to adopt a model", SECOND, adopted);
    }
    assert_eq!(client.model("steady").unwrap(), steady, "an unchanged file keeps its generation");
    for actor in actors {
        let tale = actor.finish();
        tale.is_flawless(1000);
        assert!(tale.epochs >= 100, "saw too few generations: {tale:?}");
    }
    let grown_kib = engine.resident_kib().saturating_sub(base_kib);
    assert!(grown_kib < 1024, "{grown_kib} KiB more than before");
    let snapshot = engine.snapshot();
    assert_eq!((snapshot.reloads_total, snapshot.reload_failures_total), (1000, 0));
}

#[test]
fn a_bad_file_never_replaces_a_good_model() {
    let _watchdog = Watchdog::start("bad reloads", 60);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let model = data::model(3, false, 1);
    data::save(&models, "good", &model);
    let file = models.join("good.fmodel");
    let good = std::fs::read(&file).unwrap();
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let mut client = engine.attach(3, 8);
    let row = client.model("good").unwrap();
    let mut refused = 0;
    let mut spoilt: Vec<Vec<u8>> =
        (0..good.len()).step_by(good.len() / 20).map(|cut| good[..cut].to_vec()).collect();
    for place in (0..good.len()).step_by(good.len() / 20) {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        spoilt.push(flipped);
    }
    for bytes in &spoilt {
        std::fs::write(&file, bytes).unwrap();
        let error = channel::reload(engine.socket()).unwrap_err().to_string();
        assert!(error.contains("good.fmodel"), "{error}");
        refused += 1;
        let x = [0.5, 0.25, refused as f64];
        let prediction = assert_exact(&model, &x, &client.predict(row.id, &x, SECOND));
        assert_eq!(prediction.generation, 1);
        assert_eq!(client.model("good"), Some(row.clone()));
        assert_eq!(channel::fetch_artifact(engine.socket(), row.fingerprint()).unwrap(), good);
    }
    assert!(refused >= 40, "{refused}");
    std::fs::remove_file(&file).unwrap();
    assert!(channel::reload(engine.socket()).is_err(), "a directory without models");
    assert_eq!(engine.snapshot().reload_failures_total, refused + 1);
    std::fs::write(&file, &good).unwrap();
    let adopted = channel::reload(engine.socket()).unwrap();
    assert!(adopted.contains("generation 1, "), "the same bytes are the same model: {adopted}");
}
