//! As many names as there can be: one of them is changed again and again while all are asked.

use crate::data::{self, Random};
use crate::figures::tell;
use crate::harness::{Engine, Setup, Watchdog};
use factord_core::abi::MODEL_COUNT_MAX;
use factord_core::channel;
use factord_core::client::{Client, PredictError};
use factord_core::counters::Histogram;
use factord_core::sys::sched;
use factord_eval::Model;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// The name that is changed.
const CHANGED: u64 = 2000;
/// Times that it is changed.
const CHANGE_COUNT: usize = 1000;

/// Answers between two rests.
const BURST: u64 = 64;

/// A model whose every answer is `y`.
fn constant(y: f64) -> Model {
    Model::linear(vec![0.0; 3], y).unwrap()
}

fn name(number: u64) -> String {
    format!("n{number}")
}

/// An engine that serves names 0 to 4,095, each answering with its number.
fn full_shelf() -> (Engine, PathBuf) {
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    for number in 0..MODEL_COUNT_MAX as u64 {
        data::save(&models, &name(number), &constant(number as f64));
    }
    let setup = setup.with(&["--models", models.to_str().unwrap()]);
    (setup.start(), models)
}

/// Puts a version into the file of the changed name and has it read; how long that took.
fn put(engine: &Engine, models: &Path, version: &[u8]) -> Duration {
    let file = models.join(format!("{}.fmodel", name(CHANGED)));
    let beside = models.join(".beside");
    fs::write(&beside, version).unwrap();
    fs::rename(&beside, &file).unwrap();
    let start = Instant::now();
    let said = channel::reload_one(engine.socket(), &name(CHANGED)).unwrap();
    let took = start.elapsed();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with(&name(CHANGED)), "{said}");
    took
}

/// Both versions of the changed name, as files: one answers with its number, one with less.
fn versions(models: &Path) -> [Vec<u8>; 2] {
    let other = tempfile::tempdir().unwrap();
    data::save(other.path(), &name(CHANGED), &constant(-1.0));
    [models, other.path()].map(|at| fs::read(at.join(format!("{}.fmodel", name(CHANGED)))).unwrap())
}

/// Asks names at random until `ended`; every answer is the name's own. It rests between bursts, so
/// that one CPU is enough for it, the engine's other threads and whoever changes the name.
fn ask(client: &mut Client, ended: &AtomicBool, asked: &AtomicU64) {
    let names: Vec<u16> =
        (0..MODEL_COUNT_MAX as u64).map(|number| client.number(&name(number)).unwrap()).collect();
    let mut random = Random(5);
    while !ended.load(Ordering::Relaxed) {
        let number = match random.bits() % 8 {
            0 => CHANGED,
            _ => random.bits() % MODEL_COUNT_MAX as u64,
        };
        let y = client.predict(names[number as usize], &[0.5; 3], 10 * SECOND).unwrap().y;
        assert!(y == number as f64 || (number == CHANGED && y == -1.0), "{number}: {y}");
        if asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(BURST) {
            thread::sleep(Duration::from_micros(20));
        }
    }
}

/// The worker's service times, by its own clock.
fn latency(engine: &Engine) -> Histogram {
    engine.snapshot().workers[0].latency.clone()
}

#[test]
#[ignore = "it keeps both CPUs busy: .ci/loads.sh runs it alone"]
fn one_of_4096_names_is_changed_a_thousand_times_while_all_are_asked() {
    let _watchdog = Watchdog::start("a full shelf", 240);
    let (engine, models) = full_shelf();
    let versions = versions(&models);
    let mut client = engine.attach(3, 8);
    let (ended, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut took, mut changing) = (Vec::new(), Duration::ZERO);
    let mut p99s = [Vec::new(), Vec::new()];
    thread::scope(|scope| {
        scope.spawn(|| ask(&mut client, &ended, &asked));
        let mut seen = latency(&engine);
        // Else it waits for the end of the asking thread's slices where there are two CPUs.
        let _ = sched::ask_for_short_slices();
        // By turns: the version that is there again and again, then the two in turn. Both wake
        // as many threads.
        for block in 0..20 {
            let changes = block % 2;
            let start = Instant::now();
            for round in 0..CHANGE_COUNT / 10 {
                let time = put(&engine, &models, &versions[(1 + round) * changes % 2]);
                if changes == 1 {
                    took.push(time);
                }
                let due = Duration::from_millis(1) * round as u32;
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            changing += start.elapsed() * changes as u32;
            let now = latency(&engine);
            p99s[changes].push(now.since(&seen).percentile(0.99));
            seen = now;
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert_eq!(engine.snapshot().reloads_total, 2 * CHANGE_COUNT as u64);
    let row = client.model(&name(CHANGED)).unwrap();
    assert_eq!(u64::from(row.generation), CHANGE_COUNT as u64 + 1);
    assert!(asked.load(Ordering::Relaxed) > 1000, "{asked:?}");
    took.sort_unstable();
    let start = Instant::now();
    assert_eq!(channel::reload(engine.socket()).unwrap().lines().count(), MODEL_COUNT_MAX);
    let all = start.elapsed();
    p99s.iter_mut().for_each(|p99s| p99s.sort_by(f64::total_cmp));
    tell(format_args!(
        "one of {MODEL_COUNT_MAX} names changed {CHANGE_COUNT} times, {:.0} a second: {:.2} ms in \
         the middle, {:.2} ms in 99 of 100; all of them read again: {:.0} ms; the worker's p99 \
         {:.0} ns where the same file was read as often, {:.0} ns with changes",
        CHANGE_COUNT as f64 / changing.as_secs_f64(),
        took[CHANGE_COUNT / 2].as_secs_f64() * 1e3,
        took[CHANGE_COUNT * 99 / 100].as_secs_f64() * 1e3,
        all.as_secs_f64() * 1e3,
        p99s[0][5],
        p99s[1][5],
    ));
}

#[test]
fn one_name_is_read_again_alone_and_what_is_wrong_with_it_is_said() {
    let _watchdog = Watchdog::start("one name", 60);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    for number in 0..3 {
        data::save(&models, &name(number), &constant(number as f64));
    }
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let mut client = engine.attach(3, 8);
    let one = |which: &str| {
        channel::reload_one(engine.socket(), which).map_err(|error| error.to_string())
    };
    let generation =
        |client: &Client, number| client.model(&name(number)).map(|row| row.generation);
    // Both files change, and one is read.
    data::save(&models, "n0", &constant(10.0));
    data::save(&models, "n1", &constant(11.0));
    assert!(one("n0").unwrap().starts_with("n0 (linear, 3 features, generation 2"));
    assert_eq!([0, 1, 2].map(|number| generation(&client, number)), [Some(2), Some(1), Some(1)]);
    let own = [10.0, 1.0, 2.0];
    for (number, y) in (0..).zip(own) {
        let handle = client.number(&name(number)).unwrap();
        assert_eq!(client.predict(handle, &[0.5; 3], SECOND).unwrap().y, y);
    }
    // What has not changed keeps its generation.
    assert!(one("n0").unwrap().contains("generation 2"));
    // A name that is new is served from its file.
    data::save(&models, "n7", &constant(7.0));
    assert!(one("n7").unwrap().contains("generation 1"));
    let handle = client.number("n7").unwrap();
    assert_eq!(client.predict(handle, &[0.5; 3], SECOND).unwrap().y, 7.0);
    // What cannot be served leaves the old version.
    fs::write(models.join("n2.fmodel"), b"no model").unwrap();
    assert!(one("n2").unwrap_err().contains("n2.fmodel"));
    fs::copy(models.join("n0.fmodel"), models.join("n2.fmodel")).unwrap();
    let said = one("n2").unwrap_err();
    assert!(said.contains("n2.fmodel holds a model named \"n0\", not \"n2\""), "{said}");
    fs::remove_file(models.join("n2.fmodel")).unwrap();
    assert!(one("n2").unwrap_err().contains("cannot read"));
    assert!(one("n9").unwrap_err().contains("n9.fmodel"));
    assert!(one("../n9").unwrap_err().contains("no model can have that name"));
    assert_eq!(generation(&client, 2), Some(1));
    let gone = client.number("n9");
    assert_eq!((gone, engine.snapshot().reload_failures_total), (None, 4));
    assert_eq!(client.predict(99, &[0.5; 3], SECOND), Err(PredictError::UnknownModel));
}
