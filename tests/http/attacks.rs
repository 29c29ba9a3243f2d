//! The eleven attacks that end or cripple a bare tiny_http. During each the engine goes on
//! answering through shared memory, bit for bit; after each /health answers within 2 s; in the
//! end the sidecar has the threads, descriptors and memory it began with.

use crate::harness::{
    Daemon, Http, PATIENCE, address_in, command, descriptors_of, exchange, get, holds_within,
    is_healthy, post, status_of,
};
use factord_core::client::{AttachOptions, Client};
use factord_core::idle::IdleStrategy;
use factord_eval::eval::eval;
use factord_models::catalogue;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What an attack leaves open while the sidecar's health is looked at.
type Held = Vec<TcpStream>;
/// By contract, after each attack.
const RECOVERY: Duration = Duration::from_secs(2);
/// For a single answer of the engine, however busy the machine is.
const ENGINE_DEADLINE: Duration = PATIENCE;
// 32 MiB: what the allocator may keep of a storm; the attacks aim at hundreds.
const RSS_SLACK_KIB: u64 = 32 * 1024;

/// A client that predicts all the time and checks every answer.
struct Witness {
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Witness {
    fn start(socket: PathBuf) -> Witness {
        let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, ended) = (Arc::clone(&answered), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let options = AttachOptions {
                socket: Some(socket),
                name: "witness".to_owned(),
                idle: IdleStrategy::Backoff,
                ..AttachOptions::default()
            };
            let mut client = Client::attach(&options).unwrap();
            let served = catalogue::embedded();
            let epoch = client.epoch();
            let mut index = 0_u32;
            while !ended.load(Ordering::Relaxed) {
                for (id, served) in served.iter().enumerate() {
                    index = index.wrapping_add(1);
                    let x = [f64::from(index % 1000) / 1e3, f64::from(index % 7) / 7.0, 0.3];
                    let answer = client.predict(id as u16, &x, ENGINE_DEADLINE).unwrap();
                    let expected = eval(served.artifact.model(), &x);
                    assert_eq!(answer.y.to_bits(), expected.y.to_bits(), "{x:?}");
                    assert_eq!(answer.second, expected.second, "{x:?}");
                    assert_eq!(answer.epoch, epoch, "the engine never restarts");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Witness { answered, stop, thread }
    }

    fn answered(&self) -> u64 {
        assert!(!self.thread.is_finished(), "the witness saw a wrong or missing answer");
        self.answered.load(Ordering::Relaxed)
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("every answer was right and in time");
    }
}

fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    Some(stream)
}

/// Opens `count` connections and sends `bytes` on each; what fails is what the server refused.
fn open(address: SocketAddr, count: usize, bytes: &[u8]) -> Held {
    let send = |mut stream: TcpStream| stream.write_all(bytes).is_ok().then_some(stream);
    (0..count).filter_map(|_| connect(address).and_then(send)).collect()
}

fn a01_a_length_beyond_memory(address: SocketAddr) -> Held {
    let head =
        "POST /predict/regression HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000\r\n\r\n";
    assert_eq!(exchange(address, head).status, 413);
    open(address, 20, head.as_bytes())
}

fn a02_a_length_beyond_arithmetic(address: SocketAddr) -> Held {
    for path in ["/predict/regression", "/predict/batch", "/health"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n");
        for length in [
            "Content-Length: 18446744073709551615\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert_eq!(exchange(address, head.clone() + length).status, 413, "{path} {length}");
        }
    }
    Held::new()
}

fn a03_bodies_that_never_come(address: SocketAddr) -> Held {
    let head = "POST /predict/regression HTTP/1.1\r\nHost: a\r\n";
    let mut held = open(address, 50, format!("{head}Content-Length: 2000\r\n\r\n").as_bytes());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n1000\r\n{{");
    held.append(&mut open(address, 50, chunked.as_bytes()));
    held
}

fn a04_prefaces_of_http_2(address: SocketAddr) -> Held {
    assert_eq!(exchange(address, "PRI * HTTP/2.0\r\n\r\n").status, 505);
    drop(open(address, 50, b"PRI * HTTP/2.0\r\n\r\n"));
    Held::new()
}

/// Makes the close of a connection a reset: a linger of zero seconds.
fn reset_on_close(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let len = size_of::<libc::linger>() as libc::socklen_t;
    let option = (&raw const linger).cast();
    // SAFETY: the descriptor is open while `stream` lives, and `option` points at `len` bytes.
    let done = unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, option, len)
    };
    assert_eq!(done, 0);
}

fn a05_resets(address: SocketAddr) -> Held {
    for index in 0..2000 {
        let Some(mut stream) = connect(address) else { continue };
        let whole: &[u8] = b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n";
        let _ = stream.write_all(&whole[..whole.len() - index % 5]);
        reset_on_close(&stream);
    }
    Held::new()
}

/// The sixth attack needs a sidecar with few descriptors; see the test of its own.
fn a06_a_crowd(address: SocketAddr) -> Held {
    open(address, 400, b"")
}

fn a07_more_requests_than_threads(address: SocketAddr) -> Held {
    let head = "POST /predict/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n[";
    open(address, 700, head.as_bytes())
}

fn a08_idle_connections(address: SocketAddr) -> Held {
    open(address, 500, b"")
}

fn a09_a_header_without_end(address: SocketAddr) -> Held {
    let Some(mut stream) = connect(address) else { return Held::new() };
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nA: ").unwrap();
    let block = [b'a'; 64 * 1024];
    // 64 MiB: far beyond any buffer on the way; the server must end it long before.
    let taken = (0..1024).take_while(|_| stream.write_all(&block).is_ok()).count();
    assert!(taken < 1024, "the server took a head of {taken} blocks");
    Held::new()
}

fn a10_pipelined_requests_nobody_reads(address: SocketAddr) -> Held {
    let request = b"GET /plot/model_comparison HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500);
    let mut senders: Vec<(TcpStream, usize)> =
        open(address, 8, b"").into_iter().map(|stream| (stream, 0)).collect();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        for (stream, sent) in &mut senders {
            stream.set_write_timeout(Some(Duration::from_millis(10))).unwrap();
            match stream.write(&request[*sent % request.len()..]) {
                Ok(len) => *sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    senders.into_iter().map(|(stream, _)| stream).collect()
}

fn a11_smuggled_lines(address: SocketAddr) -> Held {
    for (text, status) in [
        ("GET /health HTTP/1.1\r\nHost: a\r\nA: b\rContent-Length: 5\r\n\r\n", 400),
        ("GET /health HTTP/1.1\r\nHost: a\r\nA: b\nContent-Length: 5\r\n\r\n", 400),
        ("GET /health HTTP/1.1\r\nHost: a\r\nA: b\n\r\n", 400),
        (
            "POST /predict/regression HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\
             Transfer-Encoding: xchunked\r\n\r\n{}\r\nGET /info HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
        ),
    ] {
        let mut http = Http::connect(address);
        assert_eq!(http.send(text).reply(false).status, status, "{text:?}");
        assert!(http.try_reply(false).is_none(), "one reply and no more: {text:?}");
    }
    Held::new()
}

type Attack = fn(SocketAddr) -> Held;

const ATTACKS: [(&str, Attack); 11] = [
    ("a length beyond memory", a01_a_length_beyond_memory),
    ("a length beyond arithmetic", a02_a_length_beyond_arithmetic),
    ("bodies that never come", a03_bodies_that_never_come),
    ("prefaces of HTTP/2", a04_prefaces_of_http_2),
    ("resets", a05_resets),
    ("a crowd", a06_a_crowd),
    ("more requests than threads", a07_more_requests_than_threads),
    ("idle connections", a08_idle_connections),
    ("a header without end", a09_a_header_without_end),
    ("pipelined requests nobody reads", a10_pipelined_requests_nobody_reads),
    ("smuggled lines", a11_smuggled_lines),
];

#[test]
fn eleven_attacks_leave_engine_and_sidecar_as_they_were() {
    let daemon = Daemon::start();
    let sidecar = daemon.sidecar();
    warm_up(daemon.http);
    let threads = status_of(sidecar, "Threads");
    let descriptors = descriptors_of(sidecar);
    let rss = status_of(sidecar, "VmRSS");
    let witness = Witness::start(daemon.socket());
    assert!(holds_within(PATIENCE, || witness.answered() > 100));

    for (name, attack) in ATTACKS {
        let before = witness.answered();
        let held = attack(daemon.http);
        // First with the attacker still there, then without.
        assert!(holds_within(RECOVERY, || is_healthy(daemon.http)), "{name}: during");
        assert!(status_of(sidecar, "Threads") <= threads, "{name}: threads");
        let rss_now = status_of(sidecar, "VmRSS");
        assert!(rss_now < rss + 2 * RSS_SLACK_KIB, "{name}: {rss_now} KiB of {rss} KiB");
        drop(held);
        assert!(holds_within(RECOVERY, || is_healthy(daemon.http)), "{name}: after");
        let answers = holds_within(RECOVERY, || get(daemon.http, "/info").status == 200);
        assert!(answers, "{name}: the other routes");
        assert!(holds_within(ENGINE_DEADLINE, || witness.answered() > before), "{name}: engine");
        assert_eq!(daemon.sidecar(), sidecar, "{name}: the sidecar was not restarted");
    }

    witness.end();
    // tiny_http begins with threads that it may not need, and ends them after 5 s.
    assert!(status_of(sidecar, "Threads") <= threads);
    // Lingering connections of the last attacks end within their second.
    assert!(holds_within(PATIENCE, || descriptors_of(sidecar) <= descriptors));
    let rss_now = status_of(sidecar, "VmRSS");
    assert!(rss_now < rss + RSS_SLACK_KIB, "{rss_now} KiB of {rss} KiB");
}

/// Lets every handler attach and every buffer grow once.
fn warm_up(address: SocketAddr) {
    let rows = vec!["[0.5,0.2,0.3]"; 10_000].join(",");
    let body = format!(r#"{{"model":"classification","features":[{rows}]}}"#);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(post(address, "/predict/batch", &body).status, 200);
                    assert_eq!(get(address, "/health").status, 200);
                }
            });
        }
    });
}

#[test]
fn more_connections_than_descriptors_do_not_deafen_the_listener() {
    let daemon = Daemon::start();
    for limit in [96, 256] {
        // The shell lowers both limits, so that the sidecar cannot raise them again.
        let mut factord = command(&daemon.socket());
        factord.args(["http", "--supervised", "--listen", "127.0.0.1:0"]);
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {limit}; exec \"$@\""))
            .arg("sh")
            .arg(factord.get_program())
            .args(factord.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = address_in(&mut child);
        assert!(is_healthy(address));
        let crowd = open(address, 400, b"");
        let partial = open(address, 200, b"GET /info HT");
        // Not by one handler alone: each of them needs descriptors for the engine.
        for round in 0..8 {
            assert!(holds_within(RECOVERY, || is_healthy(address)), "{limit}: during, {round}");
        }
        assert!(descriptors_of(child.id()) <= limit);
        drop((crowd, partial));
        assert!(holds_within(RECOVERY, || is_healthy(address)), "{limit}: after");
        let answers = holds_within(RECOVERY, || get(address, "/info").status == 200);
        drop(child.stdin.take());
        let ended = holds_within(PATIENCE, || child.try_wait().unwrap().is_some());
        if !ended {
            let _ = child.kill();
            let _ = child.wait();
        }
        assert!(answers && ended, "{limit}");
    }
}

#[test]
fn a_panic_or_a_stall_of_a_client_never_reaches_another() {
    let daemon = Daemon::start();
    // A client that asks for much and reads nothing, beside one that is served all the while.
    let mut deaf = connect(daemon.http).unwrap();
    let request = b"GET /plot/model_comparison HTTP/1.1\r\nHost: a\r\n\r\n";
    deaf.write_all(&request.repeat(2000)).unwrap();
    for _ in 0..200 {
        assert_eq!(get(daemon.http, "/predict/regression/0.5/0.2/0.3").status, 200);
    }
    let mut byte = [0];
    assert_eq!(deaf.read(&mut byte).unwrap(), 1);
}
