//! [`Filter`]: which trades of a file are kept, and which end the reading.

use super::columns::Columns;
use super::error::TradesError;
use super::options::{Late, Options, Order};
use super::symbols::Symbols;
use crate::features::TradeBuffer;
use crate::table::Place;
use factord_factors::Trade;

/// What the caller wants of a file.
pub(super) struct Filter {
    late: Late,
    /// The only symbol that is kept.
    only: Option<String>,
}

/// A trade older than the latest one of its symbol.
pub(super) struct LateTrade {
    symbol: u32,
    from_ns: i64,
    to_ns: i64,
}

impl Filter {
    pub(super) fn of(options: &Options, names_symbol: bool) -> Filter {
        let only = options.symbol.clone().filter(|_| names_symbol);
        // What is put in order later may come in any.
        let late = match options.order {
            Order::OldestFirst => options.late,
            Order::NewestFirst | Order::Any => Late::Take,
        };
        Filter { late, only }
    }

    /// Adds a trade to the buffer, unless it is another symbol's.
    #[inline]
    pub(super) fn take(
        &self,
        trade: &Trade,
        symbol: u32,
        symbols: &mut Symbols,
        buffer: &mut TradeBuffer,
    ) -> Result<(), LateTrade> {
        if self.keeps(trade, symbol, symbols)? {
            buffer.trades.push(*trade);
            buffer.symbols.push(symbol);
        }
        Ok(())
    }

    /// Whether a trade is kept, which is the next one of its symbol.
    #[inline]
    pub(super) fn keeps(
        &self,
        trade: &Trade,
        symbol: u32,
        symbols: &mut Symbols,
    ) -> Result<bool, LateTrade> {
        if self.only.as_ref().is_some_and(|only| *only != symbols.names()[symbol as usize]) {
            return Ok(false);
        }
        if let Some(from_ns) = symbols.later_than(symbol, trade.ts_ns)
            && self.late == Late::Refuse
        {
            return Err(LateTrade { symbol, from_ns, to_ns: trade.ts_ns });
        }
        Ok(true)
    }
}

impl LateTrade {
    /// The error of a late trade at this place.
    #[cold]
    pub(super) fn at(&self, place: Place, columns: &Columns, symbols: &Symbols) -> TradesError {
        let column = columns.time();
        TradesError::Late {
            place,
            column: column + 1,
            name: columns.names[column].clone(),
            symbol: symbols.names()[self.symbol as usize].as_str().into(),
            from_ns: self.from_ns,
            to_ns: self.to_ns,
            order: "sort the file by time, or give --order or --late take".into(),
        }
    }
}
