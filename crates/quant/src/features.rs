//! Feature tables: windows as arrow columns, and [`FeatureWriter`] for whole tables of them.

use crate::stated;
use crate::table::{TableError, Writer, WriterOptions};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use factord_factors::{COLUMNS, Column, Row, Stated, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Windows that wait to be written together.
// 8,192: some 2 MB of them, and few enough calls of the writer that they do not show.
const PENDING_ROWS: usize = 8192;

/// The columns of a feature table, as arrow describes them.
pub fn schema() -> SchemaRef {
    let kind = |column: &Column| match column.value {
        Value::Symbol => DataType::Utf8,
        Value::Time(_) | Value::Count(_) => DataType::Int64,
        Value::Amount(_) => DataType::Float64,
    };
    let field = |column: &Column| Field::new(column.name, kind(column), false);
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

/// Windows of symbols as the columns of [`schema`].
pub fn columns<'r>(windows: impl Iterator<Item = (&'r str, &'r Row)> + Clone) -> Vec<ArrayRef> {
    let array = |column: &Column| -> ArrayRef {
        let windows = windows.clone();
        match column.value {
            Value::Symbol => {
                Arc::new(StringArray::from_iter_values(windows.map(|(symbol, _)| symbol)))
            }
            Value::Time(time) => {
                Arc::new(Int64Array::from_iter_values(windows.map(|(_, row)| time(row))))
            }
            // Far fewer than 2^63.
            Value::Count(count) => {
                Arc::new(Int64Array::from_iter_values(windows.map(|(_, row)| count(row) as i64)))
            }
            Value::Amount(amount) => {
                Arc::new(Float64Array::from_iter_values(windows.map(|(_, row)| amount(row))))
            }
        }
    };
    COLUMNS.iter().map(array).collect()
}

/// A feature table being written; it bears its name from [`FeatureWriter::finish`] on.
pub struct FeatureWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: Writer,
    pending: Vec<(String, Row)>,
}

impl FeatureWriter {
    /// Creates a table of windows: Parquet or CSV by the end of the name, `-` is CSV on stdout.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be created.
    pub fn create(path: &Path) -> Result<FeatureWriter, TableError> {
        let schema = schema();
        let writer = Writer::create(path, &schema, &WriterOptions::default())?;
        Ok(FeatureWriter { path: path.to_owned(), schema, writer, pending: Vec::new() })
    }

    /// Adds a window of a symbol.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written.
    pub fn push(&mut self, symbol: &str, row: &Row) -> Result<(), TableError> {
        self.pending.push((symbol.to_owned(), *row));
        if self.pending.len() == PENDING_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), TableError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let columns = columns(self.pending.iter().map(|(symbol, row)| (symbol.as_str(), row)));
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
