//! Versions of a store, changed by the command line while a daemon serves them, and while whoever
//! changes them is killed.

use crate::data::{self, Random};
use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use factord_core::client::PredictError;
use factord_core::counters::fingerprint;
use factord_eval::Model;
use factord_models::file::Artifact;
use factord_models::store::{self, Digest, Event, Store};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
pub(crate) const NAME: &str = "spread";
pub(crate) const X: [f64; 3] = [0.25, 0.5, 0.75];
/// Times that a writer is killed.
const KILL_COUNT: usize = 500;
/// Changes while a client asks.
const CHANGE_COUNT: usize = 60;

/// A version whose every answer is `y`.
fn version(folder: &Path, y: f64) -> PathBuf {
    let inside = folder.join(format!("version-{y}"));
    fs::create_dir(&inside).unwrap();
    data::save(&inside, NAME, &Model::linear(vec![0.0; 3], y).unwrap());
    inside.join(format!("{NAME}.fmodel"))
}

/// A store with three versions, the first of which serves; the answer of each.
pub(crate) fn full_store(setup: &Setup) -> (PathBuf, Vec<(Digest, f64)>) {
    let root = setup.directory.path().join("store");
    let mut store = Store::open_or_make(&root).unwrap();
    let versions: Vec<(Digest, f64)> = [1.0, 2.0, 3.0]
        .map(|y| {
            let file = version(setup.directory.path(), y);
            (store.publish(&Artifact::load(&file).unwrap()).unwrap().0, y)
        })
        .to_vec();
    store.promote(versions[0].0).unwrap();
    (root, versions)
}

pub(crate) fn model(root: &Path, socket: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.arg("--socket").arg(socket).arg("model").args(words).env("FACTORD_MODELS", root);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(engine: &Engine, root: &Path, words: &[&str]) -> String {
    let output = model(root, engine.socket(), words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(engine: &Engine, root: &Path, words: &[&str]) -> String {
    let output = model(root, engine.socket(), words).output().unwrap();
    assert!(!output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

pub(crate) fn serve(setup: Setup, root: &Path) -> Engine {
    setup.with(&["--models", root.to_str().unwrap()]).start()
}

/// [SPEC-700, SPEC-703]
#[test]
fn every_answer_names_the_version_and_generation_that_the_ledger_has() {
    let _watchdog = Watchdog::start("changes of a store", 120);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = serve(setup, &root);
    let mut client = engine.attach(3, 8);
    let number = client.number(NAME).unwrap();
    let ended = std::sync::atomic::AtomicBool::new(false);
    let ended = &ended;
    let mut seen = HashSet::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(3);
            for round in 0..CHANGE_COUNT {
                let (version, _) = &versions[random.bits() as usize % versions.len()];
                let said = match round % 4 {
                    3 if store::changes(&root, NAME).unwrap().len() > 4 => {
                        let output = model(&root, engine.socket(), &["rollback", NAME]).output();
                        output.unwrap().status.success().to_string()
                    }
                    _ => done(&engine, &root, &["promote", NAME, &version.short()]),
                };
                assert!(said.starts_with("serving spread") || said == "true" || said == "false");
            }
            ended.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let answers: HashMap<u64, f64> =
            versions.iter().map(|(version, y)| (fingerprint(&version.0), *y)).collect();
        while !ended.load(std::sync::atomic::Ordering::Relaxed) {
            let answer = client.predict(number, &X, 10 * SECOND).unwrap();
            assert_eq!(answers.get(&answer.fingerprint), Some(&answer.y), "{answer:?}");
            seen.insert((answer.generation, answer.fingerprint));
        }
    });
    let changes = store::changes(&root, NAME).unwrap();
    let deployed: HashMap<u32, u64> = changes
        .iter()
        .map(|change| (change.generation, fingerprint(&change.champion.unwrap().0)))
        .collect();
    for (generation, version) in &seen {
        assert_eq!(deployed.get(generation), Some(version), "generation {generation}");
    }
    assert!(seen.len() > 3, "{seen:?}");
    // The last one is told of after its command has ended.
    eventually("the daemon has told of each", 10 * SECOND, || {
        let changes = store::changes(&root, NAME).unwrap();
        changes.iter().all(|change| change.serving_unix_ns.is_some()).then_some(())
    });
}

/// [SPEC-702]
#[test]
fn what_is_damaged_never_serves_and_the_old_version_stays() {
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = serve(setup, &root);
    let mut client = engine.attach(3, 8);
    let number = client.number(NAME).unwrap();
    let object = store::objects(&root).unwrap().path(&versions[1].0);
    let whole = fs::read(&object).unwrap();

    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&object, &damaged).unwrap();
    let said = refused(&engine, &root, &["promote", NAME, &versions[1].0.short()]);
    assert!(said.contains("versions of spread have a hash that begins"), "{said}");
    fs::write(&object, &whole).unwrap();
    done(&engine, &root, &["promote", NAME, &versions[1].0.short()]);
    assert_eq!(client.predict(number, &X, SECOND).unwrap().y, 2.0);

    // What is damaged afterwards is refused by whoever reads it again.
    fs::write(&object, &damaged).unwrap();
    let said = factord_core::channel::reload(engine.socket()).unwrap_err().to_string();
    assert!(said.contains("holds bytes whose SHA-256 is"), "{said}");
    assert_eq!(client.predict(number, &X, SECOND).unwrap().y, 2.0, "the old one stays");
    fs::write(&object, &whole).unwrap();

    let deployment = root.join("deployment");
    let text = fs::read_to_string(&deployment).unwrap();
    fs::write(&deployment, text.replace("\"pinned\"", "\"weight\": 128, \"pinned\"")).unwrap();
    let said = factord_core::channel::reload(engine.socket()).unwrap_err().to_string();
    assert!(said.contains("unknown field `weight`"), "{said}");
    assert_eq!(client.predict(number, &X, SECOND).unwrap().y, 2.0);
    fs::write(&deployment, text).unwrap();

    done(&engine, &root, &["pin", NAME]);
    let said = refused(&engine, &root, &["rollback", NAME]);
    assert!(said.contains("factord model pin spread --off"), "{said}");
    done(&engine, &root, &["pin", NAME, "--off"]);
    done(&engine, &root, &["rollback", NAME]);
    assert_eq!(client.predict(number, &X, SECOND).unwrap().y, 1.0);
    let only = factord_core::channel::reload(engine.socket());
    assert!(only.is_ok());
    done(&engine, &root, &["promote", NAME, &versions[2].0.short()]);
    let named = client.predict(number, &X, SECOND).map(|answer| answer.y);
    assert_eq!(named, Ok::<f64, PredictError>(3.0));
}

/// [SPEC-701]
#[test]
fn a_writer_that_is_killed_at_any_moment_leaves_a_store_that_opens_whole() {
    let _watchdog = Watchdog::start("killed writers", 240);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let nobody = setup.directory.path().join("nobody.sock");
    let mut random = Random(7);
    let (mut ended, mut dropped) = (0, 0);
    for round in 0..KILL_COUNT {
        let (version, _) = &versions[random.bits() as usize % versions.len()];
        let short = version.short();
        let file = setup.directory.path().join(format!("version-{}/{NAME}.fmodel", 1 + round % 3));
        let weight = 1 + random.bits() % 255;
        let other = &versions[(round + 1) % versions.len()].0;
        let other = if other == version { &versions[round % versions.len()].0 } else { other };
        let shares = [(&short, weight), (&other.short(), 256 - weight)]
            .map(|(version, weight)| format!("{version}={weight}"));
        let words: &[&str] = match round % 4 {
            0 => &["promote", NAME, &short],
            1 => &["rollback", NAME],
            2 => &["split", NAME, &shares[0], &shares[1]],
            _ => &["publish", file.to_str().unwrap(), "--promote"],
        };
        let mut writer = Process::spawn(&mut model(&root, &nobody, words));
        // 8 ms: a change takes some 5 here, and twice that beside other tests.
        thread::sleep(Duration::from_micros(random.bits() % 8000));
        ended += usize::from(writer.child().try_wait().unwrap().is_some());
        drop(writer);
        let read = store::deployment(&root).unwrap();
        let (served, objects) = (&read.names[NAME], store::objects(&root).unwrap());
        let arms = served.split.iter().flat_map(|split| &split.arms).map(|arm| arm.version);
        arms.chain([served.champion]).for_each(|version| _ = objects.read(&version).unwrap());
    }
    let opened = Store::open(&root).unwrap();
    assert_eq!(*opened.deployment(), store::deployment(&root).unwrap());
    let last = store::changes(&root, NAME).unwrap().pop().unwrap();
    let served = &opened.deployment().names[NAME];
    assert_eq!((last.champion, last.generation), (Some(served.champion), served.generation));
    assert_eq!(last.split, served.split);
    store::lines(&root, |line, _| {
        dropped += usize::from(matches!(line.event, Event::Dropped { .. }));
    })
    .unwrap();
    assert!(ended < KILL_COUNT, "no writer was killed");
    println!("figure: {KILL_COUNT} writers, {ended} had ended, {dropped} changes were dropped");
}

/// Kills writers at random moments while a daemon serves the store and a client asks; what each
/// answer names is in the ledger, and in the end the daemon serves what the store says.
fn killed_beside_a_daemon(kill_count: usize) {
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let files: Vec<PathBuf> = (1..=3)
        .map(|y| setup.directory.path().join(format!("version-{y}/{NAME}.fmodel")))
        .collect();
    let engine = serve(setup, &root);
    let start = std::time::Instant::now();
    done(&engine, &root, &["promote", NAME, &versions[1].0.short()]);
    // A little longer than a change takes, so that some come to their end.
    let longest_us = (start.elapsed().as_micros() as u64 * 5 / 4).max(1);
    let (mut client, mut random) = (engine.attach(3, 8), Random(11));
    let number = client.number(NAME).unwrap();
    let (mut seen, mut ended) = (HashSet::new(), 0);
    for round in 0..kill_count {
        let short = versions[random.bits() as usize % versions.len()].0.short();
        let file = files[round % files.len()].to_str().unwrap();
        let words: &[&str] = match round % 3 {
            0 => &["promote", NAME, &short],
            1 => &["rollback", NAME],
            _ => &["publish", file, "--promote"],
        };
        let mut writer = Process::spawn(&mut model(&root, engine.socket(), words));
        let end = std::time::Instant::now() + Duration::from_micros(random.bits() % longest_us);
        while std::time::Instant::now() < end {
            let answer = client.predict(number, &X, 10 * SECOND).unwrap();
            seen.insert((answer.generation, answer.fingerprint, answer.y.to_bits()));
        }
        ended += usize::from(writer.child().try_wait().unwrap().is_some());
        drop(writer);
        store::deployment(&root).unwrap();
    }
    factord_core::channel::reload(engine.socket()).unwrap();
    let last = client.predict(number, &X, 10 * SECOND).unwrap();
    seen.insert((last.generation, last.fingerprint, last.y.to_bits()));
    let opened = Store::open(&root).unwrap();
    let served = &opened.deployment().names[NAME];
    assert_eq!(
        (last.generation, last.fingerprint),
        (served.generation, fingerprint(&served.champion.0))
    );
    let answers: HashMap<u64, f64> =
        versions.iter().map(|(version, y)| (fingerprint(&version.0), *y)).collect();
    let changes = store::changes(&root, NAME).unwrap();
    for (generation, version, y) in &seen {
        assert_eq!(answers[version].to_bits(), *y);
        let of_ledger = |change: &store::Change| {
            change.generation == *generation
                && change.champion.is_some_and(|it| fingerprint(&it.0) == *version)
        };
        assert!(changes.iter().any(of_ledger), "generation {generation} by {version:016x}");
    }
    assert!(ended < kill_count, "no writer was killed");
    println!(
        "figure: {kill_count} writers beside a daemon, {ended} had ended, {} changes, {} of them met",
        changes.len(),
        seen.len()
    );
}

/// [SPEC-765]
#[test]
fn what_serves_is_in_the_ledger_whenever_a_writer_is_killed() {
    let _watchdog = Watchdog::start("killed writers beside a daemon", 240);
    killed_beside_a_daemon(60);
}

/// [SPEC-765]
#[test]
#[ignore = "minutes: .ci/swaps.sh runs it alone"]
fn what_serves_is_in_the_ledger_whenever_one_of_500_writers_is_killed() {
    let _watchdog = Watchdog::start("killed writers beside a daemon", 1200);
    killed_beside_a_daemon(500);
}
