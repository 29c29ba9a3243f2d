//! [`ParquetReader`]: trades from Parquet columns.

use super::chunk::TradeBuffer;
use super::columns::Columns;
use super::error::TradesError;
use super::filter::Filter;
use super::options::Options;
use super::role::Role;
use super::symbols::Symbols;
use crate::table::{self, Table, Want};
use factord_factors::{Quote, Side, Trade};
use std::path::Path;

/// The greatest order number that a float column holds exactly.
const ORDER_MAX: f64 = 9_007_199_254_740_992.0;

/// One Parquet file being read.
pub(super) struct ParquetReader {
    reader: table::Reader,
    /// What the file's columns hold.
    columns: Columns,
    /// The columns read: what they hold, and where they are in the file.
    wanted: Vec<(Role, usize)>,
    /// Which of them are of single precision.
    single: Vec<bool>,
    filter: Filter,
}

impl ParquetReader {
    pub(super) fn open(path: &Path, options: &Options) -> Result<ParquetReader, TradesError> {
        let table = Table::open(path)?;
        let columns = Columns::of(path, table.names().to_vec(), true, options)?;
        let mut wanted = Vec::new();
        let mut wants = Vec::new();
        for (at, role) in columns.roles.iter().enumerate() {
            let name = &columns.names[at];
            wants.push(match role {
                Role::Skip => continue,
                Role::Time(_) => Want::integer(name),
                Role::Symbol | Role::Side => Want::text(name),
                _ => Want::float(name),
            });
            wanted.push((*role, at));
        }
        let filter = Filter::of(options, columns.names_symbol());
        let single = wanted.iter().map(|(_, at)| table.is_single(*at)).collect();
        Ok(ParquetReader { reader: table.select(&wants)?, columns, wanted, single, filter })
    }

    pub(super) fn progress(&self) -> Option<f64> {
        self.reader.progress()
    }

    /// Fills the buffer with the next rows; false at the end of the file.
    pub(super) fn fill(
        &mut self,
        symbols: &mut Symbols,
        buffer: &mut TradeBuffer,
    ) -> Result<bool, TradesError> {
        let unnamed = self.columns.unnamed(symbols);
        let Some(chunk) = self.reader.next_chunk()? else { return Ok(false) };
        for row in 0..chunk.len() {
            let mut trade = Trade::new(0, 0.0, 0.0, Side::Unknown);
            let mut quote = Quote { bid: f64::NAN, ask: f64::NAN };
            let mut symbol = unnamed;
            for (column, (role, at)) in self.wanted.iter().enumerate() {
                let taken = match role {
                    Role::Time(unit) => {
                        let time = unit.whole(chunk.integers(column)[row]);
                        time.map(|ts_ns| trade.ts_ns = ts_ns)
                    }
                    Role::Symbol => {
                        symbol = symbols.number(chunk.texts(column).value(row).as_bytes());
                        Some(())
                    }
                    Role::Side => {
                        let side = Side::from_word(chunk.texts(column).value(row).as_bytes());
                        side.map(|side| trade.side = side)
                    }
                    _ => {
                        let value = chunk.floats(column)[row];
                        let value = if self.single[column] { decimal(value) } else { value };
                        set(&mut trade, &mut quote, *role, value)
                    }
                };
                taken.ok_or_else(|| TradesError::Value {
                    place: chunk.place(row),
                    column: at + 1,
                    name: self.columns.names[*at].clone(),
                    value: shown(&chunk, column, *role, row),
                    expected: role.expected(),
                })?;
            }
            if quote.bid > 0.0 && quote.ask > 0.0 {
                trade.quote = Some(quote);
            }
            let kept = self.filter.take(&trade, symbol, symbols, buffer);
            kept.map_err(|late| late.at(chunk.place(row), &self.columns, symbols))?;
        }
        Ok(true)
    }
}

/// The decimal of the fewest digits that a number of single precision is the nearest to.
fn decimal(value: f64) -> f64 {
    // An `f32` takes at most 9 digits to tell.
    let of = |places: i32| (value * 10_f64.powi(places)).round() / 10_f64.powi(places);
    (0..20).map(of).find(|decimal| *decimal as f32 == value as f32).unwrap_or(value)
}

/// Takes a number; `None` if the column may not hold it.
fn set(trade: &mut Trade, quote: &mut Quote, role: Role, value: f64) -> Option<()> {
    let order = || match value {
        // A number that is missing, or is 0 or below, is none.
        value if value.is_nan() || value <= 0.0 => Some(0),
        // Exact: a whole number up to 2^53.
        value if value.fract() == 0.0 && value <= ORDER_MAX => Some(value as u64),
        _ => None,
    };
    match role {
        Role::Price => trade.price = Some(value).filter(|value| value.is_finite())?,
        Role::Qty => trade.qty = Some(value).filter(|value| value.is_finite())?,
        Role::BuyId => trade.buy_id = order()?,
        Role::SellId => trade.sell_id = order()?,
        Role::BuyerMaker => {
            trade.side = match value {
                0.0 => Side::Buy,
                1.0 => Side::Sell,
                _ => return None,
            };
        }
        Role::Bid => quote.bid = value,
        Role::Ask => quote.ask = value,
        _ => {}
    }
    Some(())
}

/// A value as a message shows it.
fn shown(chunk: &table::Chunk, column: usize, role: Role, row: usize) -> String {
    match role {
        Role::Time(_) => chunk.integers(column)[row].to_string(),
        Role::Symbol | Role::Side => chunk.texts(column).value(row).chars().take(40).collect(),
        _ => chunk.floats(column)[row].to_string(),
    }
}
