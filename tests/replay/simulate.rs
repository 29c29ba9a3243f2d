//! `factord simulate`: the same flags give the same bytes, and nothing that looks real.

use crate::packed::text_of;
use crate::support::{factord, ran};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::process::Stdio;

const SMALL: [&str; 6] = ["--symbols", "3", "--days", "2", "--trades", "5000"];

/// The trades as text, written to stdout.
fn trades(more: &[&str]) -> String {
    let ran = ran(factord(&["simulate", "--out", "-"]).args(SMALL).args(more));
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_every_machine() {
    // A hash that changes on one machine only means arithmetic that is not the same everywhere;
    // one that changes everywhere means that published runs can no longer be repeated.
    assert_eq!(hash(&trades(&["--seed", "7"])), GOLDEN);
    assert_ne!(trades(&["--seed", "7"]), trades(&["--seed", "8"]));
}

const GOLDEN: &str = "6cb00ab860c07fc7c66753d8141d01a6ca4a948b086d381a1f7d98651c3d6688";

#[test]
fn simulated_trades_say_that_they_are_simulated() {
    let text = trades(&[]);
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    assert_eq!(header, "ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id");
    let mut count = 0;
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        assert!(["SIM001", "SIM002", "SIM003"].contains(&fields[1]), "{line}");
        assert_eq!((fields[5], fields.len()), ("simulated", 9), "{line}");
        let price: f64 = fields[2].parse().unwrap();
        assert_eq!((price * 100.0).round() / 100.0, price, "{line}");
        count += 1;
    }
    assert_eq!(count, 30_000);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("t.csv");
    let run = |more: &[&str]| {
        let command = &mut factord(&["simulate", "--trades", "100", "--days", "1", "--out"]);
        ran(command.arg(&out).args(more)).out
    };
    assert!(run(&[]).starts_with("simulated, no market data: 400 trades of SIM001 to SIM004"));
    let summary: serde_json::Value = serde_json::from_str(&run(&["--json"])).unwrap();
    assert_eq!((&summary["simulated"], &summary["rows"]), (&true.into(), &400.into()));
    assert!(ran(&mut factord(&["simulate", "--help"])).out.contains("not market data"));
}

#[test]
fn every_format_holds_the_same_trades() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str| {
        let path = folder.path().join(name);
        let ran = ran(factord(&["simulate", "--out"]).arg(&path).args(SMALL));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        path
    };
    let text = trades(&[]);
    assert_eq!(fs::read_to_string(written("a.csv")).unwrap(), text);
    let mut unpacked = String::new();
    let packed = File::open(written("a.csv.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, text);
    assert_eq!(text_of(&written("a.parquet")), text);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn what_cannot_be_written_or_simulated_has_its_code_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["simulate", "--out", "absent/t.csv"][..], 73),
        (&["simulate", "--out", "."], 73),
        (&["simulate", "--out", "t.csv", "--trades", "3"], 64),
        (&["simulate", "--out", "t.csv", "--symbols", "1000"], 64),
        (&["simulate", "--out", "t.csv", "--days", "0"], 64),
        (&["simulate"], 64),
    ] {
        let ran = ran(factord(arguments).current_dir(folder.path()));
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}");
    }
    // A full disk in the middle: nothing is left.
    let mut command = factord(&["simulate", "--out", "/dev/full", "--trades", "1000"]);
    assert_eq!(ran(&mut command).code, 74);
}

#[test]
fn a_reader_that_goes_away_ends_the_simulation_quietly() {
    let mut command = factord(&["simulate", "--out", "-", "--trades", "200000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// The most memory that a run of so many trades a day ever had, in KiB.
fn peak_kib(trades: &str) -> u64 {
    let mut command = factord(&["simulate", "--symbols", "2", "--days", "2", "--out", "/dev/null"]);
    let mut child = command.args(["--trades", trades]).stdout(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // Whether it still runs is asked after the reading, so that a quick run is read at least once.
    loop {
        let status = fs::read_to_string(&path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn the_memory_of_a_run_does_not_grow_with_its_trades() {
    let (few, many) = (peak_kib("400000"), peak_kib("1600000"));
    assert!(few > 0, "the run was never seen");
    assert!(many < few + 4096, "{few} KiB for 1.6 M trades, {many} KiB for 6.4 M");
}
