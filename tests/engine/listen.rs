//! The place where the engine listens: whose it is, who holds it, what the service manager passes.

use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use crate::system::{self, STRANGER, open_to_all, run, serves};
use factord_core::client::{AttachOptions, Client};
use factord_core::sys::socket;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};
use rustix::process::Signal;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn attach(path: &Path) -> Client {
    let options = AttachOptions { socket: Some(path.to_owned()), ..AttachOptions::default() };
    Client::attach(&options).unwrap()
}

/// The command that must fail at once, by its exit code and words of its log.
#[track_caller]
fn fails(setup: &Setup, code: i32, words: &str) {
    let (found, text, log) = setup.run_to_end();
    assert_eq!((found, text.as_str()), (Some(code), ""), "{log}");
    assert!(log.contains(words), "{log}");
}

#[test]
fn whoever_locks_the_folder_does_not_keep_the_daemon_from_starting() {
    let _watchdog = Watchdog::start("a locked folder", 60);
    let setup = Setup::new();
    let folder = fs::File::open(setup.directory.path()).unwrap();
    folder.lock().unwrap();
    let mut engine = setup.start();
    serves(&mut engine.attach(3, 8));
    engine.process.signal(Signal::TERM);
    assert_eq!(engine.process.ends_within(2 * SECOND).code(), Some(0));
}

fn lock_of(socket: &Path) -> PathBuf {
    socket.with_file_name(format!(".{}.lock", socket.file_name().unwrap().to_str().unwrap()))
}

#[test]
fn a_daemon_that_starts_for_ever_at_the_same_path_is_named_after_a_second() {
    let _watchdog = Watchdog::start("a held lock", 60);
    let setup = Setup::new();
    let path = setup.socket.clone().unwrap();
    let held = fs::File::create(lock_of(&path)).unwrap();
    held.lock().unwrap();
    fails(&setup, 69, "is locked by a process that is starting or ending at the same socket");
    assert!(!path.exists());
    drop(held);
    let mut engine = setup.start();
    assert!(!lock_of(&path).exists(), "a lock is left");
    engine.process.signal(Signal::TERM);
    assert_eq!(engine.process.ends_within(2 * SECOND).code(), Some(0));
    let left = fs::read_dir(engine.setup.directory.path()).unwrap().count();
    assert_eq!(left, 1, "but for the test's own log");
}

#[test]
fn a_lock_of_another_users_is_refused() {
    if !system::can_be_another_user() {
        return;
    }
    let setup = Setup::new();
    let lock = lock_of(setup.socket.as_ref().unwrap());
    fs::write(&lock, "").unwrap();
    chown(&lock, Some(STRANGER), None).unwrap();
    fails(&setup, 77, &format!("belongs to user {STRANGER}"));
    assert!(lock.exists());
}

#[test]
fn a_daemon_that_ends_leaves_the_socket_of_the_next_one_alone() {
    let _watchdog = Watchdog::start("two daemons", 60);
    let mut first = Engine::start();
    let path = first.socket().to_owned();
    fs::remove_file(&path).unwrap();
    let mut setup = Setup::new();
    setup.socket = Some(path.clone());
    let mut second = setup.start();
    first.process.signal(Signal::TERM);
    assert_eq!(first.process.ends_within(2 * SECOND).code(), Some(0));
    serves(&mut attach(&path));
    second.process.signal(Signal::TERM);
    assert_eq!(second.process.ends_within(2 * SECOND).code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_path_that_no_client_could_name_is_refused() {
    let longest = Setup::new();
    let folder = longest.directory.path().as_os_str().len();
    for (len, refused) in [(107, false), (108, true), (300, true)] {
        let mut setup = Setup::new();
        setup.socket = Some(setup.directory.path().join("p".repeat(len - folder - 1)));
        if refused {
            fails(&setup, 78, &format!("has {len} bytes, at most 107 are allowed"));
        } else {
            let engine = setup.start();
            serves(&mut engine.attach(3, 8));
        }
    }
}

#[test]
fn a_daemon_whose_queue_is_full_lives() {
    let _watchdog = Watchdog::start("a full queue", 60);
    let setup = Setup::new();
    let path = setup.socket.as_ref().unwrap();
    let listener = socket::listen_at(path).unwrap();
    let mut waiting = Vec::new();
    while let Ok(connection) = socket::connect_at_once(path) {
        waiting.push(connection);
        assert!(waiting.len() < 10_000);
    }
    let start = Instant::now();
    fails(&setup, 69, "a daemon is already running at");
    assert!(start.elapsed() < 10 * SECOND);
    drop(listener);
}

#[test]
fn another_programs_socket_is_left_alone() {
    let setup = Setup::new();
    let path = setup.socket.as_ref().unwrap();
    let stream = UnixListener::bind(path).unwrap();
    fails(&setup, 73, "is not a socket of factord's type");
    assert!(path.exists());
    drop(stream);
    fs::remove_file(path).unwrap();
    let _datagrams = UnixDatagram::bind(path).unwrap();
    fails(&setup, 73, "is not a socket of factord's type");
}

/// Runs the daemon with a descriptor as number 3, said to be the one of `count`.
fn passed(setup: &Setup, descriptor: Option<OwnedFd>, count: usize) -> Process {
    let plain = setup.command();
    let redirection = if descriptor.is_some() { "3<&0 </dev/null" } else { "3<&-" };
    let script = format!("LISTEN_PID=$$ LISTEN_FDS={count} exec \"$@\" {redirection}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(plain.get_program()).args(plain.get_args());
    command.stdin(descriptor.map_or_else(Stdio::null, Stdio::from)).stdout(Stdio::null());
    let log = setup.directory.path().join("stderr.log");
    command.stderr(fs::File::options().append(true).create(true).open(log).unwrap());
    Process::spawn(&mut command)
}

#[test]
fn what_is_no_control_socket_is_not_taken_from_the_service_manager() {
    let _watchdog = Watchdog::start("descriptors passed", 60);
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let flags = SocketFlags::empty();
    let silent = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    bind(&silent, &SocketAddrUnix::new(at("silent")).unwrap()).unwrap();
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let good = socket::listen_at(&at("good")).unwrap();
    let cases: [(Option<OwnedFd>, usize, &str); 7] = [
        (None, 1, "passed a descriptor that is not open"),
        (Some(silent), 1, "passed descriptor 3, a socket that does not listen"),
        (Some(UnixListener::bind(at("s")).unwrap().into()), 1, "of another type than SEQPACKET"),
        (Some(UnixDatagram::bind(at("d")).unwrap().into()), 1, "of another type than SEQPACKET"),
        (Some(tcp.into()), 1, "passed descriptor 3, a socket of the network"),
        (Some(tempfile::tempfile().unwrap().into()), 1, "passed descriptor 3, no socket"),
        (Some(good), 2, "passed"),
    ];
    for (descriptor, count, words) in cases {
        let setup = Setup::new();
        let mut process = passed(&setup, descriptor, count);
        assert_eq!(process.ends_within(10 * SECOND).code(), Some(78), "{words}: {}", setup.log());
        assert!(setup.log().contains(words), "{words}: {}", setup.log());
        assert_eq!(setup.log().lines().count(), 1, "{}", setup.log());
    }
}

#[test]
fn a_socket_that_somebody_else_shuts_down_ends_the_engine_instead_of_keeping_it_busy() {
    let _watchdog = Watchdog::start("a socket shut down", 60);
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("passed.sock");
    let listener = socket::listen_at(&path).unwrap();
    let setup = Setup::new();
    let mut process = passed(&setup, Some(listener.try_clone().unwrap()), 1);
    let options =
        AttachOptions { socket: Some(path), wait: 10 * SECOND, ..AttachOptions::default() };
    serves(&mut Client::attach(&options).unwrap());
    rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
    assert_eq!(process.ends_within(5 * SECOND).code(), Some(70), "{}", setup.log());
    assert!(
        setup.log().contains(
            "the control thread ended: another process that holds the control socket shut it down"
        ),
        "{}",
        setup.log()
    );
}

#[test]
fn below_tmp_the_daemon_listens_only_where_nobody_else_can_interfere() {
    let _watchdog = Watchdog::start("places below /tmp", 60);
    let root = rustix::process::geteuid().is_root();
    for (name, words) in [
        ("mode", "is writable by others"),
        ("link", "is a symbolic link"),
        ("owner", "belongs to user"),
        ("own", ""),
    ] {
        let mut setup = Setup::new();
        assert!(setup.directory.path().starts_with("/tmp"));
        let inner = setup.directory.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let mode = if name == "mode" { 0o777 } else { 0o700 };
        fs::set_permissions(&inner, PermissionsExt::from_mode(mode)).unwrap();
        let mut folder = inner.clone();
        if name == "link" {
            folder = setup.directory.path().join("link");
            symlink(&inner, &folder).unwrap();
        }
        if name == "owner" {
            if !root && !system::can_be_another_user() {
                continue;
            }
            chown(&inner, Some(STRANGER), None).unwrap();
        }
        setup.socket = Some(folder.join("factord.sock"));
        if name == "own" {
            serves(&mut setup.start().attach(3, 8));
            continue;
        }
        fails(&setup, 77, words);
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 0, "{name}");
        if name == "owner" {
            setup.environment.push(("FACTORD_DAEMON_UID", STRANGER.to_string()));
            let engine = setup.start();
            assert!(engine.socket().exists());
        }
    }
}

#[test]
fn an_allowed_user_reaches_the_daemon_where_it_listens_by_default() {
    if !system::can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("an allowed user", 60);
    // Both are ordinary users.
    let [daemon, client] = [STRANGER + 1, STRANGER + 2];
    let as_user = |uid| format!("setpriv --reuid {uid} --regid {uid} --clear-groups");
    let directory = PathBuf::from(format!("/tmp/factord-{daemon}"));
    let socket = directory.join("factord.sock");
    for (arguments, modes, code) in [
        (vec!["--allow-uid".to_owned(), client.to_string()], (0o711, 0o666), 0),
        (vec![], (0o700, 0o660), 77),
    ] {
        let _ = fs::remove_dir_all(&directory);
        let mut setup = Setup::new();
        let program = open_to_all(&setup);
        setup.arguments.extend(arguments);
        setup.prefix = system::words(&as_user(daemon));
        setup.program = program.clone();
        setup.socket = None;
        let mut engine = setup.start();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&socket)), modes);
        let prefix = format!("{} env FACTORD_DAEMON_UID={daemon}", as_user(client));
        let arguments =
            ["--socket", socket.to_str().unwrap(), "predict", "regression", "0.5", "0.2", "0.3"];
        let (found, text) = run(&system::words(&prefix), program.to_str().unwrap(), &arguments);
        assert_eq!(found, Some(code), "{text}");
        engine.process.signal(Signal::TERM);
        assert_eq!(engine.process.ends_within(2 * SECOND).code(), Some(0));
        eventually("the directory to go", SECOND, || (!directory.exists()).then_some(()));
    }
}

#[test]
fn the_sockets_mode_and_group_are_those_that_were_asked_for() {
    if !system::can_be_another_user() {
        return;
    }
    let _watchdog = Watchdog::start("modes and groups", 60);
    let mut setup = Setup::new();
    let folder = setup.directory.path().join("made");
    setup.socket = Some(folder.join("factord.sock"));
    let group = STRANGER.to_string();
    let engine = setup.with(&["--socket-mode", "0620", "--socket-group", &group]).start();
    let metadata = fs::metadata(engine.socket()).unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.gid()), (0o620, STRANGER));
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o711);
    serves(&mut engine.attach(3, 8));
    for (flag, value, words) in [
        ("--socket-mode", "066", "`066` is not a mode from 0600 to 0777"),
        ("--socket-mode", "0rw", "`0rw` is not a mode"),
        ("--socket-group", "no-such-group", "no group `no-such-group` in /etc/group"),
    ] {
        let (code, _, log) = Setup::new().with(&[flag, value]).run_to_end();
        assert!(code == Some(64) && log.contains(words), "{code:?} {log}");
    }
}
