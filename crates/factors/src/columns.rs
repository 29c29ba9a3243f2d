//! The columns of a feature table: their names, and what each takes from a window.

use super::Row;

/// One column of a feature table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in tables and messages.
    pub name: &'static str,
    /// Its name in the models of the service that came before.
    pub alias: Option<&'static str>,
    /// What it holds.
    pub value: Value,
}

/// What a column takes from a window.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// The symbol, which the window itself does not know.
    Symbol,
    /// A time in nanoseconds.
    Time(fn(&Row) -> i64),
    /// A number of things.
    Count(fn(&Row) -> u64),
    /// An amount or a share.
    Amount(fn(&Row) -> f64),
}

impl Column {
    /// What the column holds of a window where that is a number that a model may take: a count, an
    /// amount or a share. Counts are exact up to 2^53.
    pub fn number(&self, row: &Row) -> Option<f64> {
        match self.value {
            Value::Symbol | Value::Time(_) => None,
            Value::Count(count) => Some(count(row) as f64),
            Value::Amount(amount) => Some(amount(row)),
        }
    }

    /// Whether [`Column::number`] gives one.
    pub fn is_number(&self) -> bool {
        matches!(self.value, Value::Count(_) | Value::Amount(_))
    }

    /// Whether this is one of the column's names.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.alias == Some(name)
    }
}

const fn column(name: &'static str, value: Value) -> Column {
    Column { name, alias: None, value }
}

const fn known_as(name: &'static str, alias: &'static str, share: fn(&Row) -> f64) -> Column {
    Column { name, alias: Some(alias), value: Value::Amount(share) }
}

/// The first columns of a feature table, in order: what every client's windows have.
pub const COLUMNS: [Column; 11] = [
    column("symbol", Value::Symbol),
    column("start_ns", Value::Time(|row| row.start_ns)),
    column("end_ns", Value::Time(|row| row.end_ns)),
    column("trades", Value::Count(|row| row.trades)),
    column("volume", Value::Amount(|row| row.volume)),
    column("turnover", Value::Amount(|row| row.turnover)),
    known_as("buy_rate", "S_LI_INITIATIVEBUYRATE", |row| row.buy_rate),
    known_as("sell_rate", "S_LI_INITIATIVESELLRATE", |row| row.sell_rate),
    known_as("large_buy", "S_LI_LARGEBUYRATE", |row| row.large_buy),
    known_as("large_sell", "S_LI_LARGESELLRATE", |row| row.large_sell),
    column("unclassified", Value::Amount(|row| row.unclassified)),
];

/// The columns of prices, which follow those in a feature table.
pub const PRICES: [Column; 3] = [
    column("vwap", Value::Amount(|row| row.vwap)),
    column("first", Value::Amount(|row| row.first)),
    column("last", Value::Amount(|row| row.last)),
];

/// The columns that the built-in models take, in the order of [`Row::features`].
pub const FEATURES: [&str; 3] = ["buy_rate", "large_buy", "large_sell"];

/// The column that bears a name, by either of its names.
pub fn column_called(name: &str) -> Option<&'static Column> {
    let all = const { &COLUMNS }.iter().chain(const { &PRICES });
    all.into_iter().find(|column| column.is_called(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Factors, Settings, Side, Trade};

    #[test]
    fn the_features_of_a_window_are_those_of_their_columns() {
        let mut factors = Factors::new(&Settings::default()).unwrap();
        let trades = [(0, 300.0, Side::Buy), (1, 100.0, Side::Sell), (2, 2.0, Side::Buy)];
        for (ns, quantity, side) in trades {
            factors.push(&Trade::new(ns, 10.0, quantity, side), &mut |_| {});
        }
        let row = factors.now();
        let numbers = FEATURES.map(|name| column_called(name).unwrap().number(&row).unwrap());
        assert_eq!(numbers, row.features());
        assert_eq!(column_called("trades").unwrap().number(&row), Some(3.0));
        assert_eq!(column_called("start_ns").unwrap().number(&row), None);
    }

    #[test]
    fn no_two_columns_share_a_name() {
        let names: Vec<&str> = COLUMNS
            .iter()
            .chain(&PRICES)
            .flat_map(|column| column.alias.into_iter().chain([column.name]))
            .collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name}");
        }
        assert!(column_called("symbols").is_none());
    }
}
