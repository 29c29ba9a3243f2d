//! An order-flow simulator: trades of stocks that do not exist, for newcomers and for load.
//!
//! It is not market data, and is labelled so everywhere: its stocks are named `SIM001` and so on,
//! and the source of every side is `simulated`. What it takes from real markets is what the rest of
//! factord has to cope with: order signs with long memory (parent orders that are split),
//! heavy-tailed sizes, prices on a grid that respond to flow, order numbers of both sides, bursts
//! and quiet stretches, two auctions a day. What a model learns from it holds only for it.
//!
//! The same settings give the same trades, bit for bit, on every machine; nothing here reads a
//! clock or the system's random numbers. Trades come one at a time, in the order of time, in
//! memory that does not grow with their number.

mod activity;
mod book;
mod columns;
mod flow;
mod random;
mod stock;

pub use columns::{Columns, SIDE_SOURCE, SIDE_SOURCE_COLUMN, schema};

use factord_factors::Side;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{Range, RangeInclusive};
use stock::{Execution, Stock};
use thiserror::Error;

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

/// The opening auction, 09:25 UTC.
const OPEN_NS: i64 = (9 * 3600 + 25 * 60) * SECOND_NS;
/// Continuous trading, 09:30 to 14:57 UTC.
const CONTINUOUS_NS: Range<i64> =
    (9 * 3600 + 30 * 60) * SECOND_NS..(14 * 3600 + 57 * 60) * SECOND_NS;
/// The closing auction, 15:00 UTC.
const CLOSE_NS: i64 = 15 * 3600 * SECOND_NS;

/// The latest time of a day at which it may begin, 18:24 UTC: its closing auction is then at 23:59.
const LATEST_OPEN_NS: i64 = (18 * 3600 + 24 * 60) * SECOND_NS;

/// Prices are whole multiples of one over this.
const TICKS_PER_UNIT: i64 = 100;
/// Quantities are whole multiples of this.
const LOT: u64 = 100;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The seed; other seeds give other trades.
    pub seed: u64,
    /// Stocks, within [`Settings::STOCKS`].
    pub stock_count: u64,
    /// When the opening auction of the first day is, in nanoseconds since 1970 UTC, within
    /// [`Settings::STARTS_NS`]; each day begins at its time. A weekend gives way to Monday.
    pub start_ns: i64,
    /// Days without weekends, within [`Settings::DAYS`].
    pub day_count: u64,
    /// Trades of each stock on each day, within [`Settings::TRADES`].
    pub trades_per_day: u64,
}

impl Settings {
    /// Where a market begins unless somebody says more: 09:25 on Monday, 1 January 2024. A fixed
    /// day, so that the same settings give the same trades whenever they are asked for.
    pub const START_NS: i64 = 19_723 * DAY_NS + OPEN_NS;
    /// When it can begin: from 1970 on, before 2200, at 18:24 UTC or earlier.
    pub const STARTS_NS: Range<i64> = 0..84_006 * DAY_NS;
    /// How many stocks there can be: their names have three digits.
    pub const STOCKS: RangeInclusive<u64> = 1..=999;
    /// How many days there can be: ten years.
    pub const DAYS: RangeInclusive<u64> = 1..=2_500;
    /// How many trades a stock can have on a day.
    pub const TRADES: RangeInclusive<u64> = 100..=100_000_000;

    /// All trades of all stocks and days.
    pub fn trade_count(&self) -> u64 {
        self.stock_count * self.day_count * self.trades_per_day
    }
}

/// Why nothing can be simulated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// There are too many of something, or too few.
    #[error("{given} {what} cannot be simulated: use {} to {}", .range.start(), .range.end())]
    Range {
        /// What is out of range.
        what: &'static str,
        /// How many were asked for.
        given: u64,
        /// How many there can be.
        range: RangeInclusive<u64>,
    },
    /// The day does not fit.
    #[error(
        "a simulated day lasts from its opening auction 5 h 35 min, until midnight UTC at the \
         latest, between 1970 and 2199: begin at 18:24 or earlier"
    )]
    Start,
}

/// One simulated trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Nanoseconds since 1970, UTC; they never decrease.
    pub ts_ns: i64,
    /// The stock, 0 for the first.
    pub stock: usize,
    /// The price in hundredths.
    pub price_ticks: i64,
    /// The quantity, in lots of one hundred.
    pub qty: u64,
    /// Who aggressed, nobody in an auction.
    pub side: Side,
    /// The buyer's order number; in continuous trading the later number aggressed.
    pub buy_id: u64,
    /// The seller's order number; no stock gives a number twice.
    pub sell_id: u64,
    /// The trade's number, 1 for the first.
    pub trade_id: u64,
}

impl Trade {
    /// The price, the nearest number to its two decimals.
    pub fn price(&self) -> f64 {
        // A tick count is exact, and a division is rounded to the nearest.
        self.price_ticks as f64 / TICKS_PER_UNIT as f64
    }
}

/// The name of a stock, `SIM001` for 0.
pub fn stock_name(stock: usize) -> String {
    format!("SIM{:03}", stock + 1)
}

/// A market, which is an iterator of its trades.
#[derive(Clone, Debug)]
pub struct Market {
    stocks: Vec<Stock>,
    /// The next execution of each stock that has one today.
    heads: Vec<Option<Execution>>,
    /// The stocks that have one, by its time; stocks of the same time in their own order.
    order: BinaryHeap<Reverse<(i64, usize)>>,
    days_left: u64,
    day: i64,
    /// How much later than 09:25 a day begins.
    shift_ns: i64,
    trade_id: u64,
}

impl Market {
    /// Opens a market before its first day.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when a setting is out of its range.
    pub fn new(settings: &Settings) -> Result<Market, SettingsError> {
        for (what, given, range) in [
            ("stocks", settings.stock_count, Settings::STOCKS),
            ("days", settings.day_count, Settings::DAYS),
            ("trades a day", settings.trades_per_day, Settings::TRADES),
        ] {
            if !range.contains(&given) {
                return Err(SettingsError::Range { what, given, range });
            }
        }
        let opens_ns = settings.start_ns.rem_euclid(DAY_NS);
        if !Settings::STARTS_NS.contains(&settings.start_ns) || opens_ns > LATEST_OPEN_NS {
            return Err(SettingsError::Start);
        }
        let stock = |index| Stock::new(settings.seed, index, settings.trades_per_day);
        Ok(Market {
            stocks: (0..settings.stock_count).map(stock).collect(),
            heads: vec![None; settings.stock_count as usize],
            order: BinaryHeap::with_capacity(settings.stock_count as usize),
            days_left: settings.day_count,
            day: settings.start_ns.div_euclid(DAY_NS),
            shift_ns: opens_ns - OPEN_NS,
            trade_id: 0,
        })
    }

    /// Begins the next weekday; `false` when there is none left.
    fn begin_day(&mut self) -> bool {
        if self.days_left == 0 {
            return false;
        }
        self.days_left -= 1;
        // Day 0, 1 January 1970, was a Thursday; 5 and 6 are Saturday and Sunday.
        while (self.day + 3) % 7 >= 5 {
            self.day += 1;
        }
        for index in 0..self.stocks.len() {
            self.stocks[index].begin(self.day * DAY_NS + self.shift_ns);
            self.advance(index);
        }
        self.day += 1;
        true
    }

    /// Asks a stock for its next execution.
    fn advance(&mut self, index: usize) {
        self.heads[index] = self.stocks[index].next();
        if let Some(head) = &self.heads[index] {
            self.order.push(Reverse((head.ts_ns, index)));
        }
    }
}

impl Iterator for Market {
    type Item = Trade;

    #[inline]
    fn next(&mut self) -> Option<Trade> {
        if self.order.is_empty() && !self.begin_day() {
            return None;
        }
        let mut first = self.order.peek_mut()?;
        let Reverse((_, stock)) = *first;
        let execution = self.heads[stock]?;
        self.heads[stock] = self.stocks[stock].next();
        match &self.heads[stock] {
            Some(next) => *first = Reverse((next.ts_ns, stock)),
            None => drop(std::collections::binary_heap::PeekMut::pop(first)),
        }
        self.trade_id += 1;
        let side = match execution.buys {
            Some(true) => Side::Buy,
            Some(false) => Side::Sell,
            None => Side::None,
        };
        Some(Trade {
            ts_ns: execution.ts_ns,
            stock,
            price_ticks: execution.fill.price_ticks,
            qty: execution.fill.lots * LOT,
            side,
            buy_id: execution.fill.buy_number,
            sell_id: execution.fill.sell_number,
            trade_id: self.trade_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Monday, 1 January 2024, in days since 1970.
    const FIRST_DAY: i64 = 19_723;

    const SETTINGS: Settings = Settings {
        seed: 1,
        start_ns: Settings::START_NS,
        stock_count: 3,
        day_count: 7,
        trades_per_day: 5_000,
    };

    fn trades(settings: Settings) -> Vec<Trade> {
        Market::new(&settings).unwrap().collect()
    }

    #[test]
    fn every_stock_and_day_has_its_trades_in_the_order_of_time() {
        let trades = trades(SETTINGS);
        assert_eq!(trades.len() as u64, SETTINGS.trade_count());
        assert!(trades.is_sorted_by_key(|trade| trade.ts_ns));
        assert!(trades.iter().map(|trade| trade.trade_id).eq(1..=105_000));
        let mut counts: HashMap<(usize, i64), u64> = HashMap::new();
        trades.iter().for_each(|t| *counts.entry((t.stock, t.ts_ns / DAY_NS)).or_default() += 1);
        assert_eq!(counts.len(), 21);
        assert!(counts.values().all(|count| *count == 5_000));
        // Monday to Friday, Monday and Tuesday.
        let mut days: Vec<i64> = counts.keys().map(|(_, day)| day - FIRST_DAY).collect();
        days.sort_unstable();
        days.dedup();
        assert_eq!(days, [0, 1, 2, 3, 4, 7, 8]);
    }

    #[test]
    fn auctions_are_at_one_time_and_price_and_have_no_aggressor() {
        let trades = trades(SETTINGS);
        let mut prices: HashMap<(usize, i64), i64> = HashMap::new();
        let mut count = 0;
        for trade in &trades {
            let of_day_ns = trade.ts_ns % DAY_NS;
            let auction = [OPEN_NS, CLOSE_NS].contains(&of_day_ns);
            assert_eq!(trade.side == Side::None, auction);
            if auction {
                let price = prices.entry((trade.stock, trade.ts_ns)).or_insert(trade.price_ticks);
                assert_eq!(*price, trade.price_ticks);
                count += 1;
            } else {
                assert!(CONTINUOUS_NS.contains(&of_day_ns));
                assert_eq!(trade.side == Side::Buy, trade.buy_id > trade.sell_id);
            }
            assert!(trade.qty >= LOT && trade.qty % LOT == 0);
            assert_ne!(trade.buy_id, trade.sell_id);
        }
        assert_eq!((count, prices.len()), (2 * 50 * 21, 42));
    }

    #[test]
    fn orders_have_several_fills_on_both_sides_and_keep_their_side() {
        let mut fills: HashMap<(usize, u64), (bool, u64)> = HashMap::new();
        for trade in trades(SETTINGS) {
            for (id, buys) in [(trade.buy_id, true), (trade.sell_id, false)] {
                let entry = fills.entry((trade.stock, id)).or_insert((buys, 0));
                assert_eq!(entry.0, buys, "{trade:?}");
                entry.1 += 1;
            }
        }
        let many = fills.values().filter(|(_, count)| *count >= 3).count();
        assert!(many > 1000, "{many}");
    }

    #[test]
    fn the_same_settings_give_the_same_trades_and_another_seed_gives_others() {
        assert_eq!(trades(SETTINGS), trades(SETTINGS));
        let other = trades(Settings { seed: 2, ..SETTINGS });
        let same = trades(SETTINGS).iter().zip(&other).filter(|(a, b)| a.ts_ns == b.ts_ns).count();
        assert!(same < 5_000, "{same}");
        // A stock's trades do not depend on who else there is.
        let alone = trades(Settings { stock_count: 1, ..SETTINGS });
        let among = trades(SETTINGS).into_iter().filter(|trade| trade.stock == 0);
        let key = |trade: &Trade| (trade.ts_ns, trade.price_ticks, trade.qty, trade.buy_id);
        assert!(alone.iter().map(key).eq(among.map(|trade| key(&trade))));
    }

    #[test]
    fn prices_move_but_stay_in_sight_of_where_they_began() {
        let settings = Settings { stock_count: 5, day_count: 20, ..SETTINGS };
        let mut ranges: HashMap<(usize, i64), (i64, i64)> = HashMap::new();
        for trade in trades(settings) {
            let day = (trade.stock, trade.ts_ns / DAY_NS);
            let range = ranges.entry(day).or_insert((trade.price_ticks, trade.price_ticks));
            *range = (range.0.min(trade.price_ticks), range.1.max(trade.price_ticks));
        }
        for (low, high) in ranges.values() {
            assert!(*low >= 400 && (high - low) * 5 < *low, "{low} {high}");
            assert!(high - low >= 5, "{low} {high}");
        }
    }

    #[test]
    fn another_start_moves_every_trade_and_a_weekend_gives_way() {
        let usual = trades(Settings { day_count: 2, ..SETTINGS });
        // Saturday, 10 August 2024, at 01:30: Monday the 12th, 7 h 55 min earlier in the day.
        let start_ns = 19_945 * DAY_NS + 5_400 * SECOND_NS;
        let moved = trades(Settings { day_count: 2, start_ns, ..SETTINGS });
        let by_ns = (19_947 - FIRST_DAY) * DAY_NS - (7 * 3600 + 55 * 60) * SECOND_NS;
        let later = |trade: &Trade| Trade { ts_ns: trade.ts_ns + by_ns, ..*trade };
        assert!(usual.iter().map(later).eq(moved));
        for start_ns in [-1, 84_006 * DAY_NS, 18 * 3600 * SECOND_NS + 1_500 * SECOND_NS] {
            let refused = Market::new(&Settings { start_ns, ..SETTINGS }).unwrap_err();
            assert_eq!(refused, SettingsError::Start);
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let message = |settings| Market::new(&settings).unwrap_err().to_string();
        let few = Settings { trades_per_day: 3, ..SETTINGS };
        assert_eq!(message(few), "3 trades a day cannot be simulated: use 100 to 100000000");
        assert!(message(Settings { stock_count: 1000, ..SETTINGS }).starts_with("1000 stocks"));
        assert!(message(Settings { day_count: 0, ..SETTINGS }).starts_with("0 days"));
    }
}
