//! `factord predict --csv` against a running daemon.

use crate::support::{Daemon, Ran, factord, ran, ran_on, shared};
use factord_eval::Model;
use factord_eval::eval::eval;
use factord_models::file::{Artifact, Details};
use std::fs;
use std::process::Stdio;

const HEADER: &str = "buy_rate,large_buy,large_sell";

/// The scored file, as rows of fields.
fn rows(daemon: &Daemon) -> Vec<Vec<String>> {
    let text = fs::read_to_string(daemon.path("out.csv")).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[track_caller]
fn scored(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn the_golden_rows_are_answered_as_scikit_learn_answers_them() {
    let Some(golden) = shared("jay/golden.csv") else { return };
    let daemon = Daemon::start();
    let golden = fs::read(golden).unwrap();
    scored(&daemon.score(&golden, &[]));
    let expected = String::from_utf8(golden).unwrap();
    let ours = rows(&daemon);
    let mut compared = 0;
    for (line, row) in expected.lines().zip(&ours).skip(1) {
        let theirs: Vec<&str> = line.split(',').collect();
        assert_eq!(theirs[..3], row[..3]);
        for column in [3, 4] {
            let [a, b] = [theirs[column], &row[column]].map(|x| x.parse::<f64>().unwrap());
            assert!((a - b).abs() <= 1e-12 * a.abs(), "{line}: {row:?}");
        }
        assert_eq!(theirs[5], row[5], "{line}");
        compared += 1;
    }
    assert_eq!((compared, ours.len()), (4000, 4001));
}

#[test]
fn outputs_are_the_same_bits_as_single_predictions() {
    let daemon = Daemon::start();
    let text = format!("{HEADER}\n0.5,0.2,0.3\n1e-3,-2,7e5\n");
    scored(&daemon.score(text.as_bytes(), &[]));
    for row in &rows(&daemon)[1..] {
        for (model, key, column) in
            [("regression", "prediction", 3), ("classification", "probability", 4)]
        {
            let one =
                ran(&mut daemon.factord(&["predict", model, "--json", &row[0], &row[1], &row[2]]));
            let object: serde_json::Value = serde_json::from_str(&one.out).unwrap();
            let single = object[key].as_f64().unwrap();
            assert_eq!(single.to_bits(), row[column].parse::<f64>().unwrap().to_bits());
        }
    }
}

#[test]
fn columns_are_found_by_name_and_outputs_replace_their_own() {
    let daemon = Daemon::start();
    let text = "id,class,large_sell,buy_rate,large_buy\r\n\"a,\"\"b\",9,0.3,\"0.5\",0.2\r\n";
    scored(&daemon.score(text.as_bytes(), &[]));
    let out = fs::read_to_string(daemon.path("out.csv")).unwrap();
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("id,class,large_sell,buy_rate,large_buy,regression,probability"));
    let row = lines.next().unwrap();
    assert!(row.starts_with("\"a,\"\"b\",0,0.3,0.5,0.2,0.500053855850386,0.00109"), "{row}");
}

#[test]
fn columns_are_never_taken_by_their_place_and_a_byte_order_mark_is_no_name() {
    let daemon = Daemon::start();
    for header in ["a,b,c,d", ",a,b,c", "0,1,2,x"] {
        let ran = daemon.score(format!("{header}\n0.5,0.2,0.3,x\n").as_bytes(), &[]);
        assert_eq!(ran.code, 65, "{}", ran.err);
        assert!(ran.err.contains("in.csv:1: "), "{}", ran.err);
    }
    // As pandas writes a table with its index.
    let pandas = b"\xef\xbb\xbf,Buy_Rate,Large_Buy,Large_Sell\n0,0.5,0.2,0.3\n";
    let ran = daemon.score(pandas, &[]);
    scored(&ran);
    assert_eq!(rows(&daemon)[1][4], "0.500053855850386");
    let said = "factord: features are Buy_Rate (column 2), Large_Buy (column 3), Large_Sell";
    assert!(ran.err.contains(said), "{}", ran.err);
    scored(&daemon.score(b"\xef\xbb\xbfbuy_rate,large_sell,large_buy\n0.5,0.3,0.2\n", &[]));
    assert_eq!(rows(&daemon)[1][3], "0.500053855850386");
}

#[test]
fn a_bad_row_is_named_by_line_and_column_and_no_file_appears() {
    let daemon = Daemon::start();
    for (row, words) in [
        ("0.5,x,0.3", "in.csv:3: column 2 (large_buy): `x` is not a number"),
        ("0.5,0.2,NaN", "in.csv:3: column 3 (large_sell): `NaN` is not finite"),
        ("inf,0.2,0.3", "in.csv:3: column 1 (buy_rate): `inf` is not finite"),
        (",0.2,0.3", "in.csv:3: column 1 (buy_rate): the value is missing"),
        ("0.5,0.2", "in.csv:3: column 3 (large_sell): the value is missing"),
        ("0.5,0.2,0.3,4", "in.csv:3: 4 fields, the header has 3"),
        ("-1e308,1e308,0.3", "in.csv:3: the features are so large"),
    ] {
        let text = format!("{HEADER}\n0.5,0.2,0.3\n{row}\n0.5,0.2,0.3\n");
        let ran = daemon.score(text.as_bytes(), &[]);
        assert_eq!(ran.code, 65, "{row}: {}", ran.err);
        assert!(ran.err.contains(words), "{row}: {}", ran.err);
        assert_eq!(daemon.names(), ["factord.sock", "in.csv"], "{row}");
    }
}

#[test]
fn a_failed_run_leaves_the_earlier_file_as_it_was() {
    let daemon = Daemon::start();
    fs::write(daemon.path("out.csv"), "precious").unwrap();
    let ran = daemon.score(format!("{HEADER}\n1,2,x\n").as_bytes(), &[]);
    assert_eq!(ran.code, 65);
    assert_eq!(fs::read_to_string(daemon.path("out.csv")).unwrap(), "precious");
}

#[test]
fn keep_going_scores_the_rest_and_leaves_bad_outputs_empty() {
    let daemon = Daemon::start();
    // More rows than a chunk, with every hundredth bad.
    let mut text = format!("{HEADER},note\n");
    for index in 0..3000 {
        let x = if index % 100 == 7 { "bad" } else { "0.5" };
        text.push_str(&format!("{x},0.2,0.3,n{index}\n"));
    }
    let ran = daemon.score(text.as_bytes(), &["--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(ran.err.matches("is not a number").count(), 30);
    assert!(ran.err.contains("in.csv:9: column 1 (buy_rate)"), "{}", ran.err);
    assert!(ran.err.contains("30 of 3000 rows are bad"), "{}", ran.err);
    let rows = rows(&daemon);
    assert_eq!(rows.len(), 3001);
    for (index, row) in rows[1..].iter().enumerate() {
        assert_eq!(row[3], format!("n{index}"), "order is kept");
        let outputs = ["0.500053855850386", "0"].map(str::to_owned);
        if index % 100 == 7 {
            assert_eq!(row[4..], ["", "", ""]);
        } else {
            assert_eq!([row[4].clone(), row[6].clone()], outputs);
        }
    }
}

#[test]
fn rows_of_the_wrong_length_keep_the_table_rectangular() {
    let daemon = Daemon::start();
    let text = format!("{HEADER}\n1,2\n1,2,3,4\n0.5,0.2,0.3\n");
    assert_eq!(daemon.score(text.as_bytes(), &["--keep-going"]).code, 1);
    let lengths: Vec<usize> = rows(&daemon).iter().map(Vec::len).collect();
    assert_eq!(lengths, [6, 6, 6, 6]);
}

#[test]
fn lines_are_counted_through_blank_lines_and_quoted_line_feeds() {
    let daemon = Daemon::start();
    let text = format!("{HEADER},note\n\n1,2,3,\"two\nlines\"\n\r\n1,2,x,\n");
    let ran = daemon.score(text.as_bytes(), &[]);
    assert!(ran.err.contains("in.csv:6: column 3"), "{}", ran.err);
}

#[test]
fn files_that_hold_no_rows_are_told_apart() {
    let daemon = Daemon::start();
    let empty = daemon.score(b"", &[]);
    assert_eq!((empty.code, empty.err.contains("empty")), (65, true), "{}", empty.err);
    for header in ["a,b\n", "0.5,0.2,0.3\n1,2,3\n", "buy_rate,b,c\n", "class,a,b,class\n"] {
        let ran = daemon.score(header.as_bytes(), &[]);
        assert_eq!((ran.code, ran.err.contains("in.csv:1:")), (65, true), "{header}: {}", ran.err);
    }
    assert_eq!(daemon.names(), ["factord.sock", "in.csv"]);
    scored(&daemon.score(HEADER.as_bytes(), &[]));
    assert_eq!(
        rows(&daemon),
        [[HEADER, "regression,probability,class"]
            .join(",")
            .split(',')
            .map(str::to_owned)
            .collect::<Vec<_>>()]
    );
}

#[test]
fn standard_streams_and_devices_are_read_and_written_as_they_are() {
    let daemon = Daemon::start();
    let text = format!("{HEADER}\n0.5,0.2,0.3\n");
    let arguments = ["predict", "--csv", "-", "--out", "-"];
    let ran = ran_on(&mut daemon.factord(&arguments), text.as_bytes());
    scored(&ran);
    assert_eq!(ran.out.lines().count(), 2);
    let ran = ran_on(&mut daemon.factord(&arguments), b"buy_rate,large_buy,large_sell\n1,2,x\n");
    assert_eq!((ran.code, ran.err.contains("stdin:2:")), (65, true), "{}", ran.err);
    let arguments = ["predict", "--csv", "-", "--out", "/dev/null", "--json"];
    let ran = ran_on(&mut daemon.factord(&arguments), text.as_bytes());
    let counts: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(counts, serde_json::json!({"rows": 1, "scored": 1, "bad": 0}));
}

#[test]
fn a_reader_that_goes_away_ends_the_scoring_quietly() {
    let daemon = Daemon::start();
    fs::write(daemon.path("in.csv"), format!("{HEADER}\n{}", "0.5,0.2,0.3\n".repeat(20_000)))
        .unwrap();
    let mut command = daemon.factord(&["predict", "--csv", "in.csv", "--out", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "factord: in.csv: text, UTF-8\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn files_that_cannot_be_opened_have_codes_of_their_own() {
    let daemon = Daemon::start();
    fs::write(daemon.path("in.csv"), format!("{HEADER}\n1,2,3\n")).unwrap();
    for (input, output, code) in [
        ("absent.csv", "out.csv", 66),
        (".", "out.csv", 66),
        ("in.csv", "absent/out.csv", 73),
        ("in.csv", ".", 73),
    ] {
        let arguments = ["predict", "--csv", input, "--out", output];
        let ran = ran(&mut daemon.factord(&arguments));
        assert_eq!(ran.code, code, "{input} {output}: {}", ran.err);
    }
    let ran = ran(&mut factord(&["predict", "--csv", "in.csv"]));
    assert_eq!(ran.code, 64, "--out is needed: {}", ran.err);
}

#[test]
fn a_model_of_any_width_and_name_scores_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, model: Model, features: &[&str]| {
        let feature_names = features.iter().map(|name| (*name).to_owned()).collect();
        let details = Details { name: name.to_owned(), feature_names, ..Details::default() };
        let artifact = Artifact::new(model, details).unwrap();
        artifact.save(&folder.path().join(format!("{name}.fmodel"))).unwrap();
    };
    let line = Model::linear(vec![0.5, -2.0, 0.25, 1e-3, 7.0], -0.125).unwrap();
    save("spread", line.clone(), &["e", "d", "c", "b", "a"]);
    save("one", Model::linear(vec![3.0], 1.0).unwrap(), &["b"]);
    let daemon = Daemon::start_with(&["--models", folder.path().to_str().unwrap()]);
    let text = "a,b,c,d,e,kept\n1,2,3,4,5,x\n0.5,-1,0.25,1e3,-7,y\n";
    for (model, width) in [("spread", 5), ("one", 1)] {
        scored(&daemon.score(text.as_bytes(), &[model]));
        let rows = rows(&daemon);
        assert_eq!(rows[0].join(","), "a,b,c,d,e,kept,regression");
        for (row, input) in rows[1..].iter().zip(text.lines().skip(1)) {
            assert_eq!(row[..6].join(","), input);
            let x: Vec<f64> = row[..5].iter().map(|value| value.parse().unwrap()).collect();
            let expected = match width {
                1 => 3.0 * x[1] + 1.0,
                _ => eval(&line, &[x[4], x[3], x[2], x[1], x[0]]).y,
            };
            assert_eq!(row[6].parse::<f64>().unwrap().to_bits(), expected.to_bits(), "{row:?}");
        }
    }
    let ran = daemon.score(b"a,b,c,d,f\n1,2,3,4,5\n", &["spread"]);
    assert_eq!(ran.code, 65);
    assert!(ran.err.contains("but not e"), "{}", ran.err);
    assert!(ran.err.contains("spread"), "the model is named: {}", ran.err);
    let ran = daemon.score(text.as_bytes(), &[]);
    let message = "the daemon serves no model `regression`: it has one, spread";
    assert_eq!((ran.code, ran.err.contains(message)), (64, true), "{}", ran.err);
}
