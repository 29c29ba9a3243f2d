//! The golden file that every client's factors are compared with is what the crate itself makes of
//! its trades. `FACTORD_WRITE=1 cargo test --release --package factord-factors-c` writes it anew.
//!
//! Lines: `trade ts_ns price qty side buy_id sell_id bid ask` and `advance now_ns`, the events of
//! every case; then for each case `case NAME`, `set name = value`, `row AFTER ...` for every
//! window, after how many events it closed, `now ...` before the end of input, `row finish ...`,
//! and `counts ...`. A row is start_ns, end_ns, trades, the bits of volume, turnover, buy_rate,
//! sell_rate, large_buy, large_sell, unclassified and auction, and by_flag, by_orders, by_quote and
//! by_tick; NaN is 7ff8000000000000.

use factord_factors::{
    Aggressor, Contract, Cut, Empty, Factors, Large, Outliers, Per, Quote, Row, Settings, Side,
    Trade, Unit, Window,
};
use std::fmt::Write;
use std::path::Path;

const PATH: &str = "tests/factors.golden";
const SECOND: i64 = 1_000_000_000;

enum Event {
    Trade(Trade),
    Advance(i64),
}

/// xorshift64*.
struct Bits(u64);

impl Bits {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// Invented trades: of orders that trade several times, with and without flags and quotes,
/// auctions, pauses, late ones, outliers, and numbers that cannot be.
fn events() -> Vec<Event> {
    let mut bits = Bits(42);
    let mut now = 1_675_214_100 * SECOND;
    let mut cents = 2_000;
    let mut events = Vec::new();
    for number in 0..600 {
        let before = now;
        now += bits.below(4_000_000_000) as i64;
        cents = (cents + bits.below(5)).saturating_sub(2);
        let mut trade = Trade::new(now, cents as f64 / 100.0, 0.0, Side::Unknown);
        trade.qty = 100.0 * bits.below(60) as f64;
        let ids = [1 + number / 5 + bits.below(30), 1 + number / 5 + bits.below(30)];
        [trade.buy_id, trade.sell_id] = ids;
        trade.side = match bits.below(10) {
            0 => Side::None,
            1..4 => Side::Unknown,
            _ if ids[0] > ids[1] => Side::Buy,
            _ => Side::Sell,
        };
        if bits.below(3) > 0 {
            let bid = cents - bits.below(3);
            let ask = bid + 1 + bits.below(3);
            trade.quote = Some(Quote { bid: bid as f64 / 100.0, ask: ask as f64 / 100.0 });
        }
        match number % 101 {
            7 => trade.ts_ns -= 2 * SECOND,
            23 => trade.ts_ns -= 900 * SECOND,
            31 => trade.price *= 1.2,
            43 => trade.price = f64::NAN,
            44 => trade.qty = -5.0,
            53 => trade.qty = 1.0 / 3.0,
            61 => [trade.buy_id, trade.sell_id] = [0, 0],
            67 => trade.qty = 0.25,
            75 => trade.ts_ns = before,
            _ => {}
        }
        events.push(Event::Trade(trade));
        if number == 299 {
            now += 200 * SECOND;
            events.push(Event::Advance(now));
        }
    }
    events
}

/// A name, settings as text, and the same settings.
type Case = (&'static str, &'static str, Settings);

/// Other windows.
fn by_window() -> Vec<Case> {
    let usual = Settings::default();
    let large = |per, by| Large { per, by };
    let by_turnover = |per, cut| large(per, Cut::Turnover(cut));
    let units = |unit, length| Window::tumbling(unit, length);
    vec![
        ("the usual ones", "", usual),
        (
            "rolling by time, by trade",
            "window = 5m\nstep = 1m\nper = trade\nlarge = 50000",
            Settings {
                window: Window::time(300_000_000_000).rolling(60e9),
                large: by_turnover(Per::Trade, 50_000.0),
                ..usual
            },
        ),
        (
            "by trades, both sides of an order",
            "window = 40trades\nper = own-side-order\nlarge = 100000",
            Settings {
                window: units(Unit::Trades, 40.0),
                large: by_turnover(Per::OwnSideOrder, 100_000.0),
                ..usual
            },
        ),
        (
            "rolling by trades",
            "window = 60trades\nstep = 20trades\nlarge = 150000\nempty = keep",
            Settings {
                window: units(Unit::Trades, 60.0).rolling(20.0),
                large: by_turnover(Per::AggressingOrder, 150_000.0),
                empty: Empty::Keep,
                ..usual
            },
        ),
        (
            "by volume, a quantile",
            "window = 1e5volume\nlarge_by = quantile\nlarge = 0.9\nquantile_last = 150\n\
             empty = keep",
            Settings {
                window: units(Unit::Volume, 1e5),
                large: large(Per::AggressingOrder, Cut::Quantile { q: 0.9, last: 150 }),
                empty: Empty::Keep,
                ..usual
            },
        ),
    ]
}

/// Other rules.
fn by_rule() -> Vec<Case> {
    let usual = Settings::default();
    let by_turnover = |per, cut| Large { per, by: Cut::Turnover(cut) };
    vec![
        (
            "by turnover, a quantity, the tick rule",
            "window = 3e6turnover\nlarge_by = quantity\nlarge = 4000\naggressor = tick",
            Settings {
                window: Window::tumbling(Unit::Turnover, 3e6),
                large: Large { per: Per::AggressingOrder, by: Cut::Quantity(4_000.0) },
                aggressor: Aggressor::TickRule,
                ..usual
            },
        ),
        (
            "order numbers, outliers dropped, every window kept",
            "window = 30s\nempty = keep\naggressor = orders\noutliers = drop\noutlier = 0.02",
            Settings {
                window: Window::time(30_000_000_000),
                empty: Empty::Keep,
                aggressor: Aggressor::OrderNumbers,
                outliers: Outliers { limit: 0.02, drop: true },
                ..usual
            },
        ),
        (
            "the flag alone, few orders remembered",
            "aggressor = flag\norders_max = 64\nlarge = 100000",
            Settings {
                aggressor: Aggressor::Flag,
                orders_max: 64,
                large: by_turnover(Per::AggressingOrder, 100_000.0),
                ..usual
            },
        ),
        (
            "Lee and Ready, coin-margined contracts",
            "aggressor = lee-ready\nmultiplier = 10\ninverse = true\nper = trade\nlarge = 30000",
            Settings {
                aggressor: Aggressor::LeeReady,
                contract: Contract { multiplier: 10.0, inverse: true },
                large: by_turnover(Per::Trade, 30_000.0),
                ..usual
            },
        ),
        (
            "the quote alone, contracts",
            "aggressor = quote\nmultiplier = 0.1\nper = trade\nlarge = 5000\nwindow = 90s\n\
             step = 30s",
            Settings {
                aggressor: Aggressor::QuoteRule,
                contract: Contract { multiplier: 0.1, inverse: false },
                large: by_turnover(Per::Trade, 5_000.0),
                window: Window::time(90_000_000_000).rolling(30e9),
                ..usual
            },
        ),
    ]
}

fn put_row(text: &mut String, head: &str, row: &Row) {
    let shares = [
        row.volume,
        row.turnover,
        row.buy_rate,
        row.sell_rate,
        row.large_buy,
        row.large_sell,
        row.unclassified,
        row.auction,
    ];
    write!(text, "{head} {} {} {}", row.start_ns, row.end_ns, row.trades).unwrap();
    for share in shares {
        let bits = if share.is_nan() { 0x7ff8_0000_0000_0000 } else { share.to_bits() };
        write!(text, " {bits:016x}").unwrap();
    }
    let by = row.methods;
    writeln!(text, " {} {} {} {}", by.flag, by.orders, by.quote, by.tick).unwrap();
}

fn put_event(text: &mut String, event: &Event) {
    match event {
        Event::Advance(now_ns) => writeln!(text, "advance {now_ns}").unwrap(),
        Event::Trade(trade) => {
            let side = match trade.side {
                Side::Buy => "B",
                Side::Sell => "S",
                Side::None => "N",
                Side::Unknown => "U",
            };
            let Quote { bid, ask } = trade.quote.unwrap_or(Quote { bid: 0.0, ask: 0.0 });
            let Trade { ts_ns, price, qty, buy_id, sell_id, .. } = trade;
            let line = format!("{ts_ns} {price} {qty} {side} {buy_id} {sell_id} {bid} {ask}");
            writeln!(text, "trade {line}").unwrap();
        }
    }
}

/// What one case adds to the file; returns how many windows closed.
fn put_case(text: &mut String, settings: &Settings, events: &[Event]) -> usize {
    let mut factors = Factors::new(settings).unwrap();
    let mut count = 0;
    for (number, event) in events.iter().enumerate() {
        let head = format!("row {}", number + 1);
        let mut out = |row: &Row| {
            count += 1;
            put_row(text, &head, row);
        };
        match event {
            Event::Trade(trade) => factors.push(trade, &mut out),
            Event::Advance(now_ns) => factors.advance(*now_ns, &mut out),
        }
    }
    put_row(text, "now", &factors.now());
    factors.finish(&mut |row| {
        count += 1;
        put_row(text, "row finish", row);
    });
    let counts: Vec<String> =
        factors.counts().named().iter().map(|(_, count)| count.to_string()).collect();
    writeln!(text, "counts {}", counts.join(" ")).unwrap();
    count
}

#[test]
fn the_golden_windows_are_those_of_the_crate() {
    let events = events();
    let mut fresh = String::from("# Invented trades, and their windows: see golden.rs.\n");
    events.iter().for_each(|event| put_event(&mut fresh, event));
    for (name, text, settings) in by_window().into_iter().chain(by_rule()) {
        writeln!(fresh, "case {name}").unwrap();
        text.lines().for_each(|line| writeln!(fresh, "set {line}").unwrap());
        let count = put_case(&mut fresh, &settings, &events);
        assert!(count >= 8, "{name}: {count} windows");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    if std::env::var_os("FACTORD_WRITE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    assert!(committed == fresh, "{PATH} is stale, first after line {differs:?}: FACTORD_WRITE=1");
}

#[test]
fn the_golden_trades_meet_every_count_but_those_of_long_runs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    let text = std::fs::read_to_string(path).unwrap();
    let mut sums = vec![0_u64; factord_factors_c::ffi::COUNT_LEN];
    for line in text.lines().filter_map(|line| line.strip_prefix("counts ")) {
        let counts: Vec<u64> = line.split(' ').map(|count| count.parse().unwrap()).collect();
        assert_eq!(counts.len(), sums.len());
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let names = factord_factors_c::ffi::count_names();
    let missing: Vec<&str> =
        names.into_iter().zip(&sums).filter(|(_, sum)| **sum == 0).map(|(name, _)| name).collect();
    // Hours without a fill and 2^20 empty windows are the crate's own tests'.
    assert_eq!(missing, ["orders_idle", "windows_unwritten"]);
}
