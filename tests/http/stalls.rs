//! Whatever stands still, sidecar, engine or whoever reads, somebody notices and nobody is held up
//! for longer than promised.

use crate::harness::{Daemon, Http, PATIENCE, address_in, command, get, holds_within, is_healthy};
use crate::ports::free_port;
use crate::sidecar::{Owned, end_of, sidecar};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// By contract, from SIGTERM to the end, and from a look at /health to its answer.
const TWO_SECONDS: Duration = Duration::from_secs(2);

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

#[test]
fn a_sidecar_that_stands_still_is_ended_and_started_again() {
    let daemon = Daemon::start();
    let pid = daemon.sidecar();
    assert!(is_healthy(daemon.http));
    signal(pid, Signal::STOP);
    assert!(holds_within(PATIENCE, || has_ended(pid)), "the daemon notices");
    assert!(holds_within(PATIENCE, || is_healthy(daemon.http)), "another one takes its place");
    assert_ne!(daemon.sidecar(), pid);
}

#[test]
fn a_sidecar_that_moves_is_left_alone_however_quiet_it_is() {
    let daemon = Daemon::start();
    let pid = daemon.sidecar();
    // Longer than the daemon waits for a sign of life.
    assert!(!holds_within(Duration::from_secs(7), || daemon.sidecar() != pid));
    assert!(is_healthy(daemon.http));
}

#[test]
fn an_engine_killed_beside_a_stopped_sidecar_starts_again_by_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let serve = || {
        let child = command(&folder.path().join("factord.sock"))
            .args(["serve", "--idle", "backoff", "--listen", &address.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = Owned(child.unwrap());
        assert_eq!(address_in(&mut child.0), address);
        child
    };
    let mut engine = serve();
    let children = format!("/proc/{0}/task/{0}/children", engine.0.id());
    let stopped: u32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    signal(stopped, Signal::STOP);
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    let again = serve();
    assert!(holds_within(PATIENCE, || has_ended(stopped)));
    assert!(holds_within(PATIENCE, || is_healthy(address)));
    drop(again);
}

#[test]
fn the_service_manager_is_pinged_while_the_guard_moves_and_not_when_it_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut factord = command(&folder.path().join("none.sock"));
    factord
        .args(["http", "--listen", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000")
        .env_remove("WATCHDOG_PID")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = Owned(factord.spawn().unwrap());
    let mut bytes = [0; 256];
    let mut told = || {
        let len = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..len]).trim().to_owned()
    };
    assert_eq!(told(), "READY=1");
    for _ in 0..3 {
        assert_eq!(told(), "WATCHDOG=1");
    }
    signal(child.0.id(), Signal::STOP);
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut bytes).is_ok() {}
    manager.set_nonblocking(false).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert!(manager.recv(&mut bytes).is_err(), "nobody speaks for a guard that stands still");
}

#[test]
fn a_storm_of_connects_waits_in_line_and_health_answers_behind_it() {
    let daemon = Daemon::start();
    let (child, address) = sidecar(&daemon.socket());
    assert!(is_healthy(address));
    signal(child.0.id(), Signal::STOP);
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok();
    // Nobody accepts them now; the last ones are slow for ever.
    let mut storm: Vec<TcpStream> = (0..900).map_while(|_| connect()).collect();
    let complete = storm.len();
    for stream in &mut storm {
        let _ = stream.write_all(b"GET /hea");
    }
    signal(child.0.id(), Signal::CONT);
    assert_eq!(complete, 900);
    assert!(is_healthy(address));
}

/// Connects to a socket until no more connections find a place in its line.
fn fill_line(socket: &Path) -> Vec<OwnedFd> {
    let connect = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kind = SocketType::SEQPACKET;
        let fd = net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap();
        net::connect(&fd, &SocketAddrUnix::new(socket).unwrap()).ok().map(|()| fd)
    };
    (0..5000).map_while(|_| connect()).collect()
}

#[test]
fn health_answers_within_two_seconds_beside_an_engine_that_is_stopped_and_overrun() {
    let daemon = Daemon::start();
    let (_child, address) = sidecar(&daemon.socket());
    assert!(is_healthy(address));
    signal(daemon.pid(), Signal::STOP);
    let line = fill_line(&daemon.socket());
    let asks: Vec<Http> = (0..3)
        .map(|_| {
            let mut http = Http::connect(address);
            http.send("GET /predict/regression/0.5/0.2/0.3 HTTP/1.1\r\nHost: a\r\n\r\n");
            http
        })
        .collect();
    let answers: Vec<(u16, Duration)> = (0..6)
        .map(|_| {
            let began = Instant::now();
            (get(address, "/health").status, began.elapsed())
        })
        .collect();
    let length = line.len();
    drop((line, asks));
    signal(daemon.pid(), Signal::CONT);
    assert!(length > 100, "{length} connections wait");
    for (status, took) in &answers {
        assert!(*status == 503 && *took < TWO_SECONDS, "{answers:?}");
    }
    assert!(holds_within(PATIENCE, || is_healthy(address)), "it recovers by itself");
}

#[test]
fn sigterm_ends_a_sidecar_within_two_seconds_whatever_holds_it_up() {
    let daemon = Daemon::start();
    // Nothing in the way; then an engine that stands still, with requests under way.
    let (mut idle, _) = sidecar(&daemon.socket());
    assert!(end_of(&mut idle) < TWO_SECONDS);
    let (mut waiting, address) = sidecar(&daemon.socket());
    assert_eq!(get(address, "/predict/regression/0.5/0.2/0.3").status, 200);
    signal(daemon.pid(), Signal::STOP);
    let mut clients: Vec<Http> = (0..8).map(|_| Http::connect(address)).collect();
    for http in &mut clients {
        http.send("GET /predict/regression/0.5/0.2/0.3 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20));
    }
    let took = end_of(&mut waiting);
    signal(daemon.pid(), Signal::CONT);
    assert!(took < TWO_SECONDS, "{took:?}");
    // A standard output that takes nothing: it never gets to serving.
    let mut factord = command(&daemon.socket());
    factord.args(["http", "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stderr(Stdio::null());
    let (unread, mut full) = std::io::pipe().unwrap();
    fill(&mut full);
    let mut deaf = Owned(factord.stdout(full).spawn().unwrap());
    let blocked = || {
        let path = format!("/proc/{}/wchan", deaf.0.id());
        std::fs::read_to_string(path).is_ok_and(|place| place.contains("pipe"))
    };
    // Where the kernel does not tell, a moment has to do.
    holds_within(TWO_SECONDS, blocked);
    assert!(end_of(&mut deaf) < TWO_SECONDS);
    drop(unread);
}

/// Fills a pipe to the last byte.
fn fill(pipe: &mut std::io::PipeWriter) {
    let set = |on: bool| rustix::io::ioctl_fionbio(&*pipe, on).unwrap();
    set(true);
    let mut writer = pipe.try_clone().unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    set(false);
}
