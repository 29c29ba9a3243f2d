//! [`Mapping`]: which column is which, as a caller says it.

use super::number::TimeUnit;
use super::role::Role;
use std::str::FromStr;
use thiserror::Error;

/// What a column may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A time since 1970 UTC, in a unit inferred from its digits.
    Ts,
    /// A time in nanoseconds.
    TsNs,
    /// A time in microseconds.
    TsUs,
    /// A time in milliseconds.
    TsMs,
    /// A time in seconds, which may have decimals.
    TsS,
    /// The day of times of the day.
    Date,
    /// The symbol.
    Symbol,
    /// The price.
    Price,
    /// The quantity.
    Qty,
    /// The aggressor: B, S, N for an auction, or nothing.
    Side,
    /// The side of the order that was there: the aggressor is the other.
    MakerSide,
    /// Whether the buyer's order was there first: the seller is then the aggressor.
    BuyerMaker,
    /// The buyer's order number.
    BuyId,
    /// The seller's order number.
    SellId,
    /// The best bid just before.
    Bid,
    /// The best ask just before.
    Ask,
}

impl Key {
    /// All of them with their names, in the order of the documentation.
    pub const ALL: [(Key, &'static str); 16] = [
        (Key::Ts, "ts"),
        (Key::TsNs, "ts_ns"),
        (Key::TsUs, "ts_us"),
        (Key::TsMs, "ts_ms"),
        (Key::TsS, "ts_s"),
        (Key::Date, "date"),
        (Key::Symbol, "symbol"),
        (Key::Price, "price"),
        (Key::Qty, "qty"),
        (Key::Side, "side"),
        (Key::MakerSide, "maker_side"),
        (Key::BuyerMaker, "buyer_maker"),
        (Key::BuyId, "buy_id"),
        (Key::SellId, "sell_id"),
        (Key::Bid, "bid"),
        (Key::Ask, "ask"),
    ];

    pub(super) fn role(self) -> Role {
        match self {
            Key::Ts => Role::Time(TimeUnit::Any),
            Key::TsNs => Role::Time(TimeUnit::Nanoseconds),
            Key::TsUs => Role::Time(TimeUnit::Microseconds),
            Key::TsMs => Role::Time(TimeUnit::Milliseconds),
            Key::TsS => Role::Time(TimeUnit::Seconds),
            Key::Date => Role::Date,
            Key::Symbol => Role::Symbol,
            Key::Price => Role::Price,
            Key::Qty => Role::Qty,
            Key::Side => Role::Side,
            Key::MakerSide => Role::MakerSide,
            Key::BuyerMaker => Role::BuyerMaker,
            Key::BuyId => Role::BuyId,
            Key::SellId => Role::SellId,
            Key::Bid => Role::Bid,
            Key::Ask => Role::Ask,
        }
    }

    fn is_time(self) -> bool {
        matches!(self.role(), Role::Time(_))
    }
}

/// Columns all by number, counted from 1, or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    columns: Vec<(Key, String)>,
}

/// Text that is not a mapping.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseMappingError {
    /// A part is not `key=column`.
    #[error("`{0}` names no column: write key=column, such as price=px")]
    Part(String),
    /// The key is not known.
    #[error("unknown key `{0}`: the keys are {known}", known = known())]
    Key(String),
    /// A key is there twice.
    #[error("the key `{0}` is given twice")]
    Twice(String),
    /// A key that is needed is not there.
    #[error("no column for {0}: time, price and qty are required")]
    Missing(&'static str),
}

fn known() -> String {
    Key::ALL.map(|(_, name)| name).join(", ")
}

impl Mapping {
    /// The keys and columns, in the order of the text.
    pub(super) fn columns(&self) -> &[(Key, String)] {
        &self.columns
    }

    /// The columns' numbers, counted from 0, if they are numbered.
    pub(super) fn positions(&self) -> Option<Vec<(Key, usize)>> {
        let number = |(key, column): &(Key, String)| {
            Some((*key, column.parse::<usize>().ok()?.checked_sub(1)?))
        };
        self.columns.iter().map(number).collect()
    }
}

impl FromStr for Mapping {
    type Err = ParseMappingError;

    fn from_str(text: &str) -> Result<Mapping, ParseMappingError> {
        let mut columns: Vec<(Key, String)> = Vec::new();
        for part in text.split(',') {
            let (key, column) = part
                .split_once('=')
                .map(|(key, column)| (key.trim(), column.trim()))
                .filter(|(_, column)| !column.is_empty())
                .ok_or_else(|| ParseMappingError::Part(part.to_owned()))?;
            let found = Key::ALL.into_iter().find(|(_, name)| *name == key);
            let (known, _) = found.ok_or_else(|| ParseMappingError::Key(key.to_owned()))?;
            let twice = |other: Key| other == known || other.is_time() && known.is_time();
            if columns.iter().any(|(other, _)| twice(*other)) {
                return Err(ParseMappingError::Twice(key.to_owned()));
            }
            columns.push((known, column.to_owned()));
        }
        let has = |of: &dyn Fn(Key) -> bool| columns.iter().any(|(key, _)| of(*key));
        for (there, what) in [
            (has(&Key::is_time), "the time"),
            (has(&|key| key == Key::Price), "the price"),
            (has(&|key| key == Key::Qty), "the quantity"),
        ] {
            if !there {
                return Err(ParseMappingError::Missing(what));
            }
        }
        Ok(Mapping { columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read_by_name_and_by_number() {
        let named: Mapping = "ts_ms=T,price=px,qty=size,side=aggr".parse().unwrap();
        assert_eq!(named.positions(), None);
        assert_eq!(named.columns()[0], (Key::TsMs, "T".to_owned()));
        let numbered: Mapping = "ts=1,price=2,qty=3".parse().unwrap();
        assert_eq!(numbered.positions().unwrap()[2], (Key::Qty, 2));
        for digits in ["ts=1,price=px,qty=3", "ts=0,price=2,qty=3"] {
            assert_eq!(digits.parse::<Mapping>().unwrap().positions(), None);
        }
        for text in [
            "",
            "ts",
            "ts=,price=2,qty=3",
            "time=1,price=2,qty=3",
            "ts=1,ts_ns=1,price=2,qty=3",
            "ts=1,price=2",
        ] {
            assert!(text.parse::<Mapping>().is_err(), "{text}");
        }
    }
}
