//! Trade files: what each layout means, and what is wrong with a bad one.

use factord_factors::{Quote, Side, Trade};
use factord_quant::trades::{Late, Options, Preset, Reader, TradesError};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::{Path, PathBuf};

/// All digits of a time but the last two.
const T: &str = "16752147000000000";

/// The time of so many nanoseconds more.
fn at(ns: i64) -> i64 {
    1_675_214_700_000_000_000 + ns
}

const HEADER: &str = "ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read(paths: &[PathBuf], options: &Options) -> Result<Vec<(String, Trade)>, TradesError> {
    let mut reader = Reader::open(paths, options)?;
    let mut trades = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        for (trade, symbol) in chunk.trades.iter().zip(chunk.symbols) {
            trades.push((chunk.names[*symbol as usize].clone(), *trade));
        }
    }
    assert_eq!(reader.progress(), Some(1.0));
    Ok(trades)
}

/// The trades of one file of this name and content.
fn of(name: &str, text: impl AsRef<[u8]>, options: &Options) -> Vec<(String, Trade)> {
    let folder = tempfile::tempdir().unwrap();
    read(&[write(folder.path(), name, text.as_ref())], options).unwrap()
}

/// The error of one file, without its folder.
fn error(name: &str, text: impl AsRef<[u8]>, options: &Options) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), name, text.as_ref());
    let error = read(&[path], options).expect_err("the file is bad");
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

fn preset(preset: Preset) -> Options {
    Options { preset: Some(preset), ..Options::default() }
}

#[test]
fn the_common_schema_is_known_by_its_header() {
    let rows =
        format!("{T}10,A,1.5,100,B,flag,7,9,1\n{T}10,B,2,50,S,flag,,,2\n{T}11,A,1.5,3,N,,1,2,3\n");
    for text in [
        format!("{HEADER}{rows}"),
        format!("\u{feff}{HEADER}{rows}").replace('\n', "\r\n"),
        format!("\n{HEADER}\n{}", rows.trim_end()),
        format!("{HEADER}{rows}")
            .replace("10,A", "10\",\"A\"")
            .replace(T, &format!("\"{T}"))
            .replace("10,B", "10\",B")
            .replace("11,A", "11\",A"),
    ] {
        let plain = of("x.csv", &text, &Options::default());
        let first = Trade { buy_id: 7, sell_id: 9, ..Trade::new(at(10), 1.5, 100.0, Side::Buy) };
        assert_eq!(plain[0], ("A".to_owned(), first), "{text:?}");
        assert_eq!(plain[1], ("B".to_owned(), Trade::new(at(10), 2.0, 50.0, Side::Sell)));
        assert_eq!((plain.len(), plain[2].1.side), (3, Side::None));
        // Two members, one after the other, cut in the middle of a line.
        let (a, b) = text.as_bytes().split_at(text.len() / 2);
        let members = [gzip(a), gzip(b)].concat();
        assert_eq!(of("x.csv.gz", members, &Options::default()), plain);
    }
}

#[test]
fn a_comma_in_quotes_ends_no_field_and_other_quotes_are_refused_by_name() {
    let header = "\"a, b\",ts_ns,symbol,\"price\",qty\n";
    let text = format!("{header}\"1,2\",{T}10,\"A,B\",\"1.5\",3\nx,{T}11,\"A\",2,\"4\"\n");
    let trades = of("x.csv", text, &Options::default());
    let first = Trade::new(at(10), 1.5, 3.0, Side::Unknown);
    assert_eq!(trades[0], ("A,B".to_owned(), first));
    assert_eq!(trades[1], ("A".to_owned(), Trade::new(at(11), 2.0, 4.0, Side::Unknown)));
    for (row, expected) in [
        ("\"1,2\",10,A,x,3", "column 4 (price): `x` is not a number"),
        ("\"1,2\",10,A,1", "4 fields, the header has 5"),
        ("1,10,\"A\"\"B\",1,3", "column 3 (symbol): `\"A\"\"B\"` is not a field in one pair"),
        ("1,10,\"A,1,3", "column 3 (symbol): `\"A` is not a field in one pair of quotes"),
        ("\"1\"x,10,A,1,3", "column 1 (a, b): `\"1\"x` is not a field in one pair of quotes"),
    ] {
        let found = error("x.csv", format!("{header}{row}\n"), &Options::default());
        assert!(found.starts_with(&format!("x.csv:2: {expected}")), "{found}");
    }
}

#[test]
fn columns_are_named_or_numbered_by_the_caller() {
    let text = "px;T;n,T,px,n,bid,ask\nx,1675214700940,1.5,3,1.4,1.6\nx,1675214700941,1.5,3,,\n";
    let options = Options {
        columns: Some("ts=T,price=px,qty=n,bid=bid,ask=ask".parse().unwrap()),
        symbol: Some("Z".to_owned()),
        ..Options::default()
    };
    let trades = of("x.csv", text, &options);
    let (symbol, trade) = &trades[0];
    assert_eq!((symbol.as_str(), trade.ts_ns), ("Z", 1_675_214_700_940_000_000));
    assert_eq!((trade.side, trade.quote), (Side::Unknown, Some(Quote { bid: 1.4, ask: 1.6 })));
    assert_eq!(trades[1].1.quote, None);
    let options = Options { columns: Some("ts_ns=2,price=1,qty=3".parse().unwrap()), ..options };
    let headless = of("x.csv", format!("1.5,{T}10,3\n2.5,{T}11,4\n"), &options);
    assert_eq!(headless[0].1, Trade::new(at(10), 1.5, 3.0, Side::Unknown));
    assert_eq!(of("x.csv", format!("a,b,c\n1.5,{T}10,3\n2.5,{T}11,4\n"), &options), headless);
}

#[test]
fn binance_files_are_read_with_and_without_a_header_in_milli_and_microseconds() {
    let options = preset(Preset::BinanceTrades);
    let buy = Trade::new(1_680_652_804_962_000_000, 28_155.1, 0.001, Side::Buy);
    let expected = vec![("BTCUSDT".to_owned(), buy)];
    let name = "BTCUSDT-trades-2023-04-05.csv";
    let headed =
        "id,price,qty,quote_qty,time,is_buyer_maker\n1,28155.1,0.001,28,1680652804962,false\n";
    assert_eq!(of(name, headed, &Options::default()), expected);
    assert_eq!(of(name, headed, &options), expected);
    let spot = "1,28155.1,0.001,28.1,1680652804962000,False,True\n";
    assert_eq!(of(name, spot, &options), expected);
    let maker = of(name, spot.replace("False", "true"), &options);
    assert_eq!(maker[0].1.side, Side::Sell);

    let options = preset(Preset::BinanceAggTrades);
    let name = "BTCUSDT-aggTrades-2023-04-05.csv";
    let headed = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,\
                  is_buyer_maker\n9,28155.1,0.001,1,3,1680652804962,false\n";
    assert_eq!(of(name, headed, &Options::default()), expected);
    let spot = "9,28155.1,0.001,1,3,1680652804962,False,True\n";
    assert_eq!(of(name, spot, &options), expected);
    // Contracts are no coins.
    let inverse =
        "id,price,qty,base_qty,time,is_buyer_maker\n1,28155.1,1,0.003,1680652804962,false\n";
    assert!(error(name, inverse, &Options::default()).contains("base_qty"));
}

#[test]
fn lobster_executions_are_trades_of_the_side_that_did_not_rest() {
    let text = "34200.017459617,5,0,1,2238200,-1\n34200.18960767,1,11885113,21,2238100,1\n\
                34200.2,4,42,30,2238000,1\n34201,6,-1,500,2238100,-1\n34202,7,0,0,-1,-1\n";
    let name = "AAPL_2012-06-21_34200000_57600000_message_50.csv";
    let trades = of(name, text, &preset(Preset::Lobster));
    let open = 1_340_251_200_000_000_000 + 34_200_000_000_000;
    assert_eq!(trades.len(), 3);
    let hidden = Trade::new(open + 17_459_617, 223.82, 1.0, Side::Buy);
    assert_eq!(trades[0], ("AAPL".to_owned(), hidden));
    let visible = Trade::new(open + 200_000_000, 223.8, 30.0, Side::Sell);
    assert_eq!(trades[1].1, Trade { buy_id: 42, ..visible });
    assert_eq!(trades[2].1.side, Side::None);
    assert!(error("x.csv", text, &preset(Preset::Lobster)).contains("--date"));
    let dated = Options { date: Some("2012-06-21".parse().unwrap()), ..preset(Preset::Lobster) };
    assert_eq!(of("AAPL.csv", text, &dated), trades);
}

#[test]
fn the_side_of_lobsters_hidden_orders_is_unknown_since_it_is_masked() {
    let text = "34200.5,5,0,7,2238200,1\n34200.6,4,42,30,2238000,1\n";
    let sides = |day: &str| -> Vec<Side> {
        let options = Options { date: Some(day.parse().unwrap()), ..preset(Preset::Lobster) };
        of("AAPL.csv", text, &options).into_iter().map(|(_, trade)| trade.side).collect()
    };
    assert_eq!(sides("2014-07-13"), [Side::Sell, Side::Sell]);
    assert_eq!(sides("2014-07-14"), [Side::Unknown, Side::Sell]);
}

#[test]
fn files_follow_each_other_and_a_symbol_may_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(
        folder.path(),
        "a.csv",
        format!("{HEADER}{T}01,A,1,1,B,,,,\n{T}02,B,1,1,B,,,,\n").as_bytes(),
    );
    let b = write(folder.path(), "b.csv", format!("price,ts_ns,qty\n2,{T}03,1\n").as_bytes());
    let all = read(&[a.clone(), b.clone()], &Options::default()).unwrap();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["A", "B", "b"]);
    let only = Options { symbol: Some("B".to_owned()), ..Options::default() };
    let names: Vec<_> = read(&[a, b], &only).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["B", "B"]);
}

#[test]
fn a_bad_file_is_named_with_line_and_column() {
    let common = Options::default();
    let with = |rows: &str| format!("{HEADER}{rows}");
    let good = format!("{T}01,A,1.5,100,B,flag,7,9,1\n");
    for (text, expected) in [
        (String::new(), "x.csv: the file is empty"),
        ("\n\n".to_owned(), "x.csv: the file is empty"),
        ("a,b\n1,2\n".to_owned(), "x.csv: no preset fits the columns a,b"),
        (
            with(&format!("{good}{T}02,A,x,1,B,,,,\n")),
            "x.csv:3: column 3 (price): `x` is not a number",
        ),
        (with(&format!("{T}02,A,1,,B,,,,\n")), "x.csv:2: column 4 (qty): `` is not a number"),
        (with(&format!("{T}02,A,1,nan,B,,,,\n")), "x.csv:2: column 4 (qty): `nan` is not a number"),
        (with("x,A,1,1,B,,,,\n"), "x.csv:2: column 1 (ts_ns): `x` is not a time"),
        (
            with(&format!("{T}02,A,1,1,Q,,,,\n")),
            "x.csv:2: column 5 (side): `Q` is not an aggressor",
        ),
        (
            with(&format!("{T}02,A,1,1,B,,y,,\n")),
            "x.csv:2: column 7 (buy_id): `y` is not an order number",
        ),
        (with(&format!("{T}02,A,1,1,B\n")), "x.csv:2: 5 fields, the header has 9"),
        (with(&format!("{T}02,A,1,1,B,,,,,\n")), "x.csv:2: 10 fields, the header has 9"),
        (
            with(&format!("{good}\n{T}00,A,1,1,B,,,,\n")),
            "x.csv:4: column 1 (ts_ns): the time of A goes back from 1675214700000000001 to \
             1675214700000000000: the file is newest first: give --order newest-first",
        ),
    ] {
        let found = error("x.csv", &text, &common);
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    let missing = error("x.csv", "ts_ns,qty\n1,2\n", &preset(Preset::Common));
    assert!(missing.contains("no column price: the columns are ts_ns, qty"), "{missing}");
    let twice = error("x.csv", "ts_ns,qty,price,price\n1,2,3,3\n", &common);
    assert!(twice.contains("column 4: the header names price twice"), "{twice}");
    let options = Options { columns: Some("ts=1,price=2,qty=9".parse().unwrap()), ..common };
    assert!(error("x.csv", "1,2,3\n", &options).contains("no column 9: there are 3"));
    let long = error("x.csv", vec![b'7'; 3 << 20], &Options::default());
    assert!(long.contains("a line of more than 1048576 bytes"), "{long}");
}

#[test]
fn a_gzip_file_that_is_cut_names_the_line() {
    let rows: String = (0..20_000).map(|n| format!("{},A,1.{n},1,B,,,,\n", at(n))).collect();
    let whole = gzip(format!("{HEADER}{rows}").as_bytes());
    assert_eq!(of("x.csv.gz", &whole, &Options::default()).len(), 20_000);
    for len in [20, whole.len() / 2, whole.len() - 5] {
        let found = error("x.csv.gz", &whole[..len], &Options::default());
        assert!(found.contains("the gzip stream ends early or is damaged"), "{found}");
        assert!(found.starts_with("x.csv.gz:"), "{found}");
    }
}

#[test]
fn late_trades_are_given_when_asked_for() {
    let text = format!("{HEADER}{T}05,A,1,1,B,,,,\n{T}03,A,1,1,B,,,,\n{T}04,B,1,1,B,,,,\n");
    let options = Options { late: Late::Take, ..Options::default() };
    assert_eq!(of("x.csv", text, &options).len(), 3);
}
