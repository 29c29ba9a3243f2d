//! Changes of a store that the daemon makes itself, for those who may publish.

use crate::data;
use crate::harness::{Engine, Setup, Watchdog, eventually};
use crate::published::{NAME, X, full_store, model, serve};
use crate::users::{ALLOWED, OPERATOR, as_user, can_be_another_user, open_engine};
use crate::wire::{Heard, Wire};
use factord_core::abi;
use factord_core::channel::{
    self, CommandError, MODEL_NAME_LEN, MORE_WORDS, Message, Verb, version_word,
};
use factord_core::client::Client;
use factord_core::counters::fingerprint;
use factord_core::sys::memory;
use factord_eval::Model;
use factord_models::store::{self, Digest, Store};
use rustix::process::Signal;
use std::fmt::Write;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// An artifact that is in no store yet, whose every answer is `y`.
fn further(y: f64) -> Vec<u8> {
    data::artifact(NAME, &Model::linear(vec![0.0; 3], y).unwrap()).encode()
}

pub(crate) fn answer(client: &mut Client) -> f64 {
    let number = client.number(NAME).unwrap();
    client.predict(number, &X, 10 * SECOND).unwrap().y
}

/// [SPEC-766]
#[test]
fn the_daemon_publishes_promotes_rolls_back_and_pins_in_its_own_store() {
    let _watchdog = Watchdog::start("changes by the daemon", 120);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = serve(setup, &root);
    let (socket, mut client) = (engine.socket(), engine.attach(3, 8));
    let bytes = further(7.0);
    let version = Digest::of(&bytes);
    assert_eq!(channel::publish(socket, &bytes, false).unwrap(), "", "it serves nothing yet");
    assert_eq!(answer(&mut client), 1.0);
    let said = channel::promote(socket, NAME, &version.to_string()).unwrap();
    assert!(said.starts_with(NAME) && said.contains("generation 2"), "{said}");
    assert_eq!(answer(&mut client), 7.0);
    channel::promote(socket, NAME, &versions[1].0.to_string()[..5]).unwrap();
    assert_eq!(answer(&mut client), 2.0);
    channel::rollback(socket, NAME).unwrap();
    assert_eq!(answer(&mut client), 7.0);
    channel::pin(socket, NAME, true).unwrap();
    let said = channel::rollback(socket, NAME).unwrap_err().to_string();
    assert!(said.contains("factord model pin spread --off"), "{said}");
    channel::pin(socket, NAME, false).unwrap();
    channel::publish(socket, &further(8.0), true).unwrap();
    assert_eq!(answer(&mut client), 8.0);
    let failed = |error: CommandError| matches!(error, CommandError::Failed(_));
    assert!(failed(channel::promote(socket, NAME, "0000").unwrap_err()), "no such version");
    assert!(failed(channel::promote(socket, "other", "0000").unwrap_err()), "no such name");
    assert_eq!(answer(&mut client), 8.0);
    let changes = store::changes(&root, NAME).unwrap();
    assert_eq!(changes.len(), 7, "one at first, and six here: {changes:?}");
    let row = client.model(NAME).unwrap();
    let served = &store::deployment(&root).unwrap().names[NAME];
    assert_eq!((row.generation, row.sha256), (served.generation, served.champion.0));
    assert!(Store::open(&root).is_ok());
}

/// [SPEC-766]
#[test]
fn the_command_without_a_store_asks_the_daemon() {
    let _watchdog = Watchdog::start("asking the daemon", 120);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = serve(setup, &root);
    let mut client = engine.attach(3, 8);
    let file = engine.setup.directory.path().join("further.fmodel");
    fs::write(&file, further(7.0)).unwrap();
    let done = |words: &[&str]| {
        let mut command = model(&root, engine.socket(), words);
        let output = command.env_remove("FACTORD_MODELS").output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = done(&["publish", file.to_str().unwrap(), "--promote"]);
    assert!(said.contains("published spread") && said.contains("serving spread"), "{said}");
    assert_eq!(answer(&mut client), 7.0);
    done(&["promote", NAME, &versions[2].0.short()]);
    assert_eq!(answer(&mut client), 3.0);
    done(&["rollback", NAME]);
    assert_eq!(answer(&mut client), 7.0);
    assert!(done(&["pin", NAME]).contains("is pinned"));
    assert!(store::deployment(&root).unwrap().names[NAME].pinned);
}

/// All files of a store.
pub(crate) fn contents(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for folder in [root.to_owned(), root.join("objects")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                all.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

/// A daemon that has told its store's ledger what it serves.
pub(crate) fn settled(engine: &Engine, root: &Path) {
    assert!(engine.snapshot().models.is_ok());
    eventually("the daemon to tell what it serves", 10 * SECOND, || {
        let changes = store::changes(root, NAME).unwrap();
        changes.last()?.serving_unix_ns.map(drop)
    });
}

/// [SPEC-767]
#[test]
fn who_may_not_publish_changes_nothing_and_the_ledger_names_who_does() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("rights of changes", 120);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = open_engine(setup.with(&["--models", root.to_str().unwrap()]));
    settled(&engine, &root);
    let (before, bytes) = (contents(&root), further(7.0));
    let (socket, short) = (engine.socket(), versions[1].0.short());
    thread::scope(|scope| {
        let tried = as_user(scope, ALLOWED[0], || {
            [
                channel::publish(socket, &bytes, true).map(drop),
                channel::promote(socket, NAME, &short).map(drop),
                channel::rollback(socket, NAME).map(drop),
                channel::pin(socket, NAME, true),
            ]
        });
        for outcome in tried.join().unwrap() {
            let said = outcome.unwrap_err().to_string();
            assert!(said.contains("may not do this"), "{said}");
        }
    });
    assert_eq!(contents(&root), before);
    thread::scope(|scope| {
        as_user(scope, OPERATOR, || channel::promote(socket, NAME, &short).map(drop).unwrap());
    });
    let last = store::changes(&root, NAME).unwrap().pop().unwrap();
    assert_eq!((last.champion, last.uid), (Some(versions[1].0), OPERATOR));
}

/// [SPEC-768]
#[test]
fn malformed_changes_change_nothing() {
    let _watchdog = Watchdog::start("malformed changes", 120);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = serve(setup, &root);
    settled(&engine, &root);
    let before = contents(&root);
    let named = |text: &str| {
        let mut name = [0; MODEL_NAME_LEN];
        name[..text.len()].copy_from_slice(text.as_bytes());
        name
    };
    let say = |verb: Verb, argument: u64, name: &str, files: &[BorrowedFd<'_>]| {
        let wire = Wire::open(engine.socket());
        let name = named(name);
        let message = Message::Command {
            abi: abi::ABI_WORD,
            verb: verb as u64,
            argument,
            name,
            more: [0; MORE_WORDS],
        };
        wire.say(&message.encode(), files);
        wire.hear(10 * SECOND)
    };
    let whole = further(7.0);
    let sealed = |bytes: &[u8]| memory::sealed_file("factord-test", bytes).unwrap();
    let open = memory::create("factord-test", whole.len() as u64).unwrap();
    let on_disk = fs::File::open(root.join("ledger")).unwrap();
    let (good, torn, empty) = (sealed(&whole), sealed(&whole[..whole.len() - 9]), sealed(&[]));
    let word = version_word(&versions[1].0.short()).unwrap();
    let told = [
        say(Verb::Publish, 1, "", &[]),
        say(Verb::Publish, 2, "", &[good.as_fd()]),
        say(Verb::Publish, 1, "", &[torn.as_fd()]),
        say(Verb::Publish, 1, "", &[empty.as_fd()]),
        say(Verb::Publish, 1, "", &[open.as_fd()]),
        say(Verb::Publish, 1, "", &[on_disk.as_fd()]),
        say(Verb::Promote, 0, NAME, &[]),
        say(Verb::Promote, word ^ 0x10, NAME, &[]),
        say(Verb::Promote, word, "a/b", &[]),
        say(Verb::Promote, word, "other", &[]),
        say(Verb::Rollback, 0, "", &[]),
        say(Verb::Rollback, 0, "other", &[]),
        say(Verb::Pin, 7, NAME, &[]),
    ];
    for (index, heard) in told.iter().enumerate() {
        let refused = matches!(heard, Heard::Message(Message::Reply { code: 1 | 2 }, _));
        assert!(refused, "case {index}: {heard:?}");
    }
    // These are no messages of this protocol.
    for heard in [
        say(Verb::Publish, 1, "", &[good.as_fd(), good.as_fd()]),
        say(Verb::Promote, word, NAME, &[good.as_fd()]),
    ] {
        assert!(matches!(heard, Heard::Message(Message::Refused { .. }, _)), "{heard:?}");
    }
    assert_eq!(contents(&root), before);
    assert_eq!(answer(&mut engine.attach(3, 8)), 1.0);
}

/// [SPEC-769]
#[test]
fn a_daemon_without_a_store_says_so_and_a_hangup_reads_the_store_again() {
    let _watchdog = Watchdog::start("hangups", 120);
    let embedded = Engine::start();
    let said = channel::rollback(embedded.socket(), "regression").unwrap_err().to_string();
    assert!(said.contains("serves no store"), "{said}");
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = serve(setup, &root);
    let mut client = engine.attach(3, 8);
    assert_eq!(answer(&mut client), 1.0);
    Store::open(&root).unwrap().promote(versions[2].0).unwrap();
    assert_eq!(answer(&mut client), 1.0, "nobody has told it");
    engine.process.signal(Signal::HUP);
    eventually("the version of the store", 10 * SECOND, || {
        (answer(&mut client) == 3.0).then_some(())
    });
    let number = client.number(NAME).unwrap();
    let told = client.predict(number, &X, 10 * SECOND).unwrap();
    assert_eq!(told.fingerprint, fingerprint(&versions[2].0.0));
    settled(&engine, &root);
}

/// A table of 400 windows whose target is twice the feature of the window before.
fn table(path: &Path) {
    let mut text = "symbol,start_ns,end_ns,buy_rate,sell_rate\n".to_owned();
    let mut random = data::Random(3);
    let mut before = 0.0;
    for window in 0..400u64 {
        let (start, x) = (window * 1_000_000_000, random.signed());
        writeln!(text, "A,{start},{},{x:?},{:?}", start + 1_000_000_000, 2.0 * before).unwrap();
        before = x;
    }
    fs::write(path, text).unwrap();
}

/// [SPEC-770]
#[test]
fn a_training_publishes_to_a_store_or_by_the_daemon_under_its_name() {
    let _watchdog = Watchdog::start("publishing trainings", 120);
    let setup = Setup::new();
    let (root, _) = full_store(&setup);
    let engine = serve(setup, &root);
    let folder = engine.setup.directory.path();
    table(&folder.join("table.csv"));
    let train = |name: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
        command.current_dir(folder).env_remove("FACTORD_MODELS");
        command.arg("--socket").arg(engine.socket()).args(["train", "table.csv", "--folds", "0"]);
        command.args(["--features", "buy_rate", "--out", "out", "--only", "linear"]);
        command.args(["--name", name, "--publish"]).args(more).output().unwrap()
    };
    for (name, more) in [("asked", [].as_slice()), ("here", &["--store", root.to_str().unwrap()])] {
        let output = train(name, more);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(said.contains(&format!("published {name} ")), "{said}");
        let mut client = engine.attach(1, 8);
        let number = client.number(name).unwrap();
        let y = client.predict(number, &[0.25], 10 * SECOND).unwrap().y;
        assert!((y - 0.5).abs() < 1e-9, "{name}: {y}");
    }
    // One name cannot be two models', and no model can have any name.
    let output = train("a/b", &[]);
    assert!(!output.status.success());
    let mut both = Command::new(env!("CARGO_BIN_EXE_factord"));
    both.current_dir(folder).args(["train", "table.csv", "--out", "out", "--name", "one"]);
    let output = both.args(["--features", "buy_rate"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("--only"), "{said}");
}
