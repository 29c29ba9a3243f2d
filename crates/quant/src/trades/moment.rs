//! Times and days as text: ISO 8601, kdb+, and dates and clocks in digits.

pub(super) const SECOND_NS: i64 = 1_000_000_000;
pub(super) const DAY_NS: i64 = 86_400 * SECOND_NS;

/// A time as text, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// UTC if the text says an offset, else local.
    pub(super) ns: i64,
    /// Whether the text says an offset, or Z.
    pub(super) zoned: bool,
}

/// So many digits as a number.
fn digits(bytes: &[u8], len: usize) -> Option<i64> {
    let digits = bytes.get(..len)?;
    let value =
        |sum: i64, byte: &u8| byte.is_ascii_digit().then(|| 10 * sum + i64::from(byte - b'0'));
    digits.iter().try_fold(0, value)
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
// Counted from 0000-03-01, so that the leap day is a year's last.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// A day's number since 1970; `None` if there is no such day.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let known = (1700..2200).contains(&year) && (1..=12).contains(&month);
    let len = known.then(|| days(next_year, next, 1) - days(year, month, 1))?;
    (1..=len).contains(&day).then(|| days(year, month, day))
}

/// The day that a text starts with, since 1970, and what follows: `2023-02-01`, `2023.02.01`,
/// `2023/02/01` or `20230201`.
fn day(text: &[u8]) -> Option<(i64, &[u8])> {
    let year = digits(text, 4)?;
    match text.get(4)? {
        mark @ (b'-' | b'.' | b'/') => {
            let (month, day) = (digits(&text[5..], 2)?, digits(text.get(8..)?, 2)?);
            (text[7] == *mark).then_some(())?;
            Some((day_number(year, month, day)?, &text[10..]))
        }
        _ => {
            let (month, day) = (digits(&text[4..], 2)?, digits(text.get(6..)?, 2)?);
            Some((day_number(year, month, day)?, &text[8..]))
        }
    }
}

/// The clock that a text starts with, in nanoseconds of the day, and what follows: `09:30:00.040`,
/// `9:30`, `093000.04`.
fn clock_part(text: &[u8]) -> Option<(i64, &[u8])> {
    let colon = text.iter().position(|byte| *byte == b':');
    let (hours, minutes, seconds, mut rest) = match colon {
        Some(at @ (1 | 2)) => {
            let (hours, minutes) = (digits(text, at)?, digits(&text[at + 1..], 2)?);
            let rest = &text[at + 3..];
            match rest.strip_prefix(b":") {
                Some(rest) => (hours, minutes, digits(rest, 2)?, &rest[2..]),
                None => (hours, minutes, 0, rest),
            }
        }
        _ => (digits(text, 2)?, digits(text.get(2..)?, 2)?, digits(text.get(4..)?, 2)?, &text[6..]),
    };
    (hours < 24 && minutes < 60 && seconds < 61).then_some(())?;
    let mut ns = ((hours * 60 + minutes) * 60 + seconds) * SECOND_NS;
    if let [b'.' | b',', fraction @ ..] = rest {
        let len = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (len > 0).then_some(())?;
        // What lies behind the nanosecond is cut.
        let mut place = SECOND_NS;
        for byte in &fraction[..len] {
            place /= 10;
            ns += place * i64::from(byte - b'0');
        }
        rest = &fraction[len..];
    }
    Some((ns, rest))
}

/// An offset from UTC, in nanoseconds: `Z`, `+08:00`, `-0500`, `+08`.
pub(super) fn offset(text: &[u8]) -> Option<i64> {
    let (sign, text) = match text {
        b"Z" | b"z" | b" UTC" | b"UTC" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = (digits(text, 2)?, &text[2..]);
    let minutes = match rest.strip_prefix(b":").unwrap_or(rest) {
        b"" if rest.is_empty() => 0,
        rest => digits(rest, 2).filter(|_| rest.len() == 2)?,
    };
    (hours < 24 && minutes < 60).then(|| sign * (hours * 60 + minutes) * 60 * SECOND_NS)
}

/// A time of a day as text.
pub(super) fn moment(text: &[u8]) -> Option<Moment> {
    let (day, rest) = day(text.trim_ascii())?;
    let (b'T' | b't' | b' ' | b'D') = *rest.first()? else { return None };
    let (clock, rest) = clock_part(&rest[1..])?;
    let local = day * DAY_NS + clock;
    match rest {
        b"" => Some(Moment { ns: local, zoned: false }),
        rest => Some(Moment { ns: local - offset(rest)?, zoned: true }),
    }
}

/// A time of the day as text, in nanoseconds since midnight: `09:30:00.040`, or a timespan of kdb+
/// such as `0D09:30:00.040`.
pub(super) fn clock(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"0D").unwrap_or(text);
    text.contains(&b':').then_some(())?;
    clock_part(text).filter(|(_, rest)| rest.is_empty()).map(|(ns, _)| ns)
}

/// A time of the day as an integer of hours, minutes, seconds and thousandths: 93000040.
pub(super) fn clock_of_digits(value: i64) -> Option<i64> {
    let (rest, milliseconds) = (value / 1_000, value % 1_000);
    clock_of(rest).map(|ns| ns + milliseconds * (SECOND_NS / 1_000))
}

/// Hours, minutes and seconds in digits.
fn clock_of(value: i64) -> Option<i64> {
    let (hours, minutes, seconds) = (value / 10_000, value / 100 % 100, value % 100);
    let known = (0..24).contains(&hours) && minutes < 60 && seconds < 61 && value >= 0;
    known.then_some(((hours * 60 + minutes) * 60 + seconds) * SECOND_NS)
}

/// A day as text or in digits, in nanoseconds since 1970.
pub(super) fn day_of(text: &[u8]) -> Option<i64> {
    day(text.trim_ascii()).filter(|(_, rest)| rest.is_empty()).map(|(day, _)| day * DAY_NS)
}

/// A day and a clock in digits, in nanoseconds since 1970: 20230201093000040 or 20230201093000.
pub(super) fn calendar(value: i64) -> Option<i64> {
    let (day, clock) = match value {
        10_000_101_000_000_000..=99_991_231_235_960_999 => {
            (value / 1_000_000_000, clock_of_digits(value % 1_000_000_000)?)
        }
        10_000_101_000_000..=99_991_231_235_960 => {
            (value / 1_000_000, clock_of(value % 1_000_000)?)
        }
        _ => return None,
    };
    let day = day_number(day / 10_000, day / 100 % 100, day % 100)?;
    Some(day * DAY_NS + clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_time_with_and_without_an_offset() {
        // date -u -d 2023-02-01T01:30:00Z +%s
        let ns = 1_675_215_000_040_000_000;
        for (text, zoned) in [
            ("2023-02-01T01:30:00.040Z", true),
            ("2023-02-01 01:30:00.040", false),
            ("2023.02.01D01:30:00.040000000", false),
            ("2023/02/01 01:30:00,04", false),
            ("20230201T013000.04", false),
            ("2023-02-01T09:30:00.040+08:00", true),
            ("2023-02-01T09:30:00.040+0800", true),
            ("2023-01-31T20:30:00.040-05", true),
            ("2023-02-01 01:30:00.040 UTC", true),
            (" 2023-02-01 01:30:00.0400000009 ", false),
        ] {
            assert_eq!(moment(text.as_bytes()), Some(Moment { ns, zoned }), "{text}");
        }
        for text in [
            "",
            "2023-02-01",
            "2023-02-30T01:30:00",
            "2023-02-01T24:00:00",
            "2023-02-01T01:30:00.",
            "2023-02-01T01:30:00+8",
            "2023-02-01T01:30:00Zx",
            "2023-02.01T01:30:00",
            "1675215000",
            "20230201093000040",
            "time",
        ] {
            assert_eq!(moment(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn days_and_clocks_are_told_in_digits_too() {
        let clock_ns = (9 * 3_600 + 30 * 60) * SECOND_NS + 40_000_000;
        for text in ["09:30:00.040", "9:30:00.04", "0D09:30:00.040000000"] {
            assert_eq!(clock(text.as_bytes()), Some(clock_ns), "{text}");
        }
        assert_eq!(clock_of_digits(93_000_040), Some(clock_ns));
        assert_eq!(clock_of_digits(5_000), Some(5 * SECOND_NS));
        assert_eq!(clock_of_digits(97_000_000), None);
        for text in ["20230201", "2023-02-01", "2023.02.01"] {
            assert_eq!(day_of(text.as_bytes()), Some(19_389 * DAY_NS), "{text}");
        }
        assert_eq!(calendar(20_230_201_093_000_040), Some(19_389 * DAY_NS + clock_ns));
        assert_eq!(calendar(20_230_201_093_000), Some(19_389 * DAY_NS + clock_ns - 40_000_000));
        assert_eq!((calendar(20_231_301_093_000), calendar(1_675_215_000_040)), (None, None));
    }
}
