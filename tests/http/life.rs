//! How the sidecar starts, waits for its engine, and ends.

use crate::harness::{
    Daemon, Http, PATIENCE, address_in, command, get, holds_within, is_healthy, post,
};
use crate::models::wide;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A sidecar without a parent of factord's; killed when dropped.
struct Sidecar {
    child: Child,
    http: SocketAddr,
}

impl Sidecar {
    fn start(socket: &Path, flags: &[&str], temporary: &Path) -> Sidecar {
        let mut child = command(socket)
            .args(["http", "--listen", "127.0.0.1:0"])
            .args(flags)
            .env("TMPDIR", temporary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let http = address_in(&mut child);
        Sidecar { child, http }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The exit code, if the process ends within `patience`; `Some(None)` when a signal ended it.
    fn ends_within(&mut self, patience: Duration) -> Option<Option<i32>> {
        let mut status = None;
        holds_within(patience, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.map(|status| status.code())
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn without_an_engine_it_says_503_and_recovers_when_one_comes_back() {
    let mut daemon = Daemon::start();
    let temporary = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&daemon.socket(), &[], temporary.path());
    assert_eq!(get(sidecar.http, "/predict/regression/0.5/0.2/0.3").status, 200);
    daemon.kill();
    let unhealthy = get(sidecar.http, "/health");
    assert_eq!((unhealthy.status, &unhealthy.json()["status"]), (503, &"unhealthy".into()));
    assert_eq!(unhealthy.json()["models_loaded"], false);
    let refused = get(sidecar.http, "/predict/regression/0.5/0.2/0.3");
    assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("1")));
    assert!(!refused.error().contains('/'), "no path is told: {}", refused.error());
    let metrics = String::from_utf8(get(sidecar.http, "/metrics").body).unwrap();
    assert!(metrics.contains("\nfactord_up 0\n"));

    // The engine that comes back serves another model: nothing may be left of the old table.
    let models = tempfile::tempdir().unwrap();
    wide(1.0).save(&models.path().join("wide.fmodel")).unwrap();
    let mut again = command(&daemon.socket())
        .args(["serve", "--no-http", "--idle", "backoff", "--models"])
        .arg(models.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let recovered = holds_within(PATIENCE, || is_healthy(sidecar.http));
    let info = get(sidecar.http, "/info").json();
    let gone = get(sidecar.http, "/predict/regression/0.5/0.2/0.3").status;
    let prediction = post(sidecar.http, "/predict/wide", r#"{"features":[1,2,3,4,5]}"#).json();
    let _ = again.kill();
    let _ = again.wait();
    assert!(recovered);
    assert!(info.get("wide_model").is_some() && info.get("regression_model").is_none(), "{info}");
    assert_eq!(gone, 404);
    assert!(prediction["prediction"].is_f64(), "{prediction}");
}

#[test]
fn it_starts_without_an_engine() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&folder.path().join("none.sock"), &[], folder.path());
    assert_eq!(get(sidecar.http, "/health").status, 503);
    assert_eq!(get(sidecar.http, "/").status, 200);
}

#[test]
fn it_leaves_nothing_behind_however_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    for signal in ["TERM", "INT", "KILL"] {
        let temporary = tempfile::tempdir().unwrap();
        let mut sidecar = Sidecar::start(&socket, &[], temporary.path());
        assert!(is_empty(temporary.path()), "nothing is there even while it runs");
        let mut idle = Http::connect(sidecar.http);
        sidecar.signal(signal);
        let code = sidecar.ends_within(PATIENCE).expect("it ends");
        assert_eq!(code, (signal != "KILL").then_some(0), "{signal}");
        assert!(idle.has_ended());
        assert!(is_empty(temporary.path()), "{signal}");
        TcpListener::bind(sidecar.http).expect("the port is free at once");
    }
}

#[test]
fn supervised_it_leaves_signals_to_its_parent_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let mut sidecar = Sidecar::start(&socket, &["--supervised"], folder.path());
    for signal in ["INT", "TERM"] {
        sidecar.signal(signal);
        assert_eq!(sidecar.ends_within(Duration::from_millis(300)), None, "{signal}");
    }
    assert_eq!(get(sidecar.http, "/").status, 200);
    drop(sidecar.child.stdin.take());
    assert_eq!(sidecar.ends_within(PATIENCE), Some(Some(0)));
}

#[test]
fn a_taken_address_is_told_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(&folder.path().join("none.sock"))
        .args(["http", "--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&address) && message.contains("--listen"), "{message}");
}
