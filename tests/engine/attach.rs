//! The handshake under clients that break it, stall in it, or ask for too much.

use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use crate::wire::{Channel, Heard, Wire, hello};
use factord_core::abi;
use factord_core::channel::{
    AttachError, MESSAGE_LEN, MODEL_NAME_LEN, MORE_WORDS, Message, Refusal, Verb,
};
use factord_core::client::Client;
use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// A client that must go on being served.
fn serves(engine: &Engine, client: &mut Client, count: usize) {
    let model = &data::embedded()[1];
    let mut random = Random(count as u64);
    for _ in 0..count {
        let x = random.row(3);
        assert_exact(model, &x, &client.predict(1, &x, SECOND));
    }
    assert_eq!(engine.snapshot().workers[0].violations, 0);
}

#[test]
fn another_major_of_the_abi_is_refused() {
    let engine = Engine::start();
    let other = u64::from(abi::ABI_MAJOR + 1) << 16;
    let command = Message::Command {
        abi: other,
        verb: Verb::Reload as u64,
        argument: 0,
        name: [0; MODEL_NAME_LEN],
        more: [0; MORE_WORDS],
    };
    for message in [hello(other, 3, 64), hello(other, 3, 0), hello(0, 3, 64), command] {
        let wire = Wire::open(engine.socket());
        wire.say(&message.encode(), &[]);
        assert_eq!(wire.is_refused(), Refusal::Abi);
    }
    let wire = Wire::open(engine.socket());
    wire.say(&hello(abi::ABI_WORD + 9, 3, 64).encode(), &[]);
    let welcome = wire.hear(SECOND);
    let Heard::Message(Message::Welcome(welcome), _) = welcome else { panic!("{welcome:?}") };
    assert_eq!(welcome.abi, abi::ABI_WORD, "another minor is welcome");
    let snapshot = engine.snapshot();
    assert_eq!((snapshot.refused_total, snapshot.reloads_total), (4, 0));
}

#[test]
fn words_that_are_no_message_are_refused_without_harm() {
    let _watchdog = Watchdog::start("garbage", 60);
    let engine = Engine::start();
    let mut client = engine.attach(3, 16);
    let base = engine.holdings();
    let refused = engine.snapshot().refused_total;
    let null = File::open("/dev/null").unwrap();
    let mut random = Random(5);
    let mut said = 0;
    let mut say = |bytes: &[u8], descriptors: usize| {
        let wire = Wire::open(engine.socket());
        wire.say(bytes, &vec![null.as_fd(); descriptors]);
        assert_eq!(wire.is_refused(), Refusal::NotAHello, "{} bytes", bytes.len());
        said += 1;
    };
    for len in [1, 8, MESSAGE_LEN - 1, MESSAGE_LEN, MESSAGE_LEN + 1, 4096, 100_000] {
        let bytes: Vec<u8> = (0..len).map(|_| random.bits() as u8).collect();
        say(&bytes, 0);
    }
    let good = hello(abi::ABI_WORD, 3, 64).encode();
    say(&[good.as_slice(), &[0]].concat(), 0);
    say(&good[..MESSAGE_LEN - 8], 0);
    for descriptors in [1, 4] {
        say(&good, descriptors);
        say(&Message::Mapped.encode(), descriptors);
    }
    let mut spoilt = good;
    spoilt[0] ^= 1;
    say(&spoilt, 0);
    for message in [Message::Mapped, Message::Ready, Message::Reply { code: 0 }] {
        say(&message.encode(), 0);
    }
    for kind in [0, 8, 9, u64::MAX] {
        let mut unknown = good;
        unknown[8..16].copy_from_slice(&u64::to_le_bytes(kind));
        say(&unknown, 0);
    }
    for _ in 0..100 {
        let mut bytes = good;
        bytes[8..].iter_mut().for_each(|byte| *byte = random.bits() as u8);
        say(&bytes, 0);
    }
    assert_eq!(engine.snapshot().refused_total - refused, said);
    assert!(said > 100);
    serves(&engine, &mut client, 500);
    engine.returns_to(&base);
}

#[test]
fn a_message_out_of_turn_ends_the_channel_it_came_from_alone() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 16);
    let base = engine.holdings();
    let channel = Channel::open(&engine, 3, 16);
    channel.wire.greet(3, 16);
    assert_eq!(channel.wire.is_refused(), Refusal::NotAHello);
    drop(channel);
    let wire = Wire::open(engine.socket());
    drop(wire.welcomed(3, 16));
    wire.greet(3, 16);
    assert_eq!(wire.is_refused(), Refusal::NotAHello);
    serves(&engine, &mut client, 100);
    engine.returns_to(&base);
}

#[test]
fn shapes_that_no_ring_has_are_refused_with_the_numbers() {
    let engine = Engine::start();
    let shapes =
        [(0, 64), (1025, 64), (3, 3), (3, 8192), (1024, 1024), (u64::MAX, u64::MAX), (3, u64::MAX)];
    for (feature_count, slot_count) in shapes {
        let wire = Wire::open(engine.socket());
        wire.greet(feature_count, slot_count);
        assert_eq!(wire.is_refused(), Refusal::Geometry { feature_count, slot_count });
    }
    for (features, slots) in [(1, 1), (1024, 1), (3, 4096), (1024, 512)] {
        let mut client = engine.attach(features, slots);
        let x = vec![0.5; features];
        for _ in 0..3 {
            assert!(client.predict(9, &x, SECOND).is_err_and(|e| e.to_string().contains("model")));
        }
    }
}

#[test]
fn a_client_that_stalls_in_the_handshake_is_dropped_and_its_quota_returned() {
    let _watchdog = Watchdog::start("stalled handshakes", 30);
    let engine = Setup::new().with(&["--channels-per-uid", "1"]).start();
    let base = engine.holdings();
    let start = Instant::now();
    let silent = Wire::open(engine.socket());
    let stalled = Wire::open(engine.socket());
    let descriptors = stalled.welcomed(3, 64);
    let refused = Client::attach(&engine.options(3, 64)).unwrap_err();
    let quota = Refusal::ChannelQuota { used: 1, limit: 1 };
    assert!(matches!(refused, AttachError::Refused(r) if r == quota), "{refused}");
    stalled.is_closed_within(2 * SECOND);
    silent.is_closed_within(2 * SECOND);
    assert!(start.elapsed() >= Duration::from_millis(900), "too soon: {:?}", start.elapsed());
    drop(descriptors);
    let room = || Client::attach(&engine.options(3, 64)).ok();
    let mut client = eventually("the quota to be returned", SECOND, room);
    serves(&engine, &mut client, 50);
    drop(client);
    engine.returns_to(&base);
}

#[test]
fn two_hundred_half_open_handshakes_disturb_no_client() {
    let _watchdog = Watchdog::start("half-open handshakes", 60);
    let engine = Engine::start();
    let mut client = engine.attach(3, 64);
    let base = engine.holdings();
    let silent: Vec<Wire> = (0..100).map(|_| Wire::open(engine.socket())).collect();
    let stalled: Vec<Wire> = (0..100)
        .map(|_| {
            let wire = Wire::open(engine.socket());
            drop(wire.welcomed(3, 64));
            wire
        })
        .collect();
    let late = engine.attach(3, 64);
    serves(&engine, &mut client, 3000);
    drop(late);
    for wire in silent.iter().chain(&stalled) {
        wire.is_closed_within(3 * SECOND);
    }
    engine.returns_to(&base);
    serves(&engine, &mut client, 100);
}

#[test]
fn a_user_beyond_its_quota_is_refused_with_the_numbers_and_others_go_on() {
    let limits = ["--channels-per-uid", "3", "--bytes-per-uid", "600000"];
    let engine = Setup::new().with(&limits).start();
    let mut first = engine.attach(3, 64);
    let refusal = |slots: usize| match Client::attach(&engine.options(3, slots)).unwrap_err() {
        AttachError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    };
    let mut large = engine.attach(3, 2048);
    let bytes = |slots: u64| 2 * (2 + slots) * 64;
    let wanted = bytes(64) + bytes(2048) + bytes(4096);
    assert_eq!(refusal(4096), Refusal::ByteQuota { wanted, limit: 600_000 });
    let third = engine.attach(3, 64);
    assert_eq!(refusal(64), Refusal::ChannelQuota { used: 3, limit: 3 });
    serves(&engine, &mut first, 50);
    serves(&engine, &mut large, 50);
    let held = engine.holdings();
    assert_eq!(held.channels, 3);
    drop(third);
    let end = Instant::now() + SECOND;
    while Client::attach(&engine.options(3, 64)).is_err() {
        assert!(Instant::now() < end, "the quota was not returned");
    }
}

#[test]
fn a_verb_the_daemon_does_not_know_gets_its_answer_in_words() {
    let engine = Engine::start();
    for (verb, argument, code) in [(99, 0, 3), (2, 7, 2), (2, u64::MAX, 2)] {
        let wire = Wire::open(engine.socket());
        let abi = abi::ABI_WORD;
        wire.say(
            &Message::Command {
                abi,
                verb,
                argument,
                name: [0; MODEL_NAME_LEN],
                more: [0; MORE_WORDS],
            }
            .encode(),
            &[],
        );
        match wire.hear(SECOND) {
            Heard::Message(Message::Reply { code: found }, files) => {
                assert_eq!((found, files.len()), (code, 1));
            }
            other => panic!("{other:?}"),
        }
    }
}
