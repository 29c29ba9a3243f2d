//! [`Date`]: the day of a file whose times count from midnight in New York.

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

/// Days since 1970-01-01 of a day of the Gregorian calendar.
// Counted from 0000-03-01, so that the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// The n-th Sunday of a month, in days since 1970-01-01, a Thursday.
fn sunday(year: i64, month: i64, n: i64) -> i64 {
    let first = days(year, month, 1);
    first + (3 - first).rem_euclid(7) + 7 * (n - 1)
}

impl Date {
    /// The first date in a name, such as that of `AAPL_2012-06-21_34200000_57600000_message.csv`.
    pub(super) fn in_name(name: &str) -> Option<Date> {
        name.split('_').find_map(|part| part.parse().ok())
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
    fn midnight_follows_the_summer_time() {
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
        for text in ["", "2023", "2023-13-01", "2023-02-29", "2023-01-00", "20230101", "a-b-c"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
