//! What a field of text is as a number.

use crate::table::scan;

/// An integer in its usual form: `007` is a text.
pub(super) fn integer(field: &[u8]) -> Option<i64> {
    let field = field.trim_ascii();
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    if digits.first() == Some(&b'0') && digits.len() > 1 {
        return None;
    }
    str::from_utf8(field).ok()?.parse().ok()
}

/// A number, likewise: `01.5` is a text.
pub(super) fn float(field: &[u8]) -> Option<f64> {
    let field = field.trim_ascii();
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    if digits.first() == Some(&b'0') && digits.get(1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    scan::float(field).or_else(|| str::from_utf8(field).ok()?.parse().ok())
}
