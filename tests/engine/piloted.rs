//! A pilot and a recorder beside an engine that is killed, restarted and replaced.

use crate::data::Random;
use crate::harness::{Process, Setup, Watchdog, eventually};
use crate::pilot::{Rig, artifact, end, last_in, linear};
use crate::stored::Manager;
use factord_core::client::Client;
use factord_models::store::{self, Store, Verb};
use factord_quant::audit::{self, AuditFile};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Asks so often, each time for another key.
fn ask(client: &mut Client, count: u64) {
    let mut random = Random(count);
    for _ in 0..count {
        let number = client.number("spread").unwrap();
        client.predict_keyed(number, random.bits().max(1), &random.row(3), 20 * SECOND).unwrap();
    }
}

/// [SPEC-807]
#[test]
fn a_pilot_goes_on_when_the_engine_is_killed_or_restarted() {
    let _watchdog = Watchdog::start("a pilot and restarts", 240);
    let versions = vec![linear(1.0), linear(1.25), linear(1.5)];
    let (mut rig, versions) = Rig::new(&[("spread", versions)]);
    let [champion, shadow, worse] = [0, 1, 2].map(|index| versions[0][index]);
    rig.done(&["shadow", "spread", &shadow.short()]);
    let pilot = rig.pilot();
    let mut asked = 0;
    for signal in [Signal::KILL, Signal::TERM, Signal::KILL] {
        ask(&mut rig.engine.attach(3, 8), 200);
        asked += 200;
        // Its figures are those of all answers, of this engine and those before.
        let look = rig.seen(asked);
        let seen = &look["names"]["spread"]["shadows"][0];
        assert_eq!(seen["count"].as_u64(), Some(asked), "{look}");
        rig.engine.process.signal(signal);
        rig.engine.process.ends_within(10 * SECOND);
        rig.engine.start_again();
    }
    let words = ["--steps", "128,256", "--hold", "10000", "--guard", "divergence=0.1"];
    rig.done(&[&["canary", "spread", &worse.short()][..], &words].concat());
    let canary =
        |rig: &Rig| store::deployment(&rig.root).unwrap().names["spread"].canary.clone().map(drop);
    // Half of them are the candidate's, about 75: too few for a guard.
    ask(&mut rig.engine.attach(3, 8), 150);
    rig.seen(asked + 150);
    assert_eq!(canary(&rig), Some(()));
    rig.engine.process.kill();
    rig.engine.start_again();
    // As few again, but there are enough with those before.
    let mut client = rig.engine.attach(3, 8);
    ask(&mut client, 150);
    eventually("a rollback", 30 * SECOND, || canary(&rig).is_none().then_some(()));
    let last = store::changes(&rig.root, "spread").unwrap().pop().unwrap();
    assert_eq!((last.verb, last.champion), (Verb::Rollback, Some(champion)));
    let reason = last.reason.unwrap();
    assert!(reason.starts_with("guard divergence: "), "{reason}");
    assert!(reason.contains("of 100 answers of "), "{reason}");
    let number = client.number("spread").unwrap();
    eventually("the champion", 10 * SECOND, || {
        let answer = client.predict_keyed(number, 1, &[0.0; 3], 10 * SECOND).unwrap();
        (answer.generation == last.generation).then(|| assert_eq!(answer.y, 1.0))
    });
    end(pilot);
}

/// A command that has said its first line.
fn begun(socket: &Path, words: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.arg("--socket").arg(socket).args(words).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(&mut command);
    let mut out = BufReader::with_capacity(1, process.child().stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("epoch "), "{line}");
    process.child().stdout = Some(out.into_inner());
    process
}

/// [SPEC-808]
#[test]
fn they_go_over_to_an_engine_that_takes_the_memory_of_the_one_before() {
    let _watchdog = Watchdog::start("readers of taps and a kept engine", 240);
    let setup = Setup::new();
    let folder = setup.directory.path().to_owned();
    let [root, log, files] = ["store", "pilot.jsonl", "audit"].map(|name| folder.join(name));
    let mut open = Store::open_or_make(&root).unwrap();
    let (version, _) = open.publish(&artifact("spread", &linear(1.0))).unwrap();
    open.promote(version).unwrap();
    drop(open);
    let [store, log_text, audit] = [&root, &log, &files].map(|path| path.to_str().unwrap());
    let flags = ["--models", store, "--tap", "--audit-local", "refuse"];
    let mut manager = Manager::of(setup.with(&flags));
    let mut engine = manager.start();
    let mut client = manager.attach();
    manager.holds(3 + 3);
    let pilot = begun(&manager.path, &["pilot", "--store", store, "--log", log_text]);
    let recorder = begun(&manager.path, &["record", audit, "--store", store]);
    let look = |asked: u64| {
        eventually("figures", 30 * SECOND, || {
            last_in(&log, "look").filter(|look| look["seen"].as_u64() == Some(asked))
        })
    };
    ask(&mut client, 100);
    let first = look(100)["epoch"].as_u64();
    // They see a heart that beats, however soon it is another's.
    [&pilot, &recorder].into_iter().for_each(Process::stop);
    let beats = manager.observe().heartbeat_count();
    engine.kill();
    manager.listen();
    engine = manager.start();
    eventually("another engine's heartbeat", 20 * SECOND, || {
        let now = manager.observe();
        (now.heartbeat_count() != beats && Some(now.epoch()) != first).then_some(())
    });
    [&pilot, &recorder].into_iter().for_each(|process| process.signal(Signal::CONT));
    ask(&mut client, 100);
    let second = look(200)["epoch"].as_u64();
    assert!(second > first && manager.observe().epoch() == second.unwrap());
    end(recorder);
    end(pilot);
    let found = audit::files(std::slice::from_ref(&files)).unwrap();
    let rows = |path| AuditFile::open(path).unwrap().row_count();
    let rows: u64 = found.iter().map(|path| rows(path)).sum();
    assert_eq!(rows, 200);
    drop(engine);
}
