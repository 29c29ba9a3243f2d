//! [`ColumnReader`]: trades from the columns of Parquet and Arrow files.

use super::chunk::TradeBuffer;
use super::columns::{Columns, Start};
use super::error::TradesError;
use super::filter::Filter;
use super::moment::{clock, clock_of_digits, day_of};
use super::number::{TimeUnit, decimal, order, time};
use super::options::Options;
use super::role::{Kinds, Role, TRADE};
use super::symbols::Symbols;
use super::text::maker;
use super::times;
use crate::content::shown;
use crate::table::{
    CHUNK_ROWS, Columnar, Input, Misfit, TableError, at, floats, integers, is_integer, is_number,
};
use crate::table::{is_text, texts};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::DataType;
use factord_factors::{Quote, Side, Trade};

/// The greatest order number that a float column holds exactly.
const ORDER_MAX: f64 = 9_007_199_254_740_992.0;

/// One file being read.
pub(super) struct ColumnReader {
    columnar: Columnar,
    columns: Columns,
    /// The columns read: what they hold, and where they are in the file.
    wanted: Vec<(Role, usize)>,
    filter: Filter,
}

/// The values of one column, as far as they say something of trades.
enum Cells {
    Floats(Vec<f64>),
    /// Times of trades, or of the day; days.
    Integers(Vec<i64>),
    Orders(Vec<u64>),
    Sides(Vec<Side>),
    Kinds(Vec<u8>),
    Texts(StringArray),
}

/// A value that its column may not hold, in this row of those read.
struct Refused {
    row: usize,
    value: String,
}

impl ColumnReader {
    pub(super) fn open(input: Input, options: &Options) -> Result<ColumnReader, TradesError> {
        let mut columnar = Columnar::open(input)?;
        let path = std::sync::Arc::clone(columnar.path());
        let next = first_row(&path)?;
        let start = Start { first: columnar.names().to_vec(), next, named: true };
        let columns = Columns::of(&path, &start, options)?;
        let roles = columns.roles.iter().enumerate();
        let wanted: Vec<_> =
            roles.filter(|(_, role)| **role != Role::Skip).map(|(at, role)| (*role, at)).collect();
        for &(role, at) in &wanted {
            let field = columnar.schema().field(at);
            fits(field.data_type(), role).map_err(|expected| TableError::Type {
                path: path.to_path_buf(),
                column: at + 1,
                name: field.name().clone(),
                found: field.data_type().to_string(),
                expected,
            })?;
        }
        let roots: Vec<usize> = wanted.iter().map(|(_, at)| *at).collect();
        columnar.select(&roots, CHUNK_ROWS)?;
        let filter = Filter::of(options, columns.names_symbol());
        Ok(ColumnReader { columnar, columns, wanted, filter })
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    pub(super) fn progress(&self) -> f64 {
        self.columnar.progress()
    }

    /// Fills the buffer with the next rows; false at the end of the file.
    pub(super) fn fill(
        &mut self,
        symbols: &mut Symbols,
        buffer: &mut TradeBuffer,
    ) -> Result<bool, TradesError> {
        let unnamed = self.columns.unnamed(symbols);
        let Some((first, read)) = self.columnar.next_rows()? else { return Ok(false) };
        let mut cells = Vec::with_capacity(self.wanted.len());
        for (column, &(role, at)) in self.wanted.iter().enumerate() {
            let taken = take(read.column(column), role);
            cells.push(taken.map_err(|refused| self.refused(first, role, at, refused))?);
        }
        for row in 0..read.num_rows() {
            let Some((trade, symbol)) = self.trade(&cells, row, unnamed, symbols) else { continue };
            let place = || at(self.columnar.path(), first + row as u64);
            if !(trade.price.is_finite() && trade.qty.is_finite()) {
                return Err(self.missing(first, row, &trade));
            }
            if !times::is_known(trade.ts_ns) {
                let value = self.shown(&read, row);
                return Err(times::refused(place(), &self.columns, value, trade.ts_ns));
            }
            let kept = self.filter.take(&trade, symbol, symbols, buffer);
            kept.map_err(|late| late.at(place(), &self.columns, symbols))?;
        }
        Ok(true)
    }

    /// The trade of a row, if it is one, and its symbol.
    fn trade(
        &self,
        cells: &[Cells],
        row: usize,
        unnamed: u32,
        symbols: &mut Symbols,
    ) -> Option<(Trade, u32)> {
        let mut trade = Trade::new(0, 0.0, 0.0, Side::Unknown);
        let mut quote = Quote { bid: f64::NAN, ask: f64::NAN };
        let (mut symbol, mut day_ns) = (unnamed, 0);
        for (cells, (role, _)) in cells.iter().zip(&self.wanted) {
            match (cells, role) {
                (Cells::Integers(days), Role::Date) => day_ns = days[row],
                (Cells::Integers(times), _) => trade.ts_ns = times[row],
                (Cells::Floats(values), Role::Price | Role::PriceUnits) => {
                    trade.price = values[row]
                }
                (Cells::Floats(values), Role::Qty) => trade.qty = values[row],
                (Cells::Floats(values), Role::Bid) => quote.bid = values[row],
                (Cells::Floats(values), _) => quote.ask = values[row],
                (Cells::Orders(ids), Role::BuyId) => trade.buy_id = ids[row],
                (Cells::Orders(ids), _) => trade.sell_id = ids[row],
                (Cells::Sides(sides), _) => trade.side = sides[row],
                (Cells::Kinds(kinds), _) if kinds[row] != TRADE => return None,
                (Cells::Kinds(_), _) => {}
                (Cells::Texts(texts), _) => {
                    symbol = symbols.number(texts.value(row).as_bytes());
                }
            }
        }
        if self.columns.price_divisor != 1.0 {
            trade.price /= self.columns.price_divisor;
        }
        trade.ts_ns = trade.ts_ns.saturating_add(self.columns.offset_ns).saturating_add(day_ns);
        if quote.bid > 0.0 && quote.ask > 0.0 {
            trade.quote = Some(quote);
        }
        Some((trade, symbol))
    }

    /// The error of a trade whose price or quantity is no number.
    #[cold]
    fn missing(&self, first: u64, row: usize, trade: &Trade) -> TradesError {
        let (value, role) = match trade.price.is_finite() {
            true => (trade.qty, Role::Qty),
            false => (trade.price, Role::Price),
        };
        let is_it = |found: Role| found == role || found.is_price() && role.is_price();
        let column = self.columns.find(is_it).unwrap_or(0);
        self.refused(first, role, column, Refused { row, value: value.to_string() })
    }

    #[cold]
    fn refused(&self, first: u64, role: Role, column: usize, refused: Refused) -> TradesError {
        TradesError::Value {
            place: at(self.columnar.path(), first + refused.row as u64),
            column: column + 1,
            name: self.columns.names[column].clone(),
            value: shown(refused.value.trim(), 40),
            expected: role.expected(),
        }
    }

    /// The time of a row as it stands in the file.
    #[cold]
    fn shown(&self, read: &RecordBatch, row: usize) -> String {
        let is_time = |(role, _): &(Role, usize)| role.is_time();
        let Some(column) = self.wanted.iter().position(is_time) else { return String::new() };
        text_of(read.column(column), row)
    }
}

/// The first row of a file, as text, for what it tells of all.
fn first_row(path: &std::path::Path) -> Result<Vec<String>, TradesError> {
    let mut columnar = Columnar::open(Input::open(path)?)?;
    let all: Vec<usize> = (0..columnar.names().len()).collect();
    columnar.select(&all, CHUNK_ROWS)?;
    let Some((_, read)) = columnar.next_rows()? else { return Ok(Vec::new()) };
    Ok(read.columns().iter().map(|array| text_of(array, 0)).collect())
}

/// A value as text; nothing for types that hold none of those looked for.
fn text_of(array: &ArrayRef, row: usize) -> String {
    let one = array.slice(row, 1);
    let kind = plain(one.data_type());
    match kind {
        _ if one.is_null(0) => String::new(),
        kind if is_text(kind) || kind.is_integer() => texts(&one).value(0).to_owned(),
        // In nanoseconds, whatever the unit of the type.
        kind if is_integer(kind) => {
            integers(&one).map_or(String::new(), |values| values.value(0).to_string())
        }
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => {
            // Decimals are no integers of a small unit, whatever they are worth.
            format!("{:e}", floats(&one).value(0))
        }
        kind if is_number(kind) => floats(&one).value(0).to_string(),
        _ => String::new(),
    }
}

/// The type of the values of a dictionary, or the type itself.
fn plain(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

/// Whether a column of this type may hold what is looked for; if not, what it should hold.
fn fits(kind: &DataType, role: Role) -> Result<(), &'static str> {
    let kind = plain(kind);
    let (text, number, integer) = (is_text(kind), is_number(kind), is_integer(kind));
    let (fits, expected) = match role {
        Role::Time(_) => (text || number || integer, "times"),
        Role::Date | Role::Clock => (text || kind.is_integer(), "text"),
        Role::Side | Role::MakerSide | Role::Kind(_) | Role::Symbol => {
            (text || kind.is_integer(), "text")
        }
        // LOBSTER's, whose files are text.
        Role::RestingId | Role::RestingSide => (false, "text of LOBSTER's"),
        Role::BuyerMaker => (text || kind.is_integer() || *kind == DataType::Boolean, "booleans"),
        _ => (text || number, "numbers"),
    };
    if fits { Ok(()) } else { Err(expected) }
}

/// The decimal of the fewest digits that a number of single precision is the nearest to.
fn of_single(value: f64) -> f64 {
    // An `f32` takes at most 9 digits to tell.
    let of = |places: i32| (value * 10_f64.powi(places)).round() / 10_f64.powi(places);
    (0..20).map(of).find(|decimal| *decimal as f32 == value as f32).unwrap_or(value)
}

/// Reads a column as what it holds.
fn take(array: &ArrayRef, role: Role) -> Result<Cells, Refused> {
    let text = is_text(plain(array.data_type()));
    match role {
        Role::Time(unit) => Ok(Cells::Integers(moments(array, unit)?)),
        Role::Date => Ok(Cells::Integers(of_texts(array, day_of)?)),
        Role::Clock => Ok(Cells::Integers(of_texts(array, clock)?)),
        Role::ClockDigits => {
            let read = |field: &[u8]| clock_of_digits(i64::try_from(order(field)?).ok()?);
            Ok(Cells::Integers(of_texts(array, read)?))
        }
        Role::Symbol | Role::Skip => Ok(Cells::Texts(texts(array))),
        Role::Side => Ok(Cells::Sides(of_texts(array, Side::from_word)?)),
        Role::MakerSide => {
            let other = |field: &[u8]| match Side::from_word(field)? {
                Side::Buy => Some(Side::Sell),
                Side::Sell => Some(Side::Buy),
                other => Some(other),
            };
            Ok(Cells::Sides(of_texts(array, other)?))
        }
        Role::BuyerMaker if text => Ok(Cells::Sides(of_texts(array, maker)?)),
        Role::BuyerMaker => {
            let side = |value: f64| match value {
                0.0 => Some(Side::Buy),
                1.0 => Some(Side::Sell),
                _ => None,
            };
            Ok(Cells::Sides(of_floats(&floats(array).values()[..], side)?))
        }
        Role::Kind(kinds) => Ok(Cells::Kinds(of_texts(array, |field| kind(kinds, field))?)),
        Role::BuyId | Role::SellId | Role::RestingId | Role::RestingSide => {
            Ok(Cells::Orders(orders(array)?))
        }
        Role::Bid | Role::Ask | Role::Price | Role::PriceUnits | Role::Qty => {
            Ok(Cells::Floats(quotes(array)?))
        }
    }
}

fn kind(kinds: Kinds, field: &[u8]) -> Option<u8> {
    kinds.of(field.trim_ascii())
}

/// Values of text or of integers in digits.
fn of_texts<T>(array: &ArrayRef, read: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, Refused> {
    let texts = texts(array);
    let value = |(row, text): (usize, Option<&str>)| {
        let text = text.unwrap_or("");
        read(text.as_bytes()).ok_or_else(|| Refused { row, value: text.to_owned() })
    };
    texts.iter().enumerate().map(value).collect()
}

fn of_floats<T>(values: &[f64], read: impl Fn(f64) -> Option<T>) -> Result<Vec<T>, Refused> {
    let value = |(row, value): (usize, &f64)| {
        read(*value).ok_or_else(|| Refused { row, value: value.to_string() })
    };
    values.iter().enumerate().map(value).collect()
}

/// Numbers; what is missing is NaN.
fn quotes(array: &ArrayRef) -> Result<Vec<f64>, Refused> {
    let kind = plain(array.data_type());
    if is_text(kind) {
        let read = |field: &[u8]| match field.trim_ascii() {
            [] => Some(f64::NAN),
            field => decimal(field),
        };
        return of_texts(array, read);
    }
    let values = floats(array);
    Ok(match kind {
        DataType::Float32 => values.values().iter().map(|value| of_single(*value)).collect(),
        _ => values.values().to_vec(),
    })
}

/// Order numbers: what is missing, 0 or below is none.
fn orders(array: &ArrayRef) -> Result<Vec<u64>, Refused> {
    let kind = plain(array.data_type());
    if is_text(kind) || *kind == DataType::UInt64 {
        return of_texts(array, order);
    }
    if kind.is_integer() {
        let values = integers(array).map_err(misfit)?;
        let id = |(row, value): (usize, &i64)| match array.is_null(row) {
            true => 0,
            false => u64::try_from(*value).unwrap_or(0),
        };
        return Ok(values.values().iter().enumerate().map(id).collect());
    }
    let id = |value: f64| match value {
        value if value.is_nan() || value <= 0.0 => Some(0),
        // Exact: a whole number up to 2^53.
        value if value.fract() == 0.0 && value <= ORDER_MAX => Some(value as u64),
        _ => None,
    };
    of_floats(&floats(array).values()[..], id)
}

/// Times in nanoseconds.
fn moments(array: &ArrayRef, unit: TimeUnit) -> Result<Vec<i64>, Refused> {
    let kind = plain(array.data_type());
    if let Some(row) = (0..array.len()).find(|&row| array.is_null(row)) {
        return Err(Refused { row, value: String::new() });
    }
    if matches!(kind, DataType::Timestamp(..)) {
        return Ok(integers(array).map_err(misfit)?.values().to_vec());
    }
    if is_text(kind) || !kind.is_integer() {
        return match is_text(kind) {
            true => of_texts(array, |field| time(field, unit)),
            // Seconds with decimals; six digits of them are all that a float holds of our days.
            false => of_floats(&floats(array).values()[..], |value| {
                time(format!("{value:.6}").as_bytes(), unit)
            }),
        };
    }
    let values = integers(array).map_err(misfit)?;
    let value = |(row, value): (usize, &i64)| {
        unit.whole(*value).ok_or_else(|| Refused { row, value: value.to_string() })
    };
    values.values().iter().enumerate().map(value).collect()
}

fn misfit(misfit: Misfit) -> Refused {
    Refused { row: misfit.row, value: misfit.value.unwrap_or_default() }
}
