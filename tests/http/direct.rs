//! Single predictions that the guard answers itself: nobody can tell but by the counters.

use crate::harness::{
    Daemon, Http, PATIENCE, Reply, address_in, command, get, holds_within, is_healthy, post,
};
use crate::models::wide;
use factord::model::eval::eval;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;

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
fn a_log_that_nobody_reads_never_stops_the_guard() {
    let daemon = Daemon::start();
    let mut sidecar = command(&daemon.socket())
        .args(["http", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = sidecar.stderr.take().unwrap();
    let address = address_in(&mut sidecar);
    answered_directly(address, PATH, BODY);
    // A line has some 200 bytes; the pipe takes 64 KiB and the guard holds as much. Handlers that
    // meet a full pipe wait for its reader, and their requests with them.
    let request = format!("POST {PATH} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
    let mut http = Http::connect(address);
    let sent = 1000;
    http.send(request.repeat(sent));
    let first = http.reply(false).status;
    let healthy = (0..20).filter(|_| is_healthy(address)).count();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(log).lines().map(Result::unwrap);
        lines
            .filter(|line| {
                let event: Value = serde_json::from_str(line).expect("a line is whole");
                event["message"] == "prediction"
            })
            .count()
    });
    let answered = (1..sent).map_while(|_| http.try_reply(false)).last();
    let live = holds_within(PATIENCE, || post(address, PATH, BODY).status == 200);
    let _ = sidecar.kill();
    let _ = sidecar.wait();
    assert_eq!((first, healthy), (200, 20));
    assert!(answered.is_some() && live);
    assert!(reader.join().unwrap() > sent / 4, "the lines came out");
}
