//! The guard in front of handlers that never answer.

use super::super::cards::Cards;
use super::super::connection_limits::ConnectionLimits;
use super::super::direct::Direct;
use super::super::handler::Shared;
use super::super::life::Pulse;
use super::super::metrics::Metrics;
use super::{Guard, Parts};
use crate::sys::hidden;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What the handlers have been sent, one text a connection.
type Sent = Arc<Mutex<Vec<String>>>;

/// Takes every connection and every request, and answers none.
fn stand_still(listener: UnixListener, sent: Sent) {
    for (index, stream) in listener.incoming().map_while(Result::ok).enumerate() {
        sent.lock().unwrap().push(String::new());
        let sent = Arc::clone(&sent);
        thread::spawn(move || {
            let mut stream = stream;
            let mut bytes = [0; 4096];
            while let Ok(len @ 1..) = stream.read(&mut bytes) {
                sent.lock().unwrap()[index] += &String::from_utf8_lossy(&bytes[..len]);
            }
        });
    }
}

fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

fn status(mut stream: TcpStream) -> String {
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply.split(' ').nth(1).unwrap_or("none").to_owned()
}

#[test]
fn handlers_that_never_answer_keep_their_places_and_health_is_told_in_time() {
    let (hidden_listener, address) = hidden::listen().unwrap();
    let sent = Sent::default();
    let seen = Arc::clone(&sent);
    thread::spawn(move || stand_still(hidden_listener, seen));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let public = listener.local_addr().unwrap();
    let (stop, stopper) = UnixStream::pair().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let metrics = Arc::new(Metrics::new());
    let cards = Arc::new(Cards::new(socket.clone()));
    let shared = Arc::new(Shared { socket, cards, metrics: Arc::clone(&metrics) });
    let parts = Parts {
        listener,
        address,
        stop,
        supervised: false,
        limits: ConnectionLimits { public: 64, reserved: 64 },
        metrics,
        direct: Direct::start(&shared).unwrap(),
        pulse: Pulse::start(false).unwrap(),
    };
    let guard = thread::spawn(move || Guard::new(parts).unwrap().run().unwrap());

    let public_asks: Vec<TcpStream> = (0..4).map(|_| ask(public, "/info")).collect();
    public_asks.into_iter().for_each(|stream| assert_eq!(status(stream), "503"));
    // All are given up by now, and yet three handlers are as busy as before.
    let later = ask(public, "/info");
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(status(ask(public, "/health")), "503");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    assert_eq!(status(later), "503");
    let sent = sent.lock().unwrap().join("|");
    assert_eq!(sent.matches('|').count() + 1, 4, "connections: {sent}");
    assert_eq!(sent.matches("GET /info").count(), 3, "public requests: {sent}");
    assert_eq!(sent.matches("GET /health").count(), 1, "{sent}");
    drop(stopper);
    guard.join().unwrap();
}
