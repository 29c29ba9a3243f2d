//! Arrow arrays as the types that are wanted of them.
//!
//! Integers of every width, floats, decimals and booleans are numbers; integers and time stamps
//! are integers; text may be held in any of Arrow's ways, or be integers. What does not fit names
//! its row.

use super::chunk::Type;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, TimeUnit};
use std::sync::Arc;

/// A value that is not what its column is read as; `row` counts from 0.
pub(crate) struct Misfit {
    pub(crate) row: usize,
    /// The value, or nothing where it is missing.
    pub(crate) value: Option<String>,
}

/// Whether a column of this type can be read as what is wanted; if not, what it should hold.
pub(crate) fn fits(found: &DataType, wanted: Type) -> Result<(), &'static str> {
    let inner = match found {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    let (fits, expected) = match wanted {
        Type::Float => (is_number(inner), "numbers"),
        Type::Integer => (is_integer(inner), "integers"),
        Type::Text => (is_text(inner), "text"),
    };
    if fits { Ok(()) } else { Err(expected) }
}

/// Whether [`floats`] takes a type.
pub(crate) fn is_number(kind: &DataType) -> bool {
    let decimal = matches!(
        kind,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    );
    let float = matches!(kind, DataType::Float32 | DataType::Float64 | DataType::Boolean);
    kind.is_integer() || float || decimal
}

/// Whether [`integers`] takes a type.
pub(crate) fn is_integer(kind: &DataType) -> bool {
    kind.is_integer() || matches!(kind, DataType::Timestamp(..))
}

/// Whether a type is text, however it is held.
pub(crate) fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// An array as the type wanted, for types that [`fits`] takes.
pub(super) fn converted(array: &ArrayRef, wanted: Type) -> Result<ArrayRef, Misfit> {
    let missing = || (0..array.len()).find(|&row| array.is_null(row)).unwrap_or(0);
    match wanted {
        Type::Float => Ok(Arc::new(floats(array))),
        Type::Integer if array.null_count() > 0 => Err(Misfit { row: missing(), value: None }),
        Type::Integer => Ok(Arc::new(integers(array)?)),
        Type::Text => Ok(Arc::new(texts(array))),
    }
}

/// The values of an array of one type, as another; what is null is whatever stood there.
macro_rules! values {
    ($array:expr, $kind:ty, $value:ident => $as:expr) => {
        $array.as_primitive::<$kind>().values().iter().map(|&$value| $as).collect()
    };
}

/// Decimals of one type as the nearest `f64`.
macro_rules! decimals {
    ($array:expr, $kind:ty, $scale:expr) => {
        values!($array, $kind, x => decimal(&x.to_string(), *$scale))
    };
}

/// The number nearest to so many units of a power of ten.
fn decimal(units: &str, scale: i8) -> f64 {
    // The standard library rounds once.
    format!("{units}e{}", -i32::from(scale)).parse().unwrap_or(f64::NAN)
}

/// Numbers as `f64`; what is missing is NaN. Integers beyond 2^53 are rounded to the nearest.
pub(crate) fn floats(array: &ArrayRef) -> Float64Array {
    let mut values: Vec<f64> = match array.data_type() {
        DataType::Float64 if array.null_count() == 0 => {
            return array.as_primitive::<Float64Type>().clone();
        }
        DataType::Float64 => values!(array, Float64Type, x => x),
        DataType::Float32 => values!(array, Float32Type, x => f64::from(x)),
        DataType::Int8 => values!(array, Int8Type, x => f64::from(x)),
        DataType::Int16 => values!(array, Int16Type, x => f64::from(x)),
        DataType::Int32 => values!(array, Int32Type, x => f64::from(x)),
        DataType::UInt8 => values!(array, UInt8Type, x => f64::from(x)),
        DataType::UInt16 => values!(array, UInt16Type, x => f64::from(x)),
        DataType::UInt32 => values!(array, UInt32Type, x => f64::from(x)),
        DataType::UInt64 => values!(array, UInt64Type, x => x as f64),
        DataType::Boolean => {
            array.as_boolean().values().iter().map(|value| f64::from(u8::from(value))).collect()
        }
        DataType::Decimal32(_, scale) => decimals!(array, Decimal32Type, scale),
        DataType::Decimal64(_, scale) => decimals!(array, Decimal64Type, scale),
        DataType::Decimal128(_, scale) => decimals!(array, Decimal128Type, scale),
        DataType::Decimal256(_, scale) => decimals!(array, Decimal256Type, scale),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = floats(dictionary.values());
            let at = |key| if values.is_empty() { f64::NAN } else { values.value(key) };
            dictionary.normalized_keys().into_iter().map(at).collect()
        }
        _ => values!(array, Int64Type, x => x as f64),
    };
    if array.null_count() > 0 {
        for row in (0..values.len()).filter(|&row| array.is_null(row)) {
            values[row] = f64::NAN;
        }
    }
    Float64Array::from(values)
}

/// Integers and time stamps as `i64`, the latter in nanoseconds; what is null is anything.
pub(crate) fn integers(array: &ArrayRef) -> Result<Int64Array, Misfit> {
    let stamps = |scale: i64, values: &[i64]| {
        let far = values.iter().position(|value| value.checked_mul(scale).is_none());
        match far.filter(|&row| !array.is_null(row)) {
            Some(row) => Err(Misfit { row, value: Some(values[row].to_string()) }),
            None => Ok(values.iter().map(|value| value.wrapping_mul(scale)).collect()),
        }
    };
    let values: Vec<i64> = match array.data_type() {
        DataType::Int64 => return Ok(array.as_primitive::<Int64Type>().clone()),
        DataType::Int8 => values!(array, Int8Type, x => i64::from(x)),
        DataType::Int16 => values!(array, Int16Type, x => i64::from(x)),
        DataType::Int32 => values!(array, Int32Type, x => i64::from(x)),
        DataType::UInt8 => values!(array, UInt8Type, x => i64::from(x)),
        DataType::UInt16 => values!(array, UInt16Type, x => i64::from(x)),
        DataType::UInt32 => values!(array, UInt32Type, x => i64::from(x)),
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values();
            let far = values.iter().position(|&value| i64::try_from(value).is_err());
            if let Some(row) = far.filter(|&row| !array.is_null(row)) {
                return Err(Misfit { row, value: Some(values[row].to_string()) });
            }
            values.iter().map(|&value| value as i64).collect()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            values!(array, TimestampNanosecondType, x => x)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            stamps(1_000, array.as_primitive::<TimestampMicrosecondType>().values())?
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            stamps(1_000_000, array.as_primitive::<TimestampMillisecondType>().values())?
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            stamps(1_000_000_000, array.as_primitive::<TimestampSecondType>().values())?
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = integers(dictionary.values())?;
            let at = |key| if values.is_empty() { 0 } else { values.value(key) };
            dictionary.normalized_keys().into_iter().map(at).collect()
        }
        // Not one that `is_integer` knows.
        _ => values!(array, Int64Type, x => x),
    };
    Ok(Int64Array::from(values))
}

/// Texts, or integers in digits; what is missing is empty.
pub(crate) fn texts(array: &ArrayRef) -> StringArray {
    let or_empty = |text: Option<&str>| text.unwrap_or("").to_owned();
    match array.data_type() {
        DataType::Utf8 if array.null_count() == 0 => array.as_string::<i32>().clone(),
        DataType::Utf8 => {
            array.as_string::<i32>().iter().map(|text| Some(or_empty(text))).collect()
        }
        DataType::LargeUtf8 => {
            array.as_string::<i64>().iter().map(|text| Some(or_empty(text))).collect()
        }
        DataType::Utf8View => {
            array.as_string_view().iter().map(|text| Some(or_empty(text))).collect()
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = texts(dictionary.values());
            let keys = dictionary.normalized_keys();
            let text = |(row, key)| match array.is_null(row) || values.is_empty() {
                true => "",
                false => values.value(key),
            };
            StringArray::from_iter_values(keys.into_iter().enumerate().map(text))
        }
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().iter();
            values.map(|value| Some(value.map_or(String::new(), |v| v.to_string()))).collect()
        }
        _ => {
            // Every other integer fits.
            let values = integers(array).map(|values| values.values().to_vec());
            let values = values.unwrap_or_default().into_iter().enumerate();
            let text = |(row, value): (usize, i64)| match array.is_null(row) {
                true => String::new(),
                false => value.to_string(),
            };
            values.map(|value| Some(text(value))).collect()
        }
    }
}
