//! Bodies in chunks, compressed bodies, byte order marks, OPTIONS: what clients of other kinds
//! send, and what an attacker makes of it.

use crate::harness::{Daemon, Http, exchange, get, request};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const BODY: &str = r#"{"features":[0.5,0.2,0.3]}"#;
const PREDICTION: f64 = 0.500053855850386;

fn head(path: &str, lines: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

/// A request whose body is in pieces of `size` bytes.
fn chunked(path: &str, body: &str, size: usize) -> String {
    let chunks = body.as_bytes().chunks(size);
    let chunks = chunks
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()));
    let chunks: String = chunks.collect();
    format!("{}{chunks}0\r\n\r\n", head(path, "Transfer-Encoding: chunked\r\n"))
}

/// The one reply to a request that a client could not be meant to send, and the end.
fn refusal_to(address: SocketAddr, bytes: impl AsRef<[u8]>) -> u16 {
    let mut http = Http::connect(address);
    let reply = http.send(&bytes).reply(false);
    let text = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    assert_eq!(reply.header("Connection"), Some("close"), "{text:?}");
    assert!(!reply.error().is_empty(), "{text:?}");
    assert!(http.try_reply(false).is_none(), "one reply and no more: {text:?}");
    reply.status
}

#[test]
fn a_chunked_body_is_answered_as_one_with_a_length_and_the_connection_goes_on() {
    let daemon = Daemon::start();
    let mut http = Http::connect(daemon.http);
    for size in [1, 7, BODY.len()] {
        http.send(chunked("/predict/regression", BODY, size));
        let reply = http.reply(false);
        assert_eq!(reply.status, 200, "{size}");
        assert_eq!(reply.header("Connection"), Some("keep-alive"));
        assert_eq!(reply.json()["prediction"], PREDICTION, "{size}");
    }
    // Through the handlers, too, and in one packet with the request behind it.
    let rows = vec!["[0.5,0.2,0.3]"; 10_000].join(",");
    let batch = format!(r#"{{"model":"regression","features":[{rows}]}}"#);
    for size in [1000, 100_000] {
        http.send(
            chunked("/predict/batch", &batch, size) + &chunked("/predict/regression", BODY, 3),
        );
        let reply = http.reply(false).json();
        assert_eq!(reply["count"], 10_000);
        assert_eq!(reply["predictions"][9_999], PREDICTION);
        assert_eq!(http.reply(false).json()["prediction"], PREDICTION);
    }
    // Extensions and trailers are read past.
    let lines = "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n";
    let body = "1a;a=b;c=\"d\"\r\n{\"features\":[0.5,0.2,0.3]}\r\n0;e\r\nX-Sum: 1\r\n\r\n";
    http.send(head("/predict/regression", lines) + body);
    assert_eq!(http.reply(false).json()["prediction"], PREDICTION);
    // One that goes nowhere is dropped.
    http.send(
        "GET /info HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n",
    );
    assert!(http.reply(false).json().get("regression_model").is_some());
    assert_eq!(get(daemon.http, "/health").status, 200);
}

#[test]
fn pipelined_chunked_requests_are_answered_in_order() {
    let daemon = Daemon::start();
    let mut http = Http::connect(daemon.http);
    let body = |index: u32| format!(r#"{{"features":[{index},0,0]}}"#);
    let all: String =
        (0..200).map(|index| chunked("/predict/regression", &body(index), 5)).collect();
    http.send(all);
    for index in 0..200 {
        assert_eq!(http.reply(false).json()["input_features"][0], index);
    }
}

#[test]
fn a_client_that_waits_to_send_chunks_is_told_to_continue() {
    let daemon = Daemon::start();
    let mut http = Http::connect(daemon.http);
    for _ in 0..2 {
        let lines = "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n";
        assert_eq!(http.send(head("/predict/regression", lines)).reply(false).status, 100);
        http.send(format!("{:x}\r\n{BODY}\r\n", BODY.len()));
        assert_eq!(http.send("0\r\n\r\n").reply(false).status, 200);
    }
}

#[test]
fn no_chunked_request_smuggles_another() {
    let daemon = Daemon::start();
    let inner = "GET /info HTTP/1.1\r\nHost: a\r\n\r\n";
    let path = "/predict/regression";
    let both = format!("0\r\n\r\n{inner}");
    for (lines, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: identity\r\n", 501),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("Transfer-Encoding:\r\n chunked\r\n", 400),
        ("A: b\r\n\tTransfer-Encoding: chunked\r\n", 400),
        ("A: b\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: \x0bchunked\r\n", 400),
    ] {
        assert_eq!(refusal_to(daemon.http, head(path, lines) + &both), status, "{lines:?}");
    }
    let old = format!("POST {path} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{both}");
    assert_eq!(refusal_to(daemon.http, old), 400);
    let long = "x".repeat(5000);
    for (chunks, status) in [
        ("1\n{\r\n0\r\n\r\n", 400),
        ("1\r\n{\n0\r\n\r\n", 400),
        ("1\r\n{}\r\n0\r\n\r\n", 400),
        ("-1\r\n", 400),
        ("+1\r\n", 400),
        ("0x1\r\n", 400),
        (" 1\r\n", 400),
        ("1 \r\n", 400),
        ("1 2\r\n", 400),
        ("00000000000000001\r\n", 400),
        ("10000000000000000\r\n", 400),
        ("10000000000000002\r\n{}\r\n0\r\n\r\n", 400),
        ("ffffffffffffffff\r\n", 413),
        ("fffffffffffffffe\r\n", 413),
        ("1;a\nb\r\n", 400),
        (&format!("1;{long}"), 413),
        (&format!("0\r\nX: {long}"), 413),
        ("0\r\nContent-Length: 30\r\n\r\n", 400),
        ("0\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        ("0\r\nHost: b\r\n\r\n", 400),
        ("0\r\nA: b\r\n folded\r\n\r\n", 400),
        ("0\r\nA: b\n\r\n", 400),
        ("0\r\nGET /info HTTP/1.1\r\n\r\n", 400),
    ] {
        let text = head(path, "Transfer-Encoding: chunked\r\n") + chunks + inner;
        assert_eq!(refusal_to(daemon.http, text), status, "{chunks:?}");
    }
}

#[test]
fn a_body_of_chunks_is_read_up_to_its_route_s_limit() {
    let daemon = Daemon::start();
    for (path, len_max) in [("/predict/regression", 64 << 10), ("/predict/batch", 2 << 20)] {
        let padded = |len: usize| {
            let start = r#"{"model":"regression","features":[[0.5,0.2,0.3]],"pad":""#;
            let start = match path {
                "/predict/batch" => start.to_owned(),
                _ => start.replace("[[0.5,0.2,0.3]]", "[0.5,0.2,0.3]"),
            };
            let pad = "x".repeat(len - start.len() - 2);
            format!("{start}{pad}\"}}")
        };
        let whole = chunked(path, &padded(len_max), 4000);
        assert_eq!(exchange(daemon.http, whole).status, 200, "{path}");
        let mut http = Http::connect(daemon.http);
        let longer = chunked(path, &padded(len_max + 1), 4000);
        // The end of what is too long need not be sent, nor would all of it be taken.
        http.send(&longer[..longer.len() - 7]);
        assert_eq!(http.reply(false).status, 413, "{path}");
    }
}

#[test]
fn slow_chunks_end_at_the_deadline_of_a_body() {
    let daemon = Daemon::start();
    let began = Instant::now();
    let mut http = Http::connect(daemon.http);
    http.send(head("/predict/regression", "Transfer-Encoding: chunked\r\n"));
    // A byte a second, each a whole chunk: none of them moves the deadline.
    for _ in 0..8 {
        http.send("1\r\n \r\n");
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(http.reply(false).status, 408);
    // 10 s by contract.
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
}

#[test]
fn a_compressed_body_is_refused_by_the_name_of_its_encoding() {
    let daemon = Daemon::start();
    for (lines, named) in [
        ("Content-Encoding: gzip\r\nContent-Length: 45\r\n", "gzip"),
        ("Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n", "br"),
        ("Content-Encoding: identity, zstd\r\nContent-Length: 9\r\n", "identity, zstd"),
        ("Content-Encoding: \"\x7f\"\r\nContent-Length: 9\r\n", ""),
        ("Content-Encoding: \u{e9}\"\\\r\nContent-Length: 9\r\n", "????"),
    ] {
        for path in ["/predict/regression", "/predict/batch"] {
            let reply = exchange(daemon.http, head(path, lines));
            if named.is_empty() {
                assert_eq!(reply.status, 400, "a control byte");
                continue;
            }
            assert_eq!(reply.status, 415, "{lines}");
            assert_eq!(reply.header("Accept-Encoding"), Some("identity"));
            let error = reply.error();
            let text = format!("Content-Encoding {named} is not accepted: send the body as it is");
            assert_eq!(error, text);
        }
    }
    let lines = format!("Content-Encoding: identity\r\nContent-Length: {}\r\n", BODY.len());
    assert_eq!(exchange(daemon.http, head("/predict/regression", &lines) + BODY).status, 200);
}

#[test]
fn a_byte_order_mark_before_json_is_ignored() {
    let daemon = Daemon::start();
    let send = |path: &str, body: &[u8]| {
        let head = head(path, &format!("Content-Length: {}\r\n", body.len()));
        exchange(daemon.http, [head.as_bytes(), body].concat())
    };
    let marked = |text: &str| ["\u{feff}", text].concat();
    let reply = send("/predict/regression", marked(BODY).as_bytes());
    assert_eq!(reply.json()["prediction"], PREDICTION);
    let batch = r#"{"model":"regression","features":[[0.5,0.2,0.3]]}"#;
    let reply = send("/predict/batch", marked(batch).as_bytes());
    assert_eq!(reply.json()["predictions"][0], PREDICTION);
    for path in ["/predict/regression", "/predict/batch"] {
        let utf16: Vec<u8> = marked(BODY).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let reply = send(path, &utf16);
        assert_eq!((reply.status, &*reply.error()), (400, "The body is UTF-16: send UTF-8"));
        assert_eq!(send(path, marked(&marked(BODY)).as_bytes()).status, 400);
    }
}

#[test]
fn options_tells_the_methods_and_a_load_balancer_s_check_passes() {
    let daemon = Daemon::start();
    // HAProxy's `option httpchk` without arguments.
    let mut check = Http::connect(daemon.http);
    let reply = check.send("OPTIONS / HTTP/1.0\r\n\r\n").reply(false);
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert!(check.has_ended());
    for (path, allow) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/predict/regression/1/2/3", "GET, HEAD, OPTIONS"),
        ("/predict/batch", "POST, OPTIONS"),
        ("/predict/anything", "POST, OPTIONS"),
        ("*", "GET, HEAD, POST, OPTIONS"),
    ] {
        let reply = request(daemon.http, "OPTIONS", path, None);
        assert_eq!((reply.status, reply.header("Allow")), (200, Some(allow)), "{path}");
        assert!(reply.body.is_empty(), "{path}");
    }
    assert_eq!(request(daemon.http, "OPTIONS", "/nowhere", None).status, 404);
    let mut http = Http::connect(daemon.http);
    let len = BODY.len();
    http.send(format!("OPTIONS / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n{BODY}"));
    assert_eq!(http.reply(false).status, 200);
    let value: Value = http.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").reply(false).json();
    assert!(value.get("service").is_some(), "the body was dropped: {value}");
}
