//! Numbers that mislead nobody: decimals, names of digits, contracts, ends of lines, empty files.

use crate::command::factors;
use arrow_array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch};
use factord_factors::{
    Aggressor, Contract, Cut, Empty, Factors, Large, Outliers, Per, Quote, Row, Settings, Side,
    Trade,
};
use parquet::arrow::ArrowWriter;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The nearest number to so many units of a power of ten.
fn number(units: u64, places: u32) -> f64 {
    units as f64 / 10_f64.powi(places as i32)
}

fn rows(settings: &Settings, trades: &[Trade]) -> Vec<Row> {
    let mut factors = Factors::new(settings).unwrap();
    let mut rows = Vec::new();
    trades.iter().for_each(|trade| factors.push(trade, &mut |row| rows.push(*row)));
    factors.finish(&mut |row| rows.push(*row));
    rows
}

/// What a run said, and the lines of its table, which must be there.
#[track_caller]
fn table(folder: &Path, arguments: &[&str]) -> (String, Vec<String>) {
    let output = factors(folder, &[arguments, &["--out", "-"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    // But for what was understood of the files.
    let lines = said.lines().filter(|line| !line.contains("; times in "));
    let said = lines.map(|line| format!("{line}\n")).collect();
    let text = String::from_utf8(output.stdout).unwrap();
    (said, text.lines().map(str::to_owned).collect())
}

/// The message of a run that must end with a code.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = factors(folder, &[arguments, &["--out", "-"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

#[test]
fn a_trade_in_the_middle_of_the_quote_is_one_in_every_decimal() {
    let settings = Settings {
        aggressor: Aggressor::LeeReady,
        empty: Empty::Keep,
        outliers: Outliers { limit: 1e9, drop: false },
        ..Settings::default()
    };
    let minute = 60_000_000_000;
    let mut state = 3_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for places in [0, 1, 2, 4, 5, 8] {
        for _ in 0..4_000 {
            let (bid, half) = (1 + random(20_000), 1 + random(4));
            let at = |units| number(units, places);
            let (low, middle, high) = (at(bid), at(bid + half), at(bid + 2 * half));
            let quote = Some(Quote { bid: low, ask: high });
            // The tick rule decides: up from the bid, down from the ask.
            for (before, buy_rate) in [(low, 1.0), (high, 0.0)] {
                let trade = Trade::new(minute, middle, 1.0, Side::Unknown);
                let trades = [Trade::new(0, before, 1.0, Side::Unknown), Trade { quote, ..trade }];
                let found = rows(&settings, &trades)[1];
                assert_eq!((found.buy_rate, found.methods.tick), (buy_rate, 1), "{trades:?}");
            }
        }
    }
}

#[test]
fn an_outlier_and_a_large_trade_are_told_by_decimals() {
    // 1.1 to 1.111 is 1 % and no more; floating point has it a little further.
    let settings =
        Settings { outliers: Outliers { limit: 0.01, drop: true }, ..Settings::default() };
    for (from, to, drops) in
        [(1.1, 1.111, 0), (1.1, 1.1111, 1), (0.7, 0.707, 0), (3.3, 3.333, 0), (3.3, 3.3331, 1)]
    {
        let trades = [from, to].map(|price| Trade::new(0, price, 1.0, Side::Buy));
        let mut factors = Factors::new(&settings).unwrap();
        trades.iter().for_each(|trade| factors.push(trade, &mut |_| ()));
        assert_eq!(factors.counts().outliers, drops, "{from} {to}");
    }
    let large = |per, cut, trades: &[Trade]| {
        let large = Large { per, by: Cut::Turnover(cut) };
        rows(&Settings { large, ..Settings::default() }, trades)[0].large_buy
    };
    let of = |price, qty| Trade { buy_id: 7, ..Trade::new(0, price, qty, Side::Buy) };
    assert_eq!(large(Per::Trade, 0.3, &[of(0.1, 3.0)]), 1.0);
    assert_eq!(large(Per::Trade, 200_000.0, &[of(199_999.999_999_9, 1.0)]), 0.0);
    // A hundred fills of 0.1 are 10, and a total a little below is not.
    assert_eq!(large(Per::AggressingOrder, 10.0, &[of(0.1, 1.0); 100]), 1.0);
    assert_eq!(large(Per::AggressingOrder, 10.000_000_000_01, &[of(0.1, 1.0); 100]), 0.0);
}

#[test]
fn sums_are_printed_as_exact_arithmetic_has_them() {
    let settings = Settings::default();
    for (price, qty, count, turnover) in [
        (0.1, 3.0, 1, 0.3),
        (0.1, 0.7, 1_000, 70.0),
        (1_850.4, 0.1, 999, 184_854.96),
        (17_016.505_751, 10.0, 1_000, 170_165_057.51),
    ] {
        let trades = vec![Trade::new(0, price, qty, Side::Buy); count];
        assert_eq!(rows(&settings, &trades)[0].turnover, turnover, "{price} {qty} {count}");
    }
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..3).map(|_| "1675214700000000010,X,0.1,0.1,B\n").collect();
    let text = format!("ts_ns,symbol,price,qty,side\n{lines}");
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let (_, table) = table(folder.path(), &["t.csv", "--window", "3trades"]);
    assert_eq!(
        table[1],
        "X,1675214700000000010,1675214700000000010,3,0.3,0.03,1.0,0.0,0.0,0.0,0.0,\
         0.1,0.1,0.1,"
    );
}

#[test]
fn numbers_of_columns_are_counted_from_1_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ints = |values: [i64; 3]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let floats = |values: [f64; 3]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let times = [1_675_214_700_940, 1_675_214_700_945, 1_675_214_700_950];
    let table_of = RecordBatch::try_from_iter([
        ("0", ints([1, 2, 3])),
        ("1", ints([9, 9, 9])),
        ("2", floats([100.0, 101.0, 101.5])),
        ("3", ints([2, 3, 5])),
        ("4", ints(times)),
    ])
    .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path("t.parquet")).unwrap(), table_of.schema(), None);
    writer.as_mut().unwrap().write(&table_of).unwrap();
    writer.unwrap().close().unwrap();
    let body = "1,9,100.0,2,1675214700940\n2,9,101.0,3,1675214700945\n3,9,101.5,5,1675214700950\n";
    fs::write(path("t.csv"), format!("0,1,2,3,4\n{body}")).unwrap();
    fs::write(path("headless.csv"), body).unwrap();
    fs::write(path("named.csv"), format!("id,x,p,q,t\n{body}")).unwrap();
    let with = |file, map| {
        let more = ["--symbol", "X", "--window", "3trades", "--aggressor", "tick"];
        table(folder.path(), &[&[file, "--columns", map][..], &more].concat()).1[1].clone()
    };
    let expected = with("named.csv", "ts=t,price=p,qty=q");
    assert!(expected.contains(",3,10.0,1010.5,"), "{expected}");
    let numbers = "ts=5,price=3,qty=4";
    for file in ["t.parquet", "t.csv", "headless.csv", "named.csv"] {
        assert_eq!(with(file, numbers), expected, "{file}");
    }
    // Beside a name, digits are one: a number from 0 is none.
    assert_eq!(with("t.parquet", "ts=4,price=2,qty=3,bid=0,ask=0"), expected);
    let said = refused(folder.path(), &["t.csv", "--columns", "ts=t,price=2,qty=3"], 65);
    assert!(said.contains("no column t: the columns are 0, 1, 2, 3, 4"), "{said}");
}

const AGG: &str = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,\
                   is_buyer_maker\n1,60000.0,10,1,1,1723161600100,false\n\
                   2,60000.0,30,2,4,1723161605200,true\n3,50000.0,10,5,5,1723161610300,false\n";

#[test]
fn contracts_are_not_taken_for_coins() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let (margined, other) = ("BTCUSD_PERP-aggTrades-2024-08-09.csv", "ETHUSD_240927-trades-x.csv");
    let trades =
        "id,price,qty,base_qty,time,is_buyer_maker\n1,60000.0,10,0.016,1723161600100,true\n";
    write(margined, AGG);
    write(other, trades);
    write("t.csv", trades);
    let headless: String = AGG.lines().skip(1).map(|line| format!("{line}\n")).collect();
    write("SOLUSD_PERP-aggTrades.csv", &headless);
    for arguments in [
        &[margined][..],
        &[margined, "--preset", "binance-aggtrades"],
        &["SOLUSD_PERP-aggTrades.csv", "--preset", "binance-aggtrades"],
        &[other],
        &[other, "--preset", "binance-trades"],
        &["t.csv", "--preset", "binance-trades"],
        &["t.csv", "--columns", "ts=time,price=price,qty=qty"],
    ] {
        let said = refused(folder.path(), arguments, 65);
        assert!(said.contains("--inverse --multiplier"), "{said}");
    }
    let worth = [margined, "--inverse", "--multiplier", "100", "--large", "1000"];
    let (_, lines) = table(folder.path(), &worth);
    assert!(lines[1].starts_with("BTCUSD_PERP,1723161600000000000,"), "{}", lines[1]);
    assert!(lines[1].contains(",3,50.0,5000.0,0.4,0.6,0.4,0.6,"), "{}", lines[1]);
    let (_, lines) =
        table(folder.path(), &["t.csv", "--columns", "ts=time,price=price,qty=base_qty"]);
    assert_eq!(lines.len(), 1);
    // A symbol that is known, in a file that says nothing else.
    write(
        "x.csv",
        "ts_ns,symbol,price,qty,side\n\
           1675214700000000001,XBTUSD,60000,100,B\n1675214700000000002,XBTUSD,60000,300,S\n",
    );
    let (said, _) = table(folder.path(), &["x.csv"]);
    assert!(said.contains("XBTUSD is known to be an inverse contract"), "{said}");
    let (said, lines) = table(folder.path(), &["x.csv", "--inverse"]);
    assert_eq!(said, "");
    assert!(lines[1].contains(",2,400.0,400.0,0.25,0.75,"), "{}", lines[1]);
    let linear = Contract { multiplier: 10.0, inverse: false };
    assert_eq!(linear.turnover(2.5, 4.0), 100.0);
}

#[test]
fn numbers_of_single_precision_are_decimals_too() {
    let folder = tempfile::tempdir().unwrap();
    let single = |values: [f32; 2]| Arc::new(Float32Array::from(values.to_vec())) as ArrayRef;
    let times = Arc::new(Int64Array::from(vec![1_675_214_700_000_000_000; 2])) as ArrayRef;
    let table_of = RecordBatch::try_from_iter([
        ("ts_ns", times),
        ("price", single([121.2, 121.27])),
        ("qty", single([1.0, 0.1])),
        ("bid", single([f32::NAN, 121.23])),
        ("ask", single([f32::NAN, 121.31])),
    ])
    .unwrap();
    let file = File::create(folder.path().join("t.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, table_of.schema(), None).unwrap();
    writer.write(&table_of).unwrap();
    writer.close().unwrap();
    let more = ["t.parquet", "--aggressor", "lee-ready", "--outlier", "1"];
    let (_, lines) = table(folder.path(), &more);
    assert!(lines[1].contains(",2,1.1,133.327,1.0,0.0,"), "{}", lines[1]);
}

#[test]
fn times_of_another_unit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ts_ns,symbol,price,qty,side\n1675214700940,A,10,3,B\n1675214700945,A,10,3,S\n";
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let said = refused(folder.path(), &["t.csv"], 65);
    let expected = "t.csv:2: column 1 (ts_ns): 1675214700940 lies in 1970: it looks like a time in \
                    milliseconds since 1970: say so with --columns";
    assert!(said.contains(expected), "{said}");
    let map = ["t.csv", "--columns", "ts=ts_ns,price=price,qty=qty,side=side,symbol=symbol"];
    assert_eq!(table(folder.path(), &map).1.len(), 2);
}

#[test]
fn totals_of_orders_need_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("t.csv", "ts_ns,symbol,price,qty,side\n1675214700000000001,A,10,300,B\n");
    let said = refused(folder.path(), &["t.csv", "--per", "own-side-order"], 65);
    assert!(said.contains("no column holds order numbers"), "{said}");
    write(
        "t.csv",
        "ts_ns,symbol,price,qty,side,buy_id,sell_id\n\
           1675214700000000001,A,10,300,B,,\n1675214700000000002,A,10,1,S,7,8\n",
    );
    let (said, _) = table(folder.path(), &["t.csv", "--per", "own-side-order"]);
    assert!(said.contains("50 % of fills have no order number"), "{said}");
}

#[test]
fn lines_that_end_with_a_carriage_return_are_lines() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ts_ns,symbol,price,qty,side\r1675214700940000000,600519,1850.5,100,B\r\
                1675214701940000000,600519,1850.4,100,S\r";
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let (said, lines) = table(folder.path(), &["t.csv"]);
    assert_eq!((said.as_str(), lines.len()), ("", 2));
    assert!(lines[1].contains(",2,200.0,370090.0,0.500013510227242"), "{}", lines[1]);
    fs::write(folder.path().join("t.csv"), text.replace("1850.4", "x")).unwrap();
    let said = refused(folder.path(), &["t.csv"], 65);
    assert!(said.contains("t.csv:3: column 3 (price)"), "{said}");
}

#[test]
fn a_file_that_gives_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.csv", "ts_ns,symbol,price,qty,side\n1675214700000000001,A,10,300,B\n");
    write("b.csv", "ts_ns,symbol,price,qty,side\n");
    let (said, lines) = table(folder.path(), &["b.csv", "a.csv"]);
    assert_eq!(said, "factord: warning: b.csv: no trade was read from it\n");
    assert_eq!(lines.len(), 2);
    let (said, _) = table(folder.path(), &["a.csv", "b.csv"]);
    assert_eq!(said, "factord: warning: b.csv: no trade was read from it\n");
    let (said, _) = table(folder.path(), &["a.csv", "--window", "2trades"]);
    assert!(said.contains("no window became a row"), "{said}");
}
