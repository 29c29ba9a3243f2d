//! [`Date`]: the day of a file whose times say none; [`UtcOffset`]: where its clock hangs.

use super::moment::{days, offset};
use std::str::FromStr;
use thiserror::Error;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: i64,
    month: i64,
    day: i64,
}

/// Text that is not a day.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a date: use year-month-day, such as 2012-06-21")]
pub struct ParseDateError(String);

/// How far local times are ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset {
    ns: i64,
}

/// Text that is no offset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no offset from UTC: use Z, +08:00 or -05:00")]
pub struct ParseUtcOffsetError(String);

impl UtcOffset {
    /// In nanoseconds.
    pub(super) fn ns(self) -> i64 {
        self.ns
    }
}

impl FromStr for UtcOffset {
    type Err = ParseUtcOffsetError;

    fn from_str(text: &str) -> Result<UtcOffset, ParseUtcOffsetError> {
        let ns = offset(text.trim().as_bytes());
        ns.map(|ns| UtcOffset { ns }).ok_or_else(|| ParseUtcOffsetError(text.to_owned()))
    }
}

impl FromStr for Date {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Date, ParseDateError> {
        let parse = || {
            let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
            let date = Date { year: parts.next()??, month: parts.next()??, day: parts.next()?? };
            let (year, month) =
                if date.month == 12 { (date.year + 1, 1) } else { (date.year, date.month + 1) };
            let known = (1970..2100).contains(&date.year) && (1..=12).contains(&date.month);
            let days = days(year, month, 1) - days(date.year, date.month, 1);
            (known && (1..=days).contains(&date.day)).then_some(date)
        };
        parse().ok_or_else(|| ParseDateError(text.to_owned()))
    }
}

/// The n-th Sunday of a month, in days since 1970-01-01, a Thursday.
fn sunday(year: i64, month: i64, n: i64) -> i64 {
    let first = days(year, month, 1);
    first + (3 - first).rem_euclid(7) + 7 * (n - 1)
}

impl Date {
    /// The first date in a name, such as that of `AAPL_2012-06-21_34200000_57600000_message.csv`
    /// or `600519.SH_20230201.csv`.
    pub(super) fn in_name(name: &str) -> Option<Date> {
        let bytes = name.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        (0..bytes.len()).find_map(|at| {
            // Eight digits and no more, or a date with dashes.
            let alone = |len: usize| (at == 0 || !digit(at - 1)) && !digit(at + len);
            let dashed = name.get(at..at + 10).filter(|_| alone(10));
            dashed.and_then(|text| text.parse().ok()).or_else(|| {
                let text = name.get(at..at + 8).filter(|_| alone(8))?;
                let all = text.bytes().all(|byte| byte.is_ascii_digit());
                let (year, rest) = text.split_at(4);
                all.then(|| format!("{year}-{}-{}", &rest[..2], &rest[2..]).parse().ok())?
            })
        })
    }

    /// Midnight UTC, in nanoseconds since 1970.
    pub fn midnight_ns(self) -> i64 {
        days(self.year, self.month, self.day) * 86_400 * 1_000_000_000
    }

    /// Midnight in New York, in nanoseconds UTC. Summer time is that of 2007 and later.
    pub(super) fn midnight_in_new_york_ns(self) -> i64 {
        let day = days(self.year, self.month, self.day);
        // The clocks change at 2 in the morning: midnight of the first Sunday still has the old
        // time, and trading has the new one.
        let summer = (sunday(self.year, 3, 2)..sunday(self.year, 11, 1)).contains(&day);
        let behind = if summer { 4 } else { 5 };
        (day * 24 + behind) * 3_600 * 1_000_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_follows_the_summer_time_and_names_hold_dates() {
        // date -d 'TZ="America/New_York" 2012-06-21' +%s, and so on.
        for (date, seconds) in [
            ("2012-06-21", 1_340_251_200),
            ("2023-01-03", 1_672_722_000),
            ("2023-03-10", 1_678_424_400),
            ("2023-03-13", 1_678_680_000),
            ("2023-11-03", 1_698_984_000),
            ("2023-11-06", 1_699_246_800),
            ("2024-02-29", 1_709_182_800),
        ] {
            let parsed: Date = date.parse().unwrap();
            assert_eq!(parsed.midnight_in_new_york_ns() / 1_000_000_000, seconds, "{date}");
        }
        for (name, date) in [
            ("AAPL_2012-06-21_34200000_57600000_message_50.csv", Some("2012-06-21")),
            ("BTCUSDT2020-03-25.csv.gz", Some("2020-03-25")),
            ("600519.SH_20230201.csv", Some("2023-02-01")),
            ("20230201_mdl_4_24_0.csv", Some("2023-02-01")),
            ("trades_1675214700940.csv", None),
            ("x.csv", None),
        ] {
            assert_eq!(Date::in_name(name), date.map(|date| date.parse().unwrap()), "{name}");
        }
        for text in ["", "2023", "2023-13-01", "2023-02-29", "2023-01-00", "20230101", "a-b-c"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
