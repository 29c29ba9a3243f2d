//! Fits: the same bits for any number of threads, targets of the right window, and what is said of
//! features and targets that give each other away.

use crate::support::{Place, Random, Table, rates};
use serde_json::Value;

fn weights(json: &Value, model: &str) -> Vec<f64> {
    let all = json[model]["coefficients"].as_array().unwrap();
    all.iter().map(|one| one["weight"].as_f64().unwrap()).collect()
}

fn warned(json: &Value) -> Vec<&str> {
    json["warning_kinds"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let place = Place::new();
    // Four spans of rows, the last of them not full, and symbols that share every minute.
    place.write("table.csv", rates(7, 30_001, 1).text);
    let mut found: Vec<Vec<Vec<u8>>> = Vec::new();
    for threads in ["1", "2", "3", "7"] {
        place.train(&["--threads", threads, "--horizon", "1", "--folds", "3"]);
        let names = place.names("out");
        assert_eq!(names, ["classification.fmodel", "regression.fmodel", "report.html"]);
        let read = |name: &String| std::fs::read(place.path("out").join(name)).unwrap();
        found.push(names.iter().map(read).collect());
    }
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_mark_before_a_table_changes_no_figure() {
    let place = Place::new();
    let text = rates(2, 600, 3).text;
    place.write("table.csv", &text);
    let plain = place.train(&["--horizon", "1"]);
    for marked in [format!("\u{feff}{text}"), format!("\u{feff}{}", text.replace('\n', "\r\n"))] {
        place.write("table.csv", &marked);
        assert_eq!(place.train(&["--horizon", "1"]), plain);
    }
}

#[test]
fn a_sell_rate_from_buy_rates_is_called_an_identity() {
    let place = Place::new();
    place.write("table.csv", rates(2, 600, 2).text);
    let json = place.train(&[]);
    assert_eq!(warned(&json), ["affine"]);
    let text = json["warnings"][0].as_str().unwrap();
    assert!(text.contains("sell_rate = 1 - 1 * buy_rate"), "{text}");
    assert!(text.contains("identity, not skill"), "{text}");
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("An identity, not skill"));
    let shown = place.run(&["model", "show", "out/regression.fmodel"]);
    assert!(shown.out.contains("an identity, not skill"), "{}", shown.out);
    let later = place.train(&["--horizon", "1"]);
    assert_eq!(warned(&later), [""; 0]);
}

#[test]
fn a_rate_of_four_digits_is_called_nearly_an_identity() {
    let place = Place::new();
    let mut random = Random(3);
    let mut table = Table::new("buy_rate,sell_rate");
    for minute in 0..500 {
        let buy = 0.3 + 0.4 * random.next();
        table.row("A", minute, &[buy, 1.0 - buy + 0.004 * random.normal()]);
    }
    place.write("table.csv", table.text);
    let json = place.train(&["--features", "buy_rate", "--folds", "2"]);
    assert_eq!(warned(&json), ["nearly_affine"]);
    assert!(json["training"]["linear"]["r2"].as_f64().unwrap() > 0.99);
}

#[test]
fn the_target_is_so_many_windows_later_in_the_same_session() {
    let place = Place::new();
    for horizon in [1i64, 2, 5] {
        // Two symbols in turns; sessions of 30 windows; the target is affine in what the first
        // column was so many windows before.
        let mut random = Random(horizon.cast_unsigned());
        let mut table = Table::new("a,b,y");
        let mut before: Vec<Vec<f64>> = vec![Vec::new(); 2];
        for minute in 0..300i64 {
            for (at, before) in before.iter_mut().enumerate() {
                let (a, b) = (random.next(), random.next());
                let y = match before.len().checked_sub(horizon as usize) {
                    Some(at) => 3.0 - 2.0 * before[at],
                    None => 100.0 * random.next(),
                };
                before.push(a);
                // A pause of a minute is as long as a window: it ends the session.
                table.row(["A", "B"][at], minute + minute / 30, &[a, b, y]);
                if minute % 30 == 29 {
                    before.clear();
                }
            }
        }
        place.write("table.csv", table.text);
        let later = horizon.to_string();
        let more = ["--features", "a,b", "--target", "y", "--horizon", &later, "--only", "linear"];
        let json = place.train(&more);
        assert_eq!(json["rows"]["no_target"], 2 * 10 * horizon, "{json}");
        assert_eq!(json["rows"]["used"], 600 - 20 * horizon);
        let found = weights(&json, "linear");
        assert!((found[0] + 2.0).abs() < 1e-12 && found[1].abs() < 1e-12, "{horizon}: {found:?}");
        assert!(json["warnings"][0].as_str().unwrap().contains("= 3 - 2 * a"), "{json}");
        // A longer pause joins the sessions, and with them targets that follow no rule.
        let mut joined = more.to_vec();
        joined.extend(["--pause", "60"]);
        let joined = place.train(&joined);
        assert_eq!(joined["rows"]["no_target"], 2 * horizon);
        assert_eq!(warned(&joined), [""; 0]);
    }
}

#[test]
fn constant_and_repeated_features_get_weight_zero_and_are_named() {
    let place = Place::new();
    let mut random = Random(9);
    let mut table = Table::new("a,still,twice,b,y");
    for minute in 0..400 {
        let (a, b) = (random.next(), random.next());
        let y = a - b + 0.3 * random.normal();
        table.row("A", minute, &[a, 0.25, 2.0 * a + 1.0, b, y]);
    }
    place.write("table.csv", table.text);
    let base = ["--features", "a,still,twice,b", "--target", "y", "--folds", "2"];
    let json = place.train(&base);
    assert_eq!(warned(&json), ["constant", "repeated"]);
    let texts = json["warnings"].to_string();
    assert!(texts.contains("still is the same") && texts.contains("twice = 1 + 2 * a"), "{texts}");
    assert_eq!(weights(&json, "linear")[1..3], [0.0, 0.0]);
    // With a penalty the classifier shares the weight, as scikit-learn does; without it cannot.
    let shared = weights(&json, "logistic");
    assert!(shared[1] == 0.0 && (shared[0] - shared[2]).abs() < 1e-6, "{shared:?}");
    let mut free = base.to_vec();
    free.extend(["--c", "none"]);
    assert_eq!(weights(&place.train(&free), "logistic")[1..3], [0.0, 0.0]);
}

#[test]
fn a_model_of_1024_features_is_trained_and_served() {
    let place = Place::new();
    let mut random = Random(11);
    let names: Vec<String> = (0..1024).map(|at| format!("f{at}")).collect();
    let names = names.join(",");
    let mut table = Table::new(&format!("{names},y"));
    for minute in 0..1100 {
        let mut values: Vec<f64> = (0..1024).map(|_| random.normal()).collect();
        values.push(values[0] - values[1023] + random.normal());
        table.row("A", minute, &values);
    }
    place.write("table.csv", table.text);
    let json = place.train(&["--features", &names, "--target", "y", "--folds", "0"]);
    assert_eq!(weights(&json, "linear").len(), 1024);
    assert_eq!(weights(&json, "logistic").len(), 1024);
    let checked = place.run(&["check", "--models", "out"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
}

#[test]
fn windows_that_overlap_their_targets_are_called_look_ahead() {
    let place = Place::new();
    let mut table = String::from("symbol,start_ns,end_ns,x,y\n");
    let mut random = Random(13);
    for at in 0..200i64 {
        // Rolling: a window of five steps at every step.
        let (x, y) = (random.next(), random.next());
        table.push_str(&format!("A,{},{},{x:?},{y:?}\n", at * 10, at * 10 + 50));
    }
    place.write("table.csv", table);
    let more = ["--features", "x", "--target", "y", "--folds", "2", "--horizon"];
    let json = place.train(&[&more[..], &["1"]].concat());
    assert_eq!(warned(&json)[0], "overlap");
    let json = place.train(&[&more[..], &["5"]].concat());
    assert!(!warned(&json).contains(&"overlap"), "{json}");
}
