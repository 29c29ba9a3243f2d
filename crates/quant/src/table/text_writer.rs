//! Rows of a record batch as CSV: the shortest decimals that read back as the same bits.

use super::convert::is_text;
use super::error::TableError;
use super::shortest::push_float;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use std::io::Write;

/// The header line of a schema.
pub(crate) fn header(schema: &Schema, bytes: &mut Vec<u8>) -> Result<(), TableError> {
    for field in schema.fields() {
        if !has_text(field.data_type()) {
            let (name, found) = (field.name().clone(), field.data_type().to_string());
            return Err(TableError::NoText { name, found });
        }
    }
    let mut writer = csv::Writer::from_writer(&mut *bytes);
    into_memory(writer.write_record(schema.fields().iter().map(|field| field.name())));
    into_memory(writer.flush().map_err(csv::Error::from));
    Ok(())
}

/// Appends the rows of a record batch. Numbers that are missing or NaN are empty, time stamps
/// integers in the column's own unit.
pub(crate) fn rows(record: &RecordBatch, bytes: &mut Vec<u8>) {
    let columns: Vec<Cells<'_>> = record.columns().iter().map(Cells::of).collect();
    let mut writer = csv::Writer::from_writer(&mut *bytes);
    let mut field = Vec::new();
    for row in 0..record.num_rows() {
        for column in &columns {
            match column {
                Cells::Text(of) => into_memory(writer.write_field(of(row).unwrap_or(""))),
                column => {
                    field.clear();
                    column.write(row, &mut field);
                    into_memory(writer.write_field(&field));
                }
            }
        }
        into_memory(writer.write_record(None::<&[u8]>));
    }
    into_memory(writer.flush().map_err(csv::Error::from));
}

fn into_memory(written: Result<(), csv::Error>) {
    written.expect("a vector takes all bytes, and every row has as many fields as the first");
}

fn has_text(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Float32
            | DataType::Float64
            | DataType::Boolean
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Timestamp(..)
    ) || kind.is_integer()
        || matches!(kind, DataType::Dictionary(_, values) if is_text(values))
}

/// A column whose type is known.
enum Cells<'a> {
    Float(&'a ArrayRef, &'a [f64]),
    Single(&'a ArrayRef, &'a [f32]),
    Integer(&'a ArrayRef, Box<dyn Fn(usize) -> i128 + 'a>),
    Bool(&'a BooleanArray),
    Text(Box<dyn Fn(usize) -> Option<&'a str> + 'a>),
}

/// A column of integers of one type.
macro_rules! integers {
    ($array:expr, $kind:ty) => {{
        let values = $array.as_primitive::<$kind>().values();
        Cells::Integer($array, Box::new(|row| i128::from(values[row])))
    }};
}

/// A column of texts of one type.
macro_rules! texts {
    ($texts:expr) => {{
        let texts = $texts;
        Cells::Text(Box::new(|row| texts.is_valid(row).then(|| texts.value(row))))
    }};
}

impl<'a> Cells<'a> {
    /// Only for types that [`has_text`] admits.
    fn of(array: &'a ArrayRef) -> Cells<'a> {
        match array.data_type() {
            DataType::Float64 => Cells::Float(array, array.as_primitive::<Float64Type>().values()),
            DataType::Float32 => Cells::Single(array, array.as_primitive::<Float32Type>().values()),
            DataType::Boolean => Cells::Bool(array.as_boolean()),
            DataType::Int8 => integers!(array, Int8Type),
            DataType::Int16 => integers!(array, Int16Type),
            DataType::Int32 => integers!(array, Int32Type),
            DataType::UInt8 => integers!(array, UInt8Type),
            DataType::UInt16 => integers!(array, UInt16Type),
            DataType::UInt32 => integers!(array, UInt32Type),
            DataType::UInt64 => integers!(array, UInt64Type),
            DataType::Timestamp(TimeUnit::Second, _) => integers!(array, TimestampSecondType),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                integers!(array, TimestampMillisecondType)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                integers!(array, TimestampMicrosecondType)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                integers!(array, TimestampNanosecondType)
            }
            DataType::LargeUtf8 => texts!(array.as_string::<i64>()),
            DataType::Utf8View => texts!(array.as_string_view()),
            DataType::Utf8 => texts!(array.as_string::<i32>()),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let keys = dictionary.normalized_keys();
                let Cells::Text(of) = Cells::of(dictionary.values()) else {
                    unreachable!("`has_text` admits dictionaries of texts alone")
                };
                Cells::Text(Box::new(move |row| {
                    array.is_valid(row).then(|| of(keys[row])).flatten()
                }))
            }
            _ => integers!(array, Int64Type),
        }
    }

    fn write(&self, row: usize, field: &mut Vec<u8>) {
        let written = match self {
            Cells::Float(array, values) if array.is_valid(row) && !values[row].is_nan() => {
                push_float(field, values[row]);
                Ok(())
            }
            // `{:?}` is the shortest decimal that reads back as the same bits.
            Cells::Single(array, values) if array.is_valid(row) && !values[row].is_nan() => {
                write!(field, "{:?}", values[row])
            }
            Cells::Integer(array, value) if array.is_valid(row) => {
                match i64::try_from(value(row)) {
                    Ok(value) => write!(field, "{value}"),
                    Err(_) => write!(field, "{}", value(row)),
                }
            }
            Cells::Bool(values) if values.is_valid(row) => write!(field, "{}", values.value(row)),
            _ => Ok(()),
        };
        written.expect("a vector takes all bytes");
    }
}
