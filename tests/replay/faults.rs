//! What `factord replay` refuses, by file, line and column.

use crate::support::{Daemon, factord, ran};
use std::fs;

const HEADER: &str = "ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id";

#[test]
fn a_bad_file_is_named_by_line_and_column_and_no_table_appears() {
    let daemon = Daemon::start();
    let row = |ts: &str, price: &str| format!("{ts},X,{price},100,B,flag,,,1\n");
    let good = row("1700000000000000000", "10.5");
    let earlier = row("1600000000000000000", "10.5");
    for (text, words) in [
        (String::new(), "trades.csv: the file is empty"),
        (format!("{HEADER}\n{good}{}", row("17", "x")), "trades.csv:3: column 3 (price)"),
        (format!("{HEADER}\n{}", row("soon", "1")), "trades.csv:2: column 1 (ts_ns)"),
        (format!("{HEADER}\n{good}{earlier}"), "trades.csv:3: column 1 (ts_ns)"),
        ("ts_ns,symbol,price\n".to_owned(), "trades.csv: no"),
    ] {
        fs::write(daemon.path("trades.csv"), &text).unwrap();
        let ran = ran(&mut daemon.factord(&["replay", "trades.csv", "--out", "rows.csv"]));
        assert_eq!(ran.code, 65, "{text}: {}", ran.err);
        assert!(ran.err.contains(words), "{text}: {}", ran.err);
        assert_eq!(daemon.names(), ["factord.sock", "trades.csv"], "{text}");
    }
}

#[test]
fn a_gzip_file_that_is_cut_ends_the_replay_and_no_table_appears() {
    let daemon = Daemon::start();
    let arguments = ["simulate", "--out", "trades.csv.gz", "--trades", "2000"];
    assert_eq!(ran(&mut daemon.factord(&arguments)).code, 0);
    let whole = fs::read(daemon.path("trades.csv.gz")).unwrap();
    fs::write(daemon.path("trades.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    let ran = ran(&mut daemon.factord(&["replay", "trades.csv.gz", "--out", "rows.csv"]));
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert!(ran.err.contains("trades.csv.gz:"), "{}", ran.err);
    assert_eq!(daemon.names(), ["factord.sock", "trades.csv.gz"]);
}

#[test]
fn what_cannot_be_replayed_has_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let simulate = ["simulate", "--out", "t.csv", "--trades", "100", "--days", "1"];
    assert_eq!(ran(factord(&simulate).current_dir(folder.path())).code, 0);
    for (arguments, code) in [
        (&["replay"][..], 64),
        (&["replay", "t.csv", "--speed", "0"], 64),
        (&["replay", "t.csv", "--horizon", "0"], 64),
        (&["replay", "t.csv", "--window", "0s"], 64),
        (&["replay", "absent.csv"], 66),
        // No daemon.
        (&["replay", "t.csv", "--socket", "none.sock", "--out", "rows.csv"], 69),
    ] {
        let ran = ran(factord(arguments).current_dir(folder.path()));
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(!folder.path().join("rows.csv").exists());
    }
}
