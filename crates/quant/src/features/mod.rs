//! Feature tables: windows as arrow columns, [`FeatureBook`] for the rows of trades, and
//! [`FeatureWriter`] for whole tables of them.

mod book;
mod divided;
mod lookback;
mod past;

pub use book::{FeatureBook, FeatureSettings};
pub use divided::{DividedBook, TradeBuffer};
pub use lookback::{Lookback, ParseWindowsError, Windows};

use crate::stated;
use crate::table::{TableError, Writer, WriterOptions};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use factord_factors::{COLUMNS, Column, PRICES, Row, Stated, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Windows that wait to be written together.
// 8,192: some 2 MB of them, and few enough calls of the writer that they do not show.
const PENDING_ROWS: usize = 8192;

/// A window of a symbol, with what the windows before it add.
pub type Window<'r> = (&'r str, &'r Row, &'r [f64]);

/// The columns of a feature table, as arrow describes them; `past` are the last of them.
pub fn schema(past: &[String]) -> SchemaRef {
    let kind = |column: &Column| match column.value {
        Value::Symbol => DataType::Utf8,
        Value::Time(_) | Value::Count(_) => DataType::Int64,
        Value::Amount(_) => DataType::Float64,
    };
    let field = |column: &Column| Field::new(column.name, kind(column), false);
    let windows = COLUMNS.iter().chain(&PRICES).map(field);
    let past = past.iter().map(|name| Field::new(name, DataType::Float64, false));
    Arc::new(Schema::new(windows.chain(past).collect::<Vec<_>>()))
}

/// Windows of symbols as the columns of [`schema`], `past` of them from the windows before.
pub fn columns<'r>(
    windows: impl Iterator<Item = Window<'r>> + Clone,
    past: usize,
) -> Vec<ArrayRef> {
    let array = |column: &Column| -> ArrayRef {
        let windows = windows.clone();
        match column.value {
            Value::Symbol => {
                Arc::new(StringArray::from_iter_values(windows.map(|(symbol, ..)| symbol)))
            }
            Value::Time(time) => {
                Arc::new(Int64Array::from_iter_values(windows.map(|(_, row, _)| time(row))))
            }
            // Far fewer than 2^63.
            Value::Count(count) => {
                Arc::new(Int64Array::from_iter_values(windows.map(|(_, row, _)| count(row) as i64)))
            }
            Value::Amount(amount) => {
                Arc::new(Float64Array::from_iter_values(windows.map(|(_, row, _)| amount(row))))
            }
        }
    };
    let added = |at: usize| -> ArrayRef {
        let values = windows.clone().map(|(.., past)| past[at]);
        Arc::new(Float64Array::from_iter_values(values))
    };
    COLUMNS.iter().chain(&PRICES).map(array).chain((0..past).map(added)).collect()
}

/// A feature table being written; it bears its name from [`FeatureWriter::finish`] on.
pub struct FeatureWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: Writer,
    past: usize,
    pending: Vec<(String, Row, Vec<f64>)>,
}

impl FeatureWriter {
    /// Creates a table of windows: Parquet or CSV by the end of the name, `-` is CSV on stdout.
    /// `past` names what the windows before add.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be created.
    pub fn create(path: &Path, past: &[String]) -> Result<FeatureWriter, TableError> {
        let schema = schema(past);
        let writer = Writer::create(path, &schema, &WriterOptions::default())?;
        let (path, past, pending) = (path.to_owned(), past.len(), Vec::new());
        Ok(FeatureWriter { path, schema, writer, past, pending })
    }

    /// Adds a window of a symbol, with what the windows before it add.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written.
    pub fn push(&mut self, symbol: &str, row: &Row, past: &[f64]) -> Result<(), TableError> {
        self.pending.push((symbol.to_owned(), *row, past.to_owned()));
        if self.pending.len() == PENDING_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), TableError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let windows = self.pending.iter().map(|(name, row, past)| (name.as_str(), row, &past[..]));
        let columns = columns(windows, self.past);
        let record = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .expect("the columns were made from the list of the schema, all of one length");
        self.pending.clear();
        self.writer.write(&record)
    }

    /// Ends the table and gives it its name; what is stated of its windows travels with it.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written; nothing bears its name then.
    pub fn finish(mut self, stated: &Stated) -> Result<(), TableError> {
        self.flush()?;
        stated::note(stated, &mut self.writer);
        self.writer.finish()?;
        Ok(stated::save(stated, &self.path)?)
    }
}
