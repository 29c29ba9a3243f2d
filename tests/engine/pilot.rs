//! `factord pilot`: shadows that are scored beside what serves, and candidates that get more
//! requests step by step, or none.

use crate::data::{self, Random};
use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use factord_core::client::Client;
use factord_eval::Model;
use factord_models::file::{Artifact, Details, FeatureStats};
use factord_models::store::{self, Digest, Store, Verb};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const WEIGHTS: [f64; 3] = [0.5, -0.25, 0.125];

/// A version of three features; where they are 0 to 1, they were so in training.
pub(crate) fn artifact(name: &str, model: &Model) -> Artifact {
    let plain = data::artifact(name, model);
    let range = FeatureStats { mean: 0.5, std: 0.25, min: Some(-1.0), max: Some(1.0) };
    let feature_stats = vec![range; model.width()];
    let details = Details { feature_stats, ..plain.details().clone() };
    Artifact::new(model.clone(), details).unwrap()
}

pub(crate) fn linear(intercept: f64) -> Model {
    Model::linear(WEIGHTS.to_vec(), intercept).unwrap()
}

pub(crate) fn logistic(weight: f64) -> Model {
    Model::logistic(vec![weight; 3], 0.0, vec![0.0; 3], vec![1.0; 3]).unwrap()
}

/// A store of names, each with a champion and further versions, and a daemon with a tap.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) root: PathBuf,
    log: PathBuf,
}

/// A name's versions: the first of them serves.
pub(crate) type Versions<'m> = (&'m str, Vec<Model>);

impl Rig {
    pub(crate) fn new(names: &[Versions<'_>]) -> (Rig, Vec<Vec<Digest>>) {
        Rig::with_tap(names, "--tap")
    }

    pub(crate) fn with_tap(names: &[Versions<'_>], tap: &str) -> (Rig, Vec<Vec<Digest>>) {
        let of = |(name, models): &Versions<'_>| {
            models.iter().map(|model| artifact(name, model)).collect()
        };
        Rig::of(names.iter().map(of).collect(), tap)
    }

    /// Of each name, the versions.
    pub(crate) fn of(names: Vec<Vec<Artifact>>, tap: &str) -> (Rig, Vec<Vec<Digest>>) {
        let setup = Setup::new();
        let root = setup.directory.path().join("store");
        let log = setup.directory.path().join("pilot.jsonl");
        let mut store = Store::open_or_make(&root).unwrap();
        let mut publish = |artifacts: &Vec<Artifact>| {
            let version = |artifact: &Artifact| store.publish(artifact).unwrap().0;
            let versions: Vec<Digest> = artifacts.iter().map(version).collect();
            store.promote(versions[0]).unwrap();
            versions
        };
        let versions = names.iter().map(&mut publish).collect();
        drop(store);
        let setup = setup.with(&["--models", root.to_str().unwrap(), tap]);
        (Rig { engine: setup.start(), root, log }, versions)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
        command.arg("--socket").arg(self.engine.socket()).args(words);
        command.env("FACTORD_MODELS", &self.root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn model(&self, words: &[&str]) -> Output {
        self.command(&[&["model"], words].concat()).output().unwrap()
    }

    pub(crate) fn done(&self, words: &[&str]) {
        let output = self.model(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.model(words);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A pilot that watches.
    pub(crate) fn pilot(&self) -> Process {
        self.pilot_with(&[])
    }

    pub(crate) fn pilot_with(&self, more: &[&str]) -> Process {
        let (store, log) = (self.root.to_str().unwrap(), self.log.to_str().unwrap());
        let words = [&["pilot", "--store", store, "--log", log], more].concat();
        let mut command = self.command(&words);
        let mut pilot = Process::spawn(&mut command);
        let mut line = String::new();
        let mut out = BufReader::with_capacity(1, pilot.child().stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("watching epoch "), "{line}");
        pilot.child().stdout = Some(out.into_inner());
        pilot
    }

    /// The lines of an event in the log.
    pub(crate) fn all(&self, event: &str) -> Vec<Value> {
        all_in(&self.log, event)
    }

    /// The last of them.
    pub(crate) fn last(&self, event: &str) -> Option<Value> {
        last_in(&self.log, event)
    }

    /// Waits until the pilot has seen so many answers and told its figures.
    pub(crate) fn seen(&self, count: u64) -> Value {
        eventually("figures", 30 * SECOND, || {
            self.last("look").filter(|look| look["seen"].as_u64() >= Some(count))
        })
    }

    pub(crate) fn verbs(&self, name: &str) -> Vec<Verb> {
        store::changes(&self.root, name).unwrap().iter().map(|change| change.verb).collect()
    }
}

/// The lines of an event in a pilot's log.
fn all_in(log: &Path, event: &str) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    // The last line may be being written.
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == event).collect()
}

/// The last of them.
pub(crate) fn last_in(log: &Path, event: &str) -> Option<Value> {
    all_in(log, event).pop()
}

/// Ends a pilot, and returns what it printed.
pub(crate) fn end(mut pilot: Process) -> String {
    pilot.signal(Signal::TERM);
    let status = pilot.ends_within(10 * SECOND);
    let mut text = String::new();
    pilot.child().stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(status.success(), "{status}: {text}");
    text
}

/// What is asked about, and the guard that has to see it.
struct Case {
    name: &'static str,
    champion: Model,
    candidate: Model,
    guard: &'static str,
    /// How the features are scaled.
    scale: f64,
}

fn cases() -> Vec<Case> {
    let case =
        |name, champion, candidate, guard, scale| Case { name, champion, candidate, guard, scale };
    let huge = Model::linear(vec![1e300; 3], 0.0).unwrap();
    vec![
        case("errs", Model::linear(vec![0.5; 3], 0.0).unwrap(), huge, "error", 1e15),
        case("strays", linear(1.0), linear(1.001), "out-of-range", 4.0),
        case("drifts", linear(1.0), linear(1.5), "divergence", 1.0),
        case("flips", logistic(0.01), logistic(-0.01), "classes", 1.0),
        case("good", linear(1.0), linear(1.001), "", 1.0),
    ]
}

/// Asks for a name until something holds; how many requests that took.
fn ask_until(client: &mut Client, case: &Case, limit: u64, mut holds: impl FnMut() -> bool) -> u64 {
    let mut random = Random(limit);
    for request in 1..=limit {
        let number = client.number(case.name).unwrap();
        let x: Vec<f64> = random.row(3).iter().map(|x| x * case.scale).collect();
        // A candidate may refuse it.
        let _ = client.predict_keyed(number, random.bits().max(1), &x, 10 * SECOND);
        if request % 32 == 0 {
            // Time for the pilot on a busy machine.
            thread::sleep(Duration::from_millis(5));
            if holds() {
                return request;
            }
        }
    }
    panic!("{}: nothing came of {limit} requests", case.name);
}

/// [SPEC-793] [SPEC-794] [SPEC-795]
#[test]
fn each_guard_stops_what_it_is_meant_to_stop_and_a_good_candidate_gets_all() {
    let _watchdog = Watchdog::start("canaries", 240);
    let cases = cases();
    let names: Vec<Versions<'_>> = cases
        .iter()
        .map(|case| (case.name, vec![case.champion.clone(), case.candidate.clone()]))
        .collect();
    let (rig, versions) = Rig::new(&names);
    let pilot = rig.pilot();
    let mut client = rig.engine.attach(3, 8);
    for (case, versions) in cases.iter().zip(&versions) {
        let candidate = versions[1].short();
        let mut words = vec!["canary", case.name, &candidate, "--steps", "64,128,256", "--hold"];
        words.extend(["150", "--guard", "error=0.01", "--guard", "out-of-range=0.05"]);
        words.extend(["--guard", "divergence=0.1"]);
        if case.champion.is_classifier() {
            words.extend(["--guard", "classes=0.05"]);
        }
        rig.done(&words);
        let now = || store::deployment(&rig.root).unwrap().names[case.name].clone();
        // 100 answers of one request in four, and those that were under way.
        let count = ask_until(&mut client, case, 4000, || now().canary.is_none());
        let served = now();
        println!("{}: {count} requests, {:?}", case.name, rig.verbs(case.name));
        let last = store::changes(&rig.root, case.name).unwrap().pop().unwrap();
        if case.guard.is_empty() {
            assert_eq!((served.champion, served.split.clone()), (versions[1], None));
            use Verb::{Canary, Promote, Settle, Step};
            assert_eq!(rig.verbs(case.name), [Promote, Canary, Step, Step, Settle]);
            assert_eq!(served.generation, 4);
            continue;
        }
        assert_eq!((served.champion, served.split.clone()), (versions[0], None));
        assert_eq!(rig.verbs(case.name), [Verb::Promote, Verb::Canary, Verb::Rollback]);
        let reason = last.reason.unwrap();
        assert!(reason.starts_with(&format!("guard {}: ", case.guard)), "{reason}");
        assert!(reason.contains("of 100 answers of "), "{reason}");
        let told = eventually("a line in the log", 10 * SECOND, || {
            rig.last("rollback").filter(|told| told["name"] == case.name)
        });
        assert_eq!(
            (told["name"].as_str(), told["reason"].as_str()),
            (Some(case.name), Some(&*reason))
        );
        // The daemon serves what the store says.
        let number = client.number(case.name).unwrap();
        eventually("the champion", 10 * SECOND, || {
            let answer = client.predict_keyed(number, 1, &[0.25, 0.5, 0.75], 10 * SECOND);
            (answer.unwrap().generation == served.generation).then_some(())
        });
    }
    let history = rig.model(&["history", "errs"]);
    let history = String::from_utf8(history.stdout).unwrap();
    assert!(history.contains("because guard error: "), "{history}");
    // One that is good goes back by one command, as any other.
    rig.done(&["rollback", "good"]);
    let served = store::deployment(&rig.root).unwrap().names["good"].clone();
    assert_eq!(served.champion, versions[4][0]);
    let text = end(pilot);
    assert!(text.contains("drifts is served by") && text.contains("guard divergence"), "{text}");
}

/// [SPEC-794]
#[test]
fn a_step_that_is_held_for_seconds_takes_100_answers_too() {
    let _watchdog = Watchdog::start("a hold of seconds", 120);
    let (rig, versions) = Rig::new(&[("spread", vec![linear(1.0), linear(1.001)])]);
    let candidate = versions[0][1].short();
    let pilot = rig.pilot();
    rig.done(&["canary", "spread", &candidate, "--steps", "128,256", "--hold", "1s"]);
    let now = || store::deployment(&rig.root).unwrap().names["spread"].clone();
    let mut client = rig.engine.attach(3, 8);
    let case = Case { name: "spread", ..cases().pop().unwrap() };
    // 32 requests: the candidate has answered fewer than 100, however long it is held.
    ask_until(&mut client, &case, 32, || true);
    rig.seen(32);
    thread::sleep(2 * SECOND);
    assert_eq!(now().canary.map(|canary| canary.step), Some(0));
    ask_until(&mut client, &case, 20_000, || now().canary.is_none());
    assert_eq!(now().champion, versions[0][1]);
    end(pilot);
}

/// [SPEC-796]
#[test]
fn a_pilot_that_is_killed_leaves_a_whole_store_and_the_next_one_goes_on() {
    const STEPS: &str = "16,32,48,64,80,96,112,128,144,160,176,192,208,224,240,256";
    let _watchdog = Watchdog::start("pilots that are killed", 240);
    let names = [("spread", vec![linear(1.0), linear(1.001)])];
    let (rig, versions) = Rig::new(&names);
    let candidate = versions[0][1].short();
    rig.done(&["canary", "spread", &candidate, "--steps", STEPS, "--hold", "20"]);
    let mut client = rig.engine.attach(3, 8);
    let case = Case { name: "spread", ..cases().pop().unwrap() };
    let (mut random, mut kills) = (Random(796), 0);
    for _ in 0..40 {
        let mut pilot = rig.pilot();
        ask_until(&mut client, &case, 8000, || random.bits() % 4 == 0);
        thread::sleep(Duration::from_micros(random.bits() % 20_000));
        pilot.kill();
        kills += 1;
        // Whole, and what it says follows from the ledger.
        let served = store::deployment(&rig.root).unwrap().names["spread"].clone();
        Store::open(&rig.root).unwrap();
        if served.canary.is_none_or(|canary| canary.step > 8) {
            break;
        }
    }
    println!("{kills} pilots were killed; {:?}", rig.verbs("spread").len());
    let pilot = rig.pilot();
    let now = || store::deployment(&rig.root).unwrap().names["spread"].clone();
    ask_until(&mut client, &case, 20_000, || now().canary.is_none());
    let served = now();
    assert_eq!((served.champion, served.split), (versions[0][1], None));
    // Each step was taken once.
    assert_eq!(rig.verbs("spread").iter().filter(|verb| **verb == Verb::Step).count(), 15);
    end(pilot);
}

/// [SPEC-792] [SPEC-797]
#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    let wide = Model::linear(vec![0.5; 4], 0.0).unwrap();
    let more = (0..5).map(|n| linear(2.0 + f64::from(n)));
    let models = [linear(1.0), linear(1.5), wide].into_iter().chain(more).collect();
    let (rig, versions) =
        Rig::new(&[("spread", models), ("sign", vec![logistic(1.0), logistic(2.0)])]);
    let v: Vec<String> = versions[0].iter().map(Digest::short).collect();
    let narrow = rig.refused(&["shadow", "spread", &v[2]]);
    assert!(narrow.contains("takes 4 features, and the champion 3"), "{narrow}");
    for version in &v[3..7] {
        rig.done(&["shadow", "spread", version]);
    }
    let plain = data::artifact("spread", &linear(9.0));
    let (unknown, _) = Store::open(&rig.root).unwrap().publish(&plain).unwrap();
    let (unknown, other) = (unknown.short(), versions[1][1].short());
    let before = store::deployment(&rig.root).unwrap();
    let start = ["canary", "spread"];
    let good = ["--steps", "64,256", "--hold", "100"];
    for (words, reason) in [
        (vec!["shadow", "spread", v[1].as_str()], "5 are given, and a name has at most 4"),
        (vec!["shadow", "spread", &v[0]], "is the champion itself"),
        (vec!["shadow", "spread", &v[1], "--off"], "is none of them"),
        (vec!["shadow", "spread", "ffff"], "have a hash that begins with"),
        (vec!["shadow", "other", &v[1]], "have a hash that begins with"),
        (vec!["canary", "spread", &v[2], "--steps", "64,256", "--hold", "9"], "takes 4 features"),
        (vec!["canary", "spread", &v[0], "--steps", "64,256", "--hold", "9"], "champion itself"),
        (vec!["canary", "spread", &v[1], "--steps", "64,32,256", "--hold", "9"], "have to grow"),
        (vec!["canary", "spread", &v[1], "--steps", "64,128", "--hold", "9"], "up to 256"),
        (vec!["canary", "spread", &v[1], "--steps", "0,256", "--hold", "9"], "from 1 or more"),
        (vec!["canary", "spread", &v[1], "--steps", "256", "--hold", "0"], "held for nothing"),
    ] {
        let said = rig.refused(&words);
        assert!(said.contains(reason), "{words:?}: {said}");
    }
    for (version, guard, reason) in [
        (&v[1], "service-time=2", "as in error=0.001 or service-time=2us"),
        (&v[1], "latency=1", "guards: error, out-of-range, divergence, classes"),
        (&v[1], "error=2", "the limit of its guard error is a share"),
        (&v[1], "error=-1", "a limit is 0 or more"),
        (&v[1], "error=nan", "a limit is 0 or more"),
        (&v[1], "classes=0.1", "the guard classes cannot be honoured"),
        (&unknown, "out-of-range=0.1", "the guard out-of-range cannot be honoured"),
    ] {
        let words = [&start[..], &[version], &good, &["--guard", guard]].concat();
        let said = rig.refused(&words);
        assert!(said.contains(reason), "{words:?}: {said}");
    }
    let words = [&["canary", "sign", &other][..], &good].concat();
    rig.done(&words);
    assert!(rig.refused(&words).contains("a canary of sign is under way"));
    let champion = versions[1][0].short();
    let [first, second] = [&champion, &other].map(|version| format!("{version}=128"));
    assert!(rig.refused(&["split", "sign", &first, &second]).contains("is under way"));
    assert!(rig.refused(&["pin", "sign"]).contains("is under way"));
    rig.done(&["rollback", "sign"]);
    rig.done(&["split", "sign", &first, &second]);
    assert!(rig.refused(&words).contains("divided by an experiment"));
    let after = store::deployment(&rig.root).unwrap();
    assert_eq!(after.names["spread"], before.names["spread"], "nothing of it was taken");
    let output = rig.command(&["pilot", "--store", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(66), "{output:?}");
}
