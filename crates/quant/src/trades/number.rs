//! Numbers from bytes: decimals to the nearest `f64`, times to the nanosecond.

use super::moment::{calendar, moment};
use crate::table::scan::{self, DIGITS_MAX};

/// Powers of ten, all of which `f64` holds exactly.
const TENS: [f64; DIGITS_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19,
];

/// How a time is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    /// One of these or of those below, told by the first time of a file.
    Any,
    /// A day and a clock in 14 or 17 digits; local times, so many nanoseconds ahead of UTC.
    Calendar(i64),
    /// ISO 8601 or kdb+; what says no offset is local, so many nanoseconds ahead of UTC.
    Text(i64),
}

impl TimeUnit {
    /// Nanoseconds in one of them, for a time of this whole part.
    fn scale(self, whole: i64) -> Option<i64> {
        match self {
            TimeUnit::Nanoseconds => Some(1),
            TimeUnit::Microseconds => Some(1_000),
            TimeUnit::Milliseconds => Some(1_000_000),
            TimeUnit::Seconds => Some(1_000_000_000),
            TimeUnit::Any => TimeUnit::of_digits(whole).scale(whole),
            TimeUnit::Calendar(_) | TimeUnit::Text(_) => None,
        }
    }

    /// The unit of a time since 1970 of these digits.
    pub(super) fn of_digits(whole: i64) -> TimeUnit {
        match whole.unsigned_abs() {
            0..100_000_000_000 => TimeUnit::Seconds,
            100_000_000_000..100_000_000_000_000 => TimeUnit::Milliseconds,
            100_000_000_000_000..100_000_000_000_000_000 => TimeUnit::Microseconds,
            _ => TimeUnit::Nanoseconds,
        }
    }

    /// A whole number of this unit, in nanoseconds.
    #[inline]
    pub(super) fn whole(self, value: i64) -> Option<i64> {
        match self {
            TimeUnit::Nanoseconds => Some(value),
            TimeUnit::Microseconds => value.checked_mul(1_000),
            TimeUnit::Milliseconds => value.checked_mul(1_000_000),
            TimeUnit::Calendar(ahead_ns) => Some(calendar(value)? - ahead_ns),
            _ => value.checked_mul(self.scale(value)?),
        }
    }

    /// What is looked for, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            TimeUnit::Any => "a time",
            TimeUnit::Nanoseconds => "a time in nanoseconds since 1970",
            TimeUnit::Microseconds => "a time in microseconds since 1970",
            TimeUnit::Milliseconds => "a time in milliseconds since 1970",
            TimeUnit::Seconds => "a time in seconds since 1970",
            TimeUnit::Calendar(_) => "a day and a time in 14 or 17 digits",
            TimeUnit::Text(_) => "a time such as 2023-02-01T09:30:00.040",
        }
    }
}

/// Up to 18 digits as an integer.
fn digits(bytes: &[u8]) -> Option<u64> {
    let (value, len) = scan::digits(bytes, 0);
    (len == bytes.len() && len <= 18).then_some(value)
}

/// Whether a field ends there.
#[inline]
fn ends(bytes: &[u8], len: usize) -> bool {
    matches!(bytes.get(len), Some(b',' | b'\n'))
}

/// The decimal number that a line starts with, and the length of its field, if it is of few digits
/// and nothing else: [`decimal`] reads the others.
#[inline]
pub(super) fn plain_decimal(bytes: &[u8]) -> Option<(f64, usize)> {
    let (mut value, mut count) = scan::digits(bytes, 0);
    let (mut len, mut places) = (count, 0);
    if bytes.get(len) == Some(&b'.') {
        (value, places) = scan::digits(&bytes[len + 1..], value);
        count += places;
        len += 1 + places;
    }
    // Nothing wrapped, and the quotient of two exact numbers is the nearest.
    let short = (1..=DIGITS_MAX).contains(&count) && value <= 1 << 53;
    (short && ends(bytes, len)).then(|| (value as f64 / TENS[places], len))
}

/// The order number that a line starts with, and the length of its field, if it is digits or
/// nothing: [`order`] reads the others.
#[inline]
pub(super) fn plain_order(bytes: &[u8]) -> Option<(u64, usize)> {
    let (value, len) = scan::digits(bytes, 0);
    (len <= DIGITS_MAX && ends(bytes, len)).then_some((value, len))
}

/// The time that a line starts with, and the length of its field, if it is digits: [`time`] reads
/// the others.
#[inline]
pub(super) fn plain_time(bytes: &[u8], unit: TimeUnit) -> Option<(i64, usize)> {
    let (value, len) = scan::digits(bytes, 0);
    if !(1..=DIGITS_MAX).contains(&len) || !ends(bytes, len) {
        return None;
    }
    Some((unit.whole(i64::try_from(value).ok()?)?, len))
}

/// A decimal number, rounded to the nearest `f64`. The standard library reads forms that are not
/// plain.
pub(super) fn decimal(bytes: &[u8]) -> Option<f64> {
    scan::float(bytes).or_else(|| {
        let value: f64 = std::str::from_utf8(bytes).ok()?.trim().parse().ok()?;
        value.is_finite().then_some(value)
    })
}

/// An order number; empty, zero and negative mean "no order number" (0).
#[inline]
pub(super) fn order(bytes: &[u8]) -> Option<u64> {
    if let Some(value) = digits(bytes) {
        return Some(value);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    // As tools write a column of integers in which some are missing.
    let text = text.strip_suffix(".0").unwrap_or(text);
    match text.strip_prefix('-') {
        Some(negative) => digits(negative.as_bytes()).map(|_| 0),
        None if text.is_empty() || text.eq_ignore_ascii_case("nan") => Some(0),
        None => text.parse().ok(),
    }
}

/// A time in nanoseconds; digits beyond the nanosecond are cut, and so are blanks around it.
#[inline]
pub(super) fn time(bytes: &[u8], unit: TimeUnit) -> Option<i64> {
    let bytes = bytes.trim_ascii();
    match unit {
        TimeUnit::Text(ahead_ns) => {
            let moment = moment(bytes)?;
            Some(moment.ns - if moment.zoned { 0 } else { ahead_ns })
        }
        TimeUnit::Calendar(_) => unit.whole(i64::try_from(digits(bytes)?).ok()?),
        _ => time_of_digits(bytes, unit),
    }
}

/// A time since 1970 in digits.
fn time_of_digits(bytes: &[u8], unit: TimeUnit) -> Option<i64> {
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let point = bytes.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&bytes[..point], &bytes[point + 1..]),
        None => (bytes, &[][..]),
    };
    if whole.is_empty() || whole.len() > 19 {
        return None;
    }
    // 19 digits are a time in nanoseconds; more than `i64` holds is none.
    let (high, low) = whole.split_at(whole.len().saturating_sub(18));
    let value = digits(high)?.checked_mul(1_000_000_000_000_000_000)?.checked_add(digits(low)?)?;
    let value = i64::try_from(value).ok()?;
    let scale = unit.scale(value)?;
    let mut ns = value.checked_mul(scale)?;
    if !fraction.is_empty() {
        let mut place = scale;
        for byte in fraction {
            place /= 10;
            // At most 9 digits of a second count.
            ns = ns.checked_add(place * i64::try_from(digits(&[*byte])?).ok()?)?;
        }
    }
    Some(if negative { -ns } else { ns })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_decimal_is_what_the_standard_library_reads(text in "[0-9]{0,20}\\.?[0-9]{0,12}") {
            let expected = text.parse::<f64>().ok();
            prop_assert_eq!(decimal(text.as_bytes()).map(f64::to_bits), expected.map(f64::to_bits));
        }

        #[test]
        fn what_is_read_at_the_start_of_a_line_is_what_its_field_holds(
            text in "-?[0-9]{0,22}(\\.[0-9]{0,12})?[ \r]?", rest in "[,\n][0-9,]{0,9}",
        ) {
            let (field, line) = (text.as_bytes(), format!("{text}{rest}"));
            if let Some((value, len)) = plain_decimal(line.as_bytes()) {
                let expected = decimal(field).map(f64::to_bits);
                prop_assert_eq!((Some(value.to_bits()), len), (expected, field.len()));
            }
            if let Some((value, len)) = plain_order(line.as_bytes()) {
                prop_assert_eq!((Some(value), len), (order(field), field.len()));
            }
            for unit in [TimeUnit::Nanoseconds, TimeUnit::Seconds, TimeUnit::Any] {
                if let Some((value, len)) = plain_time(line.as_bytes(), unit) {
                    prop_assert_eq!((Some(value), len), (time(field, unit), field.len()));
                }
            }
        }
    }

    #[test]
    fn plain_numbers_need_no_second_look() {
        let ns = 1_675_214_700_940_000_000;
        assert_eq!(plain_decimal(b"1850.48,100\n"), Some((1_850.48, 7)));
        assert_eq!(plain_decimal(b"100\n"), Some((100.0, 3)));
        assert_eq!(plain_order(b",1\n"), Some((0, 0)));
        assert_eq!(plain_order(b"12345678901234,"), Some((12_345_678_901_234, 14)));
        assert_eq!(plain_time(b"1675214700940000000,A", TimeUnit::Nanoseconds), Some((ns, 19)));
        assert_eq!(plain_time(b"1675214700940,A", TimeUnit::Any), Some((ns, 13)));
        for other in [&b".,"[..], b",", b"1", b"1\r\n", b"1e3,", b"99999999999999999999,"] {
            assert_eq!(plain_decimal(other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", ".", "x", "1x", "1.2.3", "nan", "inf", "1e999", "--1", "1 2"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decimal(b"-1.5e3"), Some(-1_500.0));
        assert_eq!(decimal(b" 2 "), Some(2.0));
    }

    #[test]
    fn times_of_every_unit_are_nanoseconds() {
        let ns = 1_675_214_700_940_000_000;
        for (text, unit) in [
            ("1675214700940000000", TimeUnit::Nanoseconds),
            ("1675214700940000", TimeUnit::Microseconds),
            ("1675214700940", TimeUnit::Milliseconds),
            ("1675214700.94", TimeUnit::Seconds),
        ] {
            assert_eq!(time(text.as_bytes(), unit), Some(ns), "{text}");
            assert_eq!(time(text.as_bytes(), TimeUnit::Any), Some(ns), "{text}");
        }
        assert_eq!(time(b"34200.004241176", TimeUnit::Seconds), Some(34_200_004_241_176));
        assert_eq!(time(b"-5", TimeUnit::Seconds), Some(-5_000_000_000));
        for text in ["", ".5", "x", "1.x", "99999999999999999999", "9300000000000000000"] {
            assert_eq!(time(text.as_bytes(), TimeUnit::Nanoseconds), None, "{text}");
        }
    }

    #[test]
    fn order_numbers_may_be_missing() {
        for (text, id) in [
            ("42", 42),
            ("", 0),
            ("0", 0),
            ("-1", 0),
            ("7.0", 7),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(order(text.as_bytes()), Some(id), "{text}");
        }
        assert_eq!(order(b"a7"), None);
        assert_eq!(order(b"7.5"), None);
    }
}
