//! Names that the daemon withdraws and divides in its own store when it is asked at the control
//! socket.

use crate::changes::{answer, contents, settled};
use crate::data;
use crate::harness::{Engine, Setup, Watchdog, eventually};
use crate::published::{NAME, X, full_store, model, serve};
use crate::users::{ALLOWED, as_user, can_be_another_user, open_engine};
use crate::wire::{Heard, Wire};
use factord_core::abi;
use factord_core::channel::{
    self, MODEL_NAME_LEN, MORE_WORDS, Message, Shares, Verb, version_word,
};
use factord_core::client::Client;
use factord_eval::Model;
use factord_models::store::{self, Digest, Salt, Store};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const OTHER: &str = "other";
const SALT: u64 = 0xd1ce_5eed_0000_0a11;

/// A store with three versions of one name and one of another.
fn two_names(setup: &Setup) -> (PathBuf, Vec<(Digest, f64)>) {
    let (root, versions) = full_store(setup);
    let mut store = Store::open(&root).unwrap();
    let model = Model::linear(vec![0.0; 3], 9.0).unwrap();
    let (version, _) = store.publish(&data::artifact(OTHER, &model)).unwrap();
    store.promote(version).unwrap();
    (root, versions)
}

fn shares(versions: &[(Digest, f64)], weights: &[u16], salt: Option<u64>) -> Shares {
    let arm = |((version, _), weight): (&(Digest, f64), &u16)| (version.to_string(), *weight);
    Shares { arms: versions.iter().zip(weights).map(arm).collect(), salt }
}

fn done(engine: &Engine, root: &Path, words: &[&str]) -> String {
    let mut command = model(root, engine.socket(), words);
    let output = command.env_remove("FACTORD_MODELS").output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// [SPEC-771]
#[test]
fn the_daemon_withdraws_a_name_but_never_its_last() {
    let _watchdog = Watchdog::start("withdrawals by the daemon", 120);
    let setup = Setup::new();
    let (root, versions) = two_names(&setup);
    let engine = serve(setup, &root);
    let (socket, mut client) = (engine.socket(), engine.attach(3, 8));
    let (number, other) = (client.number(NAME).unwrap(), client.number(OTHER).unwrap());
    assert_eq!(answer(&mut client), 1.0);
    assert_eq!(channel::withdraw(socket, NAME).unwrap(), "withdrawn: spread\n");
    assert!(client.predict(number, &X, 10 * SECOND).is_err(), "nothing serves it");
    assert!(client.model(NAME).is_none());
    assert_eq!(client.predict(other, &X, 10 * SECOND).unwrap().y, 9.0);
    eventually("a line of what serves", 10 * SECOND, || {
        let last = store::changes(&root, NAME).unwrap().pop().unwrap();
        assert_eq!((last.verb, last.champion), (store::Verb::Withdraw, None));
        last.serving_unix_ns
    });
    let said = channel::withdraw(socket, NAME).unwrap_err().to_string();
    assert!(said.contains("nothing serves \"spread\""), "{said}");
    let before = contents(&root);
    let said = channel::withdraw(socket, OTHER).unwrap_err().to_string();
    assert!(said.contains("is the only name that this daemon serves"), "{said}");
    assert_eq!(contents(&root), before);
    // It comes back, under a generation that it has never had.
    channel::promote(socket, NAME, &versions[1].0.short()).unwrap();
    assert_eq!(answer(&mut client), 2.0);
    let generations: Vec<u32> =
        store::changes(&root, NAME).unwrap().iter().map(|change| change.generation).collect();
    assert!(generations.is_sorted_by(|before, after| before < after), "{generations:?}");
    assert_eq!(done(&engine, &root, &["withdraw", NAME]), "withdrawn spread\n");
    assert!(!store::deployment(&root).unwrap().names.contains_key(NAME));
    assert!(Store::open(&root).is_ok());
}

/// Asks for many keys: each gets the arm of the documented hash.
fn divided(client: &mut Client, split: u64, salt: u64, answers: &[f64]) {
    let number = client.number(NAME).unwrap();
    let mut counts = vec![0; answers.len()];
    for key in 1..=200 {
        let got = client.predict_keyed(number, key, &X, 10 * SECOND).unwrap();
        let arm = abi::arm(split, salt, key, X.iter().map(|x| x.to_bits()));
        assert_eq!((got.arm, got.y), (arm, answers[usize::from(arm)]), "key {key}");
        counts[usize::from(arm)] += 1;
    }
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

/// [SPEC-772]
#[test]
fn the_daemon_divides_a_name_in_its_own_store() {
    let _watchdog = Watchdog::start("divisions by the daemon", 120);
    let setup = Setup::new();
    let (root, versions) = full_store(&setup);
    let engine = serve(setup, &root);
    let (socket, mut client) = (engine.socket(), engine.attach(3, 8));
    let said = channel::split(socket, NAME, &shares(&versions, &[128, 64, 64], Some(SALT)));
    assert!(said.unwrap().starts_with(NAME));
    divided(&mut client, abi::split([128, 192, 256]), SALT, &[1.0, 2.0, 3.0]);
    // Other weights, and the salt stays.
    channel::split(socket, NAME, &shares(&versions, &[64, 64, 128], None)).unwrap();
    divided(&mut client, abi::split([64, 128, 256]), SALT, &[1.0, 2.0, 3.0]);
    let of = |(version, _): &(Digest, f64), weight: u16| format!("{}={weight}", version.short());
    let [first, second] = [of(&versions[1], 128), of(&versions[0], 128)];
    let salt = format!("{:016x}", SALT + 1);
    let said = done(&engine, &root, &["split", NAME, &first, &second, "--salt", &salt]);
    assert!(said.starts_with("serving spread"), "{said}");
    divided(&mut client, abi::split([128, 256, 256]), SALT + 1, &[2.0, 1.0]);
    let split = store::deployment(&root).unwrap().names[NAME].split.clone().unwrap();
    assert_eq!((split.salt, split.champion_weight), (Salt(SALT + 1), 128));
    channel::rollback(socket, NAME).unwrap();
    divided(&mut client, abi::split([64, 128, 256]), SALT, &[1.0, 2.0, 3.0]);
    channel::promote(socket, NAME, &versions[2].0.short()).unwrap();
    assert_eq!(answer(&mut client), 3.0);
}

/// [SPEC-773]
#[test]
fn what_cannot_be_withdrawn_or_divided_changes_nothing() {
    let _watchdog = Watchdog::start("malformed withdrawals", 120);
    let setup = Setup::new();
    let (root, versions) = two_names(&setup);
    let narrow = Model::linear(vec![0.0; 2], 0.0).unwrap();
    let (narrow, _) = Store::open(&root).unwrap().publish(&data::artifact(NAME, &narrow)).unwrap();
    let engine = serve(setup, &root);
    settled(&engine, &root);
    let before = contents(&root);
    let say = |verb: Verb, argument: u64, text: &str, more: [u64; MORE_WORDS]| {
        let wire = Wire::open(engine.socket());
        let mut name = [0; MODEL_NAME_LEN];
        name[..text.len()].copy_from_slice(text.as_bytes());
        let verb = verb as u64;
        let message = Message::Command { abi: abi::ABI_WORD, verb, argument, name, more };
        wire.say(&message.encode(), &[]);
        wire.hear(10 * SECOND)
    };
    let word = |version: &Digest| version_word(&version.to_string()).unwrap();
    let [one, two] = [0, 1].map(|index| word(&versions[index].0));
    let (none, halves) = ([0; MORE_WORDS], 128 << 16 | 128);
    let told = [
        say(Verb::Withdraw, 0, "", none),
        say(Verb::Withdraw, 0, "a/b", none),
        say(Verb::Withdraw, 0, "nobody", none),
        say(Verb::Withdraw, 0, NAME, [one, 0, 0, 0, 0, 0]),
        say(Verb::Promote, one, NAME, [0, 0, 0, 0, 0, 1]),
        say(Verb::Split, 0, NAME, none),
        say(Verb::Split, 256, NAME, [one, 0, 0, 0, 0, 0]),
        say(Verb::Split, halves, "", [one, two, 0, 0, 0, 0]),
        say(Verb::Split, halves, OTHER, [one, two, 0, 0, 0, 0]),
        say(Verb::Split, halves, NAME, [one, one, 0, 0, 0, 0]),
        say(Verb::Split, halves, NAME, [one, 0, two, 0, 0, 0]),
        say(Verb::Split, halves, NAME, [one, two, 0, 0, 0, 2]),
        say(Verb::Split, halves, NAME, [one, two, 0, 0, 5, 0]),
        say(Verb::Split, halves, NAME, [one, two ^ 1 << 40, 0, 0, 0, 0]),
        say(Verb::Split, halves, NAME, [one, word(&narrow), 0, 0, 0, 0]),
        say(Verb::Split, halves + 1, NAME, [one, two, 0, 0, 0, 0]),
        say(Verb::Split, 256, NAME, [one, two, 0, 0, 0, 0]),
    ];
    for (index, heard) in told.iter().enumerate() {
        let refused = matches!(heard, Heard::Message(Message::Reply { code: 1 | 2 }, _));
        assert!(refused, "case {index}: {heard:?}");
    }
    let said = channel::split(engine.socket(), NAME, &shares(&versions, &[128, 129], None));
    assert!(said.unwrap_err().to_string().contains("128 + 129 give 257"));
    assert_eq!(contents(&root), before);
    assert_eq!(answer(&mut engine.attach(3, 8)), 1.0);
}

/// [SPEC-767]
#[test]
fn who_may_not_publish_withdraws_and_divides_nothing() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("rights of withdrawals", 120);
    let setup = Setup::new();
    let (root, versions) = two_names(&setup);
    let engine = open_engine(setup.with(&["--models", root.to_str().unwrap()]));
    settled(&engine, &root);
    let (before, halves) = (contents(&root), shares(&versions, &[128, 128], None));
    let socket = engine.socket();
    thread::scope(|scope| {
        let tried = as_user(scope, ALLOWED[0], || {
            [channel::withdraw(socket, NAME), channel::split(socket, NAME, &halves)]
        });
        for outcome in tried.join().unwrap() {
            let said = outcome.unwrap_err().to_string();
            assert!(said.contains("may not do this"), "{said}");
        }
    });
    assert_eq!(contents(&root), before);
}
