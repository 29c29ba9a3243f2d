//! Tables that state when their market trades and how far columns look back.

use crate::support::{Place, Random};
use factord_models::file::Artifact;
use serde_json::Value;
use std::fmt::Write;

/// 2023-02-01 09:30 in Shanghai, in seconds.
const OPEN: i64 = 1_675_215_000;

const SESSION: [&str; 4] = ["--session", "09:30-11:30,13:00-15:00", "--tz", "Asia/Shanghai"];

/// A trade every ten seconds of two days' sessions, and the night between.
fn trades(place: &Place) {
    let mut random = Random(5);
    let mut text = "ts_ns,symbol,price,qty,side\n".to_owned();
    let mut price = 1_000;
    for at in 0..(86_400 + 19_800) / 10 {
        price += (random.next() * 3.0) as i64 - 1;
        let (side, qty) = (if random.next() < 0.5 { "B" } else { "S" }, 1.0 + random.next());
        let ns = (OPEN + 10 * at) * 1_000_000_000;
        writeln!(text, "{ns},A,{},{qty},{side}", price as f64 / 100.0).unwrap();
    }
    place.write("trades.csv", text);
}

fn factors(place: &Place, out: &str, more: &[&str]) {
    let ran = place.run(&[&["factors", "trades.csv", "--out", out][..], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
}

fn train(place: &Place, table: &str, more: &[&str]) -> Value {
    let ran = place.run(&[&["train", table, "--out", "out", "--json"][..], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_target_is_never_of_another_session_of_the_calendar_whatever_the_pause() {
    let place = Place::new();
    trades(&place);
    factors(&place, "table.csv", &SESSION);
    // Four sessions of 120 minutes, of which the last three each have no target.
    let rows = |more: &[&str]| {
        let json = train(&place, "table.csv", &[&["--horizon", "3"], more].concat());
        (json["rows"]["used"].as_u64().unwrap(), json["rows"]["no_target"].as_u64().unwrap())
    };
    assert_eq!(rows(&["--pause", "1000000"]), (4 * 117, 12));
    assert_eq!(rows(&[]), (4 * 117, 12));
    let json = train(&place, "table.csv", &["--target", "return:5", "--pause", "1000000"]);
    assert_eq!(json["rows"]["used"], 4 * 115);
    let ran = place.run(&["score", "table.csv", "--models", "out", "--out", "scored.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let evaluated = place.run(&["evaluate", "scored.csv", "--json", "--by", "day", "--by", "hour"]);
    assert_eq!(evaluated.code, 0, "{}", evaluated.err);
    let json: Value = serde_json::from_str(&evaluated.out).unwrap();
    assert_eq!(json["overall"]["regression"]["rows"], 4 * 115);
    assert_eq!(json["tz"], "Asia/Shanghai");
    let days = |json: &Value| -> Vec<(String, u64)> {
        let days = json["by"]["day"].as_object().unwrap().iter();
        days.map(|(day, of)| (day.clone(), of["regression"]["rows"].as_u64().unwrap())).collect()
    };
    let expected = [("2023-02-01".to_owned(), 230), ("2023-02-02".to_owned(), 230)];
    assert_eq!(days(&json), expected);
    assert!(json["by"]["hour"]["2023-02-01T09:00"].is_object(), "{json}");
    // In Honolulu the morning is of the day before.
    let honolulu = ["evaluate", "scored.csv", "--json", "--by", "day", "--tz", "Pacific/Honolulu"];
    let json: Value = serde_json::from_str(&place.run(&honolulu).out).unwrap();
    let expected = [("2023-01-31".to_owned(), 230), ("2023-02-01".to_owned(), 230)];
    assert_eq!(days(&json), expected);
}

#[test]
fn a_model_of_lags_states_those_that_it_takes_and_refuses_tables_without_them() {
    let place = Place::new();
    trades(&place);
    let back = ["--lags", "1,2,5", "--means", "10"];
    factors(&place, "table.csv", &[&SESSION[..], &back].concat());
    let features = "buy_rate,buy_rate_lag2,buy_rate_lag5,log_return_mean10";
    let json = train(&place, "table.csv", &["--features", features, "--target", "return:1"]);
    // 120 minutes less the last, and less the ten before the first mean of ten returns.
    assert_eq!(json["rows"]["used"], 4 * 109);
    assert_eq!((&json["rows"]["not_finite"], &json["rows"]["no_target"]), (&40.into(), &4.into()));
    let artifact = Artifact::load(&place.path("out/regression.fmodel")).unwrap();
    let of = |name: &str| artifact.settings().get(name);
    assert_eq!((of("lags"), of("means")), (Some("2,5"), Some("10")));
    assert_eq!(of("tz"), Some("Asia/Shanghai"));
    let score = |flags: &[&str]| {
        factors(&place, "other.csv", flags);
        place.run(&["score", "other.csv", "--models", "out", "--out", "s.csv", "--keep-going"])
    };
    let more = ["--lags", "1,2,3,5,8", "--means", "10,20"];
    let ran = score(&[&SESSION[..], &more].concat());
    assert_eq!(ran.code, 1, "rows without a session's ten: {}", ran.err);
    for (flags, words) in [
        (&[&SESSION[..], &["--lags", "1,2", "--means", "10"]].concat()[..], "lags: the model"),
        (&SESSION, "lags: the model"),
        (&back, "session: the model"),
        (&[&["--tz", "Asia/Tokyo"][..], &SESSION[..2], &back].concat(), "tz: the model"),
    ] {
        let ran = score(flags);
        assert_eq!(ran.code, 65, "{flags:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{flags:?}: {}", ran.err);
    }
    // A model that takes none of them asks for none.
    train(&place, "table.csv", &[]);
    let artifact = Artifact::load(&place.path("out/regression.fmodel")).unwrap();
    assert_eq!((artifact.settings().get("lags"), artifact.settings().get("means")), (None, None));
    assert_eq!(score(&SESSION).code, 0);
}
