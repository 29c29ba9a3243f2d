//! [`FeatureWriter`]: rows of factors into a feature table.

use crate::table::{CHUNK_ROWS, TableError, Writer, WriterOptions};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use factord_factors::{COLUMNS, Row};
use std::path::Path;
use std::sync::Arc;

/// Integer columns: start, end, trades; and float columns, from the volume on.
const INTEGERS: usize = 3;
const FLOATS: usize = COLUMNS.len() - 1 - INTEGERS;

/// The columns of a feature table, as arrow describes them.
pub fn feature_schema() -> SchemaRef {
    let kind = |at: usize| match at {
        0 => DataType::Utf8,
        1..=INTEGERS => DataType::Int64,
        _ => DataType::Float64,
    };
    let field = |(at, name): (usize, &&str)| Field::new(*name, kind(at), false);
    Arc::new(Schema::new(COLUMNS.iter().enumerate().map(field).collect::<Vec<_>>()))
}

/// A feature table being written; it bears its name from [`FeatureWriter::finish`] on.
pub struct FeatureWriter {
    schema: SchemaRef,
    writer: Writer,
    symbols: Vec<String>,
    integers: [Vec<i64>; INTEGERS],
    floats: [Vec<f64>; FLOATS],
}

impl FeatureWriter {
    /// Creates a table: Parquet or CSV by the end of the name, `-` is CSV on stdout.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be created.
    pub fn create(path: &Path) -> Result<FeatureWriter, TableError> {
        let schema = feature_schema();
        let writer = Writer::create(path, &schema, &WriterOptions::default())?;
        let (integers, floats) = (Default::default(), Default::default());
        Ok(FeatureWriter { schema, writer, symbols: Vec::new(), integers, floats })
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written.
    pub fn push(&mut self, symbol: &str, row: &Row) -> Result<(), TableError> {
        self.symbols.push(symbol.to_owned());
        // Far fewer trades than 2^63.
        let integers = [row.start_ns, row.end_ns, row.trades as i64];
        for (column, value) in self.integers.iter_mut().zip(integers) {
            column.push(value);
        }
        let floats = [
            row.volume,
            row.turnover,
            row.buy_rate,
            row.sell_rate,
            row.large_buy,
            row.large_sell,
            row.unclassified,
        ];
        for (column, value) in self.floats.iter_mut().zip(floats) {
            column.push(value);
        }
        if self.symbols.len() == CHUNK_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), TableError> {
        if self.symbols.is_empty() {
            return Ok(());
        }
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(COLUMNS.len());
        columns.push(Arc::new(StringArray::from_iter_values(self.symbols.drain(..))));
        for column in &mut self.integers {
            columns.push(Arc::new(Int64Array::from(std::mem::take(column))));
        }
        for column in &mut self.floats {
            columns.push(Arc::new(Float64Array::from(std::mem::take(column))));
        }
        let record = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .expect("the columns were made from the list of the schema, all of one length");
        self.writer.write(&record)
    }

    /// Ends the table and gives it its name.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written; nothing bears its name then.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.flush()?;
        self.writer.finish()
    }
}
