//! Limits and deadlines, each at its edge.

use crate::harness::{
    Daemon, Http, PATIENCE, exchange, get, holds_within, is_healthy, post, status_of,
};
use std::io::Write;
use std::time::{Duration, Instant};

#[test]
fn a_head_is_read_up_to_its_limits() {
    let daemon = Daemon::start();
    let with_headers = |count: usize| {
        let more = "Name: value\r\n".repeat(count - 1);
        format!("GET /health HTTP/1.1\r\nHost: a\r\n{more}\r\n")
    };
    assert_eq!(exchange(daemon.http, with_headers(64)).status, 200);
    assert_eq!(exchange(daemon.http, with_headers(65)).status, 431);
    let of_len = |len: usize| {
        let (start, end) = ("GET /health HTTP/1.1\r\nHost: a\r\nName: ", "\r\n\r\n");
        format!("{start}{}{end}", "x".repeat(len - start.len() - end.len()))
    };
    assert_eq!(exchange(daemon.http, of_len(8192)).status, 200);
    assert_eq!(exchange(daemon.http, of_len(8193)).status, 431);
}

#[test]
fn a_body_is_read_up_to_its_route_s_limit() {
    let daemon = Daemon::start();
    let padded = |len: usize| {
        let (start, end) = (r#"{"model":"regression","features":[[0.5,0.2,0.3]],"pad":""#, r#""}"#);
        format!("{start}{}{end}", "x".repeat(len - start.len() - end.len()))
    };
    assert_eq!(post(daemon.http, "/predict/batch", &padded(2 << 20)).status, 200);
    let single = padded(65_536).replace("[[0.5,0.2,0.3]]", "[0.5,0.2,0.3]  ");
    assert_eq!(single.len(), 65_536);
    assert_eq!(post(daemon.http, "/predict/regression", &single).status, 200);
    for (path, len) in [("/predict/batch", (2 << 20) + 1), ("/predict/regression", 65_537)] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n");
        assert_eq!(exchange(daemon.http, head).status, 413, "{path}");
    }
}

#[test]
fn a_refused_client_that_keeps_sending_still_reads_its_refusal() {
    let daemon = Daemon::start();
    let mut http = Http::connect(daemon.http);
    http.send("POST /predict/regression HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    // The server may close before all of it is taken; the refusal must be readable all the same.
    let _ = http.stream.write_all(&[b'x'; 200_000]);
    assert_eq!(http.reply(false).status, 413);
}

#[test]
fn slow_heads_and_bodies_end_at_their_deadlines() {
    let daemon = Daemon::start();
    let mut head = Http::connect(daemon.http);
    let mut body = Http::connect(daemon.http);
    let began = Instant::now();
    head.send("GET /health HT");
    body.send("POST /predict/regression HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n{");
    assert_eq!(head.reply(false).status, 408);
    // 5 s by contract, and 10 s for the body.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    body.send(" ");
    assert_eq!(body.reply(false).status, 408);
    // 10 s by contract; the byte in between has not moved the deadline to 15 s.
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
}

#[test]
fn with_every_place_taken_health_and_metrics_still_answer() {
    let daemon = Daemon::start();
    // Bodies that do not come hold 512 places; they cannot be taken for quiet ones.
    let taken: Vec<Http> = (0..512)
        .map(|_| {
            let mut http = Http::connect(daemon.http);
            http.send("POST /predict/regression HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
            http
        })
        .collect();
    // Wait until all have come in, told by the refusal of one more.
    let full = || {
        let reply = get(daemon.http, "/info");
        reply.status == 503 && reply.header("Retry-After") == Some("1")
    };
    assert!(holds_within(Duration::from_secs(8), full));
    assert_eq!(get(daemon.http, "/health").status, 200);
    assert_eq!(get(daemon.http, "/metrics").status, 200);
    assert_eq!(exchange(daemon.http, "OPTIONS / HTTP/1.0\r\n\r\n").status, 200);
    // Bodies that do not come fill the reserve; they give way.
    let unsent: Vec<Http> = (0..64)
        .map(|_| {
            let mut http = Http::connect(daemon.http);
            http.send("POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
            http
        })
        .collect();
    assert_eq!(get(daemon.http, "/health").status, 200);
    drop(unsent);
    // Refused clients that do not hang up fill the reserve; they give way.
    let refused: Vec<Http> = (0..64)
        .map(|_| {
            let mut http = Http::connect(daemon.http);
            http.send("GET /info HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(http.reply(false).status, 503);
            http
        })
        .collect();
    assert_eq!(get(daemon.http, "/health").status, 200);
    // Heads that do not come fill the reserve; the oldest of them give way.
    let heads: Vec<Http> = (0..200)
        .map(|_| {
            let mut http = Http::connect(daemon.http);
            let _ = http.stream.write_all(b"GET /hea");
            http
        })
        .collect();
    assert_eq!(get(daemon.http, "/health").status, 200);
    drop((taken, refused, heads));
    assert!(holds_within(PATIENCE, || get(daemon.http, "/info").status == 200));
}

#[test]
fn quiet_connections_give_way_to_new_ones() {
    let daemon = Daemon::start();
    let sidecar = daemon.sidecar();
    let threads = status_of(sidecar, "Threads");
    let quiet: Vec<Http> = (0..600).map(|_| Http::connect(daemon.http)).collect();
    assert!(holds_within(PATIENCE, || get(daemon.http, "/info").status == 200));
    assert!(is_healthy(daemon.http));
    assert_eq!(status_of(sidecar, "Threads"), threads);
    drop(quiet);
}
