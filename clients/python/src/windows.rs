//! Windows as Python gets them: columns of many, or one by name.

use crate::settings;
use factord_factors::{COLUMNS, PRICES, Row, Stated, Value};
use numpy::PyArray1;
use pyo3::prelude::*;
use std::collections::HashMap;

/// Rows of windows, a column a field.
pub(crate) struct Windows {
    /// What earlier windows add, by name.
    past: Vec<String>,
    names: Vec<String>,
    numbers: HashMap<String, i64>,
    symbol: Vec<i64>,
    start_ns: Vec<i64>,
    end_ns: Vec<i64>,
    trades: Vec<i64>,
    /// A column each: amounts and shares, prices, and what earlier windows add.
    shares: Vec<Vec<f64>>,
}

impl Windows {
    /// No windows yet; `past` names what earlier ones add to each.
    pub(crate) fn new(past: Vec<String>) -> Windows {
        let shares = vec![Vec::new(); amounts().count() + past.len()];
        Windows {
            past,
            names: Vec::new(),
            numbers: HashMap::new(),
            symbol: Vec::new(),
            start_ns: Vec::new(),
            end_ns: Vec::new(),
            trades: Vec::new(),
            shares,
        }
    }

    /// Adds the row of a window, with what earlier ones add.
    pub(crate) fn push(&mut self, symbol: &str, row: &Row, past: &[f64]) {
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
        for (column, share) in self.shares.iter_mut().zip(shares(row, past)) {
            column.push(share);
        }
    }

    /// Gives the columns to Python, without a copy, as `factord.FactorRows` of these settings.
    pub(crate) fn into_python<'py>(
        self,
        py: Python<'py>,
        stated: &Stated,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shares = self.shares.into_iter().map(|column| PyArray1::from_vec(py, column));
        let shares: Vec<_> = shares.collect();
        let columns = (
            self.names,
            PyArray1::from_vec(py, self.symbol),
            PyArray1::from_vec(py, self.start_ns),
            PyArray1::from_vec(py, self.end_ns),
            PyArray1::from_vec(py, self.trades),
            shares,
            self.past,
            settings::texts(py, stated)?,
        );
        py.import("factord._factors")?.getattr("rows")?.call1(columns)
    }
}

/// One row as `factord.FactorRow`; `past` is what earlier windows add, by `names`.
pub(crate) fn one<'py>(
    py: Python<'py>,
    symbol: &str,
    row: &Row,
    (past, names): (&[f64], &[String]),
) -> PyResult<Bound<'py, PyAny>> {
    let shares: Vec<f64> = shares(row, past).collect();
    let fields = (symbol, row.start_ns, row.end_ns, row.trades, shares, names);
    py.import("factord._factors")?.getattr("row")?.call1(fields)
}

/// What a window's amounts, shares and prices are taken by, in the order of the columns.
fn amounts() -> impl Iterator<Item = fn(&Row) -> f64> {
    COLUMNS.iter().chain(&PRICES).filter_map(|column| match column.value {
        Value::Amount(amount) => Some(amount),
        _ => None,
    })
}

/// The amounts, shares and prices of a window, and what earlier ones add.
fn shares<'a>(row: &'a Row, past: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    amounts().map(|amount| amount(row)).chain(past.iter().copied())
}
