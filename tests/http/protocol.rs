//! The edges of HTTP: methods, versions, expectations, upgrades, pipelining, malformed requests.

use crate::harness::{Daemon, Http, PATIENCE, Reply, exchange, get, holds_within, post, request};
use std::net::Shutdown;

#[test]
fn head_answers_as_get_does_without_the_body() {
    let daemon = Daemon::start();
    for path in ["/", "/health", "/info", "/plot/model_comparison", "/predict/regression/1/0/0"] {
        let (head, full) = (request(daemon.http, "HEAD", path, None), get(daemon.http, path));
        assert_eq!((head.status, full.status), (200, 200), "{path}");
        assert!(head.body.is_empty() && !full.body.is_empty(), "{path}");
        assert_eq!(head.header("Content-Type"), full.header("Content-Type"), "{path}");
        assert_eq!(head.header("Content-Length"), full.header("Content-Length"), "{path}");
    }
    assert_eq!(request(daemon.http, "HEAD", "/metrics", None).status, 200);
}

#[test]
fn unknown_paths_and_wrong_methods_are_told_in_json() {
    let daemon = Daemon::start();
    for path in ["/nowhere", "/health/", "/predict/regression/1/2", "/predict/nobody/1/2/3"] {
        let reply = get(daemon.http, path);
        assert_eq!(reply.status, 404, "{path}");
        assert!(!reply.error().is_empty());
    }
    for (method, path, allow) in [
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("GET", "/predict/regression", "POST, OPTIONS"),
        ("HEAD", "/predict/batch", "POST, OPTIONS"),
        ("POST", "/predict/regression/1/2/3", "GET, HEAD, OPTIONS"),
        ("PUT", "/info", "GET, HEAD, OPTIONS"),
        ("DELETE", "/predict/classification", "POST, OPTIONS"),
        ("TRACE", "/metrics", "GET, HEAD, OPTIONS"),
    ] {
        let reply = request(daemon.http, method, path, None);
        assert_eq!(reply.status, 405, "{method} {path}");
        assert_eq!(reply.header("Allow"), Some(allow), "{method} {path}");
        assert_eq!(reply.header("Content-Type"), Some("application/json"));
    }
    assert_eq!(request(daemon.http, "DELETE", "/nowhere", None).status, 404);
}

#[test]
fn numbers_that_are_none_are_refused_in_words_of_our_own() {
    let daemon = Daemon::start();
    for body in ["", "hello", "{", r#"{"features":[NaN,0,0]}"#, r#"{"features":[Infinity,0,0]}"#] {
        let reply = post(daemon.http, "/predict/regression", body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.error().contains("not valid JSON"), "{body}");
    }
    let reply = post(daemon.http, "/predict/classification", r#"{"features":[0.5,true,0.3]}"#);
    assert_eq!((reply.status, reply.error().as_str()), (400, "Feature 1 is not numeric: True"));
    for (path, error) in [
        ("/predict/regression/nan/0/0", "Feature 0 must be a finite number"),
        ("/predict/regression/0/inf/0", "Feature 1 must be a finite number"),
        ("/predict/regression/0/0/x", "Feature 2 is not numeric: x"),
    ] {
        let reply = get(daemon.http, path);
        assert_eq!((reply.status, reply.error().as_str()), (400, error), "{path}");
    }
    let overflow = get(daemon.http, "/predict/classification/-1e308/1e308/1.7e308");
    assert!([200, 400].contains(&overflow.status));
    for path in ["/predict/regression/1/0/0", "/predict/regression/-0.5/1e-3/+2"] {
        assert_eq!(get(daemon.http, path).status, 200, "{path}");
    }
}

#[test]
fn a_waiting_client_is_told_to_continue_and_other_expectations_fail() {
    let daemon = Daemon::start();
    let body = r#"{"features":[0.5,0.2,0.3]}"#;
    let head = |expect: &str| {
        let len = body.len();
        format!(
            "POST /predict/regression HTTP/1.1\r\nHost: a\r\nExpect: {expect}\r\n\
             Content-Length: {len}\r\n\r\n"
        )
    };
    let mut http = Http::connect(daemon.http);
    assert_eq!(http.send(head("100-continue")).reply(false).status, 100);
    assert_eq!(http.send(body).reply(false).status, 200);
    let at_once = exchange(daemon.http, head("100-Continue") + body);
    assert_eq!(at_once.status, 200);
    assert_eq!(exchange(daemon.http, head("a miracle")).status, 417);
}

#[test]
fn an_upgrade_is_ignored_and_the_request_answered() {
    let daemon = Daemon::start();
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n";
    let body = r#"{"features":[0.5,0.2,0.3]}"#;
    let mut http = Http::connect(daemon.http);
    for _ in 0..2 {
        http.send(format!(
            "POST /predict/regression HTTP/1.1\r\nHost: a\r\n{upgrade}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let reply = http.reply(false);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["prediction"], 0.500053855850386);
        assert_eq!(reply.header("Upgrade"), None);
    }
}

#[test]
fn pipelined_requests_are_answered_one_by_one_in_order() {
    let daemon = Daemon::start();
    let mut http = Http::connect(daemon.http);
    let count = 300;
    let requests: String = (0..count)
        .map(|index| format!("GET /predict/regression/{index}/0/0 HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    http.send(requests);
    for index in 0..count {
        let reply = http.reply(false);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["input_features"][0], f64::from(index));
    }
}

#[test]
fn requests_that_are_whole_when_a_client_half_closes_are_all_answered() {
    let daemon = Daemon::start();
    // Some are answered by the guard, some behind it; a last one never becomes whole.
    let count = 300;
    let requests: String = (0..count)
        .map(|index| match index % 10 {
            9 => "GET /health HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            _ => format!("GET /predict/regression/{index}/0/0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        })
        .collect();
    for unfinished in
        ["", "GET /hea", "POST /predict/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"]
    {
        let mut http = Http::connect(daemon.http);
        http.send(requests.clone() + unfinished);
        http.stream.shutdown(Shutdown::Write).unwrap();
        for index in 0..count {
            let reply = http.try_reply(false).unwrap_or_else(|| panic!("{index} answers alone"));
            assert_eq!(reply.status, 200);
            if index % 10 != 9 {
                assert_eq!(reply.json()["input_features"][0], f64::from(index));
            }
        }
        assert!(http.has_ended());
    }
}

#[test]
fn a_connection_is_kept_or_closed_as_the_client_asks() {
    let daemon = Daemon::start();
    for (text, kept) in [
        ("GET /health HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
        ("GET /health HTTP/1.0\r\n\r\n", false),
        ("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
    ] {
        let mut http = Http::connect(daemon.http);
        let reply = http.send(text).reply(false);
        assert_eq!(reply.status, 200);
        let word = if kept { "keep-alive" } else { "close" };
        assert_eq!(reply.header("Connection"), Some(word), "{text}");
        if kept {
            assert_eq!(http.send(text).reply(false).status, 200, "{text}");
        } else {
            assert!(http.has_ended(), "{text}");
        }
    }
}

#[test]
fn a_half_closed_client_still_gets_its_answer() {
    let daemon = Daemon::start();
    let mut http = Http::connect(daemon.http);
    http.send("GET /info HTTP/1.1\r\nHost: a\r\n\r\n");
    http.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(http.reply(false).status, 200);
}

#[test]
fn a_body_sent_with_get_is_dropped() {
    let daemon = Daemon::start();
    let mut http = Http::connect(daemon.http);
    http.send(
        "GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nGET / HTTP/1\
         GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert!(http.reply(false).json().get("regression_model").is_some());
    assert!(http.reply(false).json().get("service").is_some());
}

#[test]
fn every_malformed_request_gets_one_refusal_and_the_end() {
    let daemon = Daemon::start();
    let lengths =
        |lines: &str| format!("POST /predict/batch HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n{{}}");
    let cases: Vec<(Vec<u8>, u16)> = vec![
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (b"GET /health HTTP/1.1\n\n".to_vec(), 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n".to_vec(), 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nA: b\nc\r\n\r\n".to_vec(), 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nA: \x00\r\n\r\n".to_vec(), 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n".to_vec(), 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n".to_vec(), 400),
        (b"GET /he\xc3\xa4lth HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
        (lengths("Content-Length: 2\r\nContent-Length: 2").into_bytes(), 400),
        (lengths("Content-Length: +2").into_bytes(), 400),
        (lengths("Content-Length: 2, 2").into_bytes(), 400),
        (lengths("Transfer-Encoding: xchunked").into_bytes(), 501),
        (lengths("Content-Length: 2\r\nTransfer-Encoding: xchunked").into_bytes(), 400),
        (lengths("Content-Length: 2\r\nContent-Encoding: gzip").into_bytes(), 415),
        (b"GET /health HTTP/1.1\r\n\r\n".to_vec(), 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_vec(), 400),
        (b"GET /health HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n".to_vec(), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 505),
        (b"GET /health HTTP/1.7\r\n\r\n".to_vec(), 505),
    ];
    for (bytes, status) in cases {
        let mut http = Http::connect(daemon.http);
        let reply = http.send(&bytes).reply(false);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(reply.status, status, "{text:?}");
        assert_eq!(reply.header("Connection"), Some("close"), "{text:?}");
        assert!(!reply.error().is_empty());
        assert!(http.has_ended(), "{text:?}");
    }
}

#[test]
fn nothing_a_client_sends_comes_back_in_a_header() {
    let daemon = Daemon::start();
    let known = [
        "allow",
        "cache-control",
        "connection",
        "content-length",
        "content-security-policy",
        "content-type",
        "date",
        "x-content-type-options",
    ];
    let check = |reply: &Reply| {
        for (name, value) in &reply.headers {
            assert!(known.contains(&name.to_ascii_lowercase().as_str()), "{name}");
            assert!(!value.contains("planted"), "{name}: {value}");
        }
    };
    for path in
        ["/planted", "/health?planted", "/predict/planted/1/2/3", "/predict/x%0d%0aplanted: 1"]
    {
        check(&exchange(
            daemon.http,
            format!(
                "GET {path} HTTP/1.1\r\nHost: planted\r\nplanted: x\r\nOrigin: planted\r\n\r\n"
            ),
        ));
    }
    check(&post(
        daemon.http,
        "/predict/regression",
        r#"{"features":["planted\r\nplanted: 1",1,2]}"#,
    ));
}

#[test]
fn metrics_are_whole_families_that_count_requests() {
    let daemon = Daemon::start();
    for _ in 0..5 {
        assert_eq!(get(daemon.http, "/predict/regression/0.5/0.2/0.3").status, 200);
    }
    assert_eq!(get(daemon.http, "/nowhere").status, 404);
    let reply = get(daemon.http, "/metrics");
    assert_eq!(reply.status, 200);
    let text = String::from_utf8(reply.body).unwrap();
    let sample = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert_eq!(sample(r#"api_requests_total{status="200"}"#), 5.0);
    assert_eq!(sample(r#"api_requests_total{status="404"}"#), 1.0);
    assert_eq!(sample("api_request_duration_seconds_count"), 6.0);
    assert_eq!(sample("factord_up"), 1.0);
    assert_eq!(sample(r#"factord_model_generation{model="regression""#), 1.0);
    assert!(sample("factord_heartbeat_age_seconds") < 1.0);
    assert!(
        text.contains(r#"factord_answer_duration_seconds_bucket{le="+Inf",worker="0"}"#),
        "{text}"
    );
    // Through the ring or in the sidecar's own process, which the engine adds up a moment later.
    let all_counted = || {
        let text = String::from_utf8(get(daemon.http, "/metrics").body).unwrap();
        let names = [
            r#"factord_requests_total{worker="0",status="ok"} "#,
            r#"factord_local_evaluations_total{status="ok"} "#,
        ];
        let counts = names.map(|name| text.lines().find_map(|line| line.strip_prefix(name)));
        counts.map(|count| count.unwrap().parse::<u64>().unwrap()).iter().sum::<u64>() == 5
    };
    assert!(holds_within(PATIENCE, all_counted));
    let mut sample_count = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|suffix| name.strip_suffix(suffix))
            .find(|family| text.contains(&format!("# TYPE {family} histogram\n")))
            .unwrap_or(name);
        assert!(text.contains(&format!("# HELP {family} ")), "{line}");
        assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
        sample_count += 1;
    }
    assert!(sample_count > 50, "{sample_count}");
}

#[test]
fn the_comparison_is_one_static_page_drawn_from_predictions() {
    let daemon = Daemon::start();
    let reply = get(daemon.http, "/plot/model_comparison");
    assert_eq!(reply.header("Content-Type"), Some("text/html; charset=utf-8"));
    let page = String::from_utf8(reply.body).unwrap();
    assert_eq!(page.matches("<polyline").count(), 2);
    let row = page.split("<td>0.50</td><td>").nth(1).expect("the row of buy rate 0.5");
    assert!(row.starts_with("0.500054</td><td>0.001096<"), "{}", &row[..60]);
    for said in ["R&sup2; 0.9981. In its training data", "an outcome above 0.5243:", "identity"] {
        assert!(page.contains(said), "{said} in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
}
