//! [`Row`]: what a window gives; [`Counts`]: what was seen on the way.

use super::decimal::Grid;
use super::panes::Sums;
use super::settings::Contract;

/// By what the aggressor of a trade was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The feed's flag.
    Flag,
    /// The later order number.
    OrderNumbers,
    /// The quote.
    Quote,
    /// The tick rule.
    Tick,
}

impl Method {
    /// All of them, in the order of [`Methods`].
    pub const ALL: [Method; 4] = [Method::Flag, Method::OrderNumbers, Method::Quote, Method::Tick];

    /// The name used in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Method::Flag => "flag",
            Method::OrderNumbers => "orders",
            Method::Quote => "quote",
            Method::Tick => "tick",
        }
    }
}

/// How many trades each method gave an aggressor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    /// By the feed's flag.
    pub flag: u64,
    /// By order numbers.
    pub orders: u64,
    /// By the quote.
    pub quote: u64,
    /// By the tick rule.
    pub tick: u64,
}

impl Methods {
    pub(super) fn of(counts: [u64; 5]) -> Methods {
        let [flag, orders, quote, tick, _] = counts;
        Methods { flag, orders, quote, tick }
    }

    /// How many trades a method gave an aggressor.
    pub fn by(&self, method: Method) -> u64 {
        match method {
            Method::Flag => self.flag,
            Method::OrderNumbers => self.orders,
            Method::Quote => self.quote,
            Method::Tick => self.tick,
        }
    }

    /// The one method that was used; `None` if there were several, or none.
    pub fn only(&self) -> Option<Method> {
        let mut used = Method::ALL.into_iter().filter(|method| self.by(*method) > 0);
        used.next().filter(|_| used.next().is_none())
    }
}

/// One window. Shares are between 0 and 1, or NaN where there is nothing to share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When it starts: the first moment of a window by time, else the first trade's time.
    pub start_ns: i64,
    /// When it ends: the first moment after a window by time, else the last trade's time.
    pub end_ns: i64,
    /// Trades, auctions among them.
    pub trades: u64,
    /// Quantity traded; of contracts, how many.
    pub volume: f64,
    /// Turnover: the sum of price times quantity, or of what the contracts are worth.
    pub turnover: f64,
    /// Turnover that buyers started / turnover with an aggressor.
    pub buy_rate: f64,
    /// Turnover that sellers started / turnover with an aggressor.
    pub sell_rate: f64,
    /// Turnover of large buys / turnover.
    pub large_buy: f64,
    /// Turnover of large sells / turnover.
    pub large_sell: f64,
    /// Turnover without an aggressor, auctions among it / turnover.
    pub unclassified: f64,
    /// Turnover of auctions / turnover.
    pub auction: f64,
    /// Turnover over what was traded for it, the volume-weighted mean price: of contracts, turnover
    /// over their worth in the quantity's currency. NaN without a trade, as the next two.
    pub vwap: f64,
    /// The price of the first trade taken.
    pub first: f64,
    /// The price of the last trade taken.
    pub last: f64,
    /// How the aggressors were found.
    pub methods: Methods,
    /// Whether the window has closed; an answer on demand is of an open one.
    pub closed: bool,
}

impl Row {
    pub(super) fn of(
        sums: &Sums,
        grid: &Grid,
        contract: Contract,
        (first, last): (f64, f64),
        (start_ns, end_ns): (i64, i64),
        closed: bool,
    ) -> Row {
        let [buy, sell, auction, unknown] = sums.started;
        let classified = grid.turnover(buy.plus(sell));
        let turnover = grid.turnover(sums.turnover());
        let volume = grid.volume(sums.volume);
        let traded = match contract.inverse {
            true => sums.coins.value(),
            false => volume * contract.multiplier,
        };
        Row {
            start_ns,
            end_ns,
            trades: sums.trades,
            volume,
            turnover,
            // 0 / 0 is NaN: a window without such trades has no rate.
            buy_rate: grid.turnover(buy) / classified,
            sell_rate: grid.turnover(sell) / classified,
            large_buy: grid.turnover(sums.large[0]) / turnover,
            large_sell: grid.turnover(sums.large[1]) / turnover,
            unclassified: grid.turnover(auction.plus(unknown)) / turnover,
            auction: grid.turnover(auction) / turnover,
            vwap: turnover / traded,
            first,
            last,
            methods: Methods::of(sums.methods),
            closed,
        }
    }

    /// The inputs of the models: buy rate, large buy rate, large sell rate.
    pub fn features(&self) -> [f64; 3] {
        [self.buy_rate, self.large_buy, self.large_sell]
    }

    /// Whether every feature is a number.
    pub fn is_defined(&self) -> bool {
        self.features().iter().all(|share| share.is_finite())
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What was seen, left out and given since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// Every count with its name, in order.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }

            /// Adds the counts of another symbol.
            pub fn add(&mut self, other: &Counts) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counts! {
    /// Trades taken into windows.
    trades,
    /// Trades of auctions, taken.
    auction_trades,
    /// Trades taken for which no aggressor was found, without auctions.
    unclassified_trades,
    /// Aggressors found by the flag.
    by_flag,
    /// Aggressors found by order numbers.
    by_orders,
    /// Aggressors found by the quote.
    by_quote,
    /// Aggressors found by the tick rule.
    by_tick,
    /// Trades with the same time as the one before, taken in order of arrival.
    equal_times,
    /// Trades older than the one before, taken into the open window.
    late_taken,
    /// Trades older than the open window, left out.
    late_dropped,
    /// Trades of quantity 0, left out.
    zero_sizes,
    /// Trades with an unusable price, quantity or time, left out.
    bad_numbers,
    /// Prices too far from the one before.
    outliers,
    /// Fills without the order number they needed, each an order of its own.
    without_order,
    /// Orders forgotten because the table was full.
    orders_evicted,
    /// Orders forgotten because they had no fill for too long.
    orders_idle,
    /// Windows that closed.
    windows,
    /// Windows among them without a trade.
    windows_empty,
    /// Windows among them with trades, but without all rates.
    windows_undefined,
    /// Empty windows beyond 2^20 in a row, which were asked for but not returned.
    windows_unwritten,
}

impl Counts {
    pub(super) fn add_methods(&mut self, counts: [u64; 5]) {
        let [flag, orders, quote, tick, _] = counts;
        self.by_flag += flag;
        self.by_orders += orders;
        self.by_quote += quote;
        self.by_tick += tick;
    }
}
