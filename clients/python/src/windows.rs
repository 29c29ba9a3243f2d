//! Windows as Python gets them: columns of many, or one by name.

use crate::settings;
use factord_factors::{COLUMNS, Row, Stated, Value};
use numpy::PyArray1;
use pyo3::prelude::*;
use std::collections::HashMap;

/// Rows of windows, a column a field.
#[derive(Default)]
pub(crate) struct Windows {
    names: Vec<String>,
    numbers: HashMap<String, i64>,
    symbol: Vec<i64>,
    start_ns: Vec<i64>,
    end_ns: Vec<i64>,
    trades: Vec<i64>,
    shares: [Vec<f64>; 7],
}

impl Windows {
    /// Adds the row of a window.
    pub(crate) fn push(&mut self, symbol: &str, row: &Row) {
        let number = match self.numbers.get(symbol) {
            Some(&number) => number,
            None => {
                // Far fewer than 2^63, and so of trades below.
                let number = self.names.len() as i64;
                self.names.push(symbol.to_owned());
                self.numbers.insert(symbol.to_owned(), number);
                number
            }
        };
        self.symbol.push(number);
        self.start_ns.push(row.start_ns);
        self.end_ns.push(row.end_ns);
        self.trades.push(row.trades as i64);
        for (column, share) in self.shares.iter_mut().zip(shares(row)) {
            column.push(share);
        }
    }

    /// Gives the columns to Python, without a copy, as `factord.FactorRows` of these settings.
    pub(crate) fn into_python<'py>(
        self,
        py: Python<'py>,
        stated: &Stated,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shares = self.shares.map(|column| PyArray1::from_vec(py, column));
        let columns = (
            self.names,
            PyArray1::from_vec(py, self.symbol),
            PyArray1::from_vec(py, self.start_ns),
            PyArray1::from_vec(py, self.end_ns),
            PyArray1::from_vec(py, self.trades),
            shares,
            settings::texts(py, stated)?,
        );
        py.import("factord._factors")?.getattr("rows")?.call1(columns)
    }
}

/// One row as `factord.FactorRow`.
pub(crate) fn one<'py>(py: Python<'py>, symbol: &str, row: &Row) -> PyResult<Bound<'py, PyAny>> {
    let [volume, turnover, buy_rate, sell_rate, large_buy, large_sell, unclassified] = shares(row);
    let fields = (
        symbol,
        row.start_ns,
        row.end_ns,
        row.trades,
        volume,
        turnover,
        buy_rate,
        sell_rate,
        large_buy,
        large_sell,
        unclassified,
    );
    py.import("factord._factors")?.getattr("FactorRow")?.call1(fields)
}

/// The amounts and shares of a window, in the order of the columns.
fn shares(row: &Row) -> [f64; 7] {
    let mut amounts = COLUMNS.iter().filter_map(|column| match column.value {
        Value::Amount(amount) => Some(amount(row)),
        _ => None,
    });
    std::array::from_fn(|_| amounts.next().unwrap_or(f64::NAN))
}
