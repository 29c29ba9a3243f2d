//! [`Cells`]: a column of Parquet or Arrow as what it says of trades.

use super::moment::{clock, clock_of_digits, day_of};
use super::number::{TimeUnit, decimal, order, time};
use super::role::{Kinds, Role};
use super::text::maker;
use crate::table::{Misfit, floats, integers, is_integer, is_number, is_text, texts};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;
use factord_factors::Side;

/// The greatest order number that a float column holds exactly.
const ORDER_MAX: f64 = 9_007_199_254_740_992.0;

/// The values of one column, as far as they say something of trades.
pub(super) enum Cells {
    Floats(ScalarBuffer<f64>),
    /// Times of trades, or of the day; days.
    Integers(ScalarBuffer<i64>),
    Orders(Vec<u64>),
    Sides(Vec<Side>),
    Kinds(Vec<u8>),
    Texts(Texts),
}

/// A text of each row.
pub(super) enum Texts {
    Each(StringArray),
    /// By its place among those that there are.
    Coded(Vec<usize>, StringArray),
}

impl Texts {
    fn of(array: &ArrayRef) -> Texts {
        match array.as_any_dictionary_opt() {
            // Of more texts than rows, most are of other rows.
            Some(coded) if coded.null_count() == 0 && coded.values().len() <= array.len() => {
                Texts::Coded(coded.normalized_keys(), texts(coded.values()))
            }
            _ => Texts::Each(texts(array)),
        }
    }

    /// How many texts have a place.
    pub(super) fn coded_count(&self) -> usize {
        match self {
            Texts::Each(_) => 0,
            Texts::Coded(_, texts) => texts.len(),
        }
    }
}

/// A value that its column may not hold, in this row of those read.
pub(super) struct Refused {
    pub(super) row: usize,
    pub(super) value: String,
}

/// A value as text; nothing for types that hold none of those looked for.
pub(super) fn text_of(array: &ArrayRef, row: usize) -> String {
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
pub(super) fn fits(kind: &DataType, role: Role) -> Result<(), &'static str> {
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
pub(super) fn take(array: &ArrayRef, role: Role) -> Result<Cells, Refused> {
    let text = is_text(plain(array.data_type()));
    match role {
        Role::Time(unit) => Ok(Cells::Integers(moments(array, unit)?)),
        Role::Date => Ok(Cells::Integers(of_texts(array, day_of)?.into())),
        Role::Clock => Ok(Cells::Integers(of_texts(array, clock)?.into())),
        Role::ClockDigits => {
            let read = |field: &[u8]| clock_of_digits(i64::try_from(order(field)?).ok()?);
            Ok(Cells::Integers(of_texts(array, read)?.into()))
        }
        Role::Symbol | Role::Skip => Ok(Cells::Texts(Texts::of(array))),
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
fn of_texts<T: Copy>(
    array: &ArrayRef,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>, Refused> {
    let refused = |row: usize, text: &str| Refused { row, value: text.to_owned() };
    match Texts::of(array) {
        Texts::Each(texts) => {
            let value = |row| {
                let text: &str = texts.value(row);
                read(text.as_bytes()).ok_or_else(|| refused(row, text))
            };
            (0..texts.len()).map(value).collect()
        }
        Texts::Coded(places, texts) => {
            let values = (0..texts.len()).map(|place| read(texts.value(place).as_bytes()));
            let values: Vec<Option<T>> = values.collect();
            // A dictionary of values that all mean something is what files have.
            if let Some(values) = values.iter().copied().collect::<Option<Vec<T>>>() {
                return Ok(places.iter().map(|&place| values[place]).collect());
            }
            let value = |(row, &place): (usize, &usize)| {
                values[place].ok_or_else(|| refused(row, texts.value(place)))
            };
            places.iter().enumerate().map(value).collect()
        }
    }
}

fn of_floats<T>(values: &[f64], read: impl Fn(f64) -> Option<T>) -> Result<Vec<T>, Refused> {
    let value = |(row, value): (usize, &f64)| {
        read(*value).ok_or_else(|| Refused { row, value: value.to_string() })
    };
    values.iter().enumerate().map(value).collect()
}

/// Numbers; what is missing is NaN.
fn quotes(array: &ArrayRef) -> Result<ScalarBuffer<f64>, Refused> {
    let kind = plain(array.data_type());
    if is_text(kind) {
        let read = |field: &[u8]| match field.trim_ascii() {
            [] => Some(f64::NAN),
            field => decimal(field),
        };
        return Ok(of_texts(array, read)?.into());
    }
    let values = floats(array).values().clone();
    Ok(match kind {
        DataType::Float32 => values.iter().map(|value| of_single(*value)).collect(),
        _ => values,
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
        let mut ids: Vec<u64> =
            values.values().iter().map(|&id| id.max(0).cast_unsigned()).collect();
        if array.null_count() > 0 {
            (0..ids.len()).filter(|&row| array.is_null(row)).for_each(|row| ids[row] = 0);
        }
        return Ok(ids);
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
fn moments(array: &ArrayRef, unit: TimeUnit) -> Result<ScalarBuffer<i64>, Refused> {
    let kind = plain(array.data_type());
    let missing = || (0..array.len()).find(|&row| array.is_null(row));
    if array.null_count() > 0
        && let Some(row) = missing()
    {
        return Err(Refused { row, value: String::new() });
    }
    if matches!(kind, DataType::Timestamp(..)) {
        return Ok(integers(array).map_err(misfit)?.values().clone());
    }
    if is_text(kind) || !kind.is_integer() {
        let times = match is_text(kind) {
            true => of_texts(array, |field| time(field, unit))?,
            // Seconds with decimals; six digits of them are all that a float holds of our days.
            false => of_floats(&floats(array).values()[..], |value| {
                time(format!("{value:.6}").as_bytes(), unit)
            })?,
        };
        return Ok(times.into());
    }
    let values = integers(array).map_err(misfit)?;
    if unit == TimeUnit::Nanoseconds {
        return Ok(values.values().clone());
    }
    let value = |(row, value): (usize, &i64)| {
        unit.whole(*value).ok_or_else(|| Refused { row, value: value.to_string() })
    };
    values.values().iter().enumerate().map(value).collect::<Result<Vec<i64>, _>>().map(Into::into)
}

fn misfit(misfit: Misfit) -> Refused {
    Refused { row: misfit.row, value: misfit.value.unwrap_or_default() }
}
