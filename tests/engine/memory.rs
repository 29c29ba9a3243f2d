//! Shared memory in the hands of a client that wants to break it. These tests run as the daemon's
//! own user, and in CI as root: whoever may open everything is the hardest to keep out.

use crate::actor::Actor;
use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Watchdog, eventually};
use crate::wire::{Channel, REGRESSION, Wire};
use factord_core::abi::{self, request};
use factord_core::channel::{Message, Refusal};
use factord_core::sync::Ordering;
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate};
use rustix::mm::{Advice, MprotectFlags, madvise, mprotect};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const PAGE: u64 = 4096;

fn length(file: &OwnedFd) -> u64 {
    rustix::fs::fstat(file).unwrap().st_size as u64
}

fn punch(file: &OwnedFd) -> rustix::io::Result<()> {
    fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, PAGE)
}

/// Makes a mapping writable that was made for reading.
fn make_writable(map: &MmapRaw) -> rustix::io::Result<()> {
    let flags = MprotectFlags::READ | MprotectFlags::WRITE;
    // SAFETY: the pointer and length are those of a live mapping, whose memory nobody refers to.
    unsafe { mprotect(map.as_mut_ptr().cast(), map.len(), flags) }
}

/// Takes the memory under a mapping away.
fn remove(map: &MmapRaw) -> rustix::io::Result<()> {
    // SAFETY: the pointer and length are those of a live mapping, whose memory nobody refers to.
    unsafe { madvise(map.as_mut_ptr().cast(), map.len(), Advice::LinuxRemove) }
}

/// Tries everything that would take memory away or write where this side may not; returns what
/// succeeded and how much was tried.
fn attack(name: &str, file: &OwnedFd) -> (Vec<String>, usize) {
    let len = length(file);
    let reopened = rustix::fs::open(
        format!("/proc/self/fd/{}", file.as_raw_fd()),
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let mut broken = Vec::new();
    let mut tried = 0;
    let mut check = |what: &str, succeeded: bool| {
        tried += 1;
        if succeeded {
            broken.push(format!("{name}: {what}"));
        }
    };
    for (way, file) in [("given", Some(file)), ("re-opened", reopened.as_ref().ok())] {
        let Some(file) = file else { continue };
        let mut check = |what: &str, succeeded| check(&format!("{way}: {what}"), succeeded);
        check("shrink", ftruncate(file, 0).is_ok());
        check("grow", ftruncate(file, len + PAGE).is_ok());
        check("punch a hole", punch(file).is_ok());
        check("grow by allocation", fallocate(file, FallocateFlags::empty(), len, PAGE).is_ok());
        check("write", rustix::io::pwrite(file, &[1], 0).is_ok());
        check("map for writing", MmapOptions::new().map_raw(file).is_ok());
        let readable = MmapOptions::new().map_raw_read_only(file).unwrap();
        check("make a mapping writable", make_writable(&readable).is_ok());
        check("remove memory", remove(&readable).is_ok());
    }
    assert_eq!(length(file), len);
    (broken, tried)
}

#[test]
fn nobody_but_the_daemon_writes_to_status_and_models() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let wire = Wire::open(engine.socket());
    let (_, descriptors) = wire.welcomed(3, 64);
    let mut tried = 0;
    for round in ["before mapped", "after ready"] {
        for (name, file) in [("STATUS", &descriptors[0]), ("MODELS", &descriptors[3])] {
            let (broken, count) = attack(name, file);
            assert!(broken.is_empty(), "{round}: {broken:?}");
            assert!(fcntl_add_seals(file, SealFlags::WRITE).is_err(), "{round}: {name}");
            tried += count;
        }
        if round == "before mapped" {
            wire.say(&Message::Mapped.encode(), &[]);
            wire.is_ready();
        }
    }
    assert!(tried >= 4 * 8, "only {tried} attacks");
    let x = [0.5, 0.2, 0.3];
    assert_exact(&data::embedded()[0], &x, &client.predict(0, &x, SECOND));
}

#[test]
fn after_ready_the_memory_of_a_channel_cannot_be_taken_away_or_mapped_for_writing_again() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let channel = Channel::open(&engine, 3, 64);
    for (name, file) in [("REQ", &channel.descriptors[1]), ("RESP", &channel.descriptors[2])] {
        let (broken, tried) = attack(name, file);
        assert!(broken.is_empty() && tried >= 8, "{tried}: {broken:?}");
        let own = MmapOptions::new().map_raw_read_only(file).unwrap();
        assert!(remove(&own).is_err(), "{name}");
        assert!(fcntl_add_seals(file, SealFlags::WRITE).is_err(), "{name}");
    }
    // The mapping made before goes on working.
    channel.word(1, request::META).store(REGRESSION, Ordering::Relaxed);
    channel.word(1, request::FEATURES).store(0.5f64.to_bits(), Ordering::Relaxed);
    channel.word(1, request::SEQUENCE).store(1, Ordering::Relaxed);
    let x = [0.5, 0.2, 0.3];
    assert_exact(&data::embedded()[0], &x, &client.predict(0, &x, SECOND));
    assert_eq!(engine.snapshot().workers[0].ok, 2);
}

#[test]
fn holes_punched_before_ready_do_no_harm() {
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let wire = Wire::open(engine.socket());
    let (_, descriptors) = wire.welcomed(3, 64);
    for ring in &descriptors[1..3] {
        assert!(ftruncate(ring, 0).is_err());
        punch(ring).unwrap();
    }
    wire.say(&Message::Mapped.encode(), &[]);
    wire.is_ready();
    let x = [0.5, 0.2, 0.3];
    assert_exact(&data::embedded()[0], &x, &client.predict(0, &x, SECOND));
}

#[test]
fn a_client_that_seals_its_memory_first_is_refused() {
    let engine = Engine::start();
    let base = engine.holdings();
    for ring in [1, 2] {
        let wire = Wire::open(engine.socket());
        let (_, descriptors) = wire.welcomed(3, 64);
        fcntl_add_seals(&descriptors[ring], SealFlags::SEAL).unwrap();
        wire.say(&Message::Mapped.encode(), &[]);
        assert_eq!(wire.is_refused(), Refusal::Sealed);
    }
    engine.returns_to(&base);
}

#[test]
fn a_sequence_from_the_future_is_counted_and_ends_its_own_channel_alone() {
    let _watchdog = Watchdog::start("violations", 30);
    let engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let base = engine.holdings();
    for jump in [2, 65, u64::MAX] {
        let before = engine.snapshot().workers[0].clone();
        let channel = Channel::open(&engine, 3, 64);
        channel.word(1, request::SEQUENCE).store(0, Ordering::Relaxed);
        channel.word(1, request::SEQUENCE).store(jump, Ordering::Relaxed);
        channel.wire.is_closed_within(SECOND);
        let after = engine.snapshot().workers[0].clone();
        assert_eq!(after.violations - before.violations, 64, "jump to {jump}");
        assert_eq!(after.detached - before.detached, 1);
        assert_eq!(after.requests, before.requests, "nothing was answered");
        let x = [0.5, 0.2, 0.3];
        assert_exact(&data::embedded()[0], &x, &client.predict(0, &x, SECOND));
    }
    engine.returns_to(&base);
    // A thread of its own writes the log.
    let logged = || engine.setup.log().contains("it broke the ring protocol");
    eventually("the line in the log", SECOND, || logged().then_some(()));
}

#[test]
fn clients_that_scribble_over_their_slots_disturb_nobody() {
    let _watchdog = Watchdog::start("scribblers", 60);
    let engine = Engine::start();
    let victims = ["predict", "pipeline"];
    let victims = victims.map(|role| Actor::start(role, engine.socket(), 3));
    let base = engine.holdings();
    let end = Instant::now() + Duration::from_millis(1500);
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let engine = &engine;
            scope.spawn(move || {
                let mut channels = 0;
                while Instant::now() < end || channels < 2 {
                    let width = [3, 3, 64][seed as usize];
                    // The first goes on until the daemon hangs up, however slow the machine is.
                    let patience = if channels == 0 { 10 * SECOND } else { SECOND / 3 };
                    let channel = Channel::open(engine, width, 16);
                    scribble(&channel, seed + 10 * channels, Instant::now() + patience);
                    channels += 1;
                }
                assert!(channels >= 2, "{channels} channels");
            });
        }
    });
    let counters = engine.snapshot().workers[0].clone();
    assert!(counters.violations > 0 && counters.detached > 0, "{counters:?}");
    assert!(counters.bad_input > 0 && counters.unknown_model > 0, "{counters:?}");
    engine.returns_to(&base);
    for victim in victims {
        victim.finish().is_flawless(50);
    }
}

/// Writes words of every sort everywhere, with sequences that are mostly the ones looked for,
/// until the daemon hangs up or some time has passed.
fn scribble(channel: &Channel, seed: u64, end: Instant) {
    let mut random = Random(seed);
    let (words, answers) = (channel.req.words(), channel.resp.words());
    let kinds = [f64::NAN.to_bits(), f64::INFINITY.to_bits(), 1, 1 << 63, 0x3fe0 << 48, u64::MAX];
    let mut position = 1;
    while Instant::now() < end {
        for _ in 0..200 {
            let place = random.bits() as usize % words.len();
            if place % abi::LINE_WORDS != request::SEQUENCE {
                words[place].store(kinds[random.bits() as usize % 6], Ordering::Relaxed);
            }
            answers[random.bits() as usize % answers.len()].store(random.bits(), Ordering::Relaxed);
        }
        for _ in 0..8 {
            channel
                .word(position, request::META)
                .store(REGRESSION | random.bits() & 3, Ordering::Relaxed);
            channel.word(position, request::SEQUENCE).store(position, Ordering::Release);
            position += 1;
        }
        // Gives the worker time to look at them, mostly.
        std::thread::sleep(Duration::from_millis(2));
        if random.bits().is_multiple_of(50) {
            channel.word(random.bits(), request::SEQUENCE).store(random.bits(), Ordering::Relaxed);
        }
    }
}
