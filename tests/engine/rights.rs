//! Rights one by one, given to users and to groups.

use crate::harness::{Engine, Setup, Watchdog, eventually};
use crate::users::{as_member, can_be_another_user};
use crate::wire::{Heard, Wire, hello};
use factord_core::abi::{self, right};
use factord_core::channel::{
    self, AttachError, CommandError, MODEL_NAME_LEN, MORE_WORDS, Message, Refusal, Verb,
};
use factord_core::client::Client;
use factord_core::counters::{ChannelsObserver, Observer};
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Flags, with the right that each gives.
const FLAGS: [(&str, u64); 5] = [
    ("--may-attach", right::ATTACH),
    ("--may-evaluate", right::LOCAL),
    ("--may-observe", right::OBSERVE),
    ("--may-read", right::READ),
    ("--may-publish", right::PUBLISH),
];
/// Nobody is in this group, and no user has this number.
const NOBODYS: u32 = 64_999;

/// A daemon with these flags, at whose socket everybody may knock.
fn engine(flags: &[(&str, String)]) -> Engine {
    let mut setup = Setup::new();
    for (flag, who) in flags {
        setup = setup.with(&[flag, who]);
    }
    set_permissions(setup.directory.path(), Permissions::from_mode(0o755)).unwrap();
    setup.start()
}

fn refused_here(error: &AttachError) -> bool {
    matches!(error, AttachError::Refused(Refusal::NotPermitted { .. } | Refusal::NotAllowed { .. }))
}

/// What the calling thread's user can do, tried one by one, as bits of [`right`].
fn tried(engine: &Engine, fingerprint: u64) -> u64 {
    let mut found = 0;
    match Client::attach(&engine.options(3, 8)) {
        Ok(mut client) => {
            found |= right::ATTACH;
            let x = [0.5, 0.2, 0.3];
            assert!(client.predict(0, &x, 5 * SECOND).is_ok());
            // The ring answers who may not evaluate, with the same bits.
            // Not while the worker's heart stands still, as it may on a loaded machine.
            let local = || client.predict_local(0, &x).ok();
            eventually("a local answer", 10 * SECOND, local);
            match client.fetch(0, 10 * SECOND) {
                Ok(()) => found |= right::LOCAL,
                Err(error) => assert!(error.to_string().contains("parameters"), "{error}"),
            }
        }
        Err(error) => assert!(refused_here(&error), "{error}"),
    }
    match ChannelsObserver::attach(Some(engine.socket())) {
        Ok(Some(_)) => found |= right::OBSERVE,
        Ok(None) => {}
        Err(error) => assert!(refused_here(&error), "{error}"),
    }
    let permitted = |result: Result<(), CommandError>| match result {
        Ok(()) => true,
        Err(CommandError::Attach(error)) if refused_here(&error) => false,
        Err(error) => panic!("{error}"),
    };
    if permitted(channel::fetch_artifact(engine.socket(), fingerprint).map(drop)) {
        found |= right::READ;
    }
    if permitted(channel::reload(engine.socket()).map(drop)) {
        found |= right::PUBLISH;
    }
    // Who can do something sees the counters.
    assert!(found == 0 || Observer::attach(Some(engine.socket())).is_ok());
    found
}

#[test]
fn each_right_is_given_by_itself_to_users_and_to_groups() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("rights", 120);
    // User 64,941 + i, group 64,951 + i and further group 64,961 + i have right i.
    let who = |i: u32| format!("{},@{},@{}", 64_941 + i, 64_951 + i, 64_961 + i);
    let flags: Vec<_> = (0..).zip(FLAGS).map(|(i, (flag, _))| (flag, who(i))).collect();
    let engine = engine(&flags);
    let fingerprint = engine.snapshot().models.unwrap()[0].fingerprint();
    let engine = &engine;
    let mut tries = 0;
    for (i, (flag, expected)) in (0u32..).zip(FLAGS) {
        // Without a channel nobody sees parameters.
        let expected = if expected == right::LOCAL { 0 } else { expected };
        let members = [
            (64_941 + i, [NOBODYS; 3]),
            (NOBODYS, [64_951 + i, NOBODYS, NOBODYS]),
            (NOBODYS, [NOBODYS, NOBODYS, 64_961 + i]),
        ];
        for (uid, groups) in members {
            thread::scope(|scope| {
                let wire = as_member(scope, uid, groups, move || {
                    let wire = Wire::open(engine.socket());
                    wire.say(&hello(abi::ABI_WORD, 3, 0).encode(), &[]);
                    wire.hear(10 * SECOND)
                });
                let Heard::Message(Message::Welcome(welcome), files) = wire.join().unwrap() else {
                    panic!("{flag}: user {uid} in {groups:?} is not welcome");
                };
                assert_eq!(welcome.rights, FLAGS[i as usize].1, "{flag}: user {uid}, {groups:?}");
                assert_eq!(files.len(), 1 + usize::from(expected == right::OBSERVE));
                let found = as_member(scope, uid, groups, move || tried(engine, fingerprint));
                let found = found.join().unwrap();
                assert_eq!(found, expected, "{flag}: user {uid} in {groups:?}");
            });
            tries += 1;
        }
    }
    assert_eq!(tries, 15);
    assert_eq!(engine.snapshot().reloads_total, 3, "by the three that may");
}

#[test]
fn rights_add_up_and_the_shorthands_stand_for_theirs() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("several rights", 60);
    let [attach, local, observe, read, publish] = FLAGS.map(|(flag, _)| flag);
    let engine = engine(&[
        ("--allow-uid", "64971".to_owned()),
        ("--operator-uid", "64972".to_owned()),
        (attach, "64973".to_owned()),
        (local, "64973".to_owned()),
        (observe, "@64981".to_owned()),
        (read, "64973,@64981".to_owned()),
        (publish, "@64982".to_owned()),
    ]);
    let fingerprint = engine.snapshot().models.unwrap()[0].fingerprint();
    let engine = &engine;
    let allowed = right::ATTACH | right::LOCAL;
    let cases = [
        (64_971, [NOBODYS; 3], allowed),
        (64_972, [NOBODYS; 3], allowed | right::OBSERVE | right::READ | right::PUBLISH),
        (64_973, [NOBODYS; 3], allowed | right::READ),
        (64_973, [64_981, NOBODYS, NOBODYS], allowed | right::READ | right::OBSERVE),
        (
            64_971,
            [NOBODYS, 64_982, 64_981],
            allowed | right::OBSERVE | right::READ | right::PUBLISH,
        ),
        (NOBODYS, [NOBODYS, 64_982, 64_981], right::OBSERVE | right::READ | right::PUBLISH),
        (NOBODYS, [NOBODYS; 3], 0),
        // The number of a user is no group's, and the other way round.
        (64_981, [64_971, 64_972, 64_973], 0),
    ];
    for (uid, groups, expected) in cases {
        thread::scope(|scope| {
            let found = as_member(scope, uid, groups, move || tried(engine, fingerprint));
            assert_eq!(found.join().unwrap(), expected, "user {uid} in {groups:?}");
            let sees = move || Observer::attach(Some(engine.socket())).is_ok();
            let sees = as_member(scope, uid, groups, sees).join().unwrap();
            assert_eq!(sees, expected != 0, "user {uid} in {groups:?}");
        });
    }
    // Root may do everything, whatever is granted.
    assert_eq!(tried(engine, fingerprint), allowed | right::OBSERVE | right::READ | right::PUBLISH);
}

#[test]
fn a_verb_that_this_daemon_does_not_know_is_named_to_whoever_may_do_something() {
    let engine = Engine::start();
    let wire = Wire::open(engine.socket());
    let message = Message::Command {
        abi: abi::ABI_WORD,
        verb: 99,
        argument: 0,
        name: [0; MODEL_NAME_LEN],
        more: [0; MORE_WORDS],
    };
    wire.say(&message.encode(), &[]);
    assert!(Verb::from_code(99).is_none());
    assert!(matches!(wire.hear(10 * SECOND), Heard::Message(Message::Reply { code: 3 }, _)));
}
