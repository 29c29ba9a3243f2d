//! Sessions and time zones: windows within them, and columns that look back within them.

use crate::command::factors;
use factord_factors::{Row, Settings, Side, Trade, Window};
use factord_quant::calendar::Calendar;
use factord_quant::features::{FeatureBook, FeatureSettings, Lookback};
use std::path::Path;

const SECOND_NS: i64 = 1_000_000_000;

/// 2023-02-01 09:30 in Shanghai, in seconds.
const OPEN: i64 = 1_675_215_000;

/// The sessions of that day and the next, and a trade every 37 seconds from an hour before to an
/// hour after.
fn sessions() -> Vec<(i64, i64)> {
    let of_day = |day: i64| {
        let open = OPEN + 86_400 * day;
        [(open, open + 7_200), (open + 12_600, open + 19_800)]
    };
    [of_day(0), of_day(1)].concat()
}

fn trades() -> Vec<Trade> {
    let trade = |at: i64| {
        let side = if at % 3 == 0 { Side::Sell } else { Side::Buy };
        Trade::new((OPEN - 3_600 + 37 * at) * SECOND_NS, 10.0 + (at % 7) as f64, 1.0, side)
    };
    (0..(86_400 + 27_000) / 37).map(trade).collect()
}

fn shanghai(window: Window) -> FeatureSettings {
    FeatureSettings {
        factors: Settings { window, ..Settings::default() },
        calendar: Calendar::new(Some("09:30-11:30,13:00-15:00"), Some("Asia/Shanghai")).unwrap(),
        lookback: Lookback::default(),
    }
}

/// All rows with what the windows before them add, and the trades outside of sessions.
fn made(settings: &FeatureSettings, trades: &[Trade]) -> (Vec<(Row, Vec<f64>)>, u64) {
    let mut book = FeatureBook::new(settings).unwrap();
    let symbol = book.symbol("A");
    let mut rows = Vec::new();
    let mut out = |_: &str, row: &Row, past: &[f64]| rows.push((*row, past.to_owned()));
    trades.iter().for_each(|trade| book.push(symbol, trade, &mut out));
    book.finish(&mut out);
    let outside = book.outside();
    (rows, outside)
}

/// Start, end and trades of the steps of each session that hold trades, by the definition.
fn steps(trades: &[Trade], step: i64) -> Vec<Vec<(i64, i64, u64)>> {
    let of = |(from, to): (i64, i64)| {
        let starts = (from..to).step_by(step as usize);
        let held = starts.map(|start| {
            let end = (start + step).min(to);
            let inside = |trade: &&Trade| (start..end).contains(&trade.ts_ns.div_euclid(SECOND_NS));
            let count = trades.iter().filter(inside).count() as u64;
            (start * SECOND_NS, end * SECOND_NS, count)
        });
        held.collect()
    };
    sessions().into_iter().map(of).collect()
}

#[test]
fn no_window_is_outside_of_a_session_or_reaches_over_its_end() {
    let trades = trades();
    let inside: u64 = steps(&trades, 60).iter().flatten().map(|step| step.2).sum();
    // 7 minutes divide no session: the last window of each is cut; hours start at half past.
    for minutes in [1, 7, 60, 240] {
        let (rows, outside) = made(&shanghai(Window::time(minutes * 60_000_000_000)), &trades);
        assert_eq!(outside, trades.len() as u64 - inside);
        let found: Vec<_> =
            rows.iter().map(|(row, _)| (row.start_ns, row.end_ns, row.trades)).collect();
        let expected = steps(&trades, 60 * minutes as i64).concat();
        assert_eq!(found, expected, "{minutes}");
    }
}

#[test]
fn a_rolling_window_starts_anew_with_each_session() {
    let trades = trades();
    let window = Window::time(600_000_000_000).rolling(120e9);
    let (rows, _) = made(&shanghai(window), &trades);
    let expected: Vec<(i64, i64, u64)> = steps(&trades, 120)
        .iter()
        .flat_map(|steps| steps.windows(5))
        .map(|steps| (steps[0].0, steps[4].1, steps.iter().map(|step| step.2).sum()))
        .collect();
    let found: Vec<_> =
        rows.iter().map(|(row, _)| (row.start_ns, row.end_ns, row.trades)).collect();
    assert_eq!(found, expected);
    // By trades, those left at a session's end make no window.
    let (rows, _) = made(&shanghai(Window::tumbling(factord_factors::Unit::Trades, 50.0)), &trades);
    let whole = |steps: &Vec<(i64, i64, u64)>| steps.iter().map(|step| step.2).sum::<u64>() / 50;
    assert_eq!(rows.len() as u64, steps(&trades, 60).iter().map(whole).sum::<u64>());
}

#[test]
fn a_clock_that_passes_the_end_of_a_session_closes_its_last_window() {
    let settings = shanghai(Window::time(7 * 60_000_000_000));
    let mut book = FeatureBook::new(&settings).unwrap();
    let symbol = book.symbol("A");
    let mut rows = Vec::new();
    let mut out = |_: &str, row: &Row, _: &[f64]| rows.push((row.start_ns, row.end_ns));
    let end_ns = (OPEN + 7_200) * SECOND_NS;
    book.push(symbol, &Trade::new(end_ns - 1, 10.0, 1.0, Side::Buy), &mut out);
    book.advance(end_ns - 1, &mut out);
    book.advance(end_ns, &mut out);
    book.advance(end_ns + 3_600 * SECOND_NS, &mut out);
    book.finish(&mut out);
    assert_eq!(rows, [((OPEN + 7_140) * SECOND_NS, end_ns)]);
}

/// A table's lines, and what was said.
fn table(folder: &Path, more: &[&str]) -> (Vec<Vec<String>>, String) {
    let output = factors(folder, &[&["t.csv", "--out", "f.csv"][..], more].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let text = std::fs::read_to_string(folder.join("f.csv")).unwrap();
    let line = |line: &str| line.split(',').map(str::to_owned).collect();
    (text.lines().map(line).collect(), said)
}

fn write(folder: &Path, trades: &[Trade]) {
    let line = |trade: &Trade| {
        let side = if trade.side == Side::Buy { "B" } else { "S" };
        format!("{},A,{},{},{side}\n", trade.ts_ns, trade.price, trade.qty)
    };
    let lines: String = trades.iter().map(line).collect();
    std::fs::write(folder.join("t.csv"), format!("ts_ns,symbol,price,qty,side\n{lines}")).unwrap();
}

#[test]
fn the_command_line_takes_sessions_states_them_and_counts_what_is_outside() {
    let folder = tempfile::tempdir().unwrap();
    let trades = trades();
    write(folder.path(), &trades);
    let session = ["--session", "09:30-11:30,13:00-15:00", "--tz", "asia/shanghai"];
    let (lines, said) = table(folder.path(), &[&session[..], &["--window", "1h"]].concat());
    let outside = made(&shanghai(Window::time(60_000_000_000)), &trades).1;
    assert!(said.contains(&format!("{outside}  outside session")), "{said}");
    assert!(said.contains("are these by the clock of Asia/Shanghai?"), "{said}");
    let starts: Vec<&str> = lines[1..].iter().map(|line| line[1].as_str()).collect();
    let expected = steps(&trades, 3_600).concat();
    let expected: Vec<String> = expected.iter().map(|step| step.0.to_string()).collect();
    assert_eq!(starts, expected);
    // Only the second hour of a session goes on from one before.
    let returns: Vec<bool> = lines[1..].iter().map(|line| line[14].is_empty()).collect();
    assert_eq!(returns, [true, false, true, false, true, false, true, false]);
    let stated = factord_quant::stated::of(&folder.path().join("f.csv")).unwrap();
    assert_eq!(stated.get("session"), Some("09:30-11:30,13:00-15:00"));
    assert_eq!(stated.get("tz"), Some("Asia/Shanghai"));
    for (flags, words) in [
        (
            &["--session", "09:30-11:3", "--tz", "UTC"][..],
            "`09:30-11:3` is no session: write HH:MM",
        ),
        (&["--session", "09:30-11:30"], "name its time zone too"),
        (&["--tz", "Shanghai"], "no time zone"),
        (&["--lags", "0"], "no list of windows"),
    ] {
        let output = factors(folder.path(), &[&["t.csv", "--out", "g.csv"][..], flags].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_day_is_that_of_the_place() {
    // One trade an hour from 2023-02-01 00:00 in Shanghai on, which is eight hours before UTC's.
    let midnight = OPEN - 34_200;
    let trade = |hour: i64| Trade::new((midnight + 3_600 * hour) * SECOND_NS, 10.0, 1.0, Side::Buy);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &(0..48).map(trade).collect::<Vec<_>>());
    let times = |more: &[&str]| {
        let (lines, _) = table(folder.path(), &[more, &["--window", "1d"]].concat());
        let hour = |text: &str| (text.parse::<i64>().unwrap() / SECOND_NS - midnight) / 3_600;
        let row = |line: &Vec<String>| (hour(&line[1]), line[3].clone());
        lines[1..].iter().map(row).collect::<Vec<_>>()
    };
    let days = [(0, "24".to_owned()), (24, "24".to_owned())];
    assert_eq!(times(&["--tz", "Asia/Shanghai"]), days);
    let utc = [(-16, "8".to_owned()), (8, "24".to_owned()), (32, "16".to_owned())];
    assert_eq!(times(&[]), utc);
}

/// Minutes of 64 shares each, of which so many were bought: rates that add up exactly.
const BOUGHT: [u32; 8] = [7, 31, 60, 2, 45, 33, 12, 64];

#[test]
fn lags_and_means_are_of_the_same_session_and_exact() {
    let mut trades = Vec::new();
    for (minute, &bought) in BOUGHT.iter().enumerate() {
        // The last three are of the afternoon.
        let minute = minute as i64 + if minute < 5 { 0 } else { 205 };
        let ns = (OPEN + 60 * minute) * SECOND_NS;
        let parts = [(Side::Buy, bought), (Side::Sell, 64 - bought)];
        let parts = parts.into_iter().filter(|part| part.1 > 0);
        trades.extend(parts.map(|(side, count)| Trade::new(ns, 2.0, f64::from(count), side)));
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &trades);
    let session = ["--session", "09:30-11:30,13:00-15:00", "--tz", "Asia/Shanghai"];
    let (lines, _) =
        table(folder.path(), &[&session[..], &["--lags", "2,1", "--means", "3"]].concat());
    let column = |name: &str| lines[0].iter().position(|known| known == name).unwrap();
    let values = |name: &str| -> Vec<Option<f64>> {
        let at = column(name);
        lines[1..].iter().map(|line| line[at].parse().ok()).collect()
    };
    let rate = |at: usize| Some(f64::from(BOUGHT[at]) / 64.0);
    let lagged = |lag: usize| {
        let of =
            |at: usize| (if at < 5 { at >= lag } else { at - 5 >= lag }).then(|| rate(at - lag));
        (0..8).map(|at| of(at).flatten()).collect::<Vec<_>>()
    };
    assert_eq!(values("buy_rate_lag1"), lagged(1));
    assert_eq!(values("buy_rate_lag2"), lagged(2));
    let sum = |at: usize| f64::from(BOUGHT[at - 2] + BOUGHT[at - 1] + BOUGHT[at]) / 64.0;
    let means: Vec<Option<f64>> =
        (0..8).map(|at| [2, 3, 4, 7].contains(&at).then(|| sum(at) / 3.0)).collect();
    assert_eq!(values("buy_rate_mean3"), means);
    // A session's first window has no return to look back at.
    let known = |name: &str| values(name).iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(known("log_return_lag1"), [false, false, true, true, true, false, false, true]);
    assert_eq!(known("log_return_mean3"), [false, false, false, true, true, false, false, false]);
    let names: Vec<&str> = lines[0][14..].iter().map(String::as_str).collect();
    assert_eq!(names[..4], ["log_return", "buy_rate_lag1", "buy_rate_lag2", "buy_rate_mean3"]);
    assert_eq!(names.len(), 13);
    let stated = factord_quant::stated::of(&folder.path().join("f.csv")).unwrap();
    assert_eq!((stated.get("lags"), stated.get("means")), (Some("1,2"), Some("3")));
}
