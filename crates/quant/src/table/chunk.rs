//! [`Chunk`]: some rows of a table, and where they stood.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::SchemaRef;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The most rows of a chunk.
// 65,536: half a MiB a column, so that a few columns stay in the second-level cache, and few enough
// chunks that what is done once for each does not show.
pub const CHUNK_ROWS: usize = 65_536;

/// As what a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `f64`; what is missing is NaN.
    Float,
    /// `i64`, time stamps in nanoseconds; none may be missing.
    Integer,
    /// UTF-8; what is missing is empty.
    Text,
}

/// A line of a text file or a row of a Parquet file, for messages: `a.csv:3`, `a.parquet: row 2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named; `-` is stdin.
    pub path: Arc<Path>,
    /// Where in it.
    pub at: At,
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A line, counted from 1, the header included.
    Line(u64),
    /// A row, counted from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdin = &*self.path == Path::new("-");
        let name = if stdin { "stdin".into() } else { self.path.to_string_lossy() };
        match self.at {
            At::Line(line) => write!(f, "{name}:{line}"),
            At::Row(row) => write!(f, "{name}: row {row}"),
        }
    }
}

/// The wanted columns of some consecutive rows of one file.
///
/// Columns are numbered as they were wanted. A number that is missing in a float column is NaN;
/// an integer is never missing; a missing text is empty.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub(super) record: RecordBatch,
    pub(super) path: Arc<Path>,
    pub(super) rows: RowNumbers,
}

/// How rows of a chunk are numbered.
#[derive(Clone, Debug)]
pub(super) enum RowNumbers {
    /// The line of each row.
    Lines(Vec<u64>),
    /// The first row's number; the others follow.
    From(u64),
}

impl Chunk {
    /// The columns as arrow holds them, none of them with nulls.
    pub fn record(&self) -> &RecordBatch {
        &self.record
    }

    /// The number of rows, at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a chunk is never empty")]
    pub fn len(&self) -> usize {
        self.record.num_rows()
    }

    /// A column that was wanted as floats.
    ///
    /// # Panics
    ///
    /// When it was wanted as something else.
    pub fn floats(&self, column: usize) -> &[f64] {
        self.record.column(column).as_primitive::<Float64Type>().values()
    }

    /// A column that was wanted as integers.
    ///
    /// # Panics
    ///
    /// When it was wanted as something else.
    pub fn integers(&self, column: usize) -> &[i64] {
        self.record.column(column).as_primitive::<Int64Type>().values()
    }

    /// A column that was wanted as text.
    ///
    /// # Panics
    ///
    /// When it was wanted as something else.
    pub fn texts(&self, column: usize) -> &StringArray {
        self.record.column(column).as_string()
    }

    /// Where a row of the chunk stood, `row` counted from 0.
    pub fn place(&self, row: usize) -> Place {
        let at = match &self.rows {
            RowNumbers::Lines(lines) => At::Line(lines[row]),
            RowNumbers::From(first) => At::Row(first + row as u64 + 1),
        };
        Place { path: Arc::clone(&self.path), at }
    }
}

/// Puts arrays together that were made to fit the schema.
pub(super) fn record(schema: &SchemaRef, arrays: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .expect("the arrays were made from the same list as the schema, without nulls")
}
