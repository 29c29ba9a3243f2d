//! [`TradesSeen`]: a trade file, read to its end.

use super::SHOWN_ROWS;
use crate::trades::{Late, Options, Reader, Seen, Steps, TradesError, Understood};
use factord_factors::Trade;
use std::path::Path;

/// The most symbols that are named.
const NAMED_SYMBOLS: usize = 8;

/// What a trade file holds.
#[derive(Debug)]
pub struct TradesSeen {
    /// What was understood of it.
    pub understood: Understood,
    /// Trades read.
    pub trades: u64,
    /// How many of them are older than one before them.
    pub older: u64,
    /// In which order they stand.
    pub seen: Seen,
    /// Symbols, and the first of them.
    pub symbols: usize,
    /// The names of the first of them.
    pub names: Vec<String>,
    /// The times of the earliest and the latest trade.
    pub span_ns: Option<(i64, i64)>,
    /// Trades without a side of their own.
    pub without_side: u64,
    /// Trades without the number of one order, at least.
    pub without_order: u64,
    /// The first trades, with the numbers of their symbols.
    pub first: Vec<(Trade, u32)>,
    /// Why it cannot be read to its end.
    pub error: Option<String>,
}

impl TradesSeen {
    pub(super) fn read(path: &Path, options: &Options) -> Result<TradesSeen, TradesError> {
        // Contracts do not change what is understood, and orders are looked for, not asked for.
        let options = Options { late: Late::Take, needs_orders: false, ..options.clone() };
        let mut reader = Reader::open(&[path.to_owned()], &options)?;
        let understood = reader.understood()[0].clone();
        let mut found = TradesSeen {
            understood,
            trades: 0,
            older: 0,
            seen: Seen::OldestFirst,
            symbols: 0,
            names: Vec::new(),
            span_ns: None,
            without_side: 0,
            without_order: 0,
            first: Vec::new(),
            error: None,
        };
        let mut steps = Steps::default();
        // Bounded by the file.
        loop {
            match reader.next_chunk() {
                Ok(Some(chunk)) => {
                    for (trade, symbol) in chunk.trades.iter().zip(chunk.symbols) {
                        steps.add(*symbol, trade.ts_ns);
                        found.take(trade, *symbol);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    found.error = Some(error.to_string());
                    break;
                }
            }
        }
        (found.trades, found.older) = steps.older();
        found.seen = steps.seen();
        found.symbols = reader.names().len();
        found.names = reader.names().iter().take(NAMED_SYMBOLS).cloned().collect();
        Ok(found)
    }

    fn take(&mut self, trade: &Trade, symbol: u32) {
        let (from, until) = self.span_ns.unwrap_or((trade.ts_ns, trade.ts_ns));
        self.span_ns = Some((from.min(trade.ts_ns), until.max(trade.ts_ns)));
        self.without_side += u64::from(trade.side == factord_factors::Side::Unknown);
        self.without_order += u64::from(trade.buy_id == 0 || trade.sell_id == 0);
        if self.first.len() < SHOWN_ROWS {
            self.first.push((*trade, symbol));
        }
    }
}
