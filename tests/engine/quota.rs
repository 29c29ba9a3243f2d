//! Rings are charged to their user for as long as anybody holds them.

use crate::actor::{Actor, Tale, begin};
use crate::admission::eventually_settled;
use crate::harness::{Engine, Holdings, Setup, Watchdog, eventually};
use crate::users::{ALLOWED, as_user, can_be_another_user, open_engine};
use crate::wire::{Channel, Heard, Wire};
use factord_core::channel::{AttachError, Message, Refusal};
use factord_core::client::{AttachOptions, Client};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// Bytes of the two rings of 1,000 features and 1,024 slots, and how often they fit 64 MiB.
const RINGS_LEN: u64 = (2 + 1024 * 126 + 2 + 1024) * 64;
const FIT: usize = ((64 << 20) / RINGS_LEN) as usize;

/// What is kept of a channel after its end.
type Kept = Box<dyn std::any::Any>;

/// A way to keep the rings of a channel that is over.
type Way = &'static dyn Fn(Wire) -> Option<Kept>;

/// Makes large channels and ends them, keeping what `keep` leaves, until one is refused.
fn kept_until_refused(engine: &Engine, keep: impl Fn(Wire) -> Option<Kept>) -> Vec<Kept> {
    let mut kept = Vec::new();
    while let Some(rings) = keep(Wire::open(engine.socket())) {
        kept.push(rings);
        assert!(kept.len() <= 2 * FIT, "{} rings of {RINGS_LEN} bytes are kept", kept.len());
    }
    kept
}

/// The descriptors of a large channel, or the refusal that must be the byte quota's.
fn rings(wire: &Wire) -> Option<[OwnedFd; 4]> {
    wire.greet(1000, 1024);
    match wire.hear(5 * SECOND) {
        Heard::Message(Message::Welcome(_), files) => Some(files.try_into().unwrap()),
        Heard::Message(Message::Refused { refusal, .. }, _) => {
            assert!(matches!(refusal, Refusal::ByteQuota { .. }), "{refusal}");
            None
        }
        other => panic!("{other:?}"),
    }
}

/// A socket pair with descriptors on their way in it.
fn in_flight(files: &[OwnedFd]) -> [OwnedFd; 2] {
    let flags = SocketFlags::CLOEXEC;
    let (near, far) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    factord_core::sys::socket::send(near.as_fd(), &[1], &files).unwrap();
    [near, far]
}

#[test]
fn rings_are_charged_until_nobody_holds_them_however_they_are_kept() {
    let _watchdog = Watchdog::start("kept rings", 120);
    let engine = Engine::start();
    kept_in_every_way(&engine, &engine.holdings());
}

#[test]
fn what_another_user_keeps_passes_on_or_leaves_unread_is_bounded_and_locks_nobody_else_out() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("rings that another user keeps", 120);
    let engine = open_engine(Setup::new());
    let base = eventually_settled(&engine);
    let (engine, done) = (&engine, &AtomicBool::new(false));
    let (beside, most) = thread::scope(|scope| {
        let root = scope.spawn(|| {
            let (mut count, mut most) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                drop(Client::attach(&engine.options(1000, 1024)).unwrap());
                count += 1;
                most = most.max(engine.holdings().descriptors);
                thread::sleep(Duration::from_millis(50));
            }
            (count, most)
        });
        let other = as_user(scope, ALLOWED[0], || keeps_all_it_can(engine)).join();
        done.store(true, Ordering::Relaxed);
        other.unwrap();
        root.join().unwrap()
    });
    println!("root attached {beside} times beside it; the engine had {most} descriptors at most");
    assert!(beside >= 10, "{beside}");
    // Two rings and a socket each that wait to be read, those of root, and what was there before.
    assert!(most <= base.descriptors + 5 * FIT, "{most}, at first {base:?}");
    engine.returns_to(&base);
}

/// Keeps rings in every way at once until the quota is used up, for a second.
fn keeps_all_it_can(engine: &Engine) {
    let mut kept: Vec<Kept> = Vec::new();
    for (what, keep) in WAYS.into_iter().cycle() {
        let Some(rings) = keep(Wire::open(engine.socket())) else {
            println!(
                "user {}: {} kept of {FIT} that fit, then not by {what}",
                ALLOWED[0],
                kept.len()
            );
            break;
        };
        kept.push(rings);
        assert!(kept.len() <= FIT, "{} rings of {RINGS_LEN} bytes are kept", kept.len());
    }
    assert_eq!(kept.len(), FIT);
    let end = Instant::now() + Duration::from_millis(1200);
    while Instant::now() < end {
        let error = Client::attach(&engine.options(1000, 1024)).unwrap_err();
        assert!(matches!(error, AttachError::Refused(Refusal::ByteQuota { .. })), "{error}");
        thread::sleep(Duration::from_millis(10));
    }
    drop(kept);
    let room = || Client::attach(&engine.options(1000, 1024)).ok();
    drop(eventually("room again", SECOND, room));
}

/// Has a client attach and close so often as another user, with a quota of so many channels.
fn attaches_again_and_again(count: u64, quota: &str) {
    let engine = &open_engine(Setup::new().with(&["--channels-per-uid", quota]));
    let base = eventually_settled(engine);
    let start = Instant::now();
    // In a process of its own: one that another test starts holds what this one has open until it
    // executes, and a channel is charged for as long.
    let tale = Actor::start("again", engine.socket(), count).finish();
    let (took, longest) = (start.elapsed(), Duration::from_micros(tale.longest_us));
    let snapshot = engine.snapshot();
    println!("quota {quota}: {count} attaches in {took:?}, the slowest {longest:?}, none refused");
    assert_eq!((snapshot.attached_total, snapshot.refused_total), (count, 0));
    engine.returns_to(&base);
}

/// The client of [`attaches_again_and_again`].
pub(crate) fn again(options: &AttachOptions, count: u64) -> Tale {
    drop(begin());
    let attach_all = || {
        let mut longest = Duration::ZERO;
        for number in 0..count {
            let before = Instant::now();
            let mut client =
                Client::attach(options).unwrap_or_else(|error| panic!("attach {number}: {error}"));
            longest = longest.max(before.elapsed());
            if number % 100 == 0 {
                assert!(client.predict(0, &[0.5, 0.2, 0.3], 5 * SECOND).is_ok(), "{number}");
            }
        }
        longest
    };
    let longest = match can_be_another_user() {
        true => thread::scope(|scope| as_user(scope, ALLOWED[0], attach_all).join().unwrap()),
        false => attach_all(),
    };
    Tale { longest_us: longest.as_micros() as u64, ..Tale::default() }
}

#[test]
fn a_client_that_closes_and_attaches_ten_thousand_times_is_never_locked_out() {
    let _watchdog = Watchdog::start("ten thousand attaches", 300);
    attaches_again_and_again(10_000, "32");
    attaches_again_and_again(200, "1");
}

#[test]
fn a_greeting_beyond_the_quota_is_refused_although_another_user_leaves() {
    if !can_be_another_user() {
        return;
    }
    let engine = open_engine(Setup::new().with(&["--channels-per-uid", "1"]));
    let (engine, done) = (&engine, &AtomicBool::new(false));
    thread::scope(|scope| {
        let leaving = as_user(scope, ALLOWED[1], || {
            while !done.load(Ordering::Relaxed) {
                drop(Client::attach(&engine.options(3, 8)).unwrap());
            }
        });
        let held = as_user(scope, ALLOWED[0], || {
            let _kept = Client::attach(&engine.options(3, 8)).unwrap();
            for _ in 0..20 {
                let error = Client::attach(&engine.options(3, 8)).unwrap_err();
                let quota = Refusal::ChannelQuota { used: 1, limit: 1 };
                assert!(matches!(error, AttachError::Refused(r) if r == quota), "{error}");
            }
        });
        let held = held.join();
        done.store(true, Ordering::Relaxed);
        held.unwrap();
        leaving.join().unwrap();
    });
}

/// The ways to keep rings, each with its name.
const WAYS: [(&str, Way); 5] = [
    ("a descriptor", &|wire| {
        let [.., req, _] = rings(&wire)?;
        Some(Box::new(req))
    }),
    ("a descriptor that only names the file", &|wire| {
        let [.., req, _] = rings(&wire)?;
        let path = format!("/proc/self/fd/{}", req.as_raw_fd());
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        Some(Box::new(rustix::fs::open(path, flags, Mode::empty()).unwrap()))
    }),
    ("a mapping", &|wire| {
        let [.., req, _] = rings(&wire)?;
        Some(Box::new(memmap2::MmapOptions::new().map_raw_read_only(&req).unwrap()))
    }),
    ("a descriptor in flight", &|wire| Some(Box::new(in_flight(&rings(&wire)?[2..])))),
    ("an unread welcome", &|wire| {
        wire.greet(1000, 1024);
        let limit = Duration::from_secs(5);
        assert!(factord_core::sys::socket::wait_readable(wire.socket.as_fd(), limit).unwrap());
        // Looks without taking: a refusal has no descriptors.
        let mut word = [0; 16];
        rustix::net::recv(&wire.socket, &mut word, rustix::net::RecvFlags::PEEK).unwrap();
        if word[8] == 5 {
            return None;
        }
        rustix::net::shutdown(&wire.socket, rustix::net::Shutdown::Both).unwrap();
        Some(Box::new(wire))
    }),
];

/// Keeps rings in each way, as many as there can be.
fn kept_in_every_way(engine: &Engine, base: &Holdings) {
    for (what, keep) in WAYS {
        let kept = kept_until_refused(engine, keep);
        println!("{what}: {} kept of {FIT} that fit", kept.len());
        assert_eq!(kept.len(), FIT, "{what}");
        // Longer than any deadline.
        thread::sleep(Duration::from_millis(1200));
        let error = Client::attach(&engine.options(1000, 1024)).unwrap_err();
        let quota = matches!(error, AttachError::Refused(Refusal::ByteQuota { .. }));
        assert!(quota, "{what}: {error}");
        drop(kept);
        engine.returns_to(base);
        let room = || Client::attach(&engine.options(1000, 1024)).ok();
        drop(eventually("room again", SECOND, room));
        engine.returns_to(base);
    }
}

#[test]
fn a_channel_whose_descriptors_were_not_taken_is_not_served() {
    let engine = Engine::start();
    let base = engine.holdings();
    let wire = Wire::open(engine.socket());
    wire.greet(3, 8);
    let limit = Duration::from_secs(1);
    assert!(factord_core::sys::socket::wait_readable(wire.socket.as_fd(), limit).unwrap());
    wire.say(&Message::Mapped.encode(), &[]);
    let refused = || (engine.snapshot().refused_total == 1).then_some(());
    eventually("the refusal", SECOND, refused);
    assert!(matches!(wire.hear(SECOND), Heard::Message(Message::Welcome(_), _)));
    assert_eq!(wire.is_refused(), Refusal::TooMany { used: 1, limit: 1 });
    engine.returns_to(&base);
}

#[test]
fn a_channel_that_was_served_is_charged_until_its_rings_are_let_go() {
    let engine = Setup::new().with(&["--channels-per-uid", "1"]).start();
    let base = engine.holdings();
    let Channel { wire, descriptors, req, resp, .. } = Channel::open(&engine, 3, 64);
    drop((wire, descriptors, resp));
    let freed = || (engine.snapshot().channel_count == 0).then_some(());
    eventually("the channel to be freed", SECOND, freed);
    thread::sleep(Duration::from_millis(100));
    let error = Client::attach(&engine.options(3, 64)).unwrap_err();
    let quota = Refusal::ChannelQuota { used: 1, limit: 1 };
    assert!(matches!(error, AttachError::Refused(refusal) if refusal == quota), "{error}");
    drop(req);
    let room = || Client::attach(&engine.options(3, 64)).ok();
    drop(eventually("room again", SECOND, room));
    engine.returns_to(&base);
}
