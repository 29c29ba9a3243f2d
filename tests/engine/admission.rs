//! Who may do what at the control socket, and that nobody holds what others need.

use crate::harness::{Engine, Holdings, Setup, Watchdog, eventually};
use crate::users::{ALLOWED, OPERATOR, STRANGER, as_user, can_be_another_user, open_engine};
use crate::wire::{Heard, Wire, hello};
use factord_core::abi;
use factord_core::channel::{MODEL_NAME_LEN, MORE_WORDS, Message, Refusal, Verb};
use factord_core::client::Client;
use factord_core::counters::Observer;
use factord_core::sys::{sched, socket};
use rustix::process::Signal;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn command(verb: Verb, argument: u64) -> Message {
    Message::Command {
        abi: abi::ABI_WORD,
        verb: verb as u64,
        argument,
        name: [0; MODEL_NAME_LEN],
        more: [0; MORE_WORDS],
    }
}

fn ask(engine: &Engine, message: &Message) -> Heard {
    let wire = Wire::open(engine.socket());
    wire.say(&message.encode(), &[]);
    wire.hear(SECOND)
}

#[test]
fn a_user_attaches_when_allowed_and_uses_verbs_only_as_an_operator() {
    if !can_be_another_user() {
        return;
    }
    let engine = open_engine(Setup::new());
    let fingerprint = engine.snapshot().models.unwrap()[0].fingerprint();
    let verbs = [command(Verb::Reload, 0), command(Verb::Artifact, fingerprint)];
    let (engine, verbs) = (&engine, &verbs);
    thread::scope(|scope| {
        for (uid, operates) in [(ALLOWED[0], false), (OPERATOR, true)] {
            let may = as_user(scope, uid, move || {
                for verb in verbs {
                    match ask(engine, verb) {
                        Heard::Message(Message::Refused { refusal, .. }, _) => {
                            assert_eq!(refusal, Refusal::NotPermitted { uid: uid.into() });
                            assert!(!operates);
                        }
                        Heard::Message(Message::Reply { code: 0 }, files) => {
                            assert!(operates && files.len() == 1);
                        }
                        other => panic!("user {uid}: {other:?}"),
                    }
                }
                Client::attach(&engine.options(3, 8)).is_ok()
            });
            assert!(may.join().unwrap(), "user {uid} attaches");
        }
    });
    assert_eq!(engine.snapshot().reloads_total, 1);
    assert!(matches!(ask(engine, &verbs[0]), Heard::Message(Message::Reply { code: 0 }, _)));
}

#[test]
fn a_stranger_is_told_before_it_says_a_word_and_the_log_does_not_grow_with_each() {
    if !can_be_another_user() {
        return;
    }
    let engine = open_engine(Setup::new());
    thread::scope(|scope| {
        as_user(scope, STRANGER, || {
            let silent = Wire::open(engine.socket());
            let refusal = Refusal::NotAllowed { uid: STRANGER.into() };
            assert_eq!(silent.is_refused(), refusal);
            for _ in 0..80 {
                let wire = Wire::open(engine.socket());
                wire.greet(3, 8);
                assert_eq!(wire.is_refused(), refusal);
            }
        });
    });
    assert_eq!(engine.snapshot().refused_total, 81);
    let told = |log: &str| log.contains("more times");
    eventually("the number of refusals", 3 * SECOND, || told(&engine.setup.log()).then_some(()));
    let log = engine.setup.log();
    assert!(log.matches("refused").count() < 20, "{log}");
}

/// The holdings once the connections made so far are gone.
pub(crate) fn eventually_settled(engine: &Engine) -> Holdings {
    let mut last = engine.holdings();
    eventually("the daemon to settle", 3 * SECOND, || {
        thread::sleep(Duration::from_millis(50));
        let before = std::mem::replace(&mut last, engine.holdings());
        (before == last).then_some(())
    });
    last
}

/// Attaches as an allowed user until some time has passed: how often, and the longest wait.
fn attaches(engine: &Engine, uid: u32, time: Duration) -> Result<(u32, Duration), String> {
    let attach = || {
        let (start, mut count, mut longest) = (Instant::now(), 0, Duration::ZERO);
        while start.elapsed() < time {
            let one = Instant::now();
            let client = Client::attach(&engine.options(3, 8));
            longest = longest.max(one.elapsed());
            count += 1;
            drop(client.map_err(|error| format!("attach {count}: {error}"))?);
            thread::sleep(Duration::from_millis(5));
        }
        Ok((count, longest))
    };
    thread::scope(|scope| as_user(scope, uid, attach).join().unwrap())
}

/// Watches the heart until `done`; its greatest age.
fn oldest_heartbeat(engine: &Engine, done: &AtomicBool) -> Duration {
    let observer = Observer::attach(Some(engine.socket())).unwrap();
    let mut oldest = 0;
    while !done.load(Ordering::Relaxed) {
        oldest = oldest.max(observer.heartbeat_age_ns());
        thread::sleep(Duration::from_millis(2));
    }
    Duration::from_nanos(oldest)
}

/// Holds up to `most` connections until `done`, each with a message said on it again and again.
fn hold(engine: &Engine, done: &AtomicBool, most: usize, message: Option<&Message>) {
    let bytes = message.map(Message::encode);
    let mut held: Vec<OwnedFd> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        // 1,600 a second: places are taken faster than deadlines free them, and the listener's
        // queue, in which all wait alike, stays short.
        let free = most.saturating_sub(held.len()).min(16);
        held.extend((0..free).map_while(|_| connect(engine)));
        held.retain(|socket| !socket::hung_up(socket.as_fd()));
        for socket in &held {
            if let Some(bytes) = &bytes {
                // Full, or closed by the daemon: both are found at the next round.
                let _ = socket::send(socket.as_fd(), bytes, &[]);
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Connects if the listener has room, without waiting for it.
fn connect(engine: &Engine) -> Option<OwnedFd> {
    use rustix::net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).ok()?;
    connect(&socket, &SocketAddrUnix::new(engine.socket()).unwrap()).ok()?;
    Some(socket)
}

/// Sets a flag when dropped, so that a test that fails does not wait for its attackers.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Goes on until the flag is set.
type Attack<'a> = &'a (dyn Fn(&Engine, &AtomicBool) + Sync);

/// Attackers, a heart that is watched, and an allowed user, whose every attach must be done within
/// a second meanwhile.
fn one_round(what: &str, engine: &Engine, attackers: &[(u32, Attack<'_>)]) -> Result<(), String> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let done = Done(&done);
        for &(uid, attack) in attackers {
            let done = done.0;
            as_user(scope, uid, move || attack(engine, done));
        }
        let flag = done.0;
        let heart = scope.spawn(move || oldest_heartbeat(engine, flag));
        thread::sleep(SECOND);
        let attached = attaches(engine, ALLOWED[2], 2 * SECOND);
        drop(done);
        let oldest = heart.join().unwrap();
        println!("{what}: attaches {attached:?}; heartbeat at most {oldest:?} old");
        let (_, longest) = attached?;
        if longest >= SECOND || oldest >= Duration::from_millis(250) {
            return Err(format!("an attach took {longest:?}, a heartbeat was {oldest:?} old"));
        }
        Ok(())
    })
}

fn others_attach_beside(what: &str, engine: &Engine, attackers: &[(u32, Attack<'_>)]) {
    // Beside other programs, whoever has to share a processor may miss any deadline: one round of
    // three has to be free of them. What attackers alone delay is late in each.
    let failed: Vec<String> =
        (0..3).map_while(|_| one_round(what, engine, attackers).err()).collect();
    assert!(failed.len() < 3, "{what}: {failed:#?}");
}

#[test]
fn places_taken_in_silence_or_for_status_leave_room_for_others() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("places", 60);
    sched::raise_descriptor_limit().unwrap();
    let engine = open_engine(Setup::new());
    let base = engine.holdings();
    let silent: Attack<'_> = &|engine, done| hold(engine, done, 1100, None);
    let status = hello(abi::ABI_WORD, 3, 0);
    let observer: Attack<'_> = &|engine, done| hold(engine, done, 1100, Some(&status));
    others_attach_beside("a stranger", &engine, &[(STRANGER, silent)]);
    let allowed = [(ALLOWED[0], silent), (ALLOWED[1], observer)];
    others_attach_beside("allowed users", &engine, &allowed);
    engine.returns_to(&base);
}

#[test]
fn storms_of_large_rings_connects_and_reloads_leave_time_for_others() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("storms", 120);
    sched::raise_descriptor_limit().unwrap();
    let engine = open_engine(Setup::new());
    let base = engine.holdings();
    let large = hello(abi::ABI_WORD, 1000, 1024).encode();
    let rings: Attack<'_> = &|engine, done| {
        while !done.load(Ordering::Relaxed) {
            let four: Vec<_> = (0..4).filter_map(|_| connect(engine)).collect();
            for socket in &four {
                let _ = socket::send(socket.as_fd(), &large, &[]);
            }
            thread::sleep(Duration::from_millis(1));
        }
    };
    others_attach_beside("large rings", &engine, &[(ALLOWED[0], rings); 4]);
    let knocks: Attack<'_> = &|engine, done| {
        while !done.load(Ordering::Relaxed) {
            drop(connect(engine));
        }
    };
    others_attach_beside("connects", &engine, &[(STRANGER, knocks); 2]);
    let reload = command(Verb::Reload, 0);
    let reloads: Attack<'_> = &|engine, done| hold(engine, done, 100, Some(&reload));
    others_attach_beside("reloads", &engine, &[(OPERATOR, reloads)]);
    engine.returns_to(&base);
}

#[test]
fn a_reply_that_is_not_read_is_the_only_one_and_keeps_its_place() {
    let _watchdog = Watchdog::start("unread replies", 60);
    let engine = Engine::start();
    let fingerprint = engine.snapshot().models.unwrap()[0].fingerprint();
    let artifact = command(Verb::Artifact, fingerprint);
    drop(ask(&engine, &artifact));
    let base = eventually_settled(&engine);
    let wires: Vec<Wire> = (0..50).map(|_| Wire::open(engine.socket())).collect();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1500) {
        wires.iter().for_each(|wire| wire.say(&artifact.encode(), &[]));
        thread::sleep(Duration::from_millis(5));
    }
    drop(engine.attach(3, 8));
    let held = engine.holdings().descriptors - base.descriptors;
    assert!(held >= 50, "{held} descriptors: a connection with an unread reply keeps its place");
    assert!(held <= 60, "{held} descriptors");
    let mut inodes = Vec::new();
    for wire in &wires {
        match wire.hear(SECOND) {
            Heard::Message(Message::Reply { code: 0 }, files) => {
                inodes.extend(files.iter().map(|file| rustix::fs::fstat(file).unwrap().st_ino));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(wire.is_refused(), Refusal::TooMany { used: 1, limit: 1 });
    }
    assert_eq!(inodes.len(), 50);
    assert!(inodes.iter().all(|inode| *inode == inodes[0]), "one file for all: {inodes:?}");
    engine.returns_to(&base);
}

#[test]
fn nothing_is_made_for_clients_that_have_gone_before_their_turn() {
    let _watchdog = Watchdog::start("dead connections", 60);
    let engine = Engine::start();
    let _running = engine.attach(3, 8);
    engine.process.stop();
    for _ in 0..1000 {
        let wire = Wire::open(engine.socket());
        wire.greet(1000, 1024);
    }
    let live = Wire::open(engine.socket());
    live.greet(3, 8);
    engine.process.signal(Signal::CONT);
    let heard = live.hear(SECOND);
    assert!(matches!(heard, Heard::Message(Message::Welcome(_), _)), "{heard:?}");
    assert!(!engine.setup.log().contains("WARN"), "{}", engine.setup.log());
}

#[test]
fn a_client_of_another_pid_namespace_is_served_and_its_end_noticed() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("PID namespaces", 60);
    let mut setup = Setup::new();
    let prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    setup.prefix = prefix.map(str::to_owned).to_vec();
    let engine = setup.start();
    let mut client = engine.attach(3, 8);
    assert!(client.predict(0, &[0.5, 0.2, 0.3], SECOND).is_ok());
    assert_eq!(engine.snapshot().channel_count, 1);
    drop(client);
    let freed = || (engine.snapshot().channel_count == 0).then_some(());
    eventually("the channel to be freed", SECOND, freed);
}

#[test]
fn without_proc_the_daemon_says_so_and_does_not_start() {
    if !can_be_another_user() {
        return;
    }
    let mut setup = Setup::new();
    let hide = "mount -t tmpfs none /proc && exec \"$@\"";
    let prefix = ["unshare", "--mount", "sh", "-c", hide, "sh"];
    setup.prefix = prefix.map(str::to_owned).to_vec();
    let (code, text, log) = setup.run_to_end();
    assert_eq!((code, text.as_str()), (Some(71), ""), "{log}");
    assert!(log.contains("mount /proc"), "{log}");
}
