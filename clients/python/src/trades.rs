//! Trades as Python gives them: one, or columns of them.

use crate::windows::Windows;
use factord_eval::fenv;
use factord_factors::{Quote, Side, SymbolIndex, Trade};
use factord_quant::features::FeatureBook;
use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Who started a trade, as a caller says it.
#[derive(FromPyObject)]
pub(crate) enum SideWord {
    Word(String),
    Number(i64),
}

impl SideWord {
    pub(crate) fn side(&self) -> PyResult<Side> {
        let word = match self {
            SideWord::Word(word) => word.clone(),
            SideWord::Number(number) => number.to_string(),
        };
        Side::from_word(word.as_bytes()).ok_or_else(|| {
            let words = "use \"B\", \"buy\" or 1, \"S\", \"sell\" or -1, \"N\", \"none\" or \"\"";
            PyValueError::new_err(format!("side is {word:?}: {words}"))
        })
    }
}

/// A column of the caller's, borrowed from Python.
type Column<'py, T> = PyReadonlyArray1<'py, T>;

/// The columns of a table, as `factord._trades` makes them: contiguous, of one length each.
#[derive(FromPyObject)]
pub(crate) struct Columns<'py> {
    names: Vec<String>,
    symbol: Option<Column<'py, i64>>,
    ts_ns: Column<'py, i64>,
    price: Column<'py, f64>,
    qty: Column<'py, f64>,
    side: Option<Column<'py, u8>>,
    buy_id: Option<Column<'py, u64>>,
    sell_id: Option<Column<'py, u64>>,
    bid: Option<Column<'py, f64>>,
    ask: Option<Column<'py, f64>>,
    /// Whether the table says that its trades are simulated.
    pub(crate) simulated: bool,
}

/// The same columns as slices, free of the interpreter; those left out are empty.
pub(crate) struct Fields<'a> {
    pub(crate) names: &'a [String],
    pub(crate) symbol: &'a [i64],
    pub(crate) ts_ns: &'a [i64],
    pub(crate) price: &'a [f64],
    pub(crate) qty: &'a [f64],
    side: &'a [u8],
    buy_id: &'a [u64],
    sell_id: &'a [u64],
    bid: &'a [f64],
    ask: &'a [f64],
}

impl<'py> Columns<'py> {
    pub(crate) fn read(trades: &Bound<'py, PyAny>) -> PyResult<Columns<'py>> {
        let columns = trades.py().import("factord._trades")?.getattr("columns")?;
        fenv::with_default(|| columns.call1((trades,)))?.extract()
    }

    pub(crate) fn fields(&self) -> PyResult<Fields<'_>> {
        fn optional<'a, T: numpy::Element>(column: &'a Option<Column<'_, T>>) -> PyResult<&'a [T]> {
            Ok(match column {
                Some(column) => column.as_slice()?,
                None => &[],
            })
        }
        let fields = Fields {
            names: &self.names,
            symbol: optional(&self.symbol)?,
            ts_ns: self.ts_ns.as_slice()?,
            price: self.price.as_slice()?,
            qty: self.qty.as_slice()?,
            side: optional(&self.side)?,
            buy_id: optional(&self.buy_id)?,
            sell_id: optional(&self.sell_id)?,
            bid: optional(&self.bid)?,
            ask: optional(&self.ask)?,
        };
        fields.check()?;
        Ok(fields)
    }
}

impl Fields<'_> {
    /// Compares the lengths, as whoever wrote them may have mixed up tables.
    fn check(&self) -> PyResult<()> {
        let count = self.ts_ns.len();
        let needed = [("price", self.price.len()), ("qty", self.qty.len())];
        let optional = [
            ("symbol", self.symbol.len()),
            ("side", self.side.len()),
            ("buy_id", self.buy_id.len()),
            ("sell_id", self.sell_id.len()),
            ("bid", self.bid.len()),
            ("ask", self.ask.len()),
        ];
        let needed = needed.into_iter().find(|(_, found)| *found != count);
        let optional = optional.into_iter().find(|(_, found)| ![0, count].contains(found));
        match needed.or(optional) {
            Some((name, found)) => {
                let message = format!("{name} has {found} values for {count} trades");
                Err(PyValueError::new_err(message))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn push(&self, book: &mut FeatureBook) -> Windows {
        let mut rows = Windows::new(book.past_names());
        // Found at a symbol's first trade, so that symbols have the order in which they came.
        let mut numbers: Vec<Option<SymbolIndex>> = vec![None; self.names.len()];
        let none = if self.symbol.is_empty() && !self.ts_ns.is_empty() {
            Some(book.symbol(""))
        } else {
            None
        };
        for index in 0..self.ts_ns.len() {
            let known = match self.symbol.get(index).and_then(|code| usize::try_from(*code).ok()) {
                Some(code) => match (numbers.get(code).copied().flatten(), self.names.get(code)) {
                    (Some(number), _) => Some(number),
                    (None, Some(name)) => {
                        let number = book.symbol(name);
                        numbers[code] = Some(number);
                        Some(number)
                    }
                    (None, None) => None,
                },
                None => none,
            };
            // A trade without a symbol among others with one is of the symbol "".
            let number = known.unwrap_or_else(|| book.symbol(""));
            book.push(number, &self.trade(index), &mut |symbol, row, past| {
                rows.push(symbol, row, past);
            });
        }
        rows
    }

    #[inline]
    fn trade(&self, index: usize) -> Trade {
        let quote = match (self.bid.get(index), self.ask.get(index)) {
            (Some(&bid), Some(&ask)) if !bid.is_nan() && !ask.is_nan() => Some(Quote { bid, ask }),
            _ => None,
        };
        Trade {
            ts_ns: self.ts_ns[index],
            price: self.price[index],
            qty: self.qty[index],
            side: match self.side.get(index) {
                Some(0) => Side::Buy,
                Some(1) => Side::Sell,
                Some(2) => Side::None,
                _ => Side::Unknown,
            },
            buy_id: self.buy_id.get(index).copied().unwrap_or(0),
            sell_id: self.sell_id.get(index).copied().unwrap_or(0),
            quote,
        }
    }
}
