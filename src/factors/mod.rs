//! Factors: trades in, feature rows out.
//!
//! An [`Engine`] takes the trades of one symbol in order and gives a [`Row`] whenever a window
//! closes, or on demand; a [`Book`] does so for many symbols. The code is pure: no clock, no file,
//! no randomness, so that a file, a replay and a live feed give the same bits. It refuses nothing
//! it is pushed: what it leaves out it counts. Once its tables have grown to what the flow needs,
//! a trade allocates nothing. What each number means stands in `docs/factors.md`.

mod aggressor;
mod book;
mod engine;
mod large;
mod orders;
mod panes;
mod quantile;
mod row;
mod settings;
mod text;

pub use book::{Book, SymbolIndex};
pub use engine::Engine;
pub use row::{COLUMNS, Counts, Method, Methods, Row};
pub use settings::{
    Aggressor, Cut, Empty, Large, Outliers, Per, Settings, SettingsError, Unit, Window,
};
pub use text::ParseSettingError;

/// Who started a trade, as the feed says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The buyer.
    Buy,
    /// The seller.
    Sell,
    /// Nobody: an auction.
    None,
    /// The feed does not say.
    Unknown,
}

/// The best prices just before a trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// The best price to sell at.
    pub bid: f64,
    /// The best price to buy at.
    pub ask: f64,
}

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Nanoseconds since 1970-01-01 UTC.
    pub ts_ns: i64,
    /// Price, above 0.
    pub price: f64,
    /// Quantity; the turnover is price times quantity.
    pub qty: f64,
    /// Who started it, as the feed says it.
    pub side: Side,
    /// The buyer's order number; 0 is none.
    pub buy_id: u64,
    /// The seller's order number; 0 is none.
    pub sell_id: u64,
    /// The best prices just before, where the feed gives them.
    pub quote: Option<Quote>,
}

impl Trade {
    /// Makes a trade without order numbers and quotes.
    pub fn new(ts_ns: i64, price: f64, qty: f64, side: Side) -> Trade {
        Trade { ts_ns, price, qty, side, buy_id: 0, sell_id: 0, quote: None }
    }
}
