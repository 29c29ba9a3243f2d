//! A name stays the name: engines that number, drop and take back models by each restart, and
//! clients that were bound before.

use crate::actor::{Actor, Tale, begin};
use crate::data::{self, Random, assert_exact, is_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::channel;
use factord_core::client::{Answer, Batch, Client, PredictError};
use factord_eval::Model;
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// The names that clients bind to.
const BOUND: [&str; 3] = ["bb", "dd", "regression"];
/// All names, those included.
const POOL: [&str; 8] = ["aa", "ab", "bb", "cc", "classification", "dd", "ee", "regression"];

/// What is served under a name, always; all differ.
fn model_of(name: &str) -> Model {
    let seed =
        name.bytes().fold(7u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    data::model(3, name == "classification" || name == "dd", seed)
}

/// A directory of models that is made anew at will.
struct Shelf(PathBuf);

impl Shelf {
    fn new(setup: &Setup) -> Shelf {
        let models = setup.directory.path().join("models");
        fs::create_dir(&models).unwrap();
        Shelf(models)
    }

    fn put(&self, name: &str) {
        data::save(&self.0, name, &model_of(name));
    }

    /// Holds these models and no others.
    fn hold(&self, names: &[&str]) {
        for file in fs::read_dir(&self.0).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        names.iter().for_each(|name| self.put(name));
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

/// Names by chance, at least one of them.
fn some(random: &mut Random, pool: &[&'static str]) -> Vec<&'static str> {
    let taken = random.bits();
    let by_chance = |&(index, _): &(usize, &&'static str)| taken >> index & 3 != 0;
    let names: Vec<_> = pool.iter().enumerate().filter(by_chance).map(|(_, name)| *name).collect();
    if names.is_empty() { vec!["cc"] } else { names }
}

fn start(names: &[&str]) -> (Engine, Shelf) {
    let setup = Setup::new();
    let shelf = Shelf::new(&setup);
    shelf.hold(names);
    (setup.with(&["--models", shelf.path()]).start(), shelf)
}

#[test]
fn a_name_is_never_answered_by_another_name_s_model_through_fifty_restarts() {
    let _watchdog = Watchdog::start("restarts that renumber", 400);
    let (mut engine, shelf) = start(&BOUND);
    let roles = ["bound pipeline", "bound batches", "bound local"];
    let started = |(seed, role): (usize, &&str)| Actor::start(role, engine.socket(), seed as u64);
    let actors: Vec<Actor> = roles.iter().enumerate().map(started).collect();
    let mut random = Random(290);
    for round in 0..52 {
        // A model that comes by a reload gets the last number, and another one at the next start.
        shelf.put(["aa", "ab", "cc"][round % 3]);
        channel::reload(engine.socket()).unwrap();
        sleep(Duration::from_millis(20 + random.bits() % 60));
        engine.process.kill();
        shelf.hold(&if round == 51 { POOL.to_vec() } else { some(&mut random, &POOL) });
        engine.start_again();
        if round % 4 == 3 {
            // What the new engine did not know at its start comes back.
            shelf.hold(&some(&mut random, &POOL));
            BOUND.iter().for_each(|name| shelf.put(name));
            channel::reload(engine.socket()).unwrap();
        }
        let all_are_back = || (engine.snapshot().channel_count == 3).then_some(());
        eventually("all to be back", 10 * SECOND, all_are_back);
    }
    sleep(Duration::from_millis(300));
    for (actor, role) in actors.into_iter().zip(roles) {
        let tale = actor.finish();
        println!("{role}: {tale:?}");
        assert_eq!((tale.wrong, tale.odd, tale.late), (0, 0, 0), "{role}: {tale:?}");
        assert_eq!(tale.exact + tale.unknown, tale.sent, "{role}: {tale:?}");
        assert!(tale.exact > 1000 && tale.unknown > 0, "{role}: {tale:?}");
        assert!(tale.epochs > 20, "{role} met too few engines: {tale:?}");
    }
}

#[test]
fn requests_under_way_at_a_restart_are_asked_of_the_same_name() {
    let _watchdog = Watchdog::start("requests under way", 60);
    let (mut engine, shelf) = start(&["bb", "dd"]);
    let mut client = engine.attach(3, 8);
    let numbers = ["bb", "dd"].map(|name| client.model(name).unwrap().id);
    // bb moves, dd goes, and bb's number is cc's.
    for (names, dd_is_there) in [(&["aa", "bb"][..], false), (&["bb", "dd"], true)] {
        engine.process.stop();
        let x = [0.25, -0.5, 0.75];
        let tickets = [0, 1, 0].map(|which: usize| client.submit(numbers[which], &x).unwrap());
        engine.process.kill();
        shelf.hold(names);
        engine.start_again();
        for (ticket, name) in tickets.into_iter().zip(["bb", "dd", "bb"]) {
            let next = || client.poll().ok().flatten();
            let (answered, answer) = eventually("an answer", 10 * SECOND, next);
            assert_eq!(answered, ticket);
            if name == "bb" || dd_is_there {
                // Also for one that was not there when it was asked for.
                assert_exact(&model_of(name), &x, &answer);
            } else {
                assert_eq!(answer, Err(PredictError::UnknownModel));
            }
        }
        assert_exact(&model_of("bb"), &x, &client.predict_local(numbers[0], &x));
        let dd = client.predict_local(numbers[1], &x);
        assert_eq!(dd.is_ok(), dd_is_there, "{dd:?}");
    }
    assert_eq!(client.model("bb").unwrap().id, numbers[0]);
    assert_eq!(client.number("aa"), None);
    let stray = client.predict(40, &[0.0; 3], SECOND);
    assert_eq!(stray, Err(PredictError::UnknownModel), "a number that was never given");
}

#[test]
fn a_batch_that_lives_through_a_restart_is_one_name_s() {
    let _watchdog = Watchdog::start("a batch across a restart", 60);
    let (mut engine, shelf) = start(&["bb"]);
    let mut client = engine.attach(3, 8);
    let bb = client.model("bb").unwrap().id;
    let rows = Random(5).row(3 * 1000);
    let mut answers: Vec<Option<Answer>> = vec![None; 1000];
    let mut batch = Batch::default();
    let mut go_on = |client: &mut Client, limit| {
        let take = |row: usize, answer| answers[row] = Some(answer);
        client.advance_batch(&mut batch, bb, &rows, take, limit)
    };
    engine.process.stop();
    assert!(go_on(&mut client, Duration::from_millis(10)).is_err());
    engine.process.kill();
    shelf.hold(&["aa", "ab", "bb"]);
    engine.start_again();
    go_on(&mut client, 20 * SECOND).unwrap();
    for (x, answer) in rows.chunks(3).zip(answers) {
        assert_exact(&model_of("bb"), x, &answer.unwrap());
    }
}

#[test]
fn a_name_that_a_reload_brings_back_is_found_under_its_old_number() {
    let _watchdog = Watchdog::start("a name that comes back", 60);
    let (mut engine, shelf) = start(&["bb"]);
    let mut client = engine.attach(3, 8);
    let bb = client.model("bb").unwrap().id;
    engine.process.kill();
    shelf.hold(&["aa"]);
    engine.start_again();
    let x = [0.5, 0.25, 0.125];
    assert_eq!(client.predict(bb, &x, 20 * SECOND), Err(PredictError::UnknownModel));
    assert_eq!(client.predict_local(bb, &x), Err(PredictError::UnknownModel));
    assert_eq!(client.number("bb"), None);
    shelf.put("bb");
    channel::reload(engine.socket()).unwrap();
    let back = || client.predict(bb, &x, SECOND).ok();
    let prediction = eventually("the worker to adopt it", 5 * SECOND, back);
    assert_exact(&model_of("bb"), &x, &Ok(prediction));
    assert_exact(&model_of("bb"), &x, &client.predict_local(bb, &x));
    assert_eq!(client.model("bb").unwrap().id, bb);
}

/// The numbers of the bound names, and their models.
fn bind(client: &Client) -> Vec<(u16, Model)> {
    BOUND.map(|name| (client.model(name).unwrap().id, model_of(name))).into()
}

fn judge(tale: &mut Tale, model: &Model, x: &[f64], answer: &Answer, epoch: &mut u64) {
    match answer {
        Ok(prediction) if is_exact(model, x, prediction) => {
            tale.exact += 1;
            if prediction.epoch != *epoch {
                (*epoch, tale.epochs) = (prediction.epoch, tale.epochs + 1);
            }
        }
        Ok(_) => tale.wrong += 1,
        Err(PredictError::UnknownModel) => tale.unknown += 1,
        Err(_) => tale.odd += 1,
    }
}

/// A full ring of requests for the bound names.
pub(crate) fn pipeline(client: &mut Client, seed: u64) -> Tale {
    let bound = bind(client);
    let (mut tale, mut random, mut epoch) = (Tale::default(), Random(seed), 0);
    let mut waiting: VecDeque<(usize, Vec<f64>)> = VecDeque::new();
    let ended = begin();
    let mut moved = Instant::now();
    while !(ended.load(Ordering::Relaxed) && waiting.is_empty()) {
        while !ended.load(Ordering::Relaxed) {
            let (which, x) = (random.bits() as usize % bound.len(), random.row(3));
            if client.submit(bound[which].0, &x).is_err() {
                break;
            }
            tale.sent += 1;
            waiting.push_back((which, x));
        }
        if let Ok(Some((_, answer))) = client.poll() {
            moved = Instant::now();
            let (which, x) = waiting.pop_front().unwrap();
            judge(&mut tale, &bound[which].1, &x, &answer, &mut epoch);
        } else {
            sleep(Duration::from_micros(50));
        }
        if moved.elapsed() > 20 * SECOND {
            tale.late += waiting.len() as u64;
            break;
        }
    }
    tale
}

/// Batches for one bound name after the other.
pub(crate) fn batches(client: &mut Client, seed: u64) -> Tale {
    let bound = bind(client);
    let (mut tale, mut random, mut epoch) = (Tale::default(), Random(seed), 0);
    let mut answers: Vec<Answer> = vec![Err(PredictError::Deadline); 200];
    let ended = begin();
    while !ended.load(Ordering::Relaxed) {
        let (number, model) = &bound[random.bits() as usize % bound.len()];
        let rows = random.row(3 * answers.len());
        // The entries say what became of each row.
        let _ = client.predict_batch(*number, &rows, &mut answers, 20 * SECOND);
        for (x, answer) in rows.chunks(3).zip(&answers) {
            tale.sent += 1;
            judge(&mut tale, model, x, answer, &mut epoch);
        }
        sleep(Duration::from_millis(1));
    }
    tale
}

/// Evaluation in this process of the bound names.
pub(crate) fn local(client: &mut Client, seed: u64) -> Tale {
    let bound = bind(client);
    let (mut tale, mut random, mut epoch) = (Tale::default(), Random(seed), 0);
    let (ended, mut looks) = (begin(), 0u64);
    while !ended.load(Ordering::Relaxed) {
        for (number, model) in &bound {
            let x = random.row(3);
            looks += 1;
            let answer = client.predict_local(*number, &x);
            // An engine that has been away for a second.
            if answer != Err(PredictError::NotConnected) {
                tale.sent += 1;
                judge(&mut tale, model, &x, &answer, &mut epoch);
            }
        }
        if looks.is_multiple_of(300) {
            // Notices that the engine has gone.
            let _ = client.poll();
            sleep(Duration::from_millis(1));
        }
    }
    tale
}
