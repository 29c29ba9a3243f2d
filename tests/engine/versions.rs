//! A model is known by what it is: names by their checks, versions by their fingerprints.

use crate::data::{self, Random, assert_exact, is_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use crate::wire::Channel;
use factord_core::abi::{self, request, response, status};
use factord_core::channel::{self, AttachError, Refusal};
use factord_core::client::{AttachOptions, Client, PinError, PredictError};
use factord_core::counters::{ChannelsObserver, Observer, fingerprint};
use factord_core::sync::{Ordering, fence};
use factord_eval::Model;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const X: [f64; 3] = [0.25, 0.5, 0.75];

fn shelf(setup: Setup) -> (Setup, PathBuf) {
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    let setup = setup.with(&["--models", models.to_str().unwrap()]);
    (setup, models)
}

/// What is served under a name, always; its first prediction for [`X`] is no other name's.
fn model_of(number: u64) -> Model {
    Model::linear(vec![0.0; 3], number as f64).unwrap()
}

fn put(models: &Path, number: u64) {
    data::save(models, &format!("n{number}"), &model_of(number));
}

/// Requests that carry what a name's row said once, whoever has the number now: raw words, as a
/// client would send them that never looks again.
struct Stale {
    channel: Channel,
    next: u64,
    slots: u64,
}

/// What became of them.
#[derive(Debug, Default)]
struct Outcome {
    own: u64,
    unknown: u64,
    another: u64,
}

impl Stale {
    fn new(engine: &Engine) -> Stale {
        Stale { channel: Channel::open(engine, 3, 64), next: 1, slots: 64 }
    }

    /// Asks for all of `names`, by the meta and the number of each.
    fn ask(&mut self, names: &[(u64, u64)], outcome: &mut Outcome) {
        for names in names.chunks(self.slots as usize) {
            let first = self.next;
            for &(meta, _) in names {
                let word = |index: usize| self.channel.word(self.next, index);
                word(request::META).store(meta, Ordering::Relaxed);
                X.iter().enumerate().for_each(|(feature, x)| {
                    word(request::FEATURES + feature).store(x.to_bits(), Ordering::Relaxed);
                });
                // SYNC(test.request): the daemon's look is the other side.
                word(request::SEQUENCE).store(self.next, Ordering::Release);
                self.next += 1;
            }
            for (position, &(_, number)) in (first..).zip(names) {
                let slot = abi::RING_HEADER_LINES + (position & (self.slots - 1)) as usize;
                let word = |index: usize| {
                    self.channel.resp.words()[slot * abi::LINE_WORDS + index]
                        .load(Ordering::Relaxed)
                };
                let there = || (word(response::SEQUENCE) == position).then_some(());
                eventually("an answer", 10 * SECOND, there);
                // SYNC(test.response): the daemon's push is the other side.
                fence(Ordering::Acquire);
                match word(response::VERDICT) as u16 {
                    status::OK if f64::from_bits(word(response::Y)) == number as f64 => {
                        outcome.own += 1;
                    }
                    status::UNKNOWN_MODEL => outcome.unknown += 1,
                    _ => outcome.another += 1,
                }
            }
        }
    }
}

#[test]
fn ten_thousand_names_come_and_go_and_stale_numbers_meet_no_other_name() {
    let _watchdog = Watchdog::start("ten thousand names", 300);
    let (setup, models) = shelf(Setup::new());
    let at_once = 250;
    (0..at_once).for_each(|number| put(&models, number));
    let engine = setup.start();
    let mut stale = Stale::new(&engine);
    let mut client = engine.attach(3, 64);
    let bound: HashMap<u64, u16> = (0..at_once)
        .map(|number| (number, client.number(&format!("n{number}")).unwrap()))
        .collect();
    let mut kept: Vec<(u64, u64)> = Vec::new();
    let mut outcome = Outcome::default();
    let ended = AtomicBool::new(false);
    let names = thread::scope(|scope| {
        // A client of the library asks for names of the first round all the time.
        let asking = scope.spawn(|| {
            let (mut own, mut gone, mut random) = (0u64, 0u64, Random(3));
            while !ended.load(Ordering::Relaxed) {
                let number = random.bits() % at_once;
                match client.predict(bound[&number], &X, 10 * SECOND) {
                    Ok(prediction) => {
                        assert_eq!(prediction.y, number as f64, "another name's answer");
                        own += 1;
                    }
                    Err(PredictError::UnknownModel) => gone += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            (own, gone)
        });
        let mut next = at_once;
        while next < 10_000 {
            let rows = engine.snapshot().models.unwrap();
            kept.extend(rows.iter().map(|row| {
                let number: u64 = row.name[1..].parse().unwrap();
                (abi::meta(row.id, row.check), number)
            }));
            // With a load under way: what is asked meets both the old rows and the new ones.
            for number in next - at_once..next {
                fs::remove_file(models.join(format!("n{number}.fmodel"))).unwrap();
            }
            (next..next + at_once).for_each(|number| put(&models, number));
            let socket = engine.socket();
            let load = scope.spawn(move || channel::reload(socket).unwrap());
            while !load.is_finished() {
                let last = kept.len().saturating_sub(200);
                stale.ask(&kept[last..], &mut outcome);
            }
            stale.ask(&kept, &mut outcome);
            next += at_once;
        }
        ended.store(true, Ordering::Relaxed);
        let (own, gone) = asking.join().unwrap();
        println!("bound: {own} by its own name's model, {gone} unknown");
        assert!(own > 0 && gone > 0);
        next
    });
    println!("{names} names, raw: {outcome:?}");
    assert_eq!(outcome.another, 0, "{outcome:?}");
    assert!(names >= 10_000 && outcome.own > 0 && outcome.unknown > 100_000, "{outcome:?}");
    assert_eq!(engine.snapshot().reloads_total, (names - at_once) / at_once);
}

#[test]
fn a_pinned_name_is_answered_by_its_artifact_or_not_at_all() {
    let _watchdog = Watchdog::start("pins", 120);
    let (setup, models) = shelf(Setup::new());
    let versions = [1, 2].map(|seed| data::model(3, false, seed));
    data::save(&models, "aa", &versions[0]);
    let engine = setup.start();
    let mut client = engine.attach(3, 8);
    let first = client.model("aa").unwrap();
    let free = client.number("aa").unwrap();
    let pinned = client.pin("aa", &first.sha256).unwrap();
    assert_ne!(free, pinned);
    assert_eq!(client.pin("aa", &first.sha256), Ok(pinned));
    assert_eq!(client.pin("zz", &first.sha256), Err(PinError::NotServed));
    let mut seen = [0; 2];
    for round in 0..40 {
        data::save(&models, "aa", &versions[round % 2]);
        channel::reload(engine.socket()).unwrap();
        let answers = [
            (client.predict(free, &X, SECOND), client.predict(pinned, &X, SECOND)),
            (client.predict_local(free, &X), client.predict_local(pinned, &X)),
        ];
        for (free, pinned) in answers {
            let prediction = assert_exact(&versions[round % 2], &X, &free);
            assert_eq!(prediction.generation, round as u32 + 1);
            if round % 2 == 0 {
                assert_exact(&versions[0], &X, &pinned);
                assert_eq!(pinned.unwrap().fingerprint, first.fingerprint());
                seen[0] += 1;
            } else {
                assert_eq!(pinned, Err(PredictError::OtherVersion));
                seen[1] += 1;
            }
        }
    }
    assert_eq!(seen, [40, 40]);
}

#[test]
fn an_answer_names_the_artifact_that_gave_it() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    for (number, name) in (0u16..).zip(["regression", "classification"]) {
        let row = client.model(name).unwrap();
        assert_eq!(row.fingerprint(), fingerprint(&row.sha256));
        let by_ring = client.predict(number, &X, SECOND).unwrap();
        let by_key = client.predict_keyed(number, 77, &X, SECOND).unwrap();
        let local = client.predict_local(number, &X).unwrap();
        for prediction in [by_ring, by_key, local] {
            assert_eq!(prediction.fingerprint, row.fingerprint());
            assert_eq!((prediction.generation, prediction.arm), (1, 0));
        }
    }
}

#[test]
fn costly_models_are_refused_or_have_workers_of_their_own() {
    let _watchdog = Watchdog::start("costly models", 60);
    let (setup, models) = shelf(Setup::new());
    data::save(&models, "small", &data::model(3, false, 1));
    data::save(&models, "wide", &data::model(1024, false, 2));
    // 200 ns: 1,024 features take longer on every machine, and three do not.
    let setup = setup.with(&["--max-cost", "200"]);
    let (code, _, log) = setup.run_to_end();
    assert_eq!(code, Some(65), "{log}");
    assert!(log.contains("`wide` takes") && log.contains("--heavy-core"), "{log}");
    let cpus = factord_core::sys::sched::allowed_cpus().unwrap();
    let Some(&heavy) = cpus.first().filter(|_| cpus.len() > 1) else {
        println!("SKIPPED: two workers take two CPUs");
        return;
    };
    // Three channels: no client has room for a second one.
    let limits = ["--heavy-core", &heavy.to_string(), "--channels-per-uid", "3"];
    let engine = setup.with(&limits).start();
    let rows = engine.snapshot().models.unwrap();
    let class = |name: &str| u64::from(rows.iter().find(|row| row.name == name).unwrap().class);
    assert_eq!((class("small"), class("wide")), (abi::class::LIGHT, abi::class::HEAVY));
    let classes: Vec<u64> = engine.snapshot().workers.iter().map(|worker| worker.class).collect();
    assert_eq!(classes, [abi::class::LIGHT, abi::class::HEAVY]);
    let x = vec![0.5; 1024];
    let attach = |feature_count, heavy| {
        Client::attach(&AttachOptions {
            socket: Some(engine.socket().to_owned()),
            feature_count,
            heavy,
            ..AttachOptions::default()
        })
        .unwrap()
    };
    let (mut light, mut costly) = (attach(1024, false), attach(1024, true));
    let mut small = attach(3, true);
    let wide = light.number("wide").unwrap();
    assert_eq!(light.predict(wide, &x, SECOND), Err(PredictError::WrongClass));
    let wide = costly.number("wide").unwrap();
    assert_exact(&data::model(1024, false, 2), &x, &costly.predict(wide, &x, SECOND));
    let number = small.number("small").unwrap();
    assert_eq!(small.predict(number, &X, SECOND), Err(PredictError::WrongClass));
    // Counted where it happened, and shown to those who may see it.
    let wrong = || {
        let counts: Vec<u64> =
            engine.snapshot().workers.iter().map(|worker| worker.wrong_class).collect();
        (counts == [1, 1]).then_some(())
    };
    eventually("the counts", 5 * SECOND, wrong);
    let channels = ChannelsObserver::attach(Some(engine.socket())).unwrap().unwrap().channels();
    let mut seen: Vec<(u16, u16, u32)> =
        channels.iter().map(|c| (c.feature_count, c.class, c.worker)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(3, 1, 1), (1024, 0, 0), (1024, 1, 1)]);
    assert!(channels.iter().all(|channel| channel.pid == std::process::id()));
}

#[test]
fn a_class_that_no_worker_serves_is_refused_by_name() {
    let engine = Engine::start();
    let options = AttachOptions {
        socket: Some(engine.socket().to_owned()),
        heavy: true,
        ..AttachOptions::default()
    };
    let error = Client::attach(&options).unwrap_err();
    let class = abi::class::HEAVY;
    assert!(matches!(error, AttachError::Refused(Refusal::NoSuchClass { class: c }) if c == class));
    assert!(error.to_string().contains("--heavy-core"), "{error}");
}

#[test]
fn local_answers_end_a_second_after_the_last_heartbeat() {
    let _watchdog = Watchdog::start("a stale heartbeat", 60);
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    assert!(client.predict_local(0, &X).is_ok());
    engine.process.stop();
    let start = Instant::now();
    let ended = || (client.predict_local(0, &X) == Err(PredictError::NotConnected)).then_some(());
    eventually("local answers to end", 5 * SECOND, ended);
    let took = start.elapsed();
    assert!(took > Duration::from_millis(900), "only after a second: {took:?}");
    engine.process.signal(rustix::process::Signal::CONT);
    let back = || client.predict_local(0, &X).ok();
    let prediction = eventually("local answers to come back", 10 * SECOND, back);
    assert!(is_exact(&data::embedded()[0], &X, &prediction));
}

#[test]
fn several_models_are_asked_about_one_row_at_once() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 4);
    // More than the ring has slots, and one that there is not.
    let models = [0u16, 1, 0, 1, 9, 0, 1, 0, 1, 0];
    let mut answers = vec![Err(PredictError::Deadline); models.len()];
    let ticket = client.submit(1, &X).unwrap();
    client.predict_each(&models, &X, SECOND, &mut answers).unwrap();
    for (&model, answer) in models.iter().zip(&answers) {
        match model {
            9 => assert_eq!(*answer, Err(PredictError::UnknownModel)),
            model => _ = assert_exact(&data::embedded()[usize::from(model)], &X, answer),
        }
    }
    let mut taken = [(0, Err(PredictError::Deadline)); 4];
    assert_eq!(client.poll_many(&mut taken), Ok(1), "the one before is still its caller's");
    assert_eq!(taken[0].0, ticket);
    assert_exact(&data::embedded()[1], &X, &taken[0].1);
    let tickets = [0u16, 1, 0].map(|model| client.submit(model, &X).unwrap());
    assert_eq!(client.in_flight(), 3);
    let mut got = Vec::new();
    eventually("three answers", 5 * SECOND, || {
        let count = client.poll_many(&mut taken).unwrap();
        got.extend(taken[..count].iter().map(|(ticket, _)| *ticket));
        (got.len() == 3).then_some(())
    });
    assert_eq!(got, tickets);
    assert_eq!(client.poll_many(&mut taken), Ok(0));
    let short = client.predict_each(&[0], &X, SECOND, &mut []);
    assert_eq!(short, Err(PredictError::WidthMismatch));
}

#[test]
fn the_engine_says_what_it_is_and_where_it_runs() {
    let engine = Engine::start();
    let client = engine.attach(3, 4);
    let snapshot = engine.snapshot();
    assert_eq!(snapshot.program_version, env!("CARGO_PKG_VERSION"));
    let cores: Vec<Option<usize>> = snapshot.workers.iter().map(|worker| worker.core).collect();
    assert_eq!(client.worker_cores(), cores);
    let observer = Observer::attach(Some(engine.socket())).unwrap();
    let hz = observer.tsc_hz().unwrap() as f64;
    let ns = client.ticks_to_ns(1_000, 1_000 + (hz as u64)).unwrap();
    assert!((ns / 1e9 - 1.0).abs() < 0.01, "{ns}");
    assert!(client.ticks_to_ns(2_000, 1_000).unwrap() < 0.0);
}
