//! Prices of windows: of contracts, across breaks, and in the table of the command line.

use crate::command::factors;
use crate::run;
use factord_factors::{Contract, Settings, Side, Trade, Window};

#[test]
fn the_mean_price_of_contracts_is_turnover_over_what_they_are_worth() {
    let trades = [Trade::new(0, 50.0, 100.0, Side::Buy), Trade::new(1, 25.0, 100.0, Side::Sell)];
    let of = |multiplier, inverse| {
        let contract = Contract { multiplier, inverse };
        let settings =
            Settings { contract, window: Window::time(60_000_000_000), ..Settings::default() };
        let (rows, _) = run(&trades, &settings);
        (rows[0].turnover, rows[0].vwap)
    };
    assert_eq!(of(1.0, false), (7_500.0, 37.5));
    assert_eq!(of(10.0, false), (75_000.0, 37.5));
    // 200 of the quote currency for 2 and 4 coins; ten times that at ten times the worth.
    assert_eq!(of(1.0, true), (200.0, 200.0 / 6.0));
    assert_eq!(of(10.0, true), (2_000.0, 2_000.0 / 60.0));
}

/// Two minutes in a row, an hour's pause, one more; a minute without an aggressor.
const TRADES: &str = "ts_ns,symbol,price,qty,side\n\
                      0,A,10,300,B\n\
                      1000000000,A,10.5,100,S\n\
                      1000000001,B,7,1,B\n\
                      59000000000,A,10.25,100,S\n\
                      60000000000,A,12.5,100,S\n\
                      61000000000,B,14,1,B\n\
                      3660000000000,A,12.5,100,S\n\
                      3720000000000,A,25,100,N\n\
                      3780000000000,A,50,100,S\n";

/// The last columns of a table's rows, by symbol and minute.
fn prices(text: &str) -> Vec<(String, i64, Vec<String>)> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(header[11..], ["vwap", "first", "last", "log_return"]);
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let minute = fields[1].parse::<i64>().unwrap() / 60_000_000_000;
            let prices = fields[11..].iter().map(|field| (*field).to_owned()).collect();
            (fields[0].to_owned(), minute, prices)
        })
        .collect()
}

#[test]
fn a_table_has_prices_and_returns_within_a_session() {
    let folder = tempfile::tempdir().unwrap();
    // Times of 1970 are taken for another unit.
    let ns = |minute: i64| 1_675_214_700_000_000_000 + minute * 60_000_000_000;
    let first = 1_675_214_700 / 60;
    let text: Vec<String> = TRADES
        .lines()
        .map(|line| match line.split_once(',') {
            Some((time, rest)) if time != "ts_ns" => {
                format!("{},{rest}", time.parse::<i64>().unwrap() + ns(0))
            }
            _ => line.to_owned(),
        })
        .collect();
    std::fs::write(folder.path().join("t.csv"), text.join("\n")).unwrap();
    let written = |more: &[&str]| {
        let out = factors(folder.path(), &[&["t.csv", "--out", "f.csv"][..], more].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let table = prices(&std::fs::read_to_string(folder.path().join("f.csv")).unwrap());
        let own = table.into_iter().map(|(symbol, minute, prices)| {
            let prices: Vec<String> = prices;
            (symbol, minute - first, prices.join(","))
        });
        let mut own: Vec<(String, i64, String)> = own.collect();
        own.sort();
        own
    };
    let row = |symbol: &str, minute, prices: &str| (symbol.to_owned(), minute, prices.to_owned());
    // 3,000 + 1,050 + 1,025 over 500; ln(12.5 / 10.25) and ln 2, rounded once from 50 digits.
    let start = [
        row("A", 0, "10.15,10.0,10.25,"),
        row("A", 1, "12.5,12.5,12.5,0.19845093872383826"),
        row("A", 61, "12.5,12.5,12.5,"),
    ];
    let other = [row("B", 0, "7.0,7.0,7.0,"), row("B", 1, "14.0,14.0,14.0,0.6931471805599453")];
    // Nobody started a trade of minute 62: its row, and the way to 63, are not there.
    let skipped = [&start[..], &[row("A", 63, "50.0,50.0,50.0,")], &other].concat();
    assert_eq!(written(&[]), skipped);
    let kept = written(&["--empty", "keep"]);
    let of = |minute| kept.iter().find(|row| row.0 == "A" && row.1 == minute).unwrap().2.as_str();
    assert_eq!(of(2), ",,,");
    assert_eq!((of(61), of(62)), ("12.5,12.5,12.5,", "25.0,25.0,25.0,0.6931471805599453"));
    assert_eq!(of(63), "50.0,50.0,50.0,0.6931471805599453");
}
