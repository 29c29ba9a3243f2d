//! What is defined for the edges of the flow: auctions, gaps, late trades, odd numbers, outliers,
//! and each way to find the aggressor.

use crate::run;
use factord_factors::{
    Aggressor, Book, Cut, Empty, Factors, Large, Methods, Outliers, Per, Quote, Row, Settings,
    Side, Trade, Window,
};

const SECOND: i64 = 1_000_000_000;

fn settings() -> Settings {
    Settings { window: Window::time(60_000_000_000), ..Settings::default() }
}

fn buy(second: i64, price: f64, qty: f64) -> Trade {
    Trade::new(second * SECOND, price, qty, Side::Buy)
}

fn sell(second: i64, price: f64, qty: f64) -> Trade {
    Trade { side: Side::Sell, ..buy(second, price, qty) }
}

#[test]
fn auctions_are_turnover_without_an_aggressor() {
    let auction = Trade { side: Side::None, ..buy(1, 10.0, 200.0) };
    let (rows, factors) = run(&[auction, buy(2, 10.0, 300.0), sell(3, 10.0, 100.0)], &settings());
    let [row] = rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.turnover, row.buy_rate, row.sell_rate), (6_000.0, 0.75, 0.25));
    assert_eq!((row.auction, row.unclassified), (2.0 / 6.0, 2.0 / 6.0));
    assert_eq!(factors.counts().auction_trades, 1);
}

#[test]
fn own_side_orders_count_auction_fills_and_aggressing_ones_do_not() {
    let order = |trade: Trade| Trade { buy_id: 7, sell_id: 9, ..trade };
    let auction = order(Trade { side: Side::None, ..buy(1, 10.0, 60.0) });
    let trades = [auction, order(buy(2, 10.0, 40.0)), order(sell(3, 10.0, 100.0))];
    for (per, buys, sells) in [
        (Per::Trade, 0.0, 0.5),
        (Per::AggressingOrder, 0.0, 0.5),
        // 200 shares each, passive fills among them.
        (Per::OwnSideOrder, 1.0, 1.0),
    ] {
        let large = Large { per, by: Cut::Turnover(1_000.0) };
        let (rows, _) = run(&trades, &Settings { large, ..settings() });
        assert_eq!((rows[0].large_buy, rows[0].large_sell), (buys, sells), "{per:?}");
    }
}

#[test]
fn an_order_is_large_by_what_is_known_at_the_close() {
    let order = |trade: Trade| Trade { buy_id: 7, ..trade };
    let trades = [order(buy(1, 10.0, 60.0)), buy(2, 10.0, 60.0), order(buy(61, 10.0, 40.0))];
    let large = Large { per: Per::AggressingOrder, by: Cut::Turnover(1_000.0) };
    let (rows, _) = run(&trades, &Settings { large, ..settings() });
    // Its total is reached in the second minute: the first one could not know.
    assert_eq!((rows[0].large_buy, rows[1].large_buy), (0.0, 1.0));
    // A window that holds both fills knows.
    let window = Window::time(120_000_000_000).rolling(60e9);
    let (rows, _) = run(&trades, &Settings { large, window, ..settings() });
    assert_eq!(rows[0].large_buy, 1_000.0 / 1_600.0);
}

#[test]
fn a_total_that_misses_the_cut_by_rounding_has_reached_it() {
    let trades: Vec<Trade> =
        (0..10).map(|second| Trade { buy_id: 7, ..buy(second, 0.1, 1.0) }).collect();
    assert!((0..10).fold(0.0, |sum, _| sum + 0.1) < 1.0);
    let large = Large { per: Per::AggressingOrder, by: Cut::Turnover(1.0) };
    let (rows, _) = run(&trades, &Settings { large, ..settings() });
    assert_eq!(rows[0].large_buy, 1.0);
}

#[test]
fn a_quantile_follows_the_sizes_and_is_unknown_before_a_hundred() {
    let large = Large { per: Per::Trade, by: Cut::Quantile { q: 0.9, last: 100 } };
    let settings = Settings { large, empty: Empty::Keep, ..settings() };
    let trades: Vec<Trade> = (0..360).map(|n| buy(n, 1.0, (n % 10 + 1) as f64)).collect();
    let (rows, factors) = run(&trades, &settings);
    assert!(rows[0].large_buy.is_nan() && rows[1].large_buy.is_nan(), "{rows:?}");
    // The tenth of the trades at or above the quantile's bucket: 9 and 10 of 1 to 10, of 55.
    assert_eq!(rows[3].large_buy, 19.0 / 55.0);
    assert_eq!(factors.counts().windows_undefined, 2);
}

#[test]
fn empty_windows_give_no_row_unless_they_are_kept() {
    let trades = [buy(0, 10.0, 1.0), buy(200, 10.0, 1.0)];
    let (rows, factors) = run(&trades, &settings());
    assert_eq!(rows.iter().map(|row| row.start_ns / SECOND).collect::<Vec<_>>(), [0, 180]);
    let counts = factors.counts();
    assert_eq!((counts.windows, counts.windows_empty), (4, 2));
    let (rows, factors) = run(&trades, &Settings { empty: Empty::Keep, ..settings() });
    assert_eq!(rows.iter().map(|row| row.trades).collect::<Vec<_>>(), [1, 0, 0, 1]);
    assert!(rows[1].buy_rate.is_nan() && rows[1].large_buy.is_nan());
    assert_eq!((rows[1].turnover, factors.counts().windows), (0.0, 4));
}

#[test]
fn a_wrong_timestamp_does_not_fill_the_disk() {
    let trades = [buy(0, 10.0, 1.0), buy(4_000_000_000, 10.0, 1.0)];
    let one = Window::time(1_000_000_000);
    let settings = Settings { window: one, empty: Empty::Keep, ..settings() };
    let (rows, factors) = run(&trades, &settings);
    assert_eq!(rows.len(), (1 << 20) + 2);
    assert_eq!(factors.counts().windows_unwritten, 4_000_000_000 - 1 - (1 << 20));
}

#[test]
fn time_may_be_said_without_a_trade() {
    let mut factors = Factors::new(&settings()).unwrap();
    let mut rows: Vec<Row> = Vec::new();
    factors.push(&buy(0, 10.0, 1.0), &mut |row| rows.push(*row));
    factors.advance(59 * SECOND, &mut |row| rows.push(*row));
    assert!(rows.is_empty());
    factors.advance(60 * SECOND, &mut |row| rows.push(*row));
    assert_eq!(rows.len(), 1);
    factors.push(&buy(61, 10.0, 1.0), &mut |row| rows.push(*row));
    factors.finish(&mut |row| rows.push(*row));
    assert_eq!(rows.iter().map(|row| row.start_ns / SECOND).collect::<Vec<_>>(), [0, 60]);
}

#[test]
fn late_trades_join_the_open_window_or_are_left_out() {
    let trades = [
        buy(59, 10.0, 1.0),
        buy(65, 10.0, 1.0),
        buy(65, 10.0, 1.0),
        buy(62, 10.0, 1.0),
        buy(58, 10.0, 1.0),
        buy(66, 10.0, 1.0),
    ];
    let (rows, factors) = run(&trades, &settings());
    assert_eq!(rows.iter().map(|row| row.trades).collect::<Vec<_>>(), [1, 4]);
    let counts = factors.counts();
    assert_eq!((counts.equal_times, counts.late_taken, counts.late_dropped), (1, 1, 1));
    assert_eq!(counts.trades, 5);
}

#[test]
fn odd_numbers_are_counted_and_left_out() {
    let mut trades = vec![buy(0, 10.0, 1.0), buy(1, 10.0, 0.0)];
    for (price, qty) in [
        (f64::NAN, 1.0),
        (10.0, f64::NAN),
        (0.0, 1.0),
        (-1.0, 1.0),
        (10.0, -1.0),
        (f64::INFINITY, 1.0),
        (1e200, 1e200),
    ] {
        trades.push(buy(2, price, qty));
    }
    trades.push(Trade { ts_ns: i64::MAX, ..buy(0, 10.0, 1.0) });
    trades.push(Trade { ts_ns: i64::MIN, ..buy(0, 10.0, 1.0) });
    let (rows, factors) = run(&trades, &settings());
    assert_eq!((rows.len(), rows[0].trades), (1, 1));
    let counts = factors.counts();
    assert_eq!((counts.zero_sizes, counts.bad_numbers, counts.trades), (1, 9, 1));
}

#[test]
fn an_outlier_is_counted_once_and_a_new_level_is_none() {
    let prices = [100.0, 100.1, 98.0, 100.0, 105.0, 105.0, 105.0, 105.0];
    let trades: Vec<Trade> =
        prices.iter().enumerate().map(|(n, &price)| buy(n as i64, price, 1.0)).collect();
    let (rows, factors) = run(&trades, &settings());
    // 98; then 105 twice, after which it is the price.
    assert_eq!((factors.counts().outliers, rows[0].trades), (3, 8));
    let outliers = Outliers { limit: 0.01, drop: true };
    let (rows, factors) = run(&trades, &Settings { outliers, ..settings() });
    assert_eq!((factors.counts().outliers, rows[0].trades), (3, 5));
}

/// One trade after a first one at 10, by a rule: what it adds to buys, sells and the unknown.
fn classified(aggressor: Aggressor, trade: Trade) -> (f64, f64, f64, Methods) {
    let settings = Settings { aggressor, empty: Empty::Keep, ..settings() };
    let first = Trade { side: Side::None, ..buy(0, 10.0, 1e-9) };
    let (rows, _) = run(&[first, trade], &settings);
    let [row] = rows[..] else { panic!("{rows:?}") };
    let share = |rate: f64| if rate.is_nan() { 0.0 } else { rate };
    (share(row.buy_rate), share(row.sell_rate), row.unclassified.round(), row.methods)
}

#[test]
fn every_rule_finds_the_aggressor_and_says_so() {
    let plain = Trade { side: Side::Unknown, ..buy(1, 10.05, 1.0) };
    let flagged = Trade { side: Side::Sell, ..plain };
    let numbered = Trade { buy_id: 5, sell_id: 9, ..plain };
    let quoted = |bid, ask| Trade { quote: Some(Quote { bid, ask }), ..plain };
    let none = Methods::default();
    let flag = Methods { flag: 1, ..none };
    let orders = Methods { orders: 1, ..none };
    let quote = Methods { quote: 1, ..none };
    let tick = Methods { tick: 1, ..none };
    let (buy, sell, unknown) = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0));
    for (rule, trade, expected, methods) in [
        (Aggressor::Auto, flagged, sell, flag),
        (Aggressor::Auto, numbered, sell, orders),
        (Aggressor::Auto, quoted(10.04, 10.10), sell, quote),
        (Aggressor::Auto, quoted(10.04, 10.06), buy, tick),
        (Aggressor::Auto, plain, buy, tick),
        (Aggressor::Flag, flagged, sell, flag),
        (Aggressor::Flag, numbered, unknown, none),
        (Aggressor::OrderNumbers, Trade { side: Side::Buy, ..numbered }, sell, orders),
        (Aggressor::OrderNumbers, plain, unknown, none),
        (Aggressor::LeeReady, quoted(9.9, 10.0), buy, quote),
        (Aggressor::LeeReady, plain, buy, tick),
        // A crossed quote is none.
        (Aggressor::LeeReady, quoted(10.3, 10.2), buy, tick),
        (Aggressor::QuoteRule, quoted(10.0, 10.05), buy, quote),
        (Aggressor::QuoteRule, quoted(10.05, 10.10), sell, quote),
        (Aggressor::QuoteRule, quoted(10.0, 10.10), unknown, none),
        (Aggressor::QuoteRule, plain, unknown, none),
        (Aggressor::TickRule, flagged, buy, tick),
        (Aggressor::TickRule, Trade { price: 9.95, ..plain }, sell, tick),
        (Aggressor::TickRule, Trade { price: 10.0, ..plain }, unknown, none),
    ] {
        let (buys, sells, rest, found) = classified(rule, trade);
        assert_eq!(((buys, sells, rest), found), (expected, methods), "{rule:?} {trade:?}");
    }
}

#[test]
fn a_book_keeps_symbols_apart() {
    let mut book = Book::new(&settings()).unwrap();
    let (a, b) = (book.symbol("A"), book.symbol("B"));
    assert_eq!(book.symbol("A"), a);
    let mut rows: Vec<(String, u64, f64)> = Vec::new();
    let mut out =
        |symbol: &str, row: &Row| rows.push((symbol.to_owned(), row.trades, row.buy_rate));
    book.push(a, &buy(0, 10.0, 1.0), &mut out);
    book.push(b, &sell(500, 10.0, 1.0), &mut out);
    // One symbol may be behind another.
    book.push(a, &buy(1, 10.0, 1.0), &mut out);
    book.advance(60 * SECOND, &mut out);
    book.finish(&mut out);
    let expected = [("A", 2, 1.0), ("B", 1, 0.0)];
    assert_eq!(rows, expected.map(|(name, trades, rate)| (name.to_owned(), trades, rate)));
    assert_eq!(book.counts().late_dropped + book.counts().late_taken, 0);
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let window = |length, step| Settings {
        window: Window { length, step, ..Window::time(1) },
        ..Settings::default()
    };
    let large = |by| Settings { large: Large { per: Per::Trade, by }, ..Settings::default() };
    let outliers = Outliers { limit: f64::NAN, drop: false };
    for (settings, word) in [
        (window(0.0, 0.0), "above 0"),
        (window(1.5, 1.5), "whole"),
        (window(10.0, 3.0), "not a whole number of steps"),
        (window(1e6, 1.0), "at most 65536"),
        (large(Cut::Turnover(0.0)), "cut"),
        (large(Cut::Quantile { q: 1.0, last: 100 }), "quantile"),
        (Settings { outliers, ..Settings::default() }, "outlier"),
        (Settings { orders_max: 3, ..Settings::default() }, "orders"),
    ] {
        let Err(error) = Factors::new(&settings) else { panic!("{settings:?}") };
        assert!(error.to_string().contains(word), "{error}");
    }
}
