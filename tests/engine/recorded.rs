//! `factord record` and `audit`: every answer in files, proved by the store, and what is wrong with
//! them found.

use crate::data::{self, Random};
use crate::figures::tell;
use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use crate::users::can_be_another_user;
use factord_core::client::Client;
use factord_eval::Model;
use factord_models::store::Store;
use factord_quant::audit::{self, AuditFile};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
pub(crate) const NAMES: [&str; 2] = ["bid", "ask"];

/// The name that is asked for a key.
fn name_of(key: u64) -> &'static str {
    NAMES[(key % 3 % 2) as usize]
}

/// A store with two versions of each name, the first of which serves, and a daemon with a tap.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) store: PathBuf,
    pub(crate) audit: PathBuf,
}

impl Rig {
    pub(crate) fn new(flags: &[&str]) -> Rig {
        let setup = Setup::new();
        let store = setup.directory.path().join("store");
        let audit = setup.directory.path().join("audit");
        let mut open = Store::open_or_make(&store).unwrap();
        for name in NAMES {
            for seed in [2, 1] {
                let model: Model = data::model(3, name == "ask", seed);
                let (version, _) = open.publish(&data::artifact(name, &model)).unwrap();
                open.promote(version).unwrap();
            }
        }
        drop(open);
        let setup = setup.with(&["--models", store.to_str().unwrap()]).with(flags);
        Rig { engine: setup.start(), store, audit }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
        command.arg("--socket").arg(self.engine.socket()).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn words<'r>(&'r self, more: &[&'r str]) -> Vec<&'r str> {
        let store = self.store.to_str().unwrap();
        let mut words = vec!["record", self.audit.to_str().unwrap(), "--store", store];
        words.extend(["--host", "here"]);
        words.extend(more);
        words
    }

    /// A recorder that has begun.
    pub(crate) fn record(&self, more: &[&str]) -> Process {
        let mut recorder = Process::spawn(&mut self.command(&self.words(more)));
        let mut line = String::new();
        let mut out = BufReader::with_capacity(1, recorder.child().stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("recording epoch "), "{line}{}", errors(&mut recorder));
        recorder.child().stdout = Some(out.into_inner());
        recorder
    }

    /// Answers, each for its own key; how many.
    pub(crate) fn ask(&self, client: &mut Client, count: u64) -> u64 {
        let mut random = Random(count);
        for key in 1..=count {
            let number = client.number(name_of(key)).unwrap();
            let mut x = random.row(3);
            if key % 50 == 0 {
                x[1] = f64::INFINITY;
            }
            let answer = client.predict_keyed(number, key, &x, 10 * SECOND);
            assert_eq!(answer.is_err(), key % 50 == 0);
        }
        count
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        audit::files(std::slice::from_ref(&self.audit)).unwrap_or_default()
    }

    pub(crate) fn verify(&self, paths: &[&Path]) -> Output {
        let mut command = self.command(&["audit", "verify"]);
        command.args(paths).arg("--store").arg(&self.store).output().unwrap()
    }

    /// Copies files and store to the folder that FACTORD_TEST_KEEP names, for others to read.
    fn keep(&self) {
        if let Some(folder) = std::env::var_os("FACTORD_TEST_KEEP") {
            let mut copy = Command::new("cp");
            copy.arg("-r").arg(&self.audit).arg(&self.store).arg(folder);
            assert!(copy.status().unwrap().success());
        }
    }

    /// Rows and missed answers of all files.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let of = |path: &PathBuf| {
            let file = AuditFile::open(path).unwrap();
            let mut rows = 0;
            file.batches(|_, batch| {
                rows += batch.len() as u64;
                Ok::<(), audit::AuditError>(())
            })
            .unwrap();
            assert_eq!(rows, file.row_count());
            (rows, file.notes.feeds.iter().map(audit::FeedNote::dropped).sum::<u64>())
        };
        self.files().iter().map(of).fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }
}

fn errors(process: &mut Process) -> String {
    let mut text = String::new();
    process.child().stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Ends a recorder, which writes what it has; its output.
pub(crate) fn end(mut recorder: Process) -> String {
    recorder.signal(Signal::TERM);
    let status = recorder.ends_within(20 * SECOND);
    let mut text = String::new();
    recorder.child().stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(status.success(), "{status:?} {text} {}", errors(&mut recorder));
    text
}

/// Waits until a recorder has nothing more to read, by its file that closes after a second.
pub(crate) fn settle() {
    thread::sleep(Duration::from_millis(300));
}

pub(crate) const AUDITED: [&str; 3] = ["--tap", "--audit-local", "refuse"];

/// [SPEC-750, SPEC-755]
#[test]
fn every_answer_is_recorded_and_proved_by_the_store() {
    let _watchdog = Watchdog::start("recording", 120);
    let rig = Rig::new(&AUDITED);
    let mut client = rig.engine.attach(3, 8);
    let recorder = rig.record(&[]);
    let mut asked = rig.ask(&mut client, 2_000);
    let promote = rig.store.to_str().unwrap();
    let other = data::artifact(NAMES[0], &data::model(3, false, 2)).encode();
    let version = factord_models::store::Digest::of(&other).short();
    let words = ["model", "promote", NAMES[0], version.as_str(), "--models", promote];
    let promoted = rig.command(&words).output().unwrap();
    assert!(promoted.status.success(), "{promoted:?}");
    asked += rig.ask(&mut client, 2_000);
    settle();
    let text = end(recorder);
    let files = rig.files();
    assert_eq!(files.len(), 1, "{text}");
    assert!(text.contains("sha256") && text.contains(" ledger "), "{text}");
    let digest = AuditFile::open(&files[0]).unwrap().digest().unwrap().to_string();
    assert!(text.contains(&digest), "the head is printed: {text}");
    let place = files[0].strip_prefix(&rig.audit).unwrap().to_str().unwrap().to_owned();
    assert!(place.starts_with("day=20") && place.ends_with("/host=here/0000000001.parquet"));
    assert_eq!(rig.counted(), (asked, 0));
    let output = rig.verify(&[&rig.audit]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("{asked} rows: {asked} answers given again")), "{said}");
    // Who answered a key, and what it saw: before and after the change.
    let shown = rig.command(&["audit", "show", "--key", "7", "--json"]).arg(&rig.audit).output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let rows: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2, "{shown}");
    let name = name_of(7);
    assert!(rows.iter().all(|row| row["name"] == name && row["client"] == "test"), "{shown}");
    let x = {
        let mut random = Random(2_000);
        (1..7).for_each(|_| drop(random.row(3)));
        random.row(3)
    };
    assert!(rows.iter().all(|row| row["features"] == serde_json::json!(x)), "{shown}");
    let is_sorted = |path: &Path| {
        let mut names = Vec::new();
        AuditFile::open(path)
            .unwrap()
            .batches(|_, batch| {
                names.extend((0..batch.len()).map(|row| batch.name(row).unwrap().to_owned()));
                Ok::<(), audit::AuditError>(())
            })
            .unwrap();
        names.is_sorted()
    };
    assert!(is_sorted(&files[0]), "sorted by name");
}

/// Times that a recorder is killed.
const KILL_COUNT: u64 = 100;

/// [SPEC-754]
#[test]
fn a_recorder_that_is_killed_leaves_whole_files_and_the_next_one_counts_the_gap() {
    let _watchdog = Watchdog::start("killed recorders", 300);
    let rig = Rig::new(&["--tap=4096", "--audit-local", "refuse"]);
    let mut client = rig.engine.attach(3, 64);
    let mut random = Random(77);
    // The first one says where all begins.
    let recorder = rig.record(&["--every", "1"]);
    let mut asked = rig.ask(&mut client, 100);
    settle();
    end(recorder);
    for round in 0..KILL_COUNT {
        let mut recorder = rig.record(&["--every", "1"]);
        let end = Instant::now() + Duration::from_millis(random.bits() % 60);
        while Instant::now() < end {
            asked += rig.ask(&mut client, 64);
        }
        if round % 10 == 0 {
            // Time for a file of its own.
            asked += rig.ask(&mut client, 64);
            thread::sleep(Duration::from_millis(1000 + random.bits() % 400));
        }
        recorder.kill();
    }
    let recorder = rig.record(&[]);
    asked += rig.ask(&mut client, 100);
    settle();
    end(recorder);
    let (rows, dropped) = rig.counted();
    assert_eq!(rows + dropped, asked, "{rows} rows, {dropped} dropped");
    tell(format_args!(
        "{KILL_COUNT} recorders killed: {asked} answers, {rows} recorded in {} files, {dropped} \
         missed and counted",
        rig.files().len()
    ));
    let output = rig.verify(&[&rig.audit]);
    assert!(output.status.success(), "{output:?}");
    let all = fs::read_dir(rig.files()[0].parent().unwrap()).unwrap();
    for entry in all {
        let path = entry.unwrap().path();
        assert!(AuditFile::open(&path).is_ok(), "{}", path.display());
    }
    rig.keep();
}

/// [SPEC-756]
#[test]
fn a_full_disk_or_a_folder_that_is_gone_ends_the_recorder_and_not_the_engine() {
    let _watchdog = Watchdog::start("full disks", 120);
    let rig = Rig::new(&AUDITED);
    let mut client = rig.engine.attach(3, 8);
    let stops = |mut recorder: Process, client: &mut Client| {
        let status = eventually("the recorder to stop", 20 * SECOND, || {
            rig.ask(client, 49);
            recorder.child().try_wait().unwrap()
        });
        let said = errors(&mut recorder);
        assert!(said.contains("recording stopped") && said.contains("failed "), "{said}");
        assert!(said.contains("the engine serves on"), "{said}");
        status.code()
    };
    let recorder = rig.record(&["--every", "1"]);
    fs::remove_dir_all(&rig.audit).unwrap();
    fs::write(&rig.audit, "in the way").unwrap();
    assert!(matches!(stops(recorder, &mut client), Some(73 | 74)));
    let output = rig.command(&rig.words(&[])).output().unwrap();
    assert!(!output.status.success() && !output.stderr.is_empty(), "{output:?}");
    fs::remove_file(&rig.audit).unwrap();
    if can_be_another_user() {
        fs::create_dir(&rig.audit).unwrap();
        let folder = rig.audit.display();
        let script = format!("mount -t tmpfs -o size=64k none {folder} && exec \"$@\"");
        let plain = rig.command(&rig.words(&["--every", "1"]));
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script, "sh"]).arg(plain.get_program());
        command.args(plain.get_args()).stdin(Stdio::null());
        let recorder = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        assert_eq!(stops(recorder, &mut client), Some(74));
    }
    rig.ask(&mut client, 100);
}

/// [SPEC-757]
#[test]
fn local_answers_are_recorded_as_claims_or_not_at_all() {
    let rig = Rig::new(&["--tap"]);
    let output = rig.command(&rig.words(&[])).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--audit-local"), "{said}");
    let mut client = rig.engine.attach(3, 8);
    let recorder = rig.record(&["--audit-local", "allow"]);
    let number = client.number(NAMES[0]).unwrap();
    client.fetch(number, 10 * SECOND).unwrap();
    for _ in 0..20 {
        client.predict_local(number, &[0.25, 0.5, 0.75]).unwrap();
    }
    rig.ask(&mut client, 10);
    // Claims are added up ten times a second.
    settle();
    end(recorder);
    let notes = AuditFile::open(&rig.files()[0]).unwrap().notes;
    assert!(notes.local.allowed);
    assert_eq!(notes.local.claims.get("test"), Some(&20));
}

/// [SPEC-802]
#[test]
fn two_arms_are_compared_with_intervals() {
    let _watchdog = Watchdog::start("arms that are compared", 120);
    let rig = Rig::new(&AUDITED);
    let version = |seed| {
        let artifact = data::artifact(NAMES[0], &data::model(3, false, seed)).encode();
        factord_models::store::Digest::of(&artifact).to_string()
    };
    let (first, second) = (version(1), version(2));
    let shares = [&first, &second].map(|version| format!("{}=128", &version[..12]));
    let words = ["model", "split", NAMES[0], &shares[0], &shares[1], "--models"];
    let split = rig.command(&words).arg(&rig.store).output().unwrap();
    assert!(split.status.success(), "{split:?}");
    let mut client = rig.engine.attach(3, 8);
    let recorder = rig.record(&[]);
    rig.ask(&mut client, 3_000);
    settle();
    end(recorder);
    let lines = |words: &[&str]| -> Vec<serde_json::Value> {
        let output = rig.command(words).arg(&rig.audit).arg("--json").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let rows = lines(&["audit", "show", "--name", NAMES[0]]);
    let found = lines(&["audit", "compare", NAMES[0]]).remove(0);
    let mut means = Vec::new();
    for version in [&first, &second] {
        let of = |value: &&serde_json::Value| value["version"] == version[..16];
        let outputs: Vec<f64> =
            rows.iter().filter(of).filter_map(|row| row["y"].as_f64()).collect();
        let count = rows.iter().filter(of).count();
        let figures = found["versions"].as_array().unwrap().iter().find(of).unwrap();
        let [count, refused] = [count, count - outputs.len()];
        assert_eq!(figures["count"], count, "{found}");
        assert_eq!((figures["refused"].clone(), refused > 0), (refused.into(), true));
        let mean = outputs.iter().sum::<f64>() / outputs.len() as f64;
        assert!((figures["mean"].as_f64().unwrap() - mean).abs() < 1e-12, "{figures}");
        // One answer in 64 is timed.
        let timed = figures["timed"].as_u64().unwrap() as f64;
        let expected = figures["count"].as_f64().unwrap() / 64.0;
        assert!((timed - expected).abs() < 4.0 * expected.sqrt() + 1.0, "{figures}");
        let service = |which: &str| figures["service_ns"][which].as_u64().unwrap();
        assert!(service("p50") > 0 && service("p99") >= service("p50"), "{figures}");
        let share = &figures["share_interval"];
        let has = |value: f64| share[0].as_f64() < Some(value) && Some(value) < share[1].as_f64();
        assert!(has(count as f64 / rows.len() as f64), "{figures}");
        means.push(mean);
    }
    let difference = &found["differences"][0];
    assert_eq!(found["differences"].as_array().map(Vec::len), Some(1), "{found}");
    let sign = if difference["from"] == first[..16] { 1.0 } else { -1.0 };
    let seen = difference["mean_difference"].as_f64().unwrap();
    assert!((seen - sign * (means[1] - means[0])).abs() < 1e-12, "{found} {means:?}");
    assert!(difference["interval"][0].as_f64() < Some(seen), "{found}");
    assert!(found["missing"].as_str().is_some_and(|missing| missing.contains("outcomes")));
    let none = rig.command(&["audit", "compare", "other"]).arg(&rig.audit).output().unwrap();
    assert_eq!(none.status.code(), Some(66), "{none:?}");
}
