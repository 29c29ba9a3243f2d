//! [`TextReader`]: trades from lines, parsed where they lie.

use super::chunk::{CHUNK_TRADES, TradeBuffer};
use super::columns::Columns;
use super::error::TradesError;
use super::fields::{end, field, fields};
use super::filter::Filter;
use super::lines::Lines;
use super::number::{decimal, order, plain_decimal, plain_order, plain_time, time};
use super::options::Options;
use super::role::Role;
use super::symbols::Symbols;
use crate::table::{Input, TableError};
use factord_factors::{Quote, Side, Trade};
use std::sync::Arc;

/// One text file being read.
pub(super) struct TextReader {
    lines: Lines,
    columns: Columns,
    filter: Filter,
}

/// What a line may say.
#[derive(Clone, Copy)]
struct ParsedLine {
    trade: Trade,
    bid: f64,
    ask: f64,
    symbol: u32,
    /// LOBSTER's kind of message, side and number of the order that was there.
    kind: u8,
    resting: Side,
    resting_id: u64,
}

/// Why a line cannot be taken.
enum Fault {
    /// A column, counted from 0, does not hold what it should.
    Value(usize),
    /// A column, counted from 0, has quotes inside of quotes, or text behind them.
    Quotes(usize),
    /// There are more or fewer fields.
    Count,
}

impl TextReader {
    pub(super) fn open(input: Input, options: &Options) -> Result<TextReader, TradesError> {
        let path = Arc::clone(input.path());
        let mut lines = Lines::open(input);
        let columns = Columns::of(&path, lines.first_fields()?, false, options)?;
        if columns.headed {
            lines.pass(lines.line().len() + 1);
        }
        let filter = Filter::of(options, columns.names_symbol());
        Ok(TextReader { lines, columns, filter })
    }

    /// Fills the buffer; false at the end of the file, when it may still hold trades.
    pub(super) fn fill(
        &mut self,
        symbols: &mut Symbols,
        buffer: &mut TradeBuffer,
    ) -> Result<bool, TradesError> {
        let unnamed = self.columns.unnamed(symbols);
        while buffer.trades.len() < CHUNK_TRADES {
            if !self.lines.more()? {
                return Ok(false);
            }
            let bytes = self.lines.bytes();
            if let [b'\n', ..] | [b'\r', b'\n', ..] = bytes {
                let len = 1 + usize::from(bytes[0] == b'\r');
                self.lines.pass(len);
                continue;
            }
            let mut parsed = ParsedLine::new(unnamed);
            let len = match parse(bytes, &self.columns, symbols, &mut parsed) {
                Ok(len) => len,
                Err(fault) => return Err(self.failure(&fault)),
            };
            if let Some(trade) = parsed.trade(&self.columns) {
                let kept = self.filter.take(&trade, parsed.symbol, symbols, buffer);
                kept.map_err(|late| late.at(self.lines.place(), &self.columns, symbols))?;
            }
            self.lines.pass(len);
        }
        Ok(true)
    }

    /// What is wrong with the next line.
    #[cold]
    fn failure(&self, fault: &Fault) -> TradesError {
        let (place, roles) = (self.lines.place(), &self.columns.roles);
        let fields = fields(self.lines.line());
        let (column, expected) = match *fault {
            Fault::Count => {
                let (found, expected) = (fields.len(), roles.len());
                return TableError::FieldCount { place, found, expected }.into();
            }
            Fault::Value(column) => (column, roles[column].expected()),
            Fault::Quotes(column) => (column, "a field in one pair of quotes"),
        };
        let text = String::from_utf8_lossy(fields.get(column).unwrap_or(&&b""[..]));
        TradesError::Value {
            place,
            column: column + 1,
            name: self.columns.names[column].clone(),
            value: text.trim().chars().take(40).collect(),
            expected,
        }
    }
}

/// Reads a line, which a line feed ends; returns its length.
#[inline]
fn parse(
    bytes: &[u8],
    columns: &Columns,
    symbols: &mut Symbols,
    parsed: &mut ParsedLine,
) -> Result<usize, Fault> {
    let mut at = 0;
    let last = columns.roles.len() - 1;
    for (index, role) in columns.roles.iter().enumerate() {
        let rest = &bytes[at..];
        let fits = |len: usize| (rest[len] == b'\n') == (index == last);
        at += 1 + match parsed.set_plain(*role, rest) {
            Some(len) if fits(len) => len,
            Some(_) => return Err(Fault::Count),
            None => {
                let (field, len) = field(rest).ok_or(Fault::Quotes(index))?;
                if !fits(len) {
                    return Err(Fault::Count);
                }
                parsed.set(*role, field, symbols).ok_or(Fault::Value(index))?;
                len
            }
        };
    }
    Ok(at)
}

impl ParsedLine {
    fn new(symbol: u32) -> ParsedLine {
        let trade = Trade::new(0, 0.0, 0.0, Side::Unknown);
        let (bid, ask) = (f64::NAN, f64::NAN);
        ParsedLine { trade, bid, ask, symbol, kind: b'4', resting: Side::Unknown, resting_id: 0 }
    }

    /// Takes a field as most of them are written, and returns its length; `None` leaves it to
    /// [`ParsedLine::set`]. The field need not be found first: what is in it shows where it ends.
    #[inline]
    fn set_plain(&mut self, role: Role, bytes: &[u8]) -> Option<usize> {
        let len;
        match role {
            Role::Time(unit) => (self.trade.ts_ns, len) = plain_time(bytes, unit)?,
            Role::Price => (self.trade.price, len) = plain_decimal(bytes)?,
            Role::Qty => (self.trade.qty, len) = plain_decimal(bytes)?,
            Role::BuyId => (self.trade.buy_id, len) = plain_order(bytes)?,
            Role::SellId => (self.trade.sell_id, len) = plain_order(bytes)?,
            Role::Bid => (self.bid, len) = plain_decimal(bytes)?,
            Role::Ask => (self.ask, len) = plain_decimal(bytes)?,
            Role::RestingId => (self.resting_id, len) = plain_order(bytes)?,
            Role::Skip if bytes[0] != b'"' => len = end(bytes),
            _ => return None,
        }
        Some(len)
    }

    /// Takes a field; `None` if it does not hold what it should.
    #[inline]
    fn set(&mut self, role: Role, field: &[u8], symbols: &mut Symbols) -> Option<()> {
        match role {
            Role::Skip => {}
            Role::Time(unit) => self.trade.ts_ns = time(field, unit)?,
            Role::Symbol => self.symbol = symbols.number(field),
            Role::Price => self.trade.price = decimal(field)?,
            Role::Qty => self.trade.qty = decimal(field)?,
            Role::Side => self.trade.side = Side::from_word(field)?,
            Role::BuyerMaker => self.trade.side = maker(field)?,
            Role::BuyId => self.trade.buy_id = order(field)?,
            Role::SellId => self.trade.sell_id = order(field)?,
            Role::Bid => self.bid = quote(field)?,
            Role::Ask => self.ask = quote(field)?,
            Role::Kind => {
                let [kind @ b'1'..=b'7'] = field else { return None };
                self.kind = *kind;
            }
            Role::RestingId => self.resting_id = order(field)?,
            Role::RestingSide => {
                self.resting = match field {
                    b"1" => Side::Buy,
                    b"-1" => Side::Sell,
                    _ => return None,
                };
            }
        }
        Some(())
    }

    /// The trade of the line, if it is one.
    #[inline]
    fn trade(&self, columns: &Columns) -> Option<Trade> {
        let mut trade = self.trade;
        if columns.price_divisor != 1.0 {
            trade.price /= columns.price_divisor;
        }
        trade.ts_ns = trade.ts_ns.saturating_add(columns.offset_ns);
        if self.bid > 0.0 && self.ask > 0.0 {
            trade.quote = Some(Quote { bid: self.bid, ask: self.ask });
        }
        match (self.kind, self.resting) {
            (b'4' | b'5', Side::Buy) => {
                (trade.side, trade.buy_id) = (Side::Sell, self.resting_id);
            }
            (b'4' | b'5', Side::Sell) => {
                (trade.side, trade.sell_id) = (Side::Buy, self.resting_id);
            }
            (b'4' | b'5', _) => {}
            // A cross, as of an auction.
            (b'6', _) => trade.side = Side::None,
            _ => return None,
        }
        Some(trade)
    }
}

fn maker(field: &[u8]) -> Option<Side> {
    let is = |word: &str| field.eq_ignore_ascii_case(word.as_bytes());
    match field {
        _ if is("true") => Some(Side::Sell),
        _ if is("false") => Some(Side::Buy),
        _ => None,
    }
}

/// A quote's price, which may be missing.
fn quote(field: &[u8]) -> Option<f64> {
    if field.is_empty() { Some(f64::NAN) } else { decimal(field) }
}
