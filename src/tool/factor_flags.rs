//! The flags that say how trade files are read and what a window is, for every tool that does so.

use super::Failure;
use crate::exit::Code;
use factord_factors::{
    Aggressor, Contract, Cut, Empty, Large, Outliers, Per, Settings, Unit, Window,
};
use factord_quant::calendar::Calendar;
use factord_quant::features::{FeatureSettings, Lookback, Windows};
use factord_quant::trades::{Date, Late, Mapping, Options, Order, Preset, UtcOffset};
use std::path::PathBuf;

/// Which trades, and how their files are read.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct TradeFlags {
    /// Trade files (CSV, Parquet, Feather; zip, gzip, zstd, xz, bzip2; by content), one after
    /// another; - reads stdin
    #[arg(value_name = "TRADES", required = true)]
    pub(super) inputs: Vec<PathBuf>,
    /// The layout of a feed: common, binance-trades, binance-aggtrades, bitmex, bybit, bybit-spot,
    /// okx, coinbase, kraken, tardis, databento, lobster, wind-l2, sse-l2, szse-l2, kdb or plain
    /// [default: by the header]
    #[arg(long, value_name = "NAME", conflicts_with = "columns")]
    preset: Option<Preset>,
    /// Which column is which: ts=..,price=..,qty=.. and optionally date, symbol, side, maker_side,
    /// buyer_maker, buy_id, sell_id, bid, ask; names from the header, or numbers from 1; ts_ms and
    /// so on if the digits of a time do not show its unit
    #[arg(long, value_name = "MAP")]
    columns: Option<Mapping>,
    /// The symbol of files without such a column [default: the start of the file's name]; in other
    /// files, the only one that is read
    #[arg(long, value_name = "NAME")]
    symbol: Option<String>,
    /// The day of times that say none, such as 2012-06-21 [default: the day in the file's name]
    #[arg(long, value_name = "DATE")]
    date: Option<Date>,
    /// How far times that say no offset are ahead of UTC, such as +08:00 [default: as the feed has
    /// it, else UTC]
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    utc_offset: Option<UtcOffset>,
    /// In which order the trades of a file stand: oldest-first, newest-first (it is read from its
    /// end) or any (it is sorted by time); for the latter two a file is held in memory
    #[arg(long, value_name = "ORDER", default_value = "oldest-first",
          value_parser = ["oldest-first", "newest-first", "any"])]
    order: String,
    /// What to do when time goes backwards: error, or take (into the open window; older ones are
    /// left out and counted)
    #[arg(long, value_name = "WHAT", default_value = "error", value_parser = ["error", "take"])]
    late: String,
}

impl TradeFlags {
    /// How the files are read, for windows of this kind.
    pub(super) fn options(&self, window: &WindowFlags) -> Options {
        Options {
            contracts: window.tells_contracts(),
            needs_orders: window.per == Per::OwnSideOrder,
            ..self.plain_options()
        }
    }

    /// How the files are read, whatever is made of their trades.
    pub(super) fn plain_options(&self) -> Options {
        Options {
            preset: self.preset,
            columns: self.columns.clone(),
            symbol: self.symbol.clone(),
            date: self.date,
            utc_offset: self.utc_offset,
            order: match self.order.as_str() {
                "newest-first" => Order::NewestFirst,
                "any" => Order::Any,
                _ => Order::OldestFirst,
            },
            late: if self.late == "take" { Late::Take } else { Late::Refuse },
            contracts: false,
            needs_orders: false,
        }
    }
}

/// What a window is, and what is counted in it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct WindowFlags {
    /// The length of a window: a time (60s, 5m, 1h, 1d), or a number of trades, volume or turnover
    /// (1000trades, 1e5volume, 5e6turnover)
    #[arg(long, value_name = "LENGTH", default_value = "60s")]
    window: Window,
    /// Let windows roll: one closes every step, given in the window's unit, which must divide the
    /// window [default: the window, one after the other]
    #[arg(long, value_name = "LENGTH")]
    step: Option<Window>,
    /// The cut from which a trade or an order is large
    #[arg(long, value_name = "CUT", default_value_t = 200_000.0)]
    large: f64,
    /// What the cut is: a turnover, a quantity, or a quantile (0.99) of the last --quantile-last
    /// trades' or orders' turnover
    #[arg(long, value_name = "WHAT", default_value = "turnover",
          value_parser = ["turnover", "quantity", "quantile"])]
    large_by: String,
    /// How many trades or orders a quantile looks back at
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    quantile_last: u32,
    /// What is compared with the cut: a trade, all fills of an aggressing-order, or all fills of an
    /// own-side-order, including passive ones and auctions
    #[arg(long, value_name = "UNIT", default_value = "aggressing-order")]
    per: Per,
    /// What one contract is worth, in the quantity's currency or, with --inverse, in the quote
    /// currency; turnover is multiplied by it [default: 1]
    #[arg(long, value_name = "WORTH")]
    multiplier: Option<f64>,
    /// Quantities are contracts of a fixed worth in the quote currency (coin-margined ones, such as
    /// BTCUSD_PERP and XBTUSD): turnover is quantity times --multiplier, whatever the price
    #[arg(long)]
    inverse: bool,
    /// How the aggressor is found: auto (the best of the following that the data allow), flag,
    /// orders, lee-ready, quote, tick
    #[arg(long, value_name = "RULE", default_value = "auto")]
    aggressor: Aggressor,
    /// What to do with windows whose rates are undefined: skip, or keep (their rates are empty)
    #[arg(long, value_name = "WHAT", default_value = "skip", value_parser = ["skip", "keep"])]
    empty: String,
    /// The price change from one trade to the next, as a share, that makes an outlier
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    outlier: f64,
    /// What to do with outliers, which are counted either way: keep or drop
    #[arg(long, value_name = "WHAT", default_value = "keep", value_parser = ["keep", "drop"])]
    outliers: String,
    /// When the market trades, by the clock of --tz, such as 09:30-11:30,13:00-15:00; 21:00-02:30
    /// ends on the next day; day for whole days, none for always. Trades at other times are left
    /// out and counted, and no window reaches over a break [default: none, or day with --tz]
    #[arg(long, value_name = "HH:MM-HH:MM,...")]
    session: Option<String>,
    /// The time zone of --session and of days, such as Asia/Shanghai or America/New_York, daylight
    /// saving included
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Also write what the windows so many before had, such as 1,2,5: buy_rate_lag1, and so on for
    /// large_buy, large_sell and log_return; empty where the session has fewer
    #[arg(long, value_name = "K,...")]
    lags: Option<Windows>,
    /// Also write the means of the last so many windows, the row's own among them, such as 10,60:
    /// buy_rate_mean10, and so on
    #[arg(long, value_name = "N,...")]
    means: Option<Windows>,
    /// The most orders to remember per side and symbol
    #[arg(long, value_name = "N", default_value_t = 1 << 20)]
    orders_max: usize,
}

impl WindowFlags {
    /// Whether the caller says what quantities are worth.
    pub(super) fn tells_contracts(&self) -> bool {
        self.inverse || self.multiplier.is_some()
    }

    /// How trades become the rows of a table.
    ///
    /// # Errors
    ///
    /// [`Failure`] names the setting that cannot be used.
    pub(super) fn settings(&self) -> Result<FeatureSettings, Failure> {
        let calendar = Calendar::new(self.session.as_deref(), self.tz.as_deref())
            .map_err(|error| Failure::new(Code::Usage, format!("--session, --tz: {error}")))?;
        let lookback = Lookback {
            lags: self.lags.clone().unwrap_or_default(),
            means: self.means.clone().unwrap_or_default(),
        };
        Ok(FeatureSettings { factors: self.factors()?, calendar, lookback })
    }

    fn factors(&self) -> Result<Settings, Failure> {
        let mut window = self.window;
        if let Some(step) = self.step {
            if step.unit != window.unit {
                let message = format!("--step {step}: give it in the unit of --window {window}");
                return Err(Failure::new(Code::Usage, message));
            }
            window = window.rolling(step.length);
        }
        if window.unit == Unit::Time {
            // 0.1 s in floating point is no whole number of nanoseconds.
            window = Window { length: window.length.round(), step: window.step.round(), ..window };
        }
        let by = match self.large_by.as_str() {
            "quantity" => Cut::Quantity(self.large),
            "quantile" => Cut::Quantile { q: self.large, last: self.quantile_last },
            _ => Cut::Turnover(self.large),
        };
        let settings = Settings {
            window,
            large: Large { per: self.per, by },
            contract: Contract {
                multiplier: self.multiplier.unwrap_or(1.0),
                inverse: self.inverse,
            },
            aggressor: self.aggressor,
            empty: if self.empty == "keep" { Empty::Keep } else { Empty::Skip },
            outliers: Outliers { limit: self.outlier, drop: self.outliers == "drop" },
            orders_max: self.orders_max,
            ..Settings::default()
        };
        settings.check()?;
        Ok(settings)
    }
}
