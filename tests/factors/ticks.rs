//! Real days: the whole-day values that an independent script gave for the same files.

use factord_factors::{Book, Counts, Cut, Empty, Large, Per, Row, Settings, Window};
use factord_quant::trades::{Options, Reader};
use std::path::PathBuf;

/// File, trades, buy, sell, then large buys and sells per trade, aggressing and own-side order.
type Day = (&'static str, u64, [f64; 2], [[f64; 2]; 3]);

const DAYS: [Day; 5] = [
    (
        "000001.SZ_20230201.csv.gz",
        133_815,
        [0.4187, 0.5813],
        [[0.0954, 0.1094], [0.1992, 0.2810], [0.4377, 0.4851]],
    ),
    (
        "600000.SH_20230201.csv.gz",
        14_872,
        [0.4074, 0.5926],
        [[0.0462, 0.0558], [0.1024, 0.1956], [0.3225, 0.3502]],
    ),
    (
        "600519.SH_20230201.csv.gz",
        27_135,
        [0.4697, 0.5303],
        [[0.1313, 0.1577], [0.2187, 0.2922], [0.5138, 0.5653]],
    ),
    (
        "600536.SH_20230711.csv.gz",
        33_553,
        [0.4333, 0.5667],
        [[0.0688, 0.0684], [0.1162, 0.2012], [0.3124, 0.3907]],
    ),
    (
        "600961.SH_20230711.csv.gz",
        28_937,
        [0.4916, 0.5084],
        [[0.0365, 0.0439], [0.1053, 0.1218], [0.2467, 0.3070]],
    ),
];

/// The folder of the shared trade files; `None` where there is none, which is said.
pub(crate) fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("FACTORD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    let ticks = shared.join("ticks");
    if ticks.is_dir() {
        return Some(ticks);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "no {}", ticks.display());
    eprintln!("skipped: there is no {}", ticks.display());
    None
}

/// The days' names and values, for the command line too.
pub(crate) fn days() -> impl Iterator<Item = Day> {
    DAYS.into_iter()
}

fn rows(file: PathBuf, settings: &Settings) -> (Vec<(String, Row)>, Counts) {
    let mut reader = Reader::open(&[file], &Options::default()).unwrap();
    let mut book = Book::new(settings).unwrap();
    let mut rows = Vec::new();
    let mut symbols = Vec::new();
    let mut out = |symbol: &str, row: &Row| rows.push((symbol.to_owned(), *row));
    while let Some(chunk) = reader.next_chunk().unwrap() {
        for name in &chunk.names[symbols.len()..] {
            symbols.push(book.symbol(name));
        }
        for (trade, symbol) in chunk.trades.iter().zip(chunk.symbols) {
            book.push(symbols[*symbol as usize], trade, &mut out);
        }
    }
    book.finish(&mut out);
    (rows, book.counts())
}

pub(crate) fn to_four_digits(value: f64, expected: f64, what: &str) {
    assert_eq!(format!("{value:.4}"), format!("{expected:.4}"), "{what}");
}

#[test]
fn whole_days_have_the_reference_values_to_four_digits() {
    let Some(folder) = folder() else { return };
    for (file, trades, rates, large) in DAYS {
        for (per, large) in Per::ALL.into_iter().zip(large) {
            let settings = Settings {
                window: Window::time(86_400_000_000_000),
                large: Large { per, by: Cut::Turnover(200_000.0) },
                ..Settings::default()
            };
            let (rows, counts) = rows(folder.join(file), &settings);
            let [(symbol, row)] = &rows[..] else { panic!("{} rows of {file}", rows.len()) };
            assert!(file.starts_with(symbol.as_str()));
            assert_eq!((row.trades, counts.trades), (trades, trades), "{file}");
            let what = format!("{file} {per:?}");
            to_four_digits(row.buy_rate, rates[0], &what);
            to_four_digits(row.sell_rate, rates[1], &what);
            to_four_digits(row.large_buy, large[0], &what);
            to_four_digits(row.large_sell, large[1], &what);
            assert_eq!(counts.orders_evicted + counts.orders_idle + counts.without_order, 0);
        }
    }
}

#[test]
fn a_day_has_the_exchange_s_own_volume_and_turnover() {
    let Some(folder) = folder() else { return };
    let settings = Settings { window: Window::time(86_400_000_000_000), ..Settings::default() };
    let (rows, _) = rows(folder.join("600519.SH_20230201.csv.gz"), &settings);
    assert_eq!(rows[0].1.volume, 3_397_389.0);
    assert_eq!(format!("{:.2}", rows[0].1.turnover), "6244678924.61");
}

#[test]
fn a_thin_market_has_empty_windows_and_they_are_counted() {
    let Some(folder) = folder() else { return };
    let file = || folder.join("XRPETH_20191011_20191013.csv.gz");
    let settings = Settings { empty: Empty::Keep, ..Settings::default() };
    let (kept, counts) = rows(file(), &settings);
    assert_eq!(kept.len() as u64, counts.windows);
    let empty = kept.iter().filter(|(_, row)| row.trades == 0).count() as u64;
    assert!(empty > 100, "{empty} empty windows");
    assert_eq!(counts.windows_empty, empty);
    // One row a minute, without a hole.
    assert!(kept.windows(2).all(|two| two[1].1.start_ns == two[0].1.end_ns));
    let (skipped, _) = rows(file(), &Settings::default());
    let defined: Vec<_> = kept.into_iter().filter(|(_, row)| row.is_defined()).collect();
    assert_eq!(skipped, defined);
}

#[test]
fn a_print_far_off_the_market_is_counted_and_survived() {
    let Some(folder) = folder() else { return };
    let file = "binance_usdm_btcusdt_20230405.csv.gz";
    let (rows, counts) = rows(folder.join(file), &Settings::default());
    assert_eq!(counts.outliers, 1);
    // The print is the insurance fund's: flagged as having no aggressor.
    assert_eq!((counts.auction_trades, counts.unclassified_trades), (1, 0));
    assert_eq!(counts.by_flag + counts.auction_trades, counts.trades);
    assert!(!rows.is_empty());
    for (_, row) in rows {
        assert!((row.buy_rate + row.sell_rate - 1.0).abs() < 1e-12, "{row:?}");
        assert!((0.0..=1.0).contains(&row.large_buy) && (0.0..=1.0).contains(&row.large_sell));
    }
}

#[test]
fn order_numbers_agree_with_the_flag_on_every_flagged_trade() {
    let Some(folder) = folder() else { return };
    for file in ["600000.SH_20230201.csv.gz", "600961.SH_20230711.csv.gz"] {
        let by = |aggressor| {
            let settings = Settings { aggressor, ..Settings::default() };
            rows(folder.join(file), &settings)
        };
        let (flagged, flags) = by(factord_factors::Aggressor::Flag);
        let (numbered, numbers) = by(factord_factors::Aggressor::OrderNumbers);
        assert!(flags.by_flag > 10_000 && flags.by_flag == numbers.by_orders);
        let rates =
            |rows: &[(String, Row)]| rows.iter().map(|(_, r)| r.buy_rate).collect::<Vec<_>>();
        assert_eq!(rates(&flagged), rates(&numbered));
    }
}
