//! Days, and blocks of consecutive rows where there are no days or too few.

use super::resample::BLOCKS_MIN;
use super::rows::Row;
use std::ops::Range;

/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;

/// The most blocks of consecutive rows, and the fewest rows of one: as in training.
const BLOCKS_MAX: usize = 64;
const BLOCK_ROWS_MIN: usize = 16;

/// What rows are taken together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Days of UTC.
    Day,
    /// Consecutive windows in the order of time.
    Windows,
    /// Consecutive rows of a table without times.
    Rows,
}

impl Unit {
    /// Several of them, in words.
    pub fn plural(self) -> &'static str {
        match self {
            Unit::Day => "days",
            Unit::Windows => "blocks of consecutive windows",
            Unit::Rows => "blocks of consecutive rows",
        }
    }

    /// The word for one.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Day => "day",
            Unit::Windows => "windows",
            Unit::Rows => "rows",
        }
    }
}

/// The days of rows in the order of time, or blocks of rows that have none.
pub(super) fn days(rows: &[Row], is_dated: bool) -> (Unit, Vec<Range<usize>>) {
    match is_dated {
        true => (Unit::Day, parts(rows, |row| row.start_ns.div_euclid(DAY_NS))),
        false => (Unit::Rows, blocks(rows)),
    }
}

/// What is drawn for intervals: days if there are enough, else blocks.
pub(super) fn drawn(rows: &[Row], is_dated: bool) -> (Unit, Vec<Range<usize>>) {
    match days(rows, is_dated) {
        (Unit::Day, days) if days.len() < BLOCKS_MIN => (Unit::Windows, blocks(rows)),
        days => days,
    }
}

/// Blocks of about as many rows; windows of one time stay together.
fn blocks(rows: &[Row]) -> Vec<Range<usize>> {
    let count = (rows.len() / BLOCK_ROWS_MIN).clamp(1, BLOCKS_MAX);
    let cuts: Vec<i64> = (1..count).map(|part| rows[rows.len() * part / count].start_ns).collect();
    parts(rows, |row| cuts.partition_point(|cut| *cut <= row.start_ns))
}

/// Runs of rows with the same key.
fn parts<K: PartialEq>(rows: &[Row], key: impl Fn(&Row) -> K) -> Vec<Range<usize>> {
    let mut first = 0;
    let runs = rows.chunk_by(|a, b| key(a) == key(b));
    runs.map(|run| {
        let part = first..first + run.len();
        first = part.end;
        part
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::value;
    use super::*;

    #[test]
    fn days_are_of_utc_and_few_of_them_give_way_to_blocks_by_time() {
        let row = |hour: i64| value(hour * DAY_NS / 24, 0.0, 0.0);
        let rows: Vec<Row> = [-1, 0, 23, 24, 24, 71].map(row).to_vec();
        assert_eq!(days(&rows, true), (Unit::Day, vec![0..1, 1..3, 3..5, 5..6]));
        // Two windows of each time: a block takes both or none.
        let rows: Vec<Row> = (0..69).map(|at| row(at / 2)).collect();
        let (unit, blocks) = drawn(&rows, true);
        assert_eq!((unit, blocks), (Unit::Windows, vec![0..16, 16..34, 34..50, 50..69]));
        let week: Vec<Row> = (0..8 * 24).map(row).collect();
        let (unit, days) = drawn(&week, true);
        assert_eq!((unit, days.len()), (Unit::Day, 8));
        assert_eq!(drawn(&week, false).0, Unit::Rows);
        assert_eq!(drawn(&week, false).1.len(), 12);
    }
}
