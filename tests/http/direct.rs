//! Single predictions that the guard answers itself: nobody can tell but by the counters.

use crate::harness::{
    Daemon, Http, PATIENCE, Reply, address_in, command, get, holds_within, is_healthy, post,
};
use crate::models::wide;
use crate::sidecar::{end_of, sidecar};
use factord_eval::eval::eval;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

const PATH: &str = "/predict/regression";
const BODY: &str = r#"{"features":[0.5,0.2,0.3]}"#;

/// A counter of the engine's: what went through the ring, or, added up a moment later, what was
/// evaluated in clients' own processes.
fn count(address: SocketAddr, name: &str) -> u64 {
    let text = String::from_utf8(get(address, "/metrics").body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or("0").trim().parse().unwrap()
}

const RING: &str = r#"factord_requests_total{worker="0",status="ok"}"#;
const LOCAL: &str = r#"factord_local_evaluations_total{status="ok"}"#;

/// Asks until the guard answers itself: the first requests prepare it.
fn answered_directly(address: SocketAddr, path: &str, body: &str) -> Reply {
    let mut reply = None;
    let direct = || {
        let before = count(address, RING);
        reply = Some(post(address, path, body));
        count(address, LOCAL) > 0 && count(address, RING) == before
    };
    assert!(holds_within(PATIENCE, direct), "{path} is answered by the guard");
    let reply = reply.unwrap();
    assert_eq!(reply.status, 200, "{path}");
    reply
}

/// Names and values of the headers, and the body, without what differs from moment to moment.
fn lasting(reply: &Reply) -> (Vec<(String, String)>, Value) {
    let mut headers = reply.headers.clone();
    for (name, value) in &mut headers {
        if ["Date", "Content-Length"].contains(&name.as_str()) {
            value.clear();
        }
    }
    let mut body = reply.json();
    for key in ["timestamp", "latency_ms"] {
        assert_ne!(std::mem::take(&mut body[key]), Value::Null, "{key}");
    }
    (headers, body)
}

#[test]
fn a_reply_is_the_same_whether_guard_or_handler_gives_it() {
    let daemon = Daemon::start();
    for (path, body) in [(PATH, BODY), ("/predict/classification", BODY)] {
        let direct = answered_directly(daemon.http, path, body);
        // The guard leaves long bodies to the handlers, and those ask the engine.
        let before = count(daemon.http, RING);
        let long = post(daemon.http, path, &(body.to_owned() + &" ".repeat(2000)));
        assert!(holds_within(PATIENCE, || count(daemon.http, RING) == before + 1), "{path}");
        assert_eq!(lasting(&direct), lasting(&long), "{path}");
    }
    for (body, status) in [("{", 400), (r#"{"features":[1,2]}"#, 400), ("{}", 400)] {
        let direct = post(daemon.http, PATH, body);
        let long = post(daemon.http, PATH, &(body.to_owned() + &" ".repeat(2000)));
        assert_eq!((direct.status, long.status), (status, status), "{body}");
        assert_eq!(direct.error(), long.error(), "{body}");
    }
    let (direct, long) = (post(daemon.http, "/predict/nobody", BODY), "/predict/nobody/1/2/3");
    assert_eq!((direct.status, get(daemon.http, long).status), (404, 404));
}

#[test]
fn a_reload_shows_in_the_very_next_reply() {
    let models = tempfile::tempdir().unwrap();
    let path = models.path().join("wide.fmodel");
    wide(0.5).save(&path).unwrap();
    let daemon = Daemon::start_with(&["--models", models.path().to_str().unwrap()]);
    let row = [0.3, 1.7, -2.25, 1e6, 0.1];
    let body = json!({ "features": row }).to_string();
    for weight in [0.75, 0.25, 2.0] {
        answered_directly(daemon.http, "/predict/wide", &body);
        let artifact = wide(weight);
        artifact.save(&path).unwrap();
        let reload = command(&daemon.socket()).args(["model", "reload"]).output().unwrap();
        assert!(reload.status.success(), "{}", String::from_utf8_lossy(&reload.stderr));
        let reply = post(daemon.http, "/predict/wide", &body).json();
        let expected = eval(artifact.model(), &row).y;
        assert_eq!(reply["prediction"].as_f64().unwrap().to_bits(), expected.to_bits());
        assert_eq!(reply["feature_names"], json!(artifact.details().feature_names));
    }
}

#[test]
fn a_dead_engine_gives_no_more_predictions_and_one_that_comes_back_does() {
    let mut daemon = Daemon::start();
    let temporary = daemon.folder.path().to_owned();
    let mut sidecar = command(&daemon.socket())
        .args(["http", "--listen", "127.0.0.1:0"])
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = address_in(&mut sidecar);
    answered_directly(address, PATH, BODY);
    daemon.kill();
    let refused = || post(address, PATH, BODY).status == 503;
    let ended = holds_within(PATIENCE, refused);
    let still = post(address, PATH, BODY).status;
    let mut again = command(&daemon.socket())
        .args(["serve", "--no-http", "--idle", "backoff"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let answers = || post(address, PATH, BODY).status == 200;
    let recovered = holds_within(PATIENCE, answers);
    if recovered {
        answered_directly(address, PATH, BODY);
    }
    for child in [&mut again, &mut sidecar] {
        let _ = child.kill();
        let _ = child.wait();
    }
    assert!(ended && recovered);
    assert_eq!(still, 503);
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up_and_says_later_what_it_lacks() {
    let daemon = Daemon::start();
    let (mut sidecar, address) = sidecar(&daemon.socket());
    let log = sidecar.0.stderr.take().unwrap();
    let began = Instant::now();
    answered_directly(address, PATH, BODY);
    // A line has some 200 bytes: the pipe and the queue are full long before the last one. Every
    // fourth request goes by the handlers.
    let request = |body: &str| {
        format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let long = BODY.to_owned() + &" ".repeat(1100);
    let requests = request(BODY).repeat(3) + &request(&long);
    let mut http = Http::connect(address);
    let sent = 8000;
    for _ in 0..sent / 400 {
        http.send(requests.repeat(100));
        for _ in 0..400 {
            assert_eq!(http.reply(false).status, 200);
        }
    }
    assert!((0..20).all(|_| is_healthy(address)), "/health answers all the while");
    let dropped = count(address, "factord_http_log_lines_dropped_total");
    assert!(dropped > 0, "the queue is full by now");
    // What is read again says how many lines are missing.
    let reader = std::thread::spawn(move || {
        let (mut written, mut missing) = (0, 0);
        for line in BufReader::new(log).lines().map(Result::unwrap) {
            let event: Value = serde_json::from_str(&line).expect("a line is whole");
            written += u64::from(event["message"] == "prediction");
            missing += event["dropped"].as_u64().unwrap_or(0);
        }
        (written, missing)
    });
    assert!(holds_within(PATIENCE, || post(address, PATH, BODY).status == 200));
    // Lines are dropped until the queue has room again.
    let told = holds_within(PATIENCE, || {
        let before = count(address, "factord_http_log_lines_dropped_total");
        post(address, PATH, BODY);
        count(address, "factord_http_log_lines_dropped_total") == before
    });
    assert!(told, "lines go on being dropped");
    let ending = end_of(&mut sidecar);
    assert!(ending < Duration::from_secs(2), "{ending:?} after {:?}", began.elapsed());
    let (written, missing) = reader.join().unwrap();
    assert!(missing >= dropped, "{missing} of {dropped} are told");
    assert!(written + missing >= sent as u64, "{written} and {missing} are {sent}");
}

#[test]
fn a_sidecar_whose_log_nobody_reads_ends_when_it_is_told() {
    let daemon = Daemon::start();
    let (mut sidecar, address) = sidecar(&daemon.socket());
    answered_directly(address, PATH, BODY);
    let len = BODY.len();
    let request = format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n{BODY}");
    let mut http = Http::connect(address);
    http.send(request.repeat(1200));
    assert!((0..1200).all(|_| http.reply(false).status == 200));
    assert!(is_healthy(address));
    let ending = end_of(&mut sidecar);
    assert!(ending < Duration::from_secs(2), "{ending:?}");
}
