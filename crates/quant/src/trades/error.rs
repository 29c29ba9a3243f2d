//! [`TradesError`]: what is wrong with a trade file, and where.

use crate::table::{Place, TableError};
use std::path::PathBuf;
use thiserror::Error;

/// Why trades cannot be read.
#[derive(Debug, Error)]
pub enum TradesError {
    /// The file is not there, is empty, is damaged, lacks a column, or holds text for a number.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A value is not one that the column may hold.
    #[error("{place}: column {column} ({name}): `{value}` is not {expected}")]
    Value {
        /// The row.
        place: Place,
        /// Counted from 1.
        column: usize,
        /// Its name.
        name: String,
        /// As found, shortened.
        value: String,
        /// What was looked for.
        expected: &'static str,
    },
    /// A symbol's time goes backwards.
    #[error(
        "{place}: column {column} ({name}): the time of {symbol} goes back from {from_ns} to \
         {to_ns}: sort the file by time, or give --late take"
    )]
    Late {
        /// The row.
        place: Place,
        /// Counted from 1.
        column: usize,
        /// Its name.
        name: String,
        /// Whose.
        symbol: String,
        /// The latest time so far.
        from_ns: i64,
        /// The time of the row.
        to_ns: i64,
    },
    /// The header is that of no preset.
    #[error(
        "{}: no preset fits the columns {found}{nearly}: name one with --preset, or say which \
         column is which with --columns ts=..,price=..,qty=..", path.display()
    )]
    NoPreset {
        /// The file.
        path: PathBuf,
        /// The first line.
        found: String,
        /// The one column that is missing, if that is all; else nothing.
        nearly: String,
    },
    /// A mapping by numbers names a column that is not there.
    #[error("{}: no column {column}: there are {columns}", path.display())]
    NoPosition {
        /// The file.
        path: PathBuf,
        /// What was looked for, counted from 1.
        column: usize,
        /// How many there are.
        columns: usize,
    },
    /// The quantities are contracts, and nobody says what those are worth.
    #[error(
        "{}: {why}: its quantities are contracts, not coins: say what one is worth with --inverse \
         --multiplier (Binance: 100 for BTC, 10 for others), or --multiplier 1 if they are coins \
         after all", path.display()
    )]
    Contracts {
        /// The file.
        path: PathBuf,
        /// By what that is known.
        why: String,
    },
    /// Orders were asked for by number, and the file has none.
    #[error(
        "{}: no column holds order numbers, which --per own-side-order needs: give --per trade or \
         aggressing-order, or name them with --columns ..,buy_id=..,sell_id=..", path.display()
    )]
    NoOrders {
        /// The file.
        path: PathBuf,
    },
    /// LOBSTER's times count from midnight, and neither flag nor file name says of which day.
    #[error("{}: its times count from midnight: give the day with --date", path.display())]
    NoDate {
        /// The file.
        path: PathBuf,
    },
    /// Times are of another unit than their column says.
    #[error(
        "{}: its times, such as {time}, would be in 1970 as nanoseconds, but are present-day times \
         in {unit}: say so \
         with --columns ts=..,price=..,qty=..", path.display()
    )]
    Unit {
        /// The file.
        path: PathBuf,
        /// The first of them.
        time: i64,
        /// What they seem to be.
        unit: &'static str,
    },
    /// A line does not end.
    #[error("{place}: a line of more than {len_max} bytes: this is not a trade file")]
    LongLine {
        /// The line.
        place: Place,
        /// The longest line there may be.
        len_max: usize,
    },
}
