//! What `factord replay` writes: the windows of `factord factors`, the answers of `factord score`.

use crate::engine::Engine;
use crate::packed::text_of;
use crate::support::{Daemon, Ran, factord, ran, shared};
use factord_core::client::{AttachOptions, Client};
use factord_eval::Model;
use factord_models::file::{Artifact, Details};
use std::fs;
use std::path::Path;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

fn done(ran: &Ran) -> &Ran {
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

/// Simulated trades in the daemon's folder.
fn simulate(daemon: &Daemon, more: &[&str]) {
    let arguments = ["simulate", "--out", "trades.csv", "--days", "2", "--symbols", "3"];
    done(&ran(daemon.factord(&arguments).args(more)));
}

fn read(daemon: &Daemon, name: &str) -> String {
    fs::read_to_string(daemon.path(name)).unwrap()
}

/// Replays trades and asserts that each window is one of the feature table, has one answer of each
/// model, and that these are the bits of a table scored without a daemon, of one scored through
/// the ring, and of the client; returns the rows.
fn assert_replayed(daemon: &Daemon, trades: &str, more: &[&str]) -> Vec<String> {
    let run = |arguments: &[&str]| {
        done(&ran(&mut daemon.factord(arguments)));
    };
    run(&[&["factors", trades, "--out", "features.csv"], more].concat());
    run(&[&["replay", trades, "--out", "replayed.csv"], more].concat());
    run(&["score", "features.csv", "--out", "scored.csv"]);
    run(&["predict", "--csv", "features.csv", "--out", "asked.csv"]);
    let replayed = read(daemon, "replayed.csv");
    assert!(replayed == read(daemon, "scored.csv"), "a table without a daemon has other bits");
    assert!(replayed == read(daemon, "asked.csv"), "a table through the ring has other bits");
    let features = read(daemon, "features.csv");
    assert_eq!(features.lines().count(), replayed.lines().count());
    let mut client = Client::attach(&AttachOptions {
        socket: Some(daemon.path("factord.sock")),
        ..AttachOptions::default()
    })
    .unwrap();
    let ids = ["regression", "classification"].map(|name| client.model(name).unwrap().id);
    let mut lines = replayed.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(header[15..], ["regression", "probability", "class"]);
    for line in lines.clone() {
        let fields: Vec<&str> = line.split(',').collect();
        let [buy, large_buy, large_sell] = [6, 8, 9].map(|at| fields[at].parse::<f64>().unwrap());
        let x = [buy, large_buy, large_sell];
        let [linear, logistic] = ids.map(|id| client.predict(id, &x, DEADLINE).unwrap());
        let [y, p] = [15, 16].map(|at| fields[at].parse::<f64>().unwrap().to_bits());
        assert_eq!([y, p], [linear.y.to_bits(), logistic.y.to_bits()], "{line}");
        assert_eq!(fields[17], logistic.second.to_string(), "{line}");
    }
    lines.map(str::to_owned).collect()
}

#[test]
fn minutes_of_a_real_day_are_answered_once_each_bit_for_bit() {
    let Some(trades) = shared("ticks/600519.SH_20230201.csv.gz") else { return };
    let daemon = Daemon::start();
    let rows = assert_replayed(&daemon, trades.to_str().unwrap(), &["--window", "60s"]);
    // 240 minutes of continuous trading, and the minutes of the auctions, which have no rates.
    assert!((230..=242).contains(&rows.len()), "{}", rows.len());
    let mut starts: Vec<&str> = rows.iter().map(|row| row.split(',').nth(1).unwrap()).collect();
    starts.dedup();
    assert_eq!(starts.len(), rows.len(), "one row a window");
    assert!(rows.iter().all(|row| row.starts_with("600519.SH,")));
}

#[test]
fn windows_of_simulated_trades_are_answered_once_each_bit_for_bit() {
    let daemon = Daemon::start();
    simulate(&daemon, &["--trades", "20000"]);
    assert!(assert_replayed(&daemon, "trades.csv", &[]).len() > 1900);
    let rolling = ["--window", "5m", "--step", "1m", "--per", "trade", "--large", "50000"];
    assert!(assert_replayed(&daemon, "trades.csv", &rolling).len() > 1900);
    assert!(assert_replayed(&daemon, "trades.csv", &["--window", "500trades"]).len() >= 237);
}

#[test]
fn every_format_of_trades_and_rows_gives_the_same_rows() {
    let daemon = Daemon::start();
    simulate(&daemon, &["--trades", "3000"]);
    let replay = |more: &[&str]| {
        let arguments = [&["replay"], more].concat();
        ran(&mut daemon.factord(&arguments))
    };
    let text = replay(&["trades.csv"]);
    assert!(done(&text).out.lines().count() > 1000);
    assert!(text.err.contains("one prediction of each model a window"), "{}", text.err);
    for name in ["trades.csv.gz", "trades.parquet"] {
        let arguments = ["simulate", "--out", name, "--days", "2", "--symbols", "3"];
        done(&ran(daemon.factord(&arguments).args(["--trades", "3000"])));
        assert!(done(&replay(&[name])).out == text.out, "{name}");
    }
    for name in ["rows.csv", "rows.parquet"] {
        let summary = replay(&["trades.csv", "--out", name]);
        assert!(done(&summary).out.contains(&format!("rows in {name}")), "{}", summary.out);
        assert_eq!(summary.err.lines().count(), 1);
        assert!(summary.err.contains("; times in ts_ns: "), "{}", summary.err);
    }
    assert!(read(&daemon, "rows.csv") == text.out);
    assert!(text_of(&daemon.path("rows.parquet")) == text.out);
}

#[test]
fn the_summary_counts_windows_and_compares_now_and_next() {
    let daemon = Daemon::start();
    simulate(&daemon, &["--trades", "6000"]);
    let arguments = ["replay", "trades.csv", "--out", "rows.csv", "--json", "--cut", "0.5"];
    let ran = ran(&mut daemon.factord(&arguments));
    let summary: serde_json::Value = serde_json::from_str(&done(&ran).out).unwrap();
    let rows = read(&daemon, "rows.csv");
    let (mut hits, mut error, mut outcomes) = (0u32, 0.0, Vec::new());
    for line in rows.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [sell, y, class] = [7, 15, 17].map(|at| fields[at].parse::<f64>().unwrap());
        hits += u32::from((class > 0.0) == (sell > 0.5));
        error += (sell - y) * (sell - y);
        outcomes.push(sell);
    }
    let count = outcomes.len() as f64;
    let mean = outcomes.iter().sum::<f64>() / count;
    let spread: f64 = outcomes.iter().map(|y| (y - mean) * (y - mean)).sum();
    let near = |figure: &serde_json::Value, expected: f64| {
        assert!((figure.as_f64().unwrap() - expected).abs() < 1e-9, "{figure} {expected}");
    };
    near(&summary["now"]["r2"], 1.0 - error / spread);
    near(&summary["now"]["accuracy"], f64::from(hits) / count);
    assert_eq!((&summary["trades"], &summary["symbols"]), (&36_000.into(), &3.into()));
    assert_eq!(summary["windows"], outcomes.len());
    assert_eq!((&summary["target"], &summary["cut"]), (&"sell_rate".into(), &0.5.into()));
    // The last window of each session has no next one.
    let next = summary["next"]["rows"].as_u64().unwrap() as usize;
    assert!(next < outcomes.len() && next > outcomes.len() / 2, "{next}");
    assert_eq!(summary["round_trip_ns"]["count"], 2 * outcomes.len());
    let percentile = |name: &str| summary["round_trip_ns"][name].as_u64().unwrap();
    let [p50, p90, p99, max] = ["p50", "p90", "p99", "max"].map(percentile);
    assert!(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= max);
    assert_eq!((&summary["interrupted"], &summary["engine_restarts"]), (&false.into(), &0.into()));
}

/// Saves a model of two columns of a window, in an order of its own.
fn save(folder: &Path, name: &str, model: Model, features: &[&str]) -> Artifact {
    let details = Details {
        name: name.to_owned(),
        feature_names: features.iter().map(|name| (*name).to_owned()).collect(),
        target: "buy_rate[+3]".to_owned(),
        threshold: (name == "classification").then_some(0.25),
        ..Details::default()
    };
    let artifact = Artifact::new(model, details).unwrap();
    artifact.save(&folder.join(format!("{name}.fmodel"))).unwrap();
    artifact
}

#[test]
fn a_model_gets_the_columns_that_its_artifact_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let linear = Model::linear(vec![2.0, -1.0], 0.5).unwrap();
    let parts = (vec![1.0, 0.1, 0.2], vec![0.5, 10.0, 0.0], vec![0.25, 4.0, 1.0]);
    let logistic = Model::logistic(parts.0, 0.125, parts.1, parts.2).unwrap();
    save(folder.path(), "regression", linear, &["unclassified", "sell_rate"]);
    save(folder.path(), "classification", logistic, &["sell_rate", "trades", "large_buy"]);
    let socket = path("factord.sock");
    let engine = Engine::start(Path::new(&socket), &["--models", &path("")]);
    let trades = path("trades.csv");
    let arguments = ["simulate", "--trades", "2000", "--symbols", "1", "--out", &trades];
    done(&ran(&mut factord(&arguments)));
    let out = path("rows.csv");
    let replay = ["replay", &trades, "--socket", &socket, "--out", &out, "--json"];
    let run = ran(&mut factord(&replay));
    let summary: serde_json::Value = serde_json::from_str(&done(&run).out).unwrap();
    assert_eq!((&summary["target"], &summary["cut"]), (&"buy_rate".into(), &0.25.into()));
    assert_eq!(summary["next"]["horizon"], 3);
    let attach = |feature_count| {
        let socket = Some(socket.clone().into());
        let options = AttachOptions { socket, feature_count, ..AttachOptions::default() };
        let client = Client::attach(&options).unwrap();
        let id = |name: &str| client.model(name).unwrap().id;
        let ids = [id("regression"), id("classification")];
        (client, ids)
    };
    let ((mut two, [linear, _]), (mut three, [_, logistic])) = (attach(2), attach(3));
    let rows = fs::read_to_string(&out).unwrap();
    assert!(rows.lines().count() > 300);
    for line in rows.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<f64>().unwrap();
        let y = two.predict(linear, &[number(10), number(7)], DEADLINE).unwrap().y;
        let p = three.predict(logistic, &[number(7), number(3), number(8)], DEADLINE).unwrap().y;
        assert_eq!([number(15).to_bits(), number(16).to_bits()], [y.to_bits(), p.to_bits()]);
    }
    // A model of something that no window has.
    let odd = Model::linear(vec![1.0], 0.0).unwrap();
    save(folder.path(), "regression", odd, &["spread"]);
    drop((two, three, engine));
    let _engine = Engine::start(Path::new(&socket), &["--models", &path("")]);
    let run = ran(&mut factord(&replay));
    assert_eq!(run.code, 65);
    assert!(run.err.contains("regression takes `spread`, a window has only"), "{}", run.err);
}

#[test]
fn a_model_of_lags_and_returns_is_asked_about_the_windows_that_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (trades, table) = (path("trades.csv"), path("f.csv"));
    let (models, scored) = (path("models"), path("scored.csv"));
    let run = |arguments: &[&str]| ran(&mut factord(arguments));
    let sizes = ["--trades", "9000", "--symbols", "2", "--days", "2"];
    done(&run(&[&["simulate", "--out", &trades][..], &sizes].concat()));
    let market = ["--session", "09:30-15:01", "--tz", "UTC"];
    let back = ["--lags", "1,2", "--means", "5"];
    let made = [&["factors", &trades, "--out", &table][..], &market, &back].concat();
    done(&run(&made));
    let features = ["--features", "buy_rate,buy_rate_lag2,log_return_mean5"];
    let train = ["train", &table, "--out", &models, "--target", "return:2"];
    done(&run(&[&train[..], &features].concat()));
    // The first five windows of each session have no mean of five returns.
    let score = ["score", &table, "--models", &models, "--out", &scored, "--keep-going"];
    assert_eq!(run(&score).code, 1);
    let socket = path("factord.sock");
    let _engine = Engine::start(Path::new(&socket), &["--models", &models]);
    let rows = path("rows.csv");
    let replay = ["replay", &trades, "--socket", &socket, "--out", &rows, "--json"];
    let ran = run(&[&replay[..], &market, &back].concat());
    let summary: serde_json::Value = serde_json::from_str(&done(&ran).out).unwrap();
    let [replayed, scored_text] = [&rows, &scored].map(|name| fs::read_to_string(name).unwrap());
    assert!(replayed == scored_text, "the ring has other rows than the table");
    assert!(replayed.lines().filter(|line| line.ends_with(",,,")).count() >= 20);
    assert_eq!((&summary["target"], &summary["next"]["horizon"]), (&"return:2".into(), &2.into()));
    let evaluated = run(&["evaluate", &scored, "--json"]);
    let evaluated: serde_json::Value = serde_json::from_str(&done(&evaluated).out).unwrap();
    let figures = &evaluated["overall"]["regression"];
    assert_eq!(figures["rows"], summary["next"]["rows"]);
    let r2 = [&figures["r2"], &summary["next"]["r2"]].map(|r2| r2.as_f64().unwrap());
    assert!((r2[0] - r2[1]).abs() < 1e-9, "{r2:?}");
    let refused = run(&[&replay[..], &market].concat());
    assert_eq!(refused.code, 65);
    assert!(
        refused.err.contains("lags: the model `regression` was trained on 2"),
        "{}",
        refused.err
    );
}
