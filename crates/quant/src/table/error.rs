//! [`TableError`]: what is wrong with a table, and where.

use super::chunk::Place;
use super::output::OutputError;
use crate::content::ContentError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a table cannot be read or written.
#[derive(Debug, Error)]
pub enum TableError {
    /// The file is not there or cannot be opened.
    #[error("cannot read {}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Reading failed on the way.
    #[error("{place}: cannot read further: {error}")]
    Read {
        /// Where.
        place: Place,
        /// The system's reason.
        error: io::Error,
    },
    /// The file is no table, or cannot be unpacked.
    #[error(transparent)]
    Content(ContentError),
    /// A packed stream is cut short or damaged.
    #[error("{place}: {error}")]
    Packed {
        /// The line after the last whole one.
        place: Place,
        /// The decoder's reason, which names it.
        error: io::Error,
    },
    /// A row goes on and on.
    #[error(
        "{place}: the row is longer than 16 MiB: is a quote not closed, or is this not a \
        table?"
    )]
    LongRow {
        /// Where it starts, or the last place that is known.
        place: Place,
    },
    /// There is nothing in the file.
    #[error("{}: the file is empty, not even a header", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of columns is cut short, damaged, or of a kind that is not understood.
    #[error("{place}: not a complete {what} file: {reason}")]
    Damaged {
        /// The row from which on it cannot be read.
        place: Place,
        /// The format.
        what: &'static str,
        /// The decoder's reason.
        reason: String,
    },
    /// A pipe can be read once, from front to back.
    #[error("{}: {what} from a pipe: name a file", path.display())]
    Pipe {
        /// As it was named.
        path: PathBuf,
        /// What a pipe cannot do.
        what: &'static str,
    },
    /// The first line is data.
    #[error("{}:1: the first line holds numbers: a header line is needed", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// A column is not there.
    #[error("{}: no column {name}: the columns are {found}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        name: String,
        /// What is there.
        found: String,
    },
    /// A column that matters is there twice.
    #[error("{}: column {column}: the header names {name} twice", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The second of the two, counted from 1.
        column: usize,
        /// Its name.
        name: String,
    },
    /// A Parquet column holds something else than what was asked for.
    #[error("{}: column {column} ({name}) holds {found}, not {expected}", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        column: usize,
        /// Its name.
        name: String,
        /// Its type.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// A line has more or fewer fields than the header.
    #[error("{place}: {found} fields, the header has {expected}")]
    FieldCount {
        /// The line.
        place: Place,
        /// Fields of the line.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// An integer is not there.
    #[error("{place}: column {column} ({name}): the value is missing")]
    Missing {
        /// The row.
        place: Place,
        /// Counted from 1.
        column: usize,
        /// Its name.
        name: String,
    },
    /// A number is text.
    #[error("{place}: column {column} ({name}): `{value}` is not {expected}")]
    NotANumber {
        /// The row.
        place: Place,
        /// Counted from 1.
        column: usize,
        /// Its name.
        name: String,
        /// As found, shortened.
        value: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// A column's type has no text in CSV.
    #[error("column {name} holds {found}, which CSV cannot hold: write Parquet")]
    NoText {
        /// Its name.
        name: String,
        /// Its type.
        found: String,
    },
    /// The rows given to a writer do not fit its columns, or Parquet could not be encoded.
    #[error("cannot encode {}: {reason}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// The encoder's reason.
        reason: String,
    },
    /// The output could not be created or written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl From<ContentError> for TableError {
    fn from(error: ContentError) -> TableError {
        match error {
            ContentError::Open { path, error } => TableError::Open { path, error },
            ContentError::Empty { path } => TableError::Empty { path },
            other => TableError::Content(other),
        }
    }
}
