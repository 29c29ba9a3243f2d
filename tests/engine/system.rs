//! The engine among processes, users, limits and signals.

use crate::actor::Actor;
use crate::data::{self, assert_exact};
use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use crate::ports::free_port;
use factord_core::channel::Refusal;
use factord_core::client::{AttachError, AttachOptions, Client};
use factord_core::counters::{Observer, State};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const X: [f64; 3] = [0.5, 0.2, 0.3];

pub(crate) fn serves(client: &mut Client) {
    assert_exact(&data::embedded()[0], &X, &client.predict(0, &X, SECOND));
}

pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Runs a sub-command of the binary, found at `program`, behind other words.
pub(crate) fn run(prefix: &[String], program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut all =
        prefix.iter().map(String::as_str).chain([program]).chain(arguments.iter().copied());
    let mut command = Command::new(all.next().unwrap());
    let output = command.args(all).env_remove("FACTORD_SOCKET").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Whether this is root, who alone can be somebody else; said plainly when not, which fails in CI.
pub(crate) fn can_be_another_user() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none(), "not root in CI");
        println!("SKIPPED: only root can run a program as another user");
    }
    root
}

/// A user that owns nothing here.
pub(crate) const STRANGER: u32 = 64_917;

pub(crate) fn as_stranger() -> Vec<String> {
    words(&format!("setpriv --reuid {STRANGER} --regid {STRANGER} --clear-groups"))
}

/// Opens the test's directory to everybody and puts a copy of the binary there.
pub(crate) fn open_to_all(setup: &Setup) -> PathBuf {
    let program = setup.directory.path().join("factord");
    // NB: a copy made here could be inherited, open for writing, by a child of another test.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_factord")).arg(&program).status();
    assert!(copied.unwrap().success());
    for path in [setup.directory.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    program
}

#[test]
fn another_user_is_refused_by_number_unless_it_is_on_the_allow_list() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("another user", 60);
    for allowed in [false, true] {
        let stranger = STRANGER.to_string();
        let setup =
            if allowed { Setup::new().with(&["--allow-uid", &stranger]) } else { Setup::new() };
        let program = open_to_all(&setup);
        let engine = setup.start();
        let mode = fs::metadata(engine.socket()).unwrap().mode();
        assert_eq!(mode & 0o777, if allowed { 0o666 } else { 0o660 });
        let socket = engine.socket().to_str().unwrap();
        let arguments = ["--socket", socket, "predict", "regression", "0.5", "0.2", "0.3"];
        let ask = || run(&as_stranger(), program.to_str().unwrap(), &arguments);
        if !allowed {
            let (code, text) = ask();
            assert_eq!(code, Some(77), "the socket's mode keeps others out: {text}");
        }
        fs::set_permissions(socket, fs::Permissions::from_mode(0o666)).unwrap();
        let (code, text) = ask();
        if allowed {
            assert!(code == Some(0) && text.contains("0.500053855850386"), "{code:?} {text}");
        } else {
            assert_eq!(code, Some(77), "{text}");
            assert!(text.contains(&format!("user {STRANGER} is not on the daemon's allow-list")));
            assert_eq!(engine.snapshot().refused_total, 1);
        }
    }
}

#[test]
fn an_ordinary_user_without_a_runtime_directory_and_with_little_lockable_memory_serves() {
    if !can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("an ordinary user", 60);
    let directory = PathBuf::from(format!("/tmp/factord-{STRANGER}"));
    for (memlock_kib, warned) in [(8192, false), (64, true), (0, true)] {
        // A run that was killed may have left it.
        let _ = fs::remove_dir_all(&directory);
        let mut setup = Setup::new();
        let program = open_to_all(&setup);
        let limit = format!("prlimit --memlock={0}:{0}", memlock_kib * 1024);
        setup.prefix = [words(&limit), as_stranger()].concat();
        setup.program = program;
        setup.socket = None;
        let mut engine = setup.start();
        let socket = directory.join("factord.sock");
        assert!(engine.ready.contains(socket.to_str().unwrap()), "{}", engine.ready);
        let metadata = fs::metadata(&directory).unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (STRANGER, 0o700));
        engine.setup.socket = Some(socket);
        // Root trusts no other user below /tmp unless it is told to.
        let options = AttachOptions { daemon_uid: Some(STRANGER), ..engine.options(3, 4096) };
        let attach = |_| Client::attach(&options).unwrap();
        let mut clients: Vec<Client> = (0..3).map(attach).collect();
        clients.iter_mut().for_each(serves);
        engine.process.signal(Signal::TERM);
        assert_eq!(engine.process.ends_within(5 * SECOND).code(), Some(0));
        let log = engine.setup.log();
        for what in ["factord-status", "factord-models", "rings"] {
            let said = format!("{what} cannot be locked in memory");
            assert_eq!(log.matches(&said).count(), usize::from(warned), "{memlock_kib}: {log}");
        }
        assert!(!directory.exists(), "the daemon made it and left it");
    }
}

#[test]
fn without_descriptors_clients_are_turned_away_and_the_others_go_on() {
    let _watchdog = Watchdog::start("few descriptors", 60);
    let mut setup = Setup::new();
    setup.prefix = words("prlimit --nofile=64:64");
    let engine = setup.start();
    let base = engine.holdings();
    let mut clients = Vec::new();
    let refused = loop {
        match Client::attach(&engine.options(3, 8)) {
            Ok(client) => clients.push(client),
            Err(error) => break error,
        }
        assert!(clients.len() < 64);
    };
    assert!(clients.len() >= 15, "only {} clients", clients.len());
    let busy = matches!(refused, AttachError::Refused(Refusal::Busy) | AttachError::HungUp { .. });
    assert!(busy, "{refused}");
    for _ in 0..20 {
        assert!(Client::attach(&engine.options(3, 8)).is_err());
        clients.iter_mut().for_each(serves);
    }
    let log = engine.setup.log();
    assert!(log.contains("Too many open files"), "{log}");
    let lines = log.matches("Too many open files").count();
    assert!(lines < 20, "{lines} lines about 21 clients: {log}");
    clients.truncate(3);
    let back = || Client::attach(&engine.options(3, 8)).ok();
    let mut late = eventually("room for a client", SECOND, back);
    serves(&mut late);
    drop((late, clients));
    engine.returns_to(&base);
}

#[test]
fn on_a_single_cpu_the_worker_yields_and_serves() {
    let allowed = factord_core::sys::sched::allowed_cpus().unwrap();
    let mut setup = Setup::new();
    setup.prefix = words(&format!("taskset -c {}", allowed[0]));
    setup.arguments = words("--no-http");
    let engine = setup.start();
    let said = format!("CPU {}, idle strategy yield", allowed[0]);
    assert!(engine.ready.contains(&said), "{}", engine.ready);
    // NB: a thread that only yields may wait for long when other programs use its core.
    let answer = engine.attach(3, 8).predict(0, &X, 20 * SECOND);
    assert_exact(&data::embedded()[0], &X, &answer);
}

#[test]
fn a_cpu_that_may_not_be_used_is_refused() {
    let setup = Setup::new().with(&["--core", "1000"]);
    let (code, text, log) = setup.run_to_end();
    assert_eq!((code, text.as_str()), (Some(78), ""), "{log}");
    assert!(log.contains("CPU 1000 is not among the CPUs"), "{log}");
    assert!(!setup.socket.as_ref().unwrap().exists());
}

#[test]
fn a_path_in_use_is_refused_and_one_left_behind_is_taken_over() {
    let _watchdog = Watchdog::start("socket paths", 60);
    let mut engine = Engine::start();
    let mut client = engine.attach(3, 8);
    let mut second = Setup::new();
    second.socket = Some(engine.socket().to_owned());
    let (code, _, log) = second.run_to_end();
    assert_eq!(code, Some(69), "{log}");
    assert!(log.contains("a daemon is already running at"), "{log}");
    serves(&mut client);
    engine.process.stop();
    let (code, _, log) = second.run_to_end();
    assert_eq!(code, Some(69), "a daemon that stands still lives: {log}");
    engine.process.kill();
    assert!(fs::metadata(engine.socket()).unwrap().file_type().is_socket());
    engine.start_again();
    serves(&mut engine.attach(3, 8));
    let plain = Setup::new();
    fs::write(plain.socket.as_ref().unwrap(), "mine").unwrap();
    let (code, _, log) = plain.run_to_end();
    assert_eq!(code, Some(73), "{log}");
    assert!(log.contains("is not a socket"), "{log}");
    assert_eq!(fs::read(plain.socket.as_ref().unwrap()).unwrap(), b"mine");
}

#[test]
fn a_forked_child_that_holds_the_socket_does_not_keep_a_dead_clients_channel() {
    let _watchdog = Watchdog::start("forks", 30);
    let engine = Engine::start();
    let base = engine.holdings();
    let mut actor = Actor::start("fork", engine.socket(), 0);
    let child: i32 = actor.line("child").split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(engine.snapshot().channel_count, 1);
    actor.process.kill();
    engine.returns_to(&base);
    let files = fs::read_dir(format!("/proc/{child}/fd")).expect("the child lives");
    let sockets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    assert!(sockets.filter(|to| to.to_string_lossy().starts_with("socket:")).count() > 0);
    crate::harness::signal(child, Signal::KILL);
}

#[test]
fn a_signal_ends_the_daemon_cleanly() {
    let _watchdog = Watchdog::start("signals", 30);
    for signal in [Signal::INT, Signal::TERM] {
        let mut engine = Engine::start();
        let mut client = engine.attach(3, 8);
        serves(&mut client);
        engine.process.signal(signal);
        assert_eq!(engine.process.ends_within(2 * SECOND).code(), Some(0));
        assert!(!engine.socket().exists());
        let gone = client.predict(0, &X, Duration::from_millis(200));
        assert!(gone.is_err() && !client.connected());
    }
}

#[test]
fn an_observer_needs_no_help_of_the_daemon() {
    let _watchdog = Watchdog::start("observers", 30);
    let engine = Engine::start();
    let observer = Observer::attach(Some(engine.socket())).unwrap();
    let first = observer.heartbeat_count();
    eventually("a heartbeat", SECOND, || (observer.heartbeat_count() > first + 3).then_some(()));
    let mut client = engine.attach(3, 8);
    (0..5).for_each(|_| serves(&mut client));
    engine.process.stop();
    let (beats, start) = (observer.heartbeat_count(), Instant::now());
    std::thread::sleep(Duration::from_millis(100));
    let snapshot = observer.snapshot();
    assert_eq!(observer.heartbeat_count(), beats, "no heart beats in a stopped daemon");
    assert!(snapshot.heartbeat_age_ns >= 100_000_000, "{}", snapshot.heartbeat_age_ns);
    assert_eq!((snapshot.state, snapshot.pid), (State::Serving, engine.pid() as u32));
    assert_eq!((snapshot.channel_count, snapshot.workers[0].ok), (1, 5));
    assert_eq!(snapshot.models.unwrap().len(), 2);
    let program = env!("CARGO_BIN_EXE_factord");
    let (code, text) = run(&[], program, &["--socket", engine.socket().to_str().unwrap(), "stat"]);
    assert_eq!(code, Some(75), "a new observer is told by its deadline: {text}");
    assert!(start.elapsed() < 10 * SECOND);
    engine.process.signal(Signal::CONT);
    eventually("a heartbeat", SECOND, || (observer.heartbeat_count() > beats).then_some(()));
    assert_eq!(engine.holdings().channels, 1, "observers are no channels");
}

#[test]
fn a_stopped_client_delays_nobody_and_goes_on_where_it_was() {
    let _watchdog = Watchdog::start("stopped clients", 30);
    let engine = Engine::start();
    let stopped: Vec<Actor> =
        (0..2).map(|seed| Actor::start("pipeline", engine.socket(), seed)).collect();
    stopped.iter().for_each(|actor| actor.process.stop());
    let mut client = engine.attach(3, 8);
    (0..500).for_each(|_| serves(&mut client));
    assert_eq!(engine.snapshot().channel_count, 3, "a stopped client is not a dead one");
    for actor in stopped {
        actor.process.signal(Signal::CONT);
        actor.finish().is_flawless(1);
    }
}

/// The sidecar of a daemon: its only child.
pub(crate) fn sidecar(engine: &Engine) -> Option<i32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", engine.pid())).ok()?;
    let children = tasks.filter_map(|t| fs::read_to_string(t.ok()?.path().join("children")).ok());
    let all: String = children.collect();
    all.split_whitespace().next().map(|pid| pid.parse().unwrap())
}

/// Whether a process runs no more; an orphan may wait for long to be reaped.
pub(crate) fn has_ended(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// The status line of `GET /health`.
fn health(address: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(2 * SECOND)).ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    reply.lines().next().map(str::to_owned)
}

fn healthy(address: &str) -> Option<()> {
    health(address).filter(|line| line.contains(" 200 ")).map(|_| ())
}

pub(crate) fn with_http() -> (Engine, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut setup = Setup::new();
    setup.arguments = words(&format!("--idle backoff --listen {address}"));
    let engine = setup.start();
    assert!(engine.ready.contains(&format!("http://{address}")), "{}", engine.ready);
    (engine, address)
}

#[test]
fn a_killed_sidecar_is_back_within_a_second() {
    let _watchdog = Watchdog::start("sidecar kills", 60);
    let (mut engine, address) = with_http();
    let mut client = engine.attach(3, 8);
    eventually("health", SECOND, || healthy(&address));
    for _ in 0..2 {
        // One that lived only for a moment is started again after a pause.
        std::thread::sleep(Duration::from_millis(1100));
        let pid = sidecar(&engine).unwrap();
        crate::harness::signal(pid, Signal::KILL);
        serves(&mut client);
        let back = || sidecar(&engine).filter(|&new| new != pid).and_then(|_| healthy(&address));
        eventually("the sidecar to come back", SECOND, back);
    }
    let pid = sidecar(&engine).unwrap();
    engine.process.signal(Signal::TERM);
    assert_eq!(engine.process.ends_within(5 * SECOND).code(), Some(0));
    assert!(has_ended(pid), "the sidecar outlived the daemon");
    assert!(health(&address).is_none());
}

#[test]
fn a_killed_engine_takes_its_sidecar_along_and_the_same_command_starts_again() {
    let _watchdog = Watchdog::start("engine kills with a sidecar", 60);
    let (mut engine, address) = with_http();
    for _ in 0..3 {
        eventually("health", 2 * SECOND, || healthy(&address));
        let pid = sidecar(&engine).unwrap();
        engine.process.kill();
        engine.start_again();
        eventually("the orphan to end", SECOND, || has_ended(pid).then_some(()));
    }
    eventually("health", 2 * SECOND, || healthy(&address));
}

#[test]
fn started_processes_are_found_and_killed() {
    // The other tests rely on it: a process that is dropped is gone.
    let process = Process::spawn(Command::new("sleep").arg("60"));
    let entry = PathBuf::from(format!("/proc/{}", process.pid()));
    assert!(entry.exists());
    drop(process);
    assert!(!entry.exists());
}
