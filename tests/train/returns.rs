//! A return as the target: against returns worked out here, from the table's prices.

use crate::support::{MINUTE_NS, Place, Random, Table};
use factord_eval::eval::eval;
use factord_models::file::Artifact;
use serde_json::Value;

/// Pairs of a feature and its log return over the windows after it.
type Pairs = Vec<(f64, f64)>;

/// Minutes of two symbols with pauses and missing prices, whose returns follow a feature a little;
/// and the pairs of a target over `windows`.
fn market(windows: usize, seed: u64) -> (Table, Pairs) {
    let mut random = Random(seed);
    let mut table = Table::new("x,last");
    let mut pairs = Pairs::new();
    for symbol in ["A", "B"] {
        let mut session: Vec<(f64, f64)> = Vec::new();
        let (mut price, mut before) = (100.0, 0.0);
        for minute in 0..700 {
            if minute % 97 == 50 {
                // A lunch.
                pairs.extend(of_session(&session, windows));
                session.clear();
                continue;
            }
            let x = random.normal();
            price *= f64::exp(0.001 * random.normal() + 0.0004 * before);
            before = x;
            let last = if minute % 83 == 7 { f64::NAN } else { price };
            table.row(symbol, minute, &[x, last]);
            session.push((x, last));
        }
        pairs.extend(of_session(&session, windows));
    }
    (table, pairs)
}

fn of_session(session: &[(f64, f64)], windows: usize) -> Pairs {
    let later = session.iter().skip(windows).map(|window| window.1);
    let pairs = session.iter().zip(later).map(|(&(x, from), to)| (x, (to / from).ln()));
    pairs.filter(|pair| pair.1.is_finite()).collect()
}

/// Slope and intercept of least squares, by their formulas.
fn line(pairs: &Pairs) -> (f64, f64) {
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let product: f64 = pairs.iter().map(|pair| (pair.0 - x) * (pair.1 - y)).sum();
    let square: f64 = pairs.iter().map(|pair| (pair.0 - x).powi(2)).sum();
    (product / square, y - product / square * x)
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found}, not {expected}");
}

#[test]
fn a_return_is_learnt_over_the_windows_after_the_inputs_and_never_across_a_break() {
    for windows in [1, 5] {
        let place = Place::new();
        let (table, pairs) = market(windows, 11);
        place.write("table.csv", &table.text);
        let target = format!("return:{windows}");
        let ran = place.run(&[
            "train",
            "table.csv",
            "--out",
            "out",
            "--json",
            "--features",
            "x",
            "--target",
            &target,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(json["rows"]["used"], pairs.len());
        assert_eq!(
            (json["target"].as_str(), json["horizon"].as_u64()),
            (Some(target.as_str()), Some(windows as u64))
        );
        assert!(!json.to_string().contains("identity"), "{json}");
        let artifact = Artifact::load(&place.path("out/regression.fmodel")).unwrap();
        let says = |x: f64| eval(artifact.model(), &[x]).y;
        let (slope, intercept) = line(&pairs);
        near(says(0.0), intercept);
        near(says(1.0) - says(0.0), slope);
        let training = artifact.facts().unwrap().training.clone().unwrap();
        assert_eq!((training.target.as_str(), training.horizon), (target.as_str(), windows as u32));
        let report = std::fs::read_to_string(place.path("out/report.html")).unwrap();
        assert!(report.contains("log return of") && report.contains(&target));
        evaluated(&place, &pairs, (slope, intercept), &target);
    }
}

/// `evaluate` compares with the same returns without a flag.
fn evaluated(place: &Place, pairs: &Pairs, (slope, intercept): (f64, f64), target: &str) {
    let ran = place.run(&["score", "table.csv", "--models", "out", "--out", "scored.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = place.run(&["evaluate", "scored.csv", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["outcome"], target);
    let figures = &json["overall"]["regression"];
    assert_eq!(figures["rows"], pairs.len());
    let count = pairs.len() as f64;
    let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
    let spread: f64 = pairs.iter().map(|pair| (pair.1 - mean).powi(2)).sum();
    let error: f64 = pairs.iter().map(|(x, y)| (y - slope * x - intercept).powi(2)).sum();
    near(figures["r2"].as_f64().unwrap(), 1.0 - error / spread);
    let cut = json["cut"].as_f64().unwrap();
    let above = pairs.iter().filter(|pair| pair.1 > cut).count() as f64;
    near(json["overall"]["classifier"]["positive_share"].as_f64().unwrap(), above / count);
}

#[test]
fn a_return_starts_at_the_last_price_of_its_inputs_so_that_rolling_windows_do_not_look_ahead() {
    let place = Place::new();
    let mut text = "symbol,start_ns,end_ns,x,last\n".to_owned();
    let mut random = Random(3);
    for minute in 0..200_i64 {
        let (x, last) = (random.next(), 10.0 + random.next());
        text += &format!("A,{},{},{x},{last}\n", minute * MINUTE_NS, (minute + 5) * MINUTE_NS);
    }
    place.write("table.csv", text);
    let train = |target: &str| {
        let ran = place.run(&[
            "train",
            "table.csv",
            "--out",
            "out",
            "--features",
            "x",
            "--target",
            target,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    assert!(train("last").contains("begins before the inputs"));
    assert!(!train("return:1").contains("begins before the inputs"));
}

#[test]
fn returns_that_are_none_are_refused_with_the_next_step() {
    let place = Place::new();
    place.write("table.csv", market(1, 5).0.text);
    place.write("plain.csv", "symbol,start_ns,end_ns,x\nA,0,1,1\n");
    for (arguments, code, words) in [
        (&["table.csv", "--target", "return:0"][..], 64, "is no return: write return:H"),
        (&["table.csv", "--target", "return:2", "--horizon", "3"], 64, "leave --horizon 3 out"),
        (&["plain.csv", "--target", "return:2"], 65, "last"),
    ] {
        let (found, said) = place.refused(&[arguments, &["--features", "x"]].concat());
        assert_eq!(found, code, "{said}");
        assert!(said.contains(words), "{said}");
    }
    let ran = place.run(&["evaluate", "table.csv", "--target", "return:2", "--horizon", "1"]);
    assert_eq!(ran.code, 64, "{}", ran.err);
    assert!(ran.err.contains("leave --horizon 1 out"), "{}", ran.err);
}
