//! What deadlines are worth while the engine is stopped or away and its backlog full.

use crate::data::{self, assert_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::channel;
use factord_core::client::{AttachError, AttachOptions, Client, PredictError};
use factord_core::sys::socket;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// How much later than the idle loop's worst a call may end.
// 250 ms: on a busy machine a thread that sleeps may wait for its core for many time slices.
const BOUND: Duration = Duration::from_millis(250);
const LIMIT: Duration = Duration::from_millis(10);
const X: [f64; 3] = [0.5, 0.2, 0.3];

/// Connects until the daemon's queue is full.
fn fill(path: &Path) -> Vec<OwnedFd> {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let mut connections = Vec::new();
    loop {
        match socket::connect_at_once(path) {
            Ok(connection) => connections.push(connection),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                return connections;
            }
        }
        assert!(connections.len() < 5000, "the queue has no end");
    }
}

/// By how much the calls of one kind ended late.
struct Late(&'static str, Vec<Duration>);

impl Late {
    fn note(&mut self, start: Instant, limit: Duration) {
        self.1.push(start.elapsed().saturating_sub(limit));
    }

    /// Prints the figures; no call may be later than `bound`. Returns the worst.
    fn judge(&mut self, scene: &str, bound: Duration) -> Duration {
        self.1.sort();
        let (p99, worst) = (self.1[self.1.len() * 99 / 100], self.1[self.1.len() - 1]);
        println!("{scene}: {:<14} p99 {p99:>12.1?}   worst {worst:>12.1?}", self.0);
        assert!(worst <= bound, "{scene}: {} ended {worst:?} late", self.0);
        worst
    }
}

/// Calls of all kinds, beside a loop that only waits: none ends late or before its deadline.
fn calls_end_in_time(client: &mut Client, scene: &str) {
    let names = ["idle loop", "predict 10 ms", "submit", "poll", "predict_local"];
    let mut late = names.map(|name| Late(name, Vec::new()));
    for _ in 0..150 {
        let [idle, predict, submit, poll, local] = &mut late;
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            sleep(Duration::from_micros(100));
        }
        idle.note(start, LIMIT);
        let start = Instant::now();
        let answer = client.predict(0, &X, LIMIT);
        predict.note(start, LIMIT);
        assert!(answer.is_err() && start.elapsed() >= LIMIT, "{answer:?}");
        for _ in 0..3 {
            let start = Instant::now();
            let _ = client.submit(0, &X);
            submit.note(start, Duration::ZERO);
            let start = Instant::now();
            assert!(matches!(client.poll(), Ok(None) | Err(PredictError::NotConnected)));
            poll.note(start, Duration::ZERO);
        }
        for _ in 0..300 {
            let start = Instant::now();
            let answer = client.predict_local(0, &X);
            local.note(start, Duration::ZERO);
            let is_right = matches!(answer, Ok(_) | Err(PredictError::NotConnected));
            assert!(is_right, "{answer:?}");
        }
    }
    let [idle, calls @ ..] = &mut late;
    // What the machine adds by itself is no call's fault.
    let bound = BOUND + idle.judge(scene, Duration::MAX);
    for call in calls {
        call.judge(scene, bound);
    }
}

#[test]
fn no_call_is_late_while_the_engine_is_stopped_or_dead_or_does_not_let_the_client_in() {
    let _watchdog = Watchdog::start("late calls", 120);
    let mut engine = Engine::start();
    let mut client = engine.attach(3, 64);
    assert_exact(&data::embedded()[0], &X, &client.predict(0, &X, 10 * SECOND));
    engine.process.stop();
    calls_end_in_time(&mut client, "stopped");
    engine.process.kill();
    calls_end_in_time(&mut client, "dead");
    engine.start_again();
    engine.process.stop();
    calls_end_in_time(&mut client, "back and silent");
    let backlog = fill(engine.socket());
    calls_end_in_time(&mut client, "backlog full");
    drop(backlog);
    engine.process.signal(Signal::CONT);
    let back = || {
        let _ = client.poll();
        client.predict(0, &X, 10 * SECOND).ok()
    };
    let prediction = eventually("the client to be back", 20 * SECOND, back);
    assert_exact(&data::embedded()[0], &X, &Ok(prediction));
}

#[test]
fn whoever_attaches_or_asks_in_front_of_a_full_backlog_is_told_within_seconds() {
    let _watchdog = Watchdog::start("a full backlog", 120);
    let engine = Engine::start();
    engine.process.stop();
    let _backlog = fill(engine.socket());
    let in_time = |start: Instant| assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
    let start = Instant::now();
    let error = Client::attach(&engine.options(3, 8)).unwrap_err();
    assert!(matches!(error, AttachError::Deadline), "{error}");
    in_time(start);
    let start = Instant::now();
    assert!(channel::observe(engine.socket()).is_err());
    assert!(channel::reload(engine.socket()).is_err());
    in_time(start);
    let ask = ["predict", "regression", "0.5", "0.2", "0.3"];
    for words in [&["stat"][..], &ask, &["ping"], &["model", "reload"], &["serve", "--no-http"]] {
        let start = Instant::now();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_factord"));
        command.arg("--socket").arg(engine.socket()).args(words);
        let output = command.output().unwrap();
        let expected = if words[0] == "serve" { 69 } else { 75 };
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{words:?}: {text}");
        in_time(start);
    }
}

#[test]
fn a_first_attach_waits_for_a_daemon_as_long_as_it_is_told() {
    let _watchdog = Watchdog::start("a first attach", 60);
    let setup = Setup::new();
    let options = AttachOptions {
        socket: setup.socket.clone(),
        wait: Duration::from_millis(300),
        ..AttachOptions::default()
    };
    let start = Instant::now();
    let error = Client::attach(&options).unwrap_err();
    assert!(matches!(error, AttachError::Unreachable { .. }), "{error}");
    assert!(start.elapsed() >= options.wait && start.elapsed() < 5 * SECOND);
    let patient = AttachOptions { wait: Duration::MAX, ..options };
    let waiting = thread::spawn(move || Client::attach(&patient));
    sleep(Duration::from_millis(100));
    let _engine = setup.start();
    let mut client = waiting.join().unwrap().unwrap();
    assert_exact(&data::embedded()[0], &X, &client.predict(0, &X, 10 * SECOND));
}

#[test]
fn a_deadline_of_centuries_is_not_over_at_once() {
    let _watchdog = Watchdog::start("centuries", 60);
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    // 2^64 ns and one more: wrapped, that was a deadline of 1 ns.
    let centuries = Duration::new(18_446_744_073, 709_551_617);
    engine.process.stop();
    let resume = {
        let pid = engine.pid();
        thread::spawn(move || {
            sleep(Duration::from_millis(100));
            crate::harness::signal(pid, Signal::CONT);
        })
    };
    assert_exact(&data::embedded()[0], &X, &client.predict(0, &X, centuries));
    resume.join().unwrap();
}

#[test]
fn answers_that_nobody_waits_for_make_room_by_themselves() {
    let _watchdog = Watchdog::start("abandoned answers", 60);
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    engine.process.stop();
    let mut answers = vec![Err(PredictError::Deadline); 8];
    let rows = [1.0; 24];
    let outcome = client.predict_batch(0, &rows, &mut answers, Duration::from_millis(20));
    assert_eq!(outcome, Err(PredictError::Deadline));
    assert_eq!(client.submit(0, &X), Err(PredictError::BackPressure));
    engine.process.signal(Signal::CONT);
    let ticket = eventually("room", 10 * SECOND, || client.submit(0, &X).ok());
    let answered = eventually("an answer", 10 * SECOND, || client.poll().unwrap());
    assert_eq!(answered.0, ticket);
    assert_exact(&data::embedded()[0], &X, &answered.1);
    assert_eq!(client.poll(), Ok(None));
}
