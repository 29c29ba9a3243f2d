//! [`Preset`]: layouts that many files have.

use super::contracts::column_of_coins;
use super::feeds::{self, Column, Layout};
use super::moment::moment;
use std::str::FromStr;
use thiserror::Error;

/// A layout of trade files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id`, of which the first, price
    /// and qty are needed.
    Common,
    /// Trades as Binance publishes them, spot and futures, with or without a header.
    BinanceTrades,
    /// Aggregate trades as Binance publishes them, with or without a header.
    BinanceAggTrades,
    /// Bybit's derivatives.
    Bybit,
    /// Bybit's spot market.
    BybitSpot,
    /// OKX.
    Okx,
    /// Coinbase Exchange, whose side is the maker's.
    Coinbase,
    /// Kraken's time and sales.
    Kraken,
    /// BitMEX.
    Bitmex,
    /// Tardis' trades of any exchange.
    Tardis,
    /// Databento's CSV.
    Databento,
    /// LOBSTER's messages, of which executions and crosses are trades; never with a header.
    Lobster,
    /// Level 2 transactions of Chinese exchanges, as Wind exports them.
    WindL2,
    /// Level 2 transactions of Shanghai.
    SseL2,
    /// Level 2 transactions of Shenzhen.
    SzseL2,
    /// A trade table of kdb+.
    Kdb,
    /// Columns whose names leave no doubt, and no side.
    Plain,
}

/// A word that names no preset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown preset `{0}`: use {all}", all = Preset::names())]
pub struct ParsePresetError(String);

impl Preset {
    /// All of them, in the order in which headers are compared with them.
    pub const ALL: [Preset; 17] = [
        Preset::Common,
        Preset::BinanceTrades,
        Preset::BinanceAggTrades,
        Preset::Bitmex,
        Preset::Bybit,
        Preset::BybitSpot,
        Preset::Okx,
        Preset::Coinbase,
        Preset::Kraken,
        Preset::Tardis,
        Preset::Databento,
        Preset::Lobster,
        Preset::WindL2,
        Preset::SseL2,
        Preset::SzseL2,
        Preset::Kdb,
        Preset::Plain,
    ];

    pub(super) fn layout(self) -> &'static Layout {
        match self {
            Preset::Common => &feeds::COMMON,
            Preset::BinanceTrades => &feeds::BINANCE_TRADES,
            Preset::BinanceAggTrades => &feeds::BINANCE_AGG_TRADES,
            Preset::Bybit => &feeds::BYBIT,
            Preset::BybitSpot => &feeds::BYBIT_SPOT,
            Preset::Okx => &feeds::OKX,
            Preset::Coinbase => &feeds::COINBASE,
            Preset::Kraken => &feeds::KRAKEN,
            Preset::Bitmex => &feeds::BITMEX,
            Preset::Tardis => &feeds::TARDIS,
            Preset::Databento => &feeds::DATABENTO,
            Preset::Lobster => &feeds::LOBSTER,
            Preset::WindL2 => &feeds::WIND,
            Preset::SseL2 => &feeds::SSE,
            Preset::SzseL2 => &feeds::SZSE,
            Preset::Kdb => &feeds::KDB,
            Preset::Plain => &feeds::PLAIN,
        }
    }

    /// The name used in flags and summaries.
    pub fn name(self) -> &'static str {
        self.layout().name
    }

    /// Whose files it is for.
    pub fn title(self) -> &'static str {
        self.layout().title
    }

    /// The names of all, for messages.
    pub fn names() -> String {
        let names: Vec<_> = Preset::ALL.into_iter().map(Preset::name).collect();
        names.join(", ")
    }

    pub(super) fn columns(self) -> &'static [Column] {
        self.layout().columns
    }

    /// The preset that a header makes itself known by; `row` is the first row below it.
    /// `contracts`: even where the quantities are contracts.
    pub(super) fn of_header(names: &[String], row: &[String], contracts: bool) -> Option<Preset> {
        let has = |name: &str| names.iter().any(|known| known == name);
        let fits = |preset: &Preset| {
            let marks = preset.layout().marks;
            marks.iter().all(|mark| has(mark)) && preset.missing(names).next().is_none()
        };
        // Bybit and BitMEX have the same columns; only BitMEX writes times as text.
        let text = || {
            let at = names.iter().position(|name| name == "timestamp");
            at.and_then(|at| row.get(at)).is_some_and(|field| moment(field.as_bytes()).is_some())
        };
        let known = |preset: &Preset| match preset {
            Preset::Bitmex => {
                has("tickDirection") && preset.missing(names).next().is_none() && text()
            }
            Preset::Bybit => fits(preset) && !text(),
            // What a file says of its sides must not be passed over.
            Preset::Plain => fits(preset) && !has("side"),
            Preset::BinanceTrades | Preset::BinanceAggTrades => {
                fits(preset) && (contracts || column_of_coins(names).is_none())
            }
            _ => fits(preset),
        };
        Preset::ALL.into_iter().find(known)
    }

    /// The preset of a file without a header, by the file's name and the first line.
    pub(super) fn of_name(name: &str, row: &[String]) -> Option<Preset> {
        let (preset, maker) = match name {
            _ if name.contains("-aggTrades-") => (Preset::BinanceAggTrades, 6),
            _ if name.contains("-trades-") => (Preset::BinanceTrades, 5),
            _ => return None,
        };
        let is_maker =
            |field: &String| ["true", "false"].iter().any(|word| field.eq_ignore_ascii_case(word));
        row.get(maker).is_some_and(is_maker).then_some(preset)
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

    /// A word on what a header lacks to be a preset's, or leaves open.
    pub(super) fn nearly(names: &[String]) -> Option<String> {
        if let Some(column) = column_of_coins(names) {
            return Some(format!(
                " ({column} says that the quantities are contracts: give --inverse --multiplier \
                 with what one is worth)"
            ));
        }
        let fits = |preset: Preset| preset.missing(names).next().is_none();
        if fits(Preset::Coinbase) && names.iter().any(|name| name == "trade_id") {
            let text = " (whose side is it? Coinbase's is the maker's: give --preset coinbase; \
                        if it is the aggressor's, give --columns)";
            return Some(text.to_owned());
        }
        if fits(Preset::Plain) && names.iter().any(|name| name == "side") {
            let text = " (whose side is it, the aggressor's or that of the order that was there? \
                        Say side=side, or maker_side=side, in --columns)";
            return Some(text.to_owned());
        }
        // Names that many files have say nothing of whose they are.
        let telling = [Preset::Common, Preset::BinanceTrades, Preset::BinanceAggTrades];
        telling.into_iter().find_map(|preset| match *preset.missing(names).collect::<Vec<_>>() {
            [column] => Some(format!(" (with {column} it would be {})", preset.name())),
            _ => None,
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
