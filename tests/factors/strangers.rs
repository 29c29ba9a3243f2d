//! Files as strangers have them: codecs, types, times, orders and words of others.

use crate::command::factors;
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray, StringViewArray, UInt64Array, types::Int32Type,
};
use factord_quant::trades::{Options, Reader};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression};
use parquet::file::properties::WriterProperties;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// What a run said, and the lines of its table behind the header.
fn ran(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, Vec<String>) {
    let output = factors(folder, &[arguments, &["--out", "-"]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said, text.lines().skip(1).map(str::to_owned).collect())
}

#[track_caller]
fn rows(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let (code, said, rows) = ran(folder, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    rows
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let (code, said, _) = ran(folder, arguments);
    assert_eq!(code, Some(65), "{arguments:?}: {said}");
    said
}

const TIMES: [i64; 2] = [1_675_214_700_940_000_000, 1_675_214_701_940_000_000];
const RIGHT: &str = "X,1675214700000000000,1675214760000000000,2,100.0,1040.0,\
                     0.5769230769230769,0.4230769230769231,0.0,0.0,0.0,10.4,10.0,11.0,";

/// Two trades, of which some columns are given.
fn table(given: &[(&str, ArrayRef)]) -> RecordBatch {
    let usual: [(&str, ArrayRef); 5] = [
        ("ts_ns", Arc::new(Int64Array::from(TIMES.to_vec()))),
        ("symbol", Arc::new(StringArray::from(vec!["X", "X"]))),
        ("price", Arc::new(Float64Array::from(vec![10.0, 11.0]))),
        ("qty", Arc::new(Int64Array::from(vec![60, 40]))),
        ("side", Arc::new(StringArray::from(vec!["B", "S"]))),
    ];
    let known = |name: &str| given.iter().find(|(given, _)| *given == name);
    let mut columns: Vec<(&str, ArrayRef)> = usual
        .iter()
        .map(|(name, array)| known(name).cloned().unwrap_or((*name, Arc::clone(array))))
        .collect();
    let more = given.iter().filter(|(name, _)| usual.iter().all(|(usual, _)| usual != name));
    columns.extend(more.cloned());
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parquet(path: &Path, record: &RecordBatch, compression: Compression) {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, record.schema(), Some(properties)).unwrap();
    writer.write(record).unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_is_read_with_every_codec() {
    let folder = tempfile::tempdir().unwrap();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::BROTLI(BrotliLevel::default()),
        Compression::ZSTD(Default::default()),
        Compression::GZIP(Default::default()),
    ] {
        parquet(&folder.path().join("t.parquet"), &table(&[]), compression);
        assert_eq!(rows(folder.path(), &["t.parquet"]), [RIGHT], "{compression}");
    }
}

#[test]
fn columns_of_every_type_that_others_write_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let unsigned = TIMES.map(|time| time as u64).to_vec();
    let price = Decimal128Array::from(vec![1_000, 1_100]).with_precision_and_scale(12, 2).unwrap();
    let symbols: DictionaryArray<Int32Type> = vec!["X", "X"].into_iter().collect();
    let stamps =
        arrow_array::TimestampMicrosecondArray::from(TIMES.map(|time| time / 1_000).to_vec());
    let given: [(&str, ArrayRef); 7] = [
        ("ts_ns", Arc::new(UInt64Array::from(unsigned))),
        ("ts_ns", Arc::new(stamps)),
        ("price", Arc::new(price)),
        ("price", Arc::new(StringArray::from(vec!["10.0", "11"]))),
        ("symbol", Arc::new(symbols)),
        ("symbol", Arc::new(StringViewArray::from(vec!["X", "X"]))),
        ("side", Arc::new(Int64Array::from(vec![1, -1]))),
    ];
    for (name, array) in given {
        let record = table(&[(name, Arc::clone(&array))]);
        parquet(&path, &record, Compression::SNAPPY);
        assert_eq!(rows(folder.path(), &["t.parquet"]), [RIGHT], "{name} {}", array.data_type());
        // Feather holds types that Parquet flattens.
        let file = File::create(folder.path().join("t.feather")).unwrap();
        let mut writer = arrow_ipc::writer::FileWriter::try_new(file, &record.schema()).unwrap();
        writer.write(&record).unwrap();
        writer.finish().unwrap();
        assert_eq!(rows(folder.path(), &["t.feather"]), [RIGHT], "{name} {}", array.data_type());
    }
    let maker: ArrayRef = Arc::new(BooleanArray::from(vec![false, true]));
    parquet(&path, &table(&[("is_buyer_maker", maker)]), Compression::SNAPPY);
    let map = "ts=ts_ns,price=price,qty=qty,buyer_maker=is_buyer_maker,symbol=symbol";
    assert_eq!(rows(folder.path(), &["t.parquet", "--columns", map]), [RIGHT]);
}

#[test]
fn order_numbers_beyond_what_floats_hold_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let ids = [(1_u64 << 53) + 1, u64::MAX];
    let signed: ArrayRef = Arc::new(Int64Array::from(vec![(1 << 53) + 1, -1]));
    let unsigned: ArrayRef = Arc::new(UInt64Array::from(ids.to_vec()));
    parquet(&path, &table(&[("buy_id", unsigned), ("sell_id", signed)]), Compression::SNAPPY);
    let mut reader = Reader::open(&[path], &Options::default()).unwrap();
    let chunk = reader.next_chunk().unwrap().unwrap();
    let read: Vec<_> = chunk.trades.iter().map(|trade| (trade.buy_id, trade.sell_id)).collect();
    assert_eq!(read, [(ids[0], ids[0]), (ids[1], 0)]);
}

/// The time of the first trade of a text, with flags.
#[track_caller]
fn first_ns(text: &str, flags: &[&str]) -> i64 {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let arguments = [&["t.csv", "--empty", "keep", "--window", "1trades"], flags].concat();
    let rows = rows(folder.path(), &arguments);
    rows[0].split(',').nth(1).unwrap().parse().unwrap()
}

#[test]
fn times_are_read_as_text_as_days_with_clocks_and_in_every_unit() {
    // date -u -d 2023-02-01T01:30:00.040Z
    let right = 1_675_215_000_040_000_000;
    let of = |time: &str| first_ns(&format!("time,price,qty\n{time},10,1\n"), &[]);
    for time in [
        "2023-02-01T01:30:00.040Z",
        "2023-02-01T09:30:00.040+08:00",
        "2023-02-01 01:30:00.040",
        "2023.02.01D01:30:00.040000000",
        "1675215000.04",
        "1675215000040",
        "1675215000040000",
        "1675215000040000000",
        "20230201013000040",
    ] {
        assert_eq!(of(time), right, "{time}");
    }
    let local = "time,price,qty\n2023-02-01 09:30:00.040,10,1\n";
    assert_eq!(first_ns(local, &["--utc-offset", "+08:00"]), right);
    let clocks = "day,at,px,n\n20230201,09:30:00.040,10,1\n";
    let map = ["--columns", "date=day,ts=at,price=px,qty=n", "--utc-offset", "+0800"];
    assert_eq!(first_ns(clocks, &map), right);
    let kdb = "time,sym,price,size,side\n2023.02.01D01:30:00.040000000,AAPL,10,1,buy\n";
    assert_eq!(first_ns(kdb, &[]), right);
    let headless = "2023-02-01 01:30:00.040,10,1\n";
    assert_eq!(first_ns(headless, &["--columns", "ts=1,price=2,qty=3"]), right);
}

#[test]
fn a_file_without_a_header_is_no_header() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "2023-02-01 01:30:00.040,10,1\n").unwrap();
    let said = refused(folder.path(), &["t.csv"]);
    assert!(said.contains("t.csv: its first line is data, not a header"), "{said}");
    // What its name and its lines say is believed.
    let trades = "1,60000.0,0.1,6000,1723161600100,false\n";
    fs::write(folder.path().join("BTCUSDT-trades-2024-08-09.csv"), trades).unwrap();
    let read = rows(folder.path(), &["BTCUSDT-trades-2024-08-09.csv"]);
    assert!(read[0].starts_with("BTCUSDT,1723161600000000000,"), "{read:?}");
    assert!(read[0].contains(",1,0.1,6000.0,1.0,0.0,"), "{read:?}");
}

#[test]
fn files_of_two_units_and_of_times_before_1990_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (times, expected) in [
        (["1675215000040", "1675215000041000"], "t.csv:3: column 1 (time)"),
        (["1675215000040000", "1675215000041"], "t.csv:3: column 1 (time): 1675215000041 lies in"),
        (["1675215000", "1675215001000"], "t.csv:3: column 1 (time)"),
        (["20230201", "20230202"], "t.csv:2: column 1 (time): 20230201 lies in 1970: times before"),
        (["1970-01-02T00:00:00Z", "1970-01-02T00:00:01Z"], "lies in 1970: times before 1990"),
        (["5", "6"], "t.csv:2: column 1 (time): 5 lies in 1970: times before 1990"),
    ] {
        let text: String = times.iter().map(|time| format!("{time},10,1\n")).collect();
        fs::write(folder.path().join("t.csv"), format!("time,price,qty\n{text}")).unwrap();
        let said = refused(folder.path(), &["t.csv"]);
        assert!(said.contains(expected), "{times:?}: {said}");
    }
}

const NEWEST_FIRST: &str = "timestamp,symbol,side,size,price\n\
                            1585180700.0647,XBT,Buy,10,6698.5\n\
                            1585180640.0647,XBT,Sell,10,6698.0\n\
                            1585180580.0647,XBT,Sell,10,6697.5\n\
                            1585180520.0,XBT,Buy,10,6697.5\n";
const MAP: &str = "ts=timestamp,symbol=symbol,side=side,qty=size,price=price";

#[test]
fn a_file_that_is_newest_first_is_named_and_read_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), NEWEST_FIRST).unwrap();
    let said = refused(folder.path(), &["t.csv", "--columns", MAP]);
    assert!(said.contains("the file is newest first: give --order newest-first"), "{said}");
    assert!(said.contains("of 3 of 4 trades (75 %)"), "{said}");
    let (code, said, read) = ran(folder.path(), &["t.csv", "--columns", MAP, "--late", "take"]);
    assert_eq!((code, read.len()), (Some(0), 1));
    assert!(said.contains("warning: 75 % of trades (3 of 4) were left out"), "{said}");
    let lines: Vec<&str> = NEWEST_FIRST.lines().collect();
    let reversed = [&lines[..1], &lines[1..].iter().rev().copied().collect::<Vec<_>>()].concat();
    fs::write(folder.path().join("r.csv"), reversed.join("\n")).unwrap();
    let right = rows(folder.path(), &["r.csv", "--columns", MAP]);
    assert_eq!(right.len(), 4);
    for order in ["newest-first", "any"] {
        let read = rows(folder.path(), &["t.csv", "--columns", MAP, "--order", order]);
        assert_eq!(read, right, "{order}");
    }
    let said = refused(folder.path(), &["r.csv", "--columns", MAP, "--order", "newest-first"]);
    assert!(said.contains("even in the order given"), "{said}");
}

#[test]
fn streams_in_one_file_are_named_and_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let text = "time,price,qty\n1682899200101,29000,1\n1685463466083,27000,1\n\
                1682899200129,29001,1\n1685463466090,27001,1\n1682899261000,29002,1\n";
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let said = refused(folder.path(), &["t.csv"]);
    assert!(said.contains("the file is 2 streams, one within the other: give --order any"));
    let kept = ["t.csv", "--order", "any", "--window", "1trades", "--empty", "keep"];
    assert_eq!(rows(folder.path(), &kept).len(), 5);
}

#[test]
fn whose_side_a_side_is_is_asked_and_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), NEWEST_FIRST).unwrap();
    let said = refused(folder.path(), &["t.csv"]);
    assert!(said.contains("whose side is it"), "{said}");
    let maker = MAP.replace(",side=", ",maker_side=");
    let flags = ["--order", "newest-first", "--window", "1d", "--large", "1"];
    let buy = |map: &str| {
        let rows = rows(folder.path(), &[&["t.csv", "--columns", map], &flags[..]].concat());
        rows[0].split(',').nth(6).unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(buy(MAP) + buy(&maker), 1.0);
    let coinbase = "trade_id,side,size,price,time\n1,buy,1,10,2023-07-11T09:30:00Z\n";
    fs::write(folder.path().join("t.csv"), coinbase).unwrap();
    let said = refused(folder.path(), &["t.csv"]);
    assert!(said.contains("Coinbase's is the maker's: give --preset coinbase"), "{said}");
    let read = rows(folder.path(), &["t.csv", "--preset", "coinbase"]);
    assert!(read[0].contains(",1,1.0,10.0,0.0,1.0,"), "{read:?}");
}

#[test]
fn blanks_around_words_are_no_part_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ts_ns, symbol, price, qty, side\n1675214700940000000, 600519, 1850.5, 100, B\n\
                1675214700950000000, 600519 ,1850.5, 100, \n";
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let read = rows(folder.path(), &["t.csv", "--aggressor", "flag"]);
    assert_eq!(read.len(), 1);
    assert!(read[0].starts_with("600519,"), "{read:?}");
    assert!(read[0].contains(",2,200.0,370100.0,1.0,0.0,0.0,0.0,0.5,1850.5,"), "{read:?}");
}

#[test]
fn what_is_no_table_is_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in [
        ("t.orc", &b"ORC\x08\x03"[..], "t.orc: it is ORC, which is not read here: write it as Pa"),
        ("t.pkl", b"\x80\x04\x95\x05\0\0\0", "t.pkl: it is a Python pickle, not a table"),
        ("t.csv", b"\x01\x02\x03\x04\x05", "its first bytes are 01 02 03 04 05"),
        ("t.json", b"{\"a\": 1}", "t.json: it is JSON, which is not read here"),
        ("t.h5", b"\x89HDF\r\n\x1a\n", "t.h5: it is HDF5"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "t.xlsx: it is an old Excel"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        let said = refused(folder.path(), &[name]);
        assert!(said.contains(expected), "{said}");
    }
    let header = "\u{1b}]0;owned\u{7}\u{1b}[31mts,price\n1,2\n";
    fs::write(folder.path().join("t\u{1b}[2J.csv"), header).unwrap();
    let said = refused(folder.path(), &["t\u{1b}[2J.csv"]);
    assert!(said.contains("t\\u{1b}[2J.csv: no preset fits the columns \\u{1b}]0;owned\\u{7}"));
    assert!(said.chars().all(|letter| letter == '\n' || !letter.is_control()), "{said:?}");
}

#[test]
fn a_run_says_in_a_line_what_was_understood() {
    let folder = tempfile::tempdir().unwrap();
    let text = "id,price,qty,quote_qty,time,is_buyer_maker\n1,10,1,10,1723161600100,false\n";
    fs::write(folder.path().join("X-trades-1.csv"), text).unwrap();
    let (_, said, _) = ran(folder.path(), &["X-trades-1.csv"]);
    let expected = "factord: X-trades-1.csv: text, UTF-8; binance-trades by its header; times in \
                    time: milliseconds since 1970 UTC; aggressor by is_buyer_maker: true is a \
                    sell; quantities as they are; symbol X\n";
    assert_eq!(said, expected);
}
