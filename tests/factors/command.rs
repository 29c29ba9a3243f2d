//! `factord factors`, by the real binary: the table it writes, what it says, and its exit codes.

use crate::ticks::{days, folder, to_four_digits};
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use factord_factors::{COLUMNS, PRICES, Per};
use factord_quant::table::{Reader, Want};
use parquet::arrow::ArrowWriter;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

const TRADES: &str = "ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id\n\
                      1675214701000000000,A,10,300,B,flag,7,1,1\n\
                      1675214702000000000,A,10,100,S,flag,7,2,2\n\
                      1675214900000000000,A,10,100,S,flag,8,3,3\n";

pub(crate) fn factors(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_factord"))
        .arg("factors")
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .unwrap()
}

/// The folder's file names, hidden ones among them.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_command_line_gives_the_reference_values_to_four_digits() {
    let Some(ticks) = folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<String> =
        days().map(|(file, ..)| ticks.join(file).to_str().unwrap().to_owned()).collect();
    for (column, per) in Per::ALL.into_iter().enumerate() {
        let mut arguments: Vec<&str> = files.iter().map(String::as_str).collect();
        arguments.extend(["--window", "1d", "--large", "200000", "--per", per.name()]);
        arguments.extend(["--out", "f.parquet", "--json"]);
        let output = factors(folder.path(), &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&summary["rows"], &summary["symbols"]), (&5.into(), &5.into()));
        let wanted = ["buy_rate", "sell_rate", "large_buy", "large_sell"].map(Want::float);
        let wanted = [&wanted[..], &[Want::integer("trades"), Want::text("symbol")]].concat();
        let mut reader = Reader::open(&folder.path().join("f.parquet"), &wanted).unwrap();
        let chunk = reader.next_chunk().unwrap().unwrap();
        assert_eq!(chunk.len(), 5);
        for (row, (file, trades, rates, large)) in days().enumerate() {
            assert!(file.starts_with(chunk.texts(5).value(row)), "{file}");
            assert_eq!(chunk.integers(4)[row], i64::try_from(trades).unwrap());
            let expected = [rates[0], rates[1], large[column][0], large[column][1]];
            for (at, expected) in expected.into_iter().enumerate() {
                to_four_digits(chunk.floats(at)[row], expected, &format!("{file} {per:?}"));
            }
        }
    }
}

#[test]
fn a_table_has_the_columns_promised_and_empty_fields_where_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), TRADES).unwrap();
    let kept = ["t.csv", "--out", "f.csv", "--empty", "keep", "--large", "2500"];
    let output = factors(folder.path(), &kept);
    assert!(output.status.success());
    let text = std::fs::read_to_string(folder.path().join("f.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let columns: Vec<&str> = COLUMNS.iter().chain(&PRICES).map(|column| column.name).collect();
    assert_eq!(lines[0], columns.join(",") + ",log_return");
    assert_eq!(
        lines[1],
        "A,1675214700000000000,1675214760000000000,2,400.0,4000.0,0.75,0.25,0.75,0.0,0.0,\
         10.0,10.0,10.0,"
    );
    assert_eq!(lines[2], "A,1675214760000000000,1675214820000000000,0,0.0,0.0,,,,,,,,,");
    assert_eq!(lines.len(), 5);
    let said = String::from_utf8(output.stderr).unwrap();
    let (understood, said) = said.split_once('\n').unwrap();
    assert!(understood.starts_with("factord: t.csv: text, UTF-8; common by its header; times in"));
    assert!(said.starts_with("factord: 3 trades of 1 symbol, 4 rows to f.csv"), "{said}");
    assert!(said.contains("2  windows empty"), "{said}");
    let output = factors(folder.path(), &["t.csv", "--out", "-", "--window", "2trades"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.lines().nth(1).unwrap().starts_with("A,1675214701000000000,1675214702000000000,2,")
    );
    assert_eq!(names(folder.path()), ["f.csv", "f.csv.factors.json", "t.csv"]);
}

#[test]
fn the_settings_travel_with_the_table() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), TRADES).unwrap();
    let flags = ["--window", "2m", "--step", "60s", "--large-by", "quantile", "--large", "0.9"];
    let more = ["--per", "trade", "--aggressor", "tick", "--outliers", "drop"];
    let contract = ["--inverse", "--multiplier", "100"];
    for out in ["f.csv", "f.csv.gz", "f.parquet"] {
        let arguments = [&["t.csv", "--out", out][..], &flags, &more, &contract].concat();
        let output = factors(folder.path(), &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let stated = factord_quant::stated::of(&folder.path().join(out)).unwrap();
        let expected = [
            ("aggressor", "tick"),
            ("inverse", "true"),
            ("large", "0.9"),
            ("large_by", "quantile"),
            ("multiplier", "100"),
            ("outlier", "0.01"),
            ("outliers", "drop"),
            ("per", "trade"),
            ("quantile_last", "10000"),
            ("step", "60s"),
            ("window", "120s"),
        ];
        assert_eq!(stated.iter().collect::<Vec<_>>(), expected, "{out}");
    }
    // Every reader of CSV reads the table as before.
    let text = std::fs::read_to_string(folder.path().join("f.csv")).unwrap();
    assert!(text.starts_with("symbol,start_ns,"), "{text}");
}

#[test]
fn a_bad_file_ends_with_its_code_and_leaves_nothing_that_looks_whole() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("good.csv", TRADES.replace(",A,", ",G,").as_bytes());
    write(
        "text.csv",
        TRADES.replace("1675214900000000000,A,10", "1675214900000000000,A,ten").as_bytes(),
    );
    write("late.csv", TRADES.replace("1675214900000000000", "1675214701999999999").as_bytes());
    write("column.csv", TRADES.replace("price", "cost").as_bytes());
    write("empty.csv", b"");
    let mut cut = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut cut, TRADES.as_bytes()).unwrap();
    let cut = cut.finish().unwrap();
    write("cut.csv.gz", &cut[..cut.len() - 9]);
    write("f.csv", b"what was there");
    let before = names(folder.path());
    for (file, code, message) in [
        ("text.csv", 65, "text.csv:4: column 3 (price): `ten` is not a number"),
        ("late.csv", 65, "late.csv:4: column 1 (ts_ns): the time of A goes back"),
        ("column.csv", 65, "column.csv: no preset fits the columns ts_ns,symbol,cost,qty"),
        ("column.csv", 65, "(with price it would be common)"),
        ("empty.csv", 65, "empty.csv: the file is empty"),
        ("cut.csv.gz", 65, "cut.csv.gz:"),
        ("absent.csv", 66, "cannot read absent.csv"),
    ] {
        for arguments in [&[file][..], &["good.csv", file]] {
            let arguments = [arguments, &["--out", "f.csv", "--window", "1s"]].concat();
            let output = factors(folder.path(), &arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{file}: {said}");
            assert!(said.contains(message), "{said}");
            assert_eq!(names(folder.path()), before, "{file}");
            let kept = std::fs::read(folder.path().join("f.csv")).unwrap();
            assert_eq!(kept, b"what was there", "{file}");
        }
    }
    for (arguments, word) in [
        (&["good.csv", "--window", "60"][..], "`60` is not a window"),
        (
            &["good.csv", "--window", "60s", "--step", "7s"],
            "60s every 7s is not a whole number of steps",
        ),
        (&["good.csv", "--window", "1500ms", "--step", "0.4s"], "1500ms every 400ms is not"),
        (&["good.csv", "--window", "10trades", "--step", "3trades"], "10 trades every 3 trades"),
        (&["good.csv", "--step", "7trades"], "in the unit of --window"),
        (&["good.csv", "--columns", "ts=1"], "no column for"),
        (&["good.csv", "--large", "0"], "above 0"),
    ] {
        let output = factors(folder.path(), &[arguments, &["--out", "f.csv"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(names(folder.path()), before);
    let output = factors(folder.path(), &["late.csv", "--late", "take", "--out", "f.csv"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn parquet_trades_are_read_as_csv_ones_are() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), TRADES).unwrap();
    parquet(&folder.path().join("t.parquet"));
    for input in ["t.csv", "t.parquet"] {
        let out = format!("{input}.features.csv");
        let output = factors(folder.path(), &[input, "--out", &out, "--per", "own-side-order"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let features = read("t.parquet.features.csv");
    assert_eq!(features.lines().count(), 3);
    assert_eq!(features, read("t.csv.features.csv"));
}

#[test]
fn texts_in_dictionaries_or_not_and_row_groups_of_any_size_give_the_same_rows() {
    use parquet::file::properties::WriterProperties;
    let folder = tempfile::tempdir().unwrap();
    // Several pieces of the reader, the last of them short; new symbols come until the end.
    let count = 9_001_i64;
    let symbol = |at: i64| format!("S{}", at * at % (3 + at / 500));
    let side = |at: i64| ["B", "S", "N"][(at * 7 % 3) as usize];
    let ts = |at: i64| (1_675_214_700_000 + at * 40) * 1_000_000;
    let mut text = "ts_ns,symbol,price,qty,side\n".to_owned();
    for at in 0..count {
        text += &format!("{},{},{},{},{}\n", ts(at), symbol(at), 10 + at % 7, 100 * at, side(at));
    }
    std::fs::write(folder.path().join("t.csv"), text).unwrap();
    let all = || 0..count;
    let numbers = |of: fn(i64) -> i64| Arc::new(all().map(of).collect::<Int64Array>());
    let columns: [(&str, ArrayRef, bool); 5] = [
        ("ts_ns", Arc::new(all().map(ts).collect::<Int64Array>()), false),
        ("symbol", Arc::new(StringArray::from_iter_values(all().map(symbol))), true),
        ("price", numbers(|at| 10 + at % 7), true),
        ("qty", numbers(|at| 100 * at), true),
        ("side", Arc::new(StringArray::from_iter_values(all().map(side))), false),
    ];
    let record = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let rows = |input: &str| {
        let out = format!("{input}.features.csv");
        let output = factors(folder.path(), &[input, "--out", &out]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(folder.path().join(out)).unwrap()
    };
    let expected = rows("t.csv");
    // The last limit has the writer give dictionaries up on the way.
    for (coded, limit) in [(false, 1 << 20), (true, 1 << 20), (true, 20)] {
        for group_rows in [1_000, 5_000, 1 << 20] {
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(coded)
                .set_dictionary_page_size_limit(limit)
                .set_write_batch_size(64)
                .set_max_row_group_row_count(Some(group_rows));
            let file = std::fs::File::create(folder.path().join("t.parquet")).unwrap();
            let schema = record.schema();
            let writer = ArrowWriter::try_new(file, schema, Some(properties.build()));
            let mut writer = writer.unwrap();
            writer.write(&record).unwrap();
            writer.close().unwrap();
            assert_eq!(rows("t.parquet"), expected, "{coded}, {limit}, {group_rows}");
        }
    }
}

/// The trades above, with time stamps and missing order numbers as other tools write them.
fn parquet(path: &Path) {
    let times = [1, 2, 200].map(|second| (1_675_214_700 + second) * 1_000_000_000).to_vec();
    let columns: [(&str, ArrayRef); 7] = [
        ("ts_ns", Arc::new(TimestampNanosecondArray::from(times))),
        ("symbol", Arc::new(StringArray::from(vec!["A", "A", "A"]))),
        ("price", Arc::new(Float64Array::from(vec![10.0, 10.0, 10.0]))),
        ("qty", Arc::new(Int64Array::from(vec![300, 100, 100]))),
        ("side", Arc::new(StringArray::from(vec!["B", "S", "S"]))),
        ("buy_id", Arc::new(Int64Array::from(vec![Some(7), Some(7), Some(8)]))),
        ("sell_id", Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), None]))),
    ];
    let record = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, record.schema(), None).unwrap();
    writer.write(&record).unwrap();
    writer.close().unwrap();
}
