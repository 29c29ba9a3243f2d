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
         {to_ns}: {order}"
    )]
    Late {
        /// The row.
        place: Place,
        /// Counted from 1.
        column: usize,
        /// Its name.
        name: String,
        /// Whose.
        symbol: Box<str>,
        /// The latest time so far.
        from_ns: i64,
        /// The time of the row.
        to_ns: i64,
        /// What the order of the file is, and what to do.
        order: Box<str>,
    },
    /// Files that were put in order follow each other in another.
    #[error(
        "{}: the time of {symbol} goes back from {from_ns} to {to_ns}, even in the order given: \
         give --order any, or the files in the order of their days", path.display()
    )]
    Back {
        /// The file.
        path: PathBuf,
        /// Whose.
        symbol: String,
        /// The latest time so far.
        from_ns: i64,
        /// The time of the trade.
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
        "{}: {why}: its quantities are contracts, not coins: give {flags}, or --multiplier 1 if \
         they are coins after all", path.display()
    )]
    Contracts {
        /// The file.
        path: PathBuf,
        /// By what that is known.
        why: String,
        /// The flags that say what one is worth.
        flags: String,
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
    #[error("{}: its times say no day: give it with --date", path.display())]
    NoDate {
        /// The file.
        path: PathBuf,
    },
    /// The first line is data, and nothing says which column is which.
    #[error(
        "{}: its first line is data, not a header: name the layout with --preset, or say which \
         column is which with --columns ts=1,price=2,qty=3", path.display()
    )]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// A time lies before 1990 or after 2116.
    #[error("{place}: column {column} ({name}): {value} lies in {year}: {why}")]
    Unit {
        /// The row.
        place: Place,
        /// Counted from 1.
        column: usize,
        /// Its name.
        name: String,
        /// As it was read.
        value: Box<str>,
        /// The year, by the unit of the file.
        year: i64,
        /// What it may be, and what to do.
        why: Box<str>,
    },
    /// Prices without a point may be whole, or integers of a small unit.
    #[error(
        "{}: the price {price} may be whole or in units of 1e-9: write prices with a point, or \
         name the columns with --columns", path.display()
    )]
    PriceUnit {
        /// The file.
        path: PathBuf,
        /// The first price.
        price: String,
    },
    /// A file that is to be put in order is too long to be held.
    #[error("{}: more than {max} trades cannot be held to put them in order: sort it first",
            path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// The most trades of a file that are held.
        max: usize,
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
