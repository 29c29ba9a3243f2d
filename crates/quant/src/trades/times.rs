//! The times that a file of trades may have: of our days, in one unit.

use super::columns::Columns;
use super::error::TradesError;
use super::number::TimeUnit;
use super::role::Role;
use crate::table::Place;

/// 1990-01-01 and 2116-01-01, in nanoseconds: an electronic market of before is none that anybody
/// reads, and a time of another unit than the file's lies far outside.
const FIRST_NS: i64 = 631_152_000_000_000_000;
const LAST_NS: i64 = 4_607_452_800_000_000_000;

/// Whether a time is one of our days.
#[inline]
pub(super) fn is_known(ts_ns: i64) -> bool {
    ts_ns.wrapping_sub(FIRST_NS) as u64 <= (LAST_NS - FIRST_NS) as u64
}

/// Whether a time is kept as far as it is known, in text for messages: the year of a time.
pub(super) fn year(ts_ns: i64) -> i64 {
    // The mean year of the Gregorian calendar, which is right but for hours around New Year.
    1970 + (ts_ns as f64 / 1e9 / 31_556_952.0).floor() as i64
}

/// The error of a time that is not of our days.
#[cold]
pub(super) fn refused(place: Place, columns: &Columns, value: String, ts_ns: i64) -> TradesError {
    let column = columns.time();
    let digits: Option<i64> = value.split('.').next().and_then(|whole| whole.trim().parse().ok());
    let unit = digits.map(TimeUnit::of_digits).filter(|unit| match (unit, columns.roles[column]) {
        (unit, Role::Time(said)) => {
            let ns = digits.and_then(|digits| unit.whole(digits));
            said != *unit && ns.is_some_and(is_known)
        }
        _ => false,
    });
    let why = match unit {
        Some(unit) if columns.unit_told => format!(
            "it is {}, and the first time of the file is not: split the file, or say the unit with \
             --columns",
            unit.expected()
        ),
        Some(unit) => format!(
            "it looks like {}: say so with --columns ts=..,price=..,qty=..",
            unit.expected()
        ),
        None => "times before 1990 and after 2115 are refused, since their unit or day cannot be \
                 right"
            .to_owned(),
    };
    TradesError::Unit {
        place,
        column: column + 1,
        name: columns.names[column].clone(),
        value: crate::content::shown(&value, 40).into(),
        year: year(ts_ns),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_days_are_from_1990_to_2115() {
        // date -u -d 1990-01-01 +%s, and so on.
        for (seconds, known) in [
            (631_151_999, false),
            (631_152_000, true),
            (1_675_214_700, true),
            (4_607_452_799, true),
            (4_607_452_801, false),
            (0, false),
            (-1_675_214_700, false),
        ] {
            assert_eq!(is_known(seconds * 1_000_000_000), known, "{seconds}");
        }
        assert_eq!((year(0), year(1_675_214_700_000_000_000)), (1970, 2023));
    }
}
