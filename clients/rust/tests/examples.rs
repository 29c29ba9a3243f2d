//! The examples, run as a new user runs them: against a daemon, told of its socket alone.

use factord_client::Observer;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The folder of this build's programs.
fn programs() -> PathBuf {
    // TARGET/release/deps/this
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

struct Daemon {
    child: Child,
    folder: TempDir,
}

impl Daemon {
    fn start() -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let program = programs().join("factord");
        assert!(program.is_file(), "no {program:?}: build it with cargo build --release");
        let mut command = Command::new(program);
        command.env_clear().arg("--socket").arg(folder.path().join("factord.sock"));
        command.args(["serve", "--no-http", "--idle", "backoff"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let daemon = Daemon { child: command.spawn().unwrap(), folder };
        let end = Instant::now() + Duration::from_secs(30);
        while Observer::attach(Some(&daemon.socket())).is_err() {
            assert!(Instant::now() < end, "the daemon does not serve");
            sleep(Duration::from_millis(5));
        }
        daemon
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("factord.sock")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Exit and output of an example.
fn run(name: &str, socket: &Path) -> (bool, String) {
    let program = programs().join("examples").join(name);
    let output = Command::new(program).env("FACTORD_SOCKET", socket).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn every_example_runs_from_the_outside() {
    let daemon = Daemon::start();
    let socket = daemon.socket();
    assert_eq!(run("basic", &socket), (true, "0.500053855850386 by generation 1\n".to_owned()));
    let (ended_well, text) = run("ping", &socket);
    assert!(ended_well && text.starts_with("round trip p50 "), "{text}");
    let (ended_well, text) = run("batch", &socket);
    assert!(ended_well && text.contains("100000 have the same bits"), "{text}");
    let (ended_well, text) = run("factors", &socket);
    assert!(ended_well && text.starts_with("100000 trades, 83 windows, 0."), "{text}");
    assert!(text.contains("in this process the same bits"), "{text}");
    let (ended_well, text) = run("versions", &socket);
    assert!(ended_well && text.starts_with("0.500053855850386 by "), "{text}");
    assert!(text.contains(", arm 0\n0.500053855850386 and 0."), "{text}");
    assert!(text.ends_with("in this process the same version\n"), "{text}");
}

#[test]
fn without_a_daemon_every_example_fails_and_names_the_socket() {
    let socket = Path::new("/nowhere/factord.sock");
    for name in ["basic", "ping", "batch", "factors", "versions"] {
        let (ended_well, text) = run(name, socket);
        assert!(!ended_well && text.contains("/nowhere/factord.sock"), "{name}: {text}");
    }
}
