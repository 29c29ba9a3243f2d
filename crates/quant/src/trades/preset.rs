//! [`Preset`]: layouts that many files have.

use super::contracts::column_of_coins;
use super::number::TimeUnit;
use super::role::Role;
use std::str::FromStr;
use thiserror::Error;

/// A layout of trade files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id`, of which the first, price
    /// and qty are needed.
    Common,
    /// Trades as Binance publishes them, spot and futures in USD, with or without a header.
    BinanceTrades,
    /// Aggregate trades as Binance publishes them, with or without a header.
    BinanceAggTrades,
    /// LOBSTER's messages, of which executions and crosses are trades; never with a header.
    Lobster,
}

/// A word that names no preset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown preset `{0}`: use common, binance-trades, binance-aggtrades or lobster")]
pub struct ParsePresetError(String);

/// A column of a preset: what it holds, its names in headers, where it is without one, and whether
/// there is no trade without it.
pub(super) struct Column {
    pub(super) role: Role,
    pub(super) names: &'static [&'static str],
    pub(super) position: usize,
    pub(super) needed: bool,
}

const fn column(role: Role, names: &'static [&'static str], position: usize) -> Column {
    Column { role, names, position, needed: true }
}

const fn optional(role: Role, names: &'static [&'static str], position: usize) -> Column {
    Column { role, names, position, needed: false }
}

const COMMON: &[Column] = &[
    column(Role::Time(TimeUnit::Nanoseconds), &["ts_ns"], 0),
    optional(Role::Symbol, &["symbol"], 1),
    column(Role::Price, &["price"], 2),
    column(Role::Qty, &["qty"], 3),
    optional(Role::Side, &["side"], 4),
    optional(Role::BuyId, &["buy_id"], 6),
    optional(Role::SellId, &["sell_id"], 7),
    optional(Role::Bid, &["bid"], 9),
    optional(Role::Ask, &["ask"], 10),
];

const MAKER: &[&str] = &["is_buyer_maker", "isBuyerMaker", "was_the_buyer_the_maker"];

const BINANCE_TRADES: &[Column] = &[
    column(Role::Price, &["price"], 1),
    column(Role::Qty, &["qty"], 2),
    column(Role::Time(TimeUnit::Any), &["time"], 4),
    column(Role::BuyerMaker, MAKER, 5),
];

const BINANCE_AGG_TRADES: &[Column] = &[
    column(Role::Price, &["price"], 1),
    column(Role::Qty, &["quantity", "qty"], 2),
    column(Role::Time(TimeUnit::Any), &["transact_time", "timestamp"], 5),
    column(Role::BuyerMaker, MAKER, 6),
];

const LOBSTER: &[Column] = &[
    column(Role::Time(TimeUnit::Seconds), &["time"], 0),
    column(Role::Kind, &["type"], 1),
    column(Role::RestingId, &["order id"], 2),
    column(Role::Qty, &["size"], 3),
    column(Role::Price, &["price"], 4),
    column(Role::RestingSide, &["direction"], 5),
];

impl Preset {
    /// All of them, in the order in which headers are compared with them.
    pub const ALL: [Preset; 4] =
        [Preset::Common, Preset::BinanceTrades, Preset::BinanceAggTrades, Preset::Lobster];

    /// The name used in flags and summaries.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Common => "common",
            Preset::BinanceTrades => "binance-trades",
            Preset::BinanceAggTrades => "binance-aggtrades",
            Preset::Lobster => "lobster",
        }
    }

    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Preset::Common => COMMON,
            Preset::BinanceTrades => BINANCE_TRADES,
            Preset::BinanceAggTrades => BINANCE_AGG_TRADES,
            Preset::Lobster => LOBSTER,
        }
    }

    /// The preset that a header makes itself known by.
    /// `contracts`: even where the quantities are contracts.
    pub(super) fn of_header(names: &[String], contracts: bool) -> Option<Preset> {
        let coins = contracts || column_of_coins(names).is_none();
        let fits = |preset: &Preset| coins && preset.missing(names).next().is_none();
        Preset::ALL.into_iter().filter(|preset| *preset != Preset::Lobster).find(fits)
    }

    /// Whether it is one of Binance's.
    pub(super) fn is_binance(self) -> bool {
        matches!(self, Preset::BinanceTrades | Preset::BinanceAggTrades)
    }

    /// The columns that a header lacks.
    fn missing(self, names: &[String]) -> impl Iterator<Item = &'static str> {
        let there =
            |column: &Column| column.names.iter().any(|name| names.iter().any(|n| n == name));
        let needed = self.columns().iter().filter(|column| column.needed);
        needed.filter(move |column| !there(column)).map(|column| column.names[0])
    }

    /// A word on the one column that a header lacks to be a preset's, if there is such a preset.
    pub(super) fn nearly(names: &[String]) -> Option<String> {
        if let Some(column) = column_of_coins(names) {
            return Some(format!(
                " ({column} says that the quantities are contracts: give --inverse --multiplier \
                 with what one is worth)"
            ));
        }
        Preset::ALL.into_iter().find_map(|preset| {
            match *preset.missing(names).collect::<Vec<_>>() {
                [column] => Some(format!(" (with {column} it would be {})", preset.name())),
                _ => None,
            }
        })
    }
}

impl FromStr for Preset {
    type Err = ParsePresetError;

    fn from_str(word: &str) -> Result<Preset, ParsePresetError> {
        let found = Preset::ALL.into_iter().find(|preset| preset.name() == word);
        found.ok_or_else(|| ParsePresetError(word.to_owned()))
    }
}
