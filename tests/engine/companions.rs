//! A recorder and a pilot that `factord serve` starts beside the engine.

use crate::data;
use crate::harness::{Engine, Process, Setup, Watchdog, eventually, signal};
use factord_models::store::{self, Store};
use factord_quant::audit::{self, AuditFile};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The child of a process that runs a sub-command.
fn child(parent: i32, sub_command: &str) -> Option<i32> {
    let is_it = |entry: &Path| {
        let stat = fs::read_to_string(entry.join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split_whitespace();
        let is_alive = fields.next()? != "Z";
        let words = fs::read(entry.join("cmdline")).ok()?;
        let mut words = words.split(|byte| *byte == 0);
        let is_child = fields.next()?.parse() == Ok(parent);
        (is_alive && is_child && words.any(|word| word == sub_command.as_bytes())).then_some(())
    };
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut found = entries.filter(|entry| is_it(&entry.path()).is_some());
    found.next()?.file_name().to_str()?.parse().ok()
}

fn has_child(engine: &Engine, sub_command: &str, not: Option<i32>) -> i32 {
    eventually(sub_command, 20 * SECOND, || {
        child(engine.pid(), sub_command).filter(|pid| Some(*pid) != not)
    })
}

/// Rows in all files, and answers that are counted as dropped.
fn counted(folder: &Path) -> [u64; 2] {
    let files = audit::files(&[folder.to_owned()]).unwrap();
    let open = |path: &std::path::PathBuf| AuditFile::open(path).unwrap();
    let files: Vec<AuditFile> = files.iter().map(open).collect();
    let dropped =
        |file: &AuditFile| file.notes.feeds.iter().map(|feed| feed.dropped()).sum::<u64>();
    [files.iter().map(AuditFile::row_count).sum(), files.iter().map(dropped).sum()]
}

/// [SPEC-800, SPEC-805]
#[test]
fn serve_starts_a_recorder_and_a_pilot_and_starts_them_again() {
    let _watchdog = Watchdog::start("companions", 120);
    let setup = Setup::new();
    let root = setup.directory.path().join("store");
    let folder = setup.directory.path().join("audit");
    let mut open = Store::open_or_make(&root).unwrap();
    let [good, bad] = [1, 2]
        .map(|seed| open.publish(&data::artifact("bid", &data::model(3, false, seed))).unwrap().0);
    open.promote(good).unwrap();
    drop(open);
    let [models, audit] = [&root, &folder].map(|path| path.to_str().unwrap().to_owned());
    let flags = ["--models", &models, "--tap", "--audit-local", "refuse", "--record", &audit];
    let mut engine = setup.with(&flags).with(&["--pilot"]).start();
    let first = ["record", "pilot"].map(|word| has_child(&engine, word, None));
    // One that ends before it was ready ends the daemon.
    let says = |what: &str, count: usize| {
        let has = || engine.setup.log().matches(what).count() >= count;
        eventually(what, 20 * SECOND, || has().then_some(()));
    };
    says("recording epoch", 1);
    says("watching epoch", 1);
    first.iter().for_each(|&pid| signal(pid, Signal::KILL));
    for (word, pid) in ["record", "pilot"].iter().zip(first) {
        has_child(&engine, word, Some(pid));
    }
    // The recorder goes on where the files end: with the first answer, as there are none.
    says("recording epoch", 2);
    says("watching epoch", 2);
    let mut client = engine.attach(3, 8);
    let number = client.number("bid").unwrap();
    let mut ask = |key: u64| {
        client.predict_keyed(number, key, &[0.25, 0.5, 0.75], 10 * SECOND).unwrap();
    };
    (1..=200).for_each(&mut ask);
    let short = bad.short();
    let words = ["model", "canary", "bid", &short, "--steps", "128,256", "--hold", "50"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.arg("--socket").arg(engine.socket()).args(words).args(["--models", &models]);
    command.args(["--guard", "divergence=0"]).stdout(Stdio::null());
    assert!(Process::spawn(&mut command).ends_within(10 * SECOND).success());
    let mut asked = 200;
    eventually("a rollback", 30 * SECOND, || {
        (1..=20).for_each(&mut ask);
        asked += 20;
        let served = store::deployment(&root).unwrap().names["bid"].clone();
        served.canary.is_none().then(|| assert_eq!(served.champion, good))
    });
    drop(client);
    // A service manager signals all at once; the children leave it to the daemon.
    let children = ["record", "pilot"].map(|word| has_child(&engine, word, None));
    children.iter().for_each(|&pid| signal(pid, Signal::TERM));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(["record", "pilot"].map(|word| child(engine.pid(), word)), children.map(Some));
    engine.process.signal(Signal::TERM);
    assert!(engine.process.ends_within(10 * SECOND).success());
    assert_eq!([child(engine.pid(), "record"), child(engine.pid(), "pilot")], [None, None]);
    assert_eq!(counted(&folder), [asked, 0], "{}", engine.setup.log());
    assert!(engine.setup.log().contains("guard divergence"), "{}", engine.setup.log());
    // Those that were killed at first, and no others.
    assert_eq!(engine.setup.log().matches("starting it again").count(), 2);
}

/// [SPEC-800]
#[test]
fn what_companions_need_is_named() {
    let tap = ["--tap"];
    let audit = ["--record", "audit"];
    for (flags, key, needed) in [
        (vec![&audit[..]], "record", "--tap"),
        (vec![&audit[..], &tap], "record", "--audit-local refuse"),
        (vec![&["--pilot"][..]], "pilot", "--tap"),
        (vec![&["--pilot"][..], &tap], "pilot", "--models STORE"),
    ] {
        let setup = Setup::new().with(&flags.concat());
        let (code, _, log) = setup.run_to_end();
        assert_eq!(code, Some(78), "{flags:?}: {log}");
        assert!(log.contains(&format!("{key} (from flag --{key}) needs")), "{log}");
        assert!(log.contains(needed), "{flags:?}: {log}");
    }
    // A recorder that cannot begin is said, and ends the daemon as a sidecar does.
    let setup = Setup::new();
    let file = setup.directory.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let flags = ["--tap", "--audit-local", "refuse", "--record", file.to_str().unwrap()];
    let (code, _, log) = setup.with(&flags).run_to_end();
    assert!(code.is_some_and(|code| code != 0), "{log}");
    assert!(log.contains("the recorder ended before it was ready"), "{log}");
}
