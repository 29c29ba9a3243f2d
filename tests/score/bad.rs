//! Bad tables: file, line and column are named, the code is the documented one, and nothing that
//! looks whole is left.

use crate::score;
use crate::support::names;
use crate::tables::{TextTable, generated, parquet, read_csv, read_parquet};
use std::fs;
use std::path::PathBuf;

/// Scores a file of these bytes to both formats; both must end with the code and the message, and
/// leave nothing.
#[track_caller]
fn refused(name: &str, bytes: &[u8], code: i32, message: &str) {
    for output in ["o.csv", "o.csv.gz", "o.parquet"] {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join(name);
        fs::write(&input, bytes).unwrap();
        let ran = score(&input, &folder.path().join(output), &[]);
        assert_eq!(ran.code, code, "{}", ran.err);
        let err = ran.err.replace(input.to_str().unwrap(), "FILE");
        assert!(err.contains(message), "{err}");
        assert_eq!(names(folder.path()), [name], "{output}");
    }
}

#[test]
fn a_row_without_end_is_refused_before_it_fills_the_memory() {
    let header = "symbol,buy_rate,large_buy,large_sell\n";
    let endless = [header.as_bytes(), b"a,0.5,0.2,0.3\n", &b"7".repeat(40 << 20)].concat();
    refused("in.csv", &endless, 65, ": the row is longer than 16 MiB");
    let open = [header, "a,0.5,0.2,0.3\nb,0.5,0.2,\"", &"0.3\n".repeat(10 << 20)].concat();
    refused("in.csv", open.as_bytes(), 65, "FILE:3: the row is longer than 16 MiB");
}

#[test]
fn bad_text_is_refused_by_line_and_column() {
    let header = "symbol,buy_rate,large_buy,large_sell";
    let rows = "a,0.5,0.2,0.3\n".repeat(20_000);
    let with = |last: &str| format!("{header}\n{rows}{last}\n");
    for (last, message) in [
        ("a,0.5,x,0.3", "FILE:20002: column 3 (large_buy): `x` is not a number"),
        ("a,,0.2,0.3", "FILE:20002: column 2 (buy_rate): the value is missing"),
        ("a,0.5,0.2,inf", "FILE:20002: column 4 (large_sell): `inf` is not finite"),
        ("a,0.5,0.2", "FILE:20002: column 4 (large_sell): the value is missing"),
        ("a,0.5,0.2,0.3,4", "FILE:20002: 5 fields, the header has 4"),
        ("a,1e308,-1e308,1e308", "FILE:20002: the features are so large that"),
    ] {
        refused("in.csv", with(last).as_bytes(), 65, message);
    }
    let missing = "symbol,buy_rate,large_buy\na,1,2\n";
    let message = "FILE: the header names buy_rate, large_buy but not large_sell";
    refused("in.csv", missing.as_bytes(), 65, message);
    refused("in.csv", b"", 65, "FILE: the file is empty, not even a header");
    refused("in.csv", b"1,2,3\n", 65, "FILE: the first line holds numbers");
}

#[test]
fn the_first_bad_row_is_named_whatever_the_threads_do() {
    let mut text = "symbol,buy_rate,large_buy,large_sell\n".to_owned();
    for row in 0..60_000 {
        text.push_str(if row % 9_000 == 8_500 { "a,bad,1,2\n" } else { "a,0.5,0.2,0.3\n" });
    }
    for _ in 0..5 {
        refused("in.csv", text.as_bytes(), 65, "FILE:8502: column 2 (buy_rate): `bad`");
    }
}

#[test]
fn cut_and_damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv.gz");
    crate::csv(&path, &generated(30_000));
    let whole = fs::read(&path).unwrap();
    let message = "the gzip stream ends early or is damaged";
    refused("in.csv.gz", &whole[..whole.len() / 2], 65, message);
    refused("in.csv.gz", &whole[..whole.len() - 4], 65, message);
    let path = folder.path().join("a.parquet");
    parquet(&path, &generated(30_000), 10_000);
    let whole = fs::read(&path).unwrap();
    for len in [4, 100, whole.len() / 2, whole.len() - 1] {
        refused("in.parquet", &whole[..len], 65, "FILE: row 1: not a complete Parquet file");
    }
    // The footer as it was, and a piece of the columns gone.
    let hole = [&whole[..whole.len() / 3], &whole[whole.len() / 3 + 5000..]].concat();
    refused("in.parquet", &hole, 65, "not a complete Parquet file");
}

#[test]
fn a_damaged_parquet_file_never_makes_it_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("a.parquet");
    parquet(&path, &generated(500), 200);
    let whole = fs::read(&path).unwrap();
    let output = folder.path().join("o.parquet");
    let mut refused = 0;
    for at in (4..whole.len()).step_by(whole.len() / 60) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(&path, &flipped).unwrap();
        // `score` checks that it neither panics nor is killed.
        refused += usize::from(score(&path, &output, &[]).code != 0);
    }
    assert!(refused > 0);
}

#[test]
fn bad_parquet_is_refused_by_row_and_column() {
    let column = |rows: &TextTable, bytes: &mut Vec<u8>| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        parquet(&path, rows, 1000);
        *bytes = fs::read(&path).unwrap();
    };
    let mut bytes = Vec::new();
    let mut rows = generated(5000);
    rows.set("large_buy", 4321, "");
    column(&rows, &mut bytes);
    refused("in.pq", &bytes, 65, "FILE: row 4322: column 4 (large_buy): the value is missing");
    rows.set("large_buy", 4000, "NaN");
    column(&rows, &mut bytes);
    refused("in.pq", &bytes, 65, "FILE: row 4001: column 4 (large_buy): `NaN` is not finite");
    rows.rename("large_buy", "large");
    column(&rows, &mut bytes);
    let message = "FILE: no column large_buy: the columns are symbol, start_ns, buy_rate, large,";
    refused("in.pq", &bytes, 65, message);
    refused("in.pq", &bytes, 65, "(for regression, classification)");
    rows.rename("large", "text");
    rows.rename("symbol", "large_buy");
    rows.rename("text", "symbol");
    column(&rows, &mut bytes);
    refused("in.pq", &bytes, 65, "FILE: column 1 (large_buy) holds");
}

#[test]
fn with_keep_going_bad_rows_keep_empty_outputs_and_the_code_is_1() {
    let mut rows = generated(3000);
    rows.set("large_buy", 1500, "");
    rows.set("large_buy", 2999, "1e309");
    let folder = tempfile::tempdir().unwrap();
    let (csv, pq) = (folder.path().join("in.csv"), folder.path().join("in.parquet"));
    crate::csv(&csv, &rows);
    parquet(&pq, &rows, 1000);
    for input in [&csv, &pq] {
        for output in ["o.csv", "o.parquet"] {
            let output = folder.path().join(output);
            let ran = score(input, &output, &["--keep-going"]);
            assert_eq!(ran.code, 1, "{}", ran.err);
            assert!(ran.err.contains("2 of 3000 rows are bad"), "{}", ran.err);
            let found = match output.extension().unwrap() == "csv" {
                true => read_csv(&output),
                false => read_parquet(&output),
            };
            for name in ["regression", "probability", "class"] {
                let empty: Vec<usize> =
                    (0..3000).filter(|&row| found.column(name)[row].is_empty()).collect();
                assert_eq!(empty, [1500, 2999], "{name}");
            }
        }
    }
}

#[test]
fn an_output_that_cannot_be_created_has_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.csv");
    crate::csv(&input, &generated(10));
    for output in ["none/o.csv", "none/o.parquet"] {
        let ran = score(&input, &folder.path().join(output), &[]);
        assert_eq!(ran.code, 73, "{}", ran.err);
        assert!(ran.err.contains("cannot create"), "{}", ran.err);
    }
    let ran = score(&folder.path().join("none.csv"), &folder.path().join("o.csv"), &[]);
    assert_eq!(ran.code, 66, "{}", ran.err);
}
