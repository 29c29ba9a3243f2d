//! The tap: every answer, for any number of readers, with the right to observe alone.

use crate::data::{self, Random};
use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use crate::users::{STRANGER, as_user, can_be_another_user};
use factord_core::abi::status;
use factord_core::channel::{self, AttachError, CommandError, Refusal};
use factord_core::client::{Begin, Event, PredictError, Prediction, Subscriber};
use factord_core::tap::Record;
use factord_eval::Model;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const X: [f64; 3] = [0.25, 0.5, 0.75];

/// An answer as a test keeps it.
#[derive(Clone, Debug)]
struct Seen {
    unix_ns: u64,
    service_ns: Option<u64>,
    name: Option<String>,
    fingerprint: u64,
    record: Record,
}

/// The next `count` answers, none of them missed.
fn take(subscriber: &mut Subscriber, count: usize) -> Vec<Seen> {
    let mut taken = Vec::new();
    let end = Instant::now() + 20 * SECOND;
    while taken.len() < count {
        assert!(Instant::now() < end, "{} of {count} answers", taken.len());
        match subscriber.poll() {
            Some(Event::Published(answer)) => taken.push(Seen {
                unix_ns: answer.unix_ns,
                service_ns: answer.service_ns,
                name: answer.name.map(str::to_owned),
                fingerprint: answer.fingerprint,
                record: answer.record.clone(),
            }),
            Some(missed) => panic!("{missed:?}"),
            None => thread::sleep(Duration::from_micros(50)),
        }
    }
    taken
}

fn subscribe(engine: &Engine) -> Subscriber {
    Subscriber::attach(Some(engine.socket()), None).unwrap()
}

fn shelf(setup: Setup, models: &[(&str, Model)]) -> Setup {
    let folder = setup.directory.path().join("models");
    fs::create_dir(&folder).unwrap();
    for (name, model) in models {
        data::save(&folder, name, model);
    }
    setup.with(&["--models", folder.to_str().unwrap()])
}

fn is_same(seen: &Seen, name: &str, (key, x): (u64, &[f64]), answer: &Prediction) {
    let record = &seen.record;
    assert_eq!(seen.name.as_deref(), Some(name));
    assert_eq!((record.key, record.features.as_slice()), (key, x));
    assert_eq!(record.y.to_bits(), answer.y.to_bits());
    assert_eq!((record.generation, record.arm), (answer.generation, answer.arm));
    assert_eq!((seen.fingerprint, record.status), (answer.fingerprint, status::OK));
}

/// [SPEC-740]
#[test]
fn every_answer_is_read_as_it_was_given() {
    let _watchdog = Watchdog::start("a tap", 120);
    let widths = [1, 3, 4, 5, 6, 64, 1024];
    let names: Vec<String> = widths.iter().map(|width| format!("w{width}")).collect();
    let models: Vec<(&str, Model)> = names
        .iter()
        .zip(widths)
        .map(|(name, width)| (name.as_str(), data::model(width, width % 2 == 0, 7)))
        .collect();
    let engine = shelf(Setup::new().with(&["--tap"]), &models).start();
    let mut subscriber = subscribe(&engine);
    let mut random = Random(5);
    let before_ns = factord_core::sys::clock::unix_ns();
    let mut ordinal = 0;
    for (name, width) in names.iter().zip(widths) {
        let mut client = engine.attach(width, 8);
        let number = client.number(name).unwrap();
        for round in 0..100 {
            let (x, key) = (random.row(width), random.bits() * (round % 2));
            let answer = client.predict_keyed(number, key, &x, SECOND).unwrap();
            let seen = take(&mut subscriber, 1).remove(0);
            is_same(&seen, name, (key, &x), &answer);
            assert_eq!(seen.record.ordinal, ordinal);
            ordinal += 1;
            let now_ns = factord_core::sys::clock::unix_ns();
            // Two clocks, compared once a second.
            let (from, to) = (before_ns - 1_000_000, now_ns + 1_000_000);
            assert!((from..to).contains(&seen.unix_ns), "{from} {} {to}", seen.unix_ns);
            assert_eq!(subscriber.client_name(seen.record.client), Some("test"));
        }
    }
    // A run of answers, and one that is none.
    let mut client = engine.attach(3, 64);
    let number = client.number("w3").unwrap();
    let rows: Vec<f64> = random.row(3 * 640);
    let mut answers = vec![Err(PredictError::Deadline); 640];
    client.predict_batch(number, &rows, &mut answers, 10 * SECOND).unwrap();
    for (x, answer) in rows.chunks(3).zip(answers) {
        is_same(&take(&mut subscriber, 1)[0], "w3", (0, x), &answer.unwrap());
    }
    client.predict(number, &[f64::NAN, 0.0, 0.0], SECOND).unwrap_err();
    let seen = take(&mut subscriber, 1).remove(0);
    assert_eq!((seen.record.status, seen.record.y.is_nan()), (status::BAD_INPUT, true));
    assert!(subscriber.poll().is_none());
}

/// [SPEC-741]
#[test]
fn without_a_tap_nobody_subscribes_and_is_told_how_to() {
    let engine = Engine::start();
    let error = Subscriber::attach(Some(engine.socket()), None).unwrap_err();
    assert!(error.to_string().contains("factord serve --tap"), "{error}");
    let output = subscribe_command(engine.socket(), &["regression"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("serve --tap"), "{output:?}");
}

/// [SPEC-742]
#[test]
fn a_tap_is_for_those_who_may_observe() {
    if !can_be_another_user() {
        return;
    }
    let setup = Setup::new().with(&["--tap=4096", "--allow-uid", &STRANGER.to_string()]);
    fs::set_permissions(setup.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let engine = setup.start();
    let socket = engine.socket();
    let error = thread::scope(|scope| {
        as_user(scope, STRANGER, || channel::open_tap(socket, 0).unwrap_err()).join().unwrap()
    });
    let refused =
        CommandError::Attach(AttachError::Refused(Refusal::NotPermitted { uid: STRANGER.into() }));
    assert_eq!(error.to_string(), refused.to_string());
    let error = channel::open_tap(socket, 1).unwrap_err();
    assert!(error.to_string().contains("there is no worker 1"), "{error}");
}

/// [SPEC-743]
#[test]
fn one_who_is_overtaken_knows_how_many_it_missed_and_goes_on() {
    let _watchdog = Watchdog::start("slow readers", 120);
    let engine = Setup::new().with(&["--tap=4096"]).start();
    let mut slow = subscribe(&engine);
    let mut client = engine.attach(3, 64);
    let rows: Vec<f64> = Random(9).row(3 * 20_000);
    for _ in 0..3 {
        let mut answers = vec![Err(PredictError::Deadline); 20_000];
        client.predict_batch(0, &rows, &mut answers, 10 * SECOND).unwrap();
        let late = subscribe(&engine).poll().is_some();
        assert!(!late, "one who comes late begins with the newest");
        let (mut read, mut missed) = (0, 0);
        while read + missed < 20_000 {
            match slow.poll() {
                Some(Event::Published(_)) => read += 1,
                Some(Event::Missed { worker: 0, count, .. }) => missed += count,
                Some(other) => panic!("{other:?}"),
                None => thread::sleep(Duration::from_micros(10)),
            }
        }
        assert!(missed > 10_000 && read > 1_000, "{read} read, {missed} missed");
        assert_eq!(read + missed, 20_000);
        assert!(slow.poll().is_none());
    }
}

/// [SPEC-745]
#[test]
fn an_answer_names_its_version_whatever_was_swapped_meanwhile() {
    let _watchdog = Watchdog::start("swaps and a tap", 120);
    let setup = shelf(Setup::new().with(&["--tap"]), &[("a", data::model(3, false, 0))]);
    let models = setup.directory.path().join("models");
    let engine = setup.start();
    let mut client = engine.attach(3, 8);
    let number = client.number("a").unwrap();
    let mut subscriber = Subscriber::attach(Some(engine.socket()), Some("a")).unwrap();
    let mut given = Vec::new();
    for seed in 1..200 {
        data::save(&models, "a", &data::model(3, false, seed % 3));
        channel::reload(engine.socket()).unwrap();
        given.push(client.predict(number, &X, SECOND).unwrap());
    }
    let seen = take(&mut subscriber, given.len());
    for (seen, answer) in seen.iter().zip(&given) {
        is_same(seen, "a", (0, &X), answer);
    }
    assert!(given.last().unwrap().generation > 100);
}

/// [SPEC-746]
#[test]
fn whoever_comes_back_goes_on_where_it_ended() {
    let engine = Setup::new().with(&["--tap=4096"]).start();
    let mut client = engine.attach(3, 8);
    for _ in 0..10 {
        client.predict(0, &X, SECOND).unwrap();
    }
    let epoch = engine.snapshot().epoch;
    for (begin, expected) in [
        (Begin::Ordinals(epoch, vec![4]), 4),
        (Begin::Ordinals(epoch, Vec::new()), 0),
        (Begin::Ordinals(epoch - 1, vec![4]), 0),
    ] {
        let mut subscriber = Subscriber::attach_at(Some(engine.socket()), None, &begin).unwrap();
        let ordinals: Vec<u64> =
            take(&mut subscriber, 10 - expected).iter().map(|seen| seen.record.ordinal).collect();
        assert_eq!(ordinals, (expected as u64..10).collect::<Vec<u64>>(), "{begin:?}");
    }
}

/// [SPEC-747]
#[test]
fn where_local_answers_are_refused_the_ring_gives_them_and_the_tap_has_them() {
    let setup = Setup::new().with(&["--tap", "--audit-local", "refuse"]);
    let engine = setup.start();
    let mut subscriber = subscribe(&engine);
    assert!(!subscriber.allows_local());
    let mut client = engine.attach(3, 8);
    let error = client.fetch(0, SECOND).unwrap_err();
    assert!(error.to_string().contains("parameters"), "{error}");
    let answer = client.predict_local(0, &X).unwrap();
    is_same(&take(&mut subscriber, 1)[0], "regression", (0, &X), &answer);
    let version = engine.snapshot().models.unwrap()[0].fingerprint();
    let connection = channel::Connection::open(engine.socket()).unwrap();
    let error = connection.command(channel::Verb::Image, version).unwrap_err();
    assert!(matches!(error, CommandError::Attach(AttachError::Refused(_))), "{error}");
    let allowing = Setup::new().with(&["--tap"]).start();
    assert!(subscribe(&allowing).allows_local());
}

fn subscribe_command(socket: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.arg("--socket").arg(socket).arg("subscribe").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// [SPEC-748]
#[test]
fn the_command_prints_answers_of_one_name_and_ends_with_the_daemon() {
    let _watchdog = Watchdog::start("factord subscribe", 60);
    let mut engine = Setup::new().with(&["--tap"]).start();
    let mut client = engine.attach(3, 8);
    let command = |words: &[&str]| Process::spawn(&mut subscribe_command(engine.socket(), words));
    let mut two = command(&["regression", "--json", "--count", "2"]);
    let mut endless = command(&["classification"]);
    // Until the first has both of its answers.
    let mut answer = None;
    let status = eventually("two answers", 20 * SECOND, || {
        answer = Some(client.predict_keyed(0, 42, &X, SECOND).unwrap());
        client.predict(1, &X, SECOND).unwrap();
        two.child().try_wait().unwrap()
    });
    assert!(status.success());
    let mut text = String::new();
    two.child().stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_eq!(line["name"], "regression");
        assert_eq!((line["key"].as_u64(), line["status"].as_str()), (Some(42), Some("ok")));
        assert_eq!(line["y"].as_f64(), Some(answer.unwrap().y));
        assert_eq!(line["features"], serde_json::json!(X));
    }
    engine.process.kill();
    let status = endless.ends_within(20 * SECOND);
    assert_eq!(status.code(), Some(69));
    let mut text = String::new();
    endless.child().stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.lines().count() > 0);
    assert!(text.lines().all(|line| line.contains(" classification ")), "{text}");
}

/// [SPEC-749]
#[test]
fn one_answer_in_64_says_what_it_took() {
    let _watchdog = Watchdog::start("service times", 60);
    let engine = Setup::new().with(&["--tap"]).start();
    let mut subscriber = subscribe(&engine);
    for (width, name) in [(3, "regression"), (3, "classification")] {
        let mut client = engine.attach(width, 64);
        client.stamp(true);
        let number = client.number(name).unwrap();
        let answers: Vec<Prediction> =
            (0..1000).map(|_| client.predict(number, &X, SECOND).unwrap()).collect();
        let seen = take(&mut subscriber, answers.len());
        let timed = seen.iter().zip(&answers).filter(|(seen, _)| seen.service_ns.is_some());
        let timed: Vec<_> = timed.collect();
        assert!((15..=16).contains(&timed.len()), "{} of 1000", timed.len());
        for (seen, answer) in timed {
            assert_eq!(seen.record.service_ticks, answer.t_done - answer.t_received);
            let ns = client.ticks_to_ns(answer.t_received, answer.t_done).unwrap();
            assert!((seen.service_ns.unwrap() as f64 - ns).abs() < 2.0 + ns / 100.0);
        }
    }
}
