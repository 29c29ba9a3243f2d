//! How a replay lives and ends: its pace, Ctrl-C, and an engine that is killed.

use crate::engine::Engine;
use crate::support::{Daemon, factord, ran};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Waits at most this long for what should come soon.
const SOON: Duration = Duration::from_secs(60);

/// Trades of two sides in turn, so many milliseconds apart.
fn trades(count: u64, apart_ms: u64) -> String {
    let mut text = "ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id\n".to_owned();
    for id in 1..=count {
        let ts_ns = 1_700_000_000_000_000_000 + id * apart_ms * 1_000_000;
        let side = if id % 3 == 0 { "S" } else { "B" };
        text += &format!("{ts_ns},TEST,10.5,{},{side},flag,,,{id}\n", 100 * (1 + id % 7));
    }
    text
}

/// Waits until a replay has its output open, which has no name of its own yet.
fn wait_for_output(child: &Child) {
    let started = Instant::now();
    let is_output = |entry: io::Result<fs::DirEntry>| {
        let file = entry.and_then(|entry| fs::read_link(entry.path())).unwrap_or_default();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with('#') || name.starts_with(".rows.csv.")
    };
    while !fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().any(is_output) {
        assert!(started.elapsed() < SOON);
        sleep(Duration::from_millis(10));
    }
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

#[test]
fn a_paced_replay_takes_the_time_of_its_trades_and_gives_the_same_rows() {
    let daemon = Daemon::start();
    fs::write(daemon.path("trades.csv"), trades(20, 200)).unwrap();
    let replay = |speed: &str| {
        let arguments = ["replay", "trades.csv", "--window", "400ms", "--speed", speed];
        let started = Instant::now();
        let ran = ran(&mut daemon.factord(&arguments));
        assert_eq!(ran.code, 0, "{}", ran.err);
        (ran.out, started.elapsed())
    };
    let (fast, _) = replay("max");
    assert_eq!(fast.lines().count(), 12, "{fast}");
    // 3.8 seconds between the first trade and the last.
    let (paced, elapsed) = replay("2");
    assert!(elapsed >= Duration::from_millis(1_900), "{elapsed:?}");
    assert_eq!(paced, fast);
}

#[test]
fn ctrl_c_ends_a_replay_with_its_summary_and_no_table_that_looks_whole() {
    let daemon = Daemon::start();
    fs::write(daemon.path("trades.csv"), trades(2_000, 100)).unwrap();
    let spawn = |out: &str| {
        let mut command = daemon.factord(&["replay", "trades.csv", "--window", "100ms"]);
        command.args(["--speed", "1", "--out", out]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // Rows come as their windows close, three minutes before the end.
    let mut child = spawn("-");
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{line}");
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("\ninterrupted: "), "{err}");
    let child = spawn("rows.csv");
    wait_for_output(&child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("rows so far in rows.csv.partial"), "{text}");
    let rows = ["", ".factors.json", ".models.json"].map(|end| format!("rows.csv.partial{end}"));
    let [table, factors, models] = rows.each_ref().map(String::as_str);
    assert_eq!(daemon.names(), ["factord.sock", table, factors, models, "trades.csv"]);
}

#[test]
fn an_engine_that_is_killed_and_comes_back_costs_no_window() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("factord.sock");
    let input = folder.path().join("trades.csv");
    fs::write(&input, trades(60, 100)).unwrap();
    let replay = |speed: &str| {
        let mut command = factord(&["replay", "--window", "100ms", "--deadline-ms", "120000"]);
        command.args(["--speed", speed, "--json"]).arg(&input).arg("--socket").arg(&socket);
        command
    };
    let engine = Engine::start(&socket, &[]);
    let whole = ran(&mut replay("max"));
    assert_eq!(whole.out.lines().count(), 61, "{}", whole.err);
    let mut command = replay("2");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    // The header and some rows, with seconds of trades still to come.
    for _ in 0..5 {
        stdout.read_line(&mut text).unwrap();
    }
    engine.kill();
    let _engine = Engine::start(&socket, &[]);
    stdout.read_to_string(&mut text).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(text == whole.out, "{text}");
    let summary: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((&summary["engine_restarts"], &summary["windows"]), (&1.into(), &60.into()));
}

#[test]
fn an_engine_that_stays_away_ends_the_replay_with_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("factord.sock");
    let input = folder.path().join("trades.csv");
    let out = folder.path().join("rows.csv");
    fs::write(&input, trades(2_000, 100)).unwrap();
    let engine = Engine::start(&socket, &[]);
    let mut command = factord(&["replay", "--window", "100ms", "--speed", "1"]);
    command.args(["--deadline-ms", "300", "--out"]).arg(&out).arg(&input);
    let mut child = command.arg("--socket").arg(&socket).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_output(&child);
    engine.kill();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(69), "{err}");
    assert!(err.contains("TEST at 17000000"), "{err}");
    assert!(err.contains("not connected to a daemon: start it with `factord serve`"), "{err}");
    assert!(!out.exists() && fs::read_dir(folder.path()).unwrap().count() <= 2);
}
