//! One field of a text as the number it stands for, or why it is none.

use super::chunk::Place;
use super::error::TableError;
use super::scan;
use std::str::FromStr;

/// The error of a field that is not what its column, counted from 0, should hold.
pub(super) fn refused(
    place: Place,
    (column, name): (usize, &str),
    field: &[u8],
    expected: &'static str,
) -> TableError {
    let (column, name) = (column + 1, name.to_owned());
    match field.trim_ascii() {
        [] => TableError::Missing { place, column, name },
        field => TableError::NotANumber { place, column, name, value: shown(field), expected },
    }
}

/// A field as it may stand in a message.
fn shown(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

/// A number; NaN where it is missing. The error says what it should have been.
pub(super) fn as_float(field: &[u8]) -> Result<f64, &'static str> {
    match field.trim_ascii() {
        [] => Ok(f64::NAN),
        field => scan::float(field).or_else(|| parsed(field)).ok_or("a number"),
    }
}

/// An integer, likewise; none may be missing.
pub(super) fn as_integer(field: &[u8]) -> Result<i64, &'static str> {
    parsed(field.trim_ascii()).ok_or("an integer")
}

fn parsed<T: FromStr>(field: &[u8]) -> Option<T> {
    str::from_utf8(field).ok().and_then(|text| text.parse().ok())
}
