//! Factors: trades in, feature rows out.
//!
//! [`Factors`] take the trades of one symbol in order and give a [`Row`] whenever a window closes,
//! or on demand; a [`Book`] does so for many symbols. The code is pure: no clock, no file, no
//! randomness, so that a file, a replay and a live feed give the same bits. It refuses no
//! trade: what it leaves out, it counts. Once its tables have grown to what the flow needs, a
//! trade allocates nothing. `docs/factors.md` says what each number means.
//!
//! The floors, from the ground: `settings`, `times`, `panes`, `prices`, `quantile`, `session`;
//! `decimal`, `text`; `stated`; `row`; `aggressor`, `orders`, `columns`; `large`; `factors`;
//! `book`.

mod aggressor;
mod book;
mod columns;
mod decimal;
mod factors;
mod large;
mod orders;
mod panes;
mod prices;
mod quantile;
mod row;
mod session;
mod settings;
mod stated;
mod text;
mod times;

pub use book::{Book, SymbolIndex};
pub use columns::{COLUMNS, Column, FEATURES, PRICES, Value, column_called};
pub use factors::Factors;
pub use row::{Counts, Method, Methods, Row};
pub use session::goes_on;
pub use settings::{
    Aggressor, Contract, Cut, Empty, Large, Outliers, Per, Settings, SettingsError, Unit, Window,
};
pub use stated::{Pair, SettingsMismatch, Stated};
pub use text::ParseSettingError;
pub use times::larger_unit;

/// Who started a trade, according to the feed.
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

impl Side {
    /// What feeds write, in lower or upper case.
    const WORDS: [(&str, Side); 18] = [
        ("b", Side::Buy),
        ("s", Side::Sell),
        ("n", Side::None),
        ("", Side::Unknown),
        ("u", Side::Unknown),
        ("buy", Side::Buy),
        ("sell", Side::Sell),
        ("none", Side::None),
        ("unknown", Side::Unknown),
        ("1", Side::Buy),
        ("-1", Side::Sell),
        ("0", Side::Unknown),
        ("+1", Side::Buy),
        ("bid", Side::Buy),
        ("ask", Side::Sell),
        // The side of the book that the aggressor's order belongs to.
        ("a", Side::Sell),
        ("auction", Side::None),
        ("cross", Side::None),
    ];

    /// The aggressor that a feed names: B, buy, bid or 1; S, sell, A, ask or -1; N, none, auction
    /// or cross; U, unknown, 0 or empty. Surrounding blanks are ignored. `None` for other words.
    #[inline]
    pub fn from_word(word: &[u8]) -> Option<Side> {
        match word {
            b"B" => return Some(Side::Buy),
            b"S" => return Some(Side::Sell),
            _ => {}
        }
        let word = word.trim_ascii();
        let is = |(known, _): &&(&str, Side)| word.eq_ignore_ascii_case(known.as_bytes());
        Side::WORDS.iter().find(is).map(|(_, side)| *side)
    }
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
    /// Who started it, according to the feed.
    pub side: Side,
    /// The buyer's order number; 0 if there is none.
    pub buy_id: u64,
    /// The seller's order number; 0 if there is none.
    pub sell_id: u64,
    /// The best prices just before, if the feed has them.
    pub quote: Option<Quote>,
}

impl Trade {
    /// Makes a trade without order numbers and quotes.
    pub fn new(ts_ns: i64, price: f64, qty: f64, side: Side) -> Trade {
        Trade { ts_ns, price, qty, side, buy_id: 0, sell_id: 0, quote: None }
    }
}
