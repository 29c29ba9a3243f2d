//! [`TextReader`]: trades from lines, parsed where they lie.

use super::chunk::CHUNK_TRADES;
use super::columns::{Columns, Start};
use super::error::TradesError;
use super::fields::{end, field, fields};
use super::filter::Filter;
use super::lines::Lines;
use super::moment::{clock, clock_of_digits, day_of};
use super::number::{decimal, order, plain_decimal, plain_order, plain_time, time};
use super::options::Options;
use super::role::{NO_TRADE, Role, TRADE};
use super::symbols::Symbols;
use super::times;
use crate::content::shown;
use crate::features::TradeBuffer;
use crate::table::{Input, TableError};
use factord_factors::{Quote, Side, Trade};
use std::sync::Arc;

/// 2014-07-14. NASDAQ, and LOBSTER with it, has since called the side of every hidden order (5) a
/// buyer's, which says nothing.
const HIDDEN_SIDES_UNTIL_NS: i64 = 1_405_296_000_000_000_000;

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
    /// Midnight of the trade's day, where a column says it.
    day_ns: i64,
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
        let first = lines.first_fields()?;
        let start = Start { first, next: lines.fields_behind(), named: false };
        let columns = Columns::of(&path, &start, options)?;
        if columns.headed {
            lines.pass(lines.line().len() + 1);
        }
        let filter = Filter::of(options, columns.names_symbol());
        Ok(TextReader { lines, columns, filter })
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
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
                if !times::is_known(trade.ts_ns) {
                    return Err(self.unknown_time(trade.ts_ns));
                }
                let kept = self.filter.take(&trade, parsed.symbol, symbols, buffer);
                kept.map_err(|late| late.at(self.lines.place(), &self.columns, symbols))?;
            }
            self.lines.pass(len);
        }
        Ok(true)
    }

    /// The error of a time that is not of our days.
    #[cold]
    fn unknown_time(&self, ts_ns: i64) -> TradesError {
        let field = fields(self.lines.line()).get(self.columns.time()).copied().unwrap_or(b"");
        let value = String::from_utf8_lossy(field).trim().to_owned();
        times::refused(self.lines.place(), &self.columns, value, ts_ns)
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
            value: shown(text.trim(), 40),
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
                if parsed.set(*role, field, symbols).is_none() {
                    parsed.miss(*role).ok_or(Fault::Value(index))?;
                }
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
        ParsedLine {
            trade,
            bid,
            ask,
            symbol,
            day_ns: 0,
            kind: TRADE,
            resting: Side::Unknown,
            resting_id: 0,
        }
    }

    /// Takes a field as most of them are written, and returns its length; `None` leaves it to
    /// [`ParsedLine::set`]. The field need not be found first: what is in it shows where it ends.
    #[inline]
    fn set_plain(&mut self, role: Role, bytes: &[u8]) -> Option<usize> {
        let len;
        match role {
            Role::Time(unit) => (self.trade.ts_ns, len) = plain_time(bytes, unit)?,
            Role::Price => (self.trade.price, len) = plain_decimal(bytes)?,
            Role::PriceUnits => (self.trade.price, len) = plain_units(bytes)?,
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
            Role::Date => self.day_ns = day_of(field)?,
            Role::Clock => self.trade.ts_ns = clock(field)?,
            Role::ClockDigits => {
                self.trade.ts_ns = clock_of_digits(i64::try_from(order(field)?).ok()?)?;
            }
            Role::Price => self.trade.price = decimal(field)?,
            Role::PriceUnits => self.trade.price = units(field)?,
            Role::Qty => self.trade.qty = decimal(field)?,
            Role::Side => self.trade.side = Side::from_word(field)?,
            Role::MakerSide => {
                self.trade.side = match Side::from_word(field)? {
                    Side::Buy => Side::Sell,
                    Side::Sell => Side::Buy,
                    other => other,
                };
            }
            Role::BuyerMaker => self.trade.side = maker(field)?,
            Role::BuyId => self.trade.buy_id = order(field)?,
            Role::SellId => self.trade.sell_id = order(field)?,
            Role::Bid => self.bid = quote(field)?,
            Role::Ask => self.ask = quote(field)?,
            Role::Kind(kinds) => self.kind = kinds.of(field.trim_ascii())?,
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

    /// Passes over a price or a quantity that is missing in a row that said to be no trade.
    #[cold]
    fn miss(&mut self, role: Role) -> Option<()> {
        let passed = self.kind == NO_TRADE && (role.is_price() || role == Role::Qty);
        passed.then_some(())
    }

    /// The trade of the line, if it is one.
    #[inline]
    fn trade(&self, columns: &Columns) -> Option<Trade> {
        let mut trade = self.trade;
        if columns.price_divisor != 1.0 {
            trade.price /= columns.price_divisor;
        }
        // Both are of days within thousands of years.
        trade.ts_ns = trade.ts_ns.saturating_add(columns.offset_ns + self.day_ns);
        if self.bid > 0.0 && self.ask > 0.0 {
            trade.quote = Some(Quote { bid: self.bid, ask: self.ask });
        }
        match (self.kind, self.resting) {
            (b'5', _) if trade.ts_ns >= HIDDEN_SIDES_UNTIL_NS => {}
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

/// Whether the buyer's order was there first, in the words of Binance, pandas and databases.
pub(super) fn maker(field: &[u8]) -> Option<Side> {
    let field = field.trim_ascii();
    let is = |word: &str| field.eq_ignore_ascii_case(word.as_bytes());
    match field {
        _ if is("true") || is("t") || is("1") => Some(Side::Sell),
        _ if is("false") || is("f") || is("0") => Some(Side::Buy),
        _ => None,
    }
}

/// A price in small units that a line starts with, and the length of its field.
#[inline]
fn plain_units(bytes: &[u8]) -> Option<(f64, usize)> {
    let (value, len) = plain_order(bytes)?;
    (len > 0).then_some((value as f64, len))
}

/// A price in small units.
fn units(field: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(field).ok()?.trim();
    text.parse::<i64>().ok().map(|value| value as f64)
}

/// A quote's price, which may be missing.
fn quote(field: &[u8]) -> Option<f64> {
    if field.trim_ascii().is_empty() { Some(f64::NAN) } else { decimal(field) }
}
