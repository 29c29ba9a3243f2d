//! [`ParquetReader`]: chunks from Parquet.

use super::chunk::{At, CHUNK_ROWS, Chunk, Place, RowNumbers, Type, record};
use super::error::TableError;
use super::footer::footer;
use super::input::Input;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A Parquet file whose footer was read.
pub(super) struct ParquetReader {
    path: Arc<Path>,
    names: Vec<String>,
    schema: SchemaRef,
    source: Source,
    total: u64,
    done: u64,
}

enum Source {
    /// Nothing selected yet.
    File(File, ArrowReaderMetadata),
    /// Reading the columns of these numbers, ascending.
    Rows(ParquetRecordBatchReader, Vec<usize>),
    /// Between the two.
    None,
}

impl ParquetReader {
    pub(super) fn open(input: Input) -> Result<ParquetReader, TableError> {
        let path = Arc::clone(input.path());
        let file = input.into_file()?;
        let metadata = footer(&file).map_err(|error| damaged(&path, 0, &error))?;
        let schema = Arc::clone(metadata.schema());
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        let rows = metadata.metadata().file_metadata().num_rows();
        let total = u64::try_from(rows).unwrap_or(0);
        let source = Source::File(file, metadata);
        Ok(ParquetReader { path, names, schema, source, total, done: 0 })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn is_single(&self, column: usize) -> bool {
        *self.schema.field(column).data_type() == DataType::Float32
    }

    pub(super) fn progress(&self) -> f64 {
        if self.total == 0 { 1.0 } else { self.done as f64 / self.total as f64 }
    }

    /// Starts reading; the types are checked here, so that no row is read in vain.
    pub(super) fn select(&mut self, columns: &[(usize, Type)]) -> Result<(), TableError> {
        for &(column, kind) in columns {
            let field = self.schema.field(column);
            let (fits, expected) = match kind {
                Type::Float => (is_number(field.data_type()), "numbers"),
                Type::Integer => (is_integer(field.data_type()), "integers"),
                Type::Text => (*field.data_type() == DataType::Utf8, "text"),
            };
            if !fits {
                return Err(TableError::Type {
                    path: self.path.to_path_buf(),
                    column: column + 1,
                    name: field.name().clone(),
                    found: field.data_type().to_string(),
                    expected,
                });
            }
        }
        let Source::File(file, metadata) = std::mem::replace(&mut self.source, Source::None) else {
            return Ok(());
        };
        let mut roots: Vec<usize> = columns.iter().map(|&(column, _)| column).collect();
        roots.sort_unstable();
        roots.dedup();
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
        let reader = builder
            .with_projection(mask)
            .with_batch_size(CHUNK_ROWS)
            .build()
            .map_err(|error| damaged(&self.path, 0, &error))?;
        self.source = Source::Rows(reader, roots);
        Ok(())
    }

    pub(super) fn next_chunk(
        &mut self,
        columns: &[(usize, Type)],
        schema: &SchemaRef,
    ) -> Result<Option<Chunk>, TableError> {
        let Source::Rows(reader, roots) = &mut self.source else { return Ok(None) };
        let Some(read) = reader.next() else {
            if self.done != self.total {
                let reason = format!("{} rows were promised", self.total);
                return Err(damaged(&self.path, self.done, &reason));
            }
            return Ok(None);
        };
        let read = read.map_err(|error| damaged(&self.path, self.done, &error))?;
        let mut arrays = Vec::with_capacity(columns.len());
        for &(column, kind) in columns {
            let place = roots.binary_search(&column).expect("every column was selected");
            let array = converted(read.column(place), kind).map_err(|row| TableError::Missing {
                place: at(&self.path, self.done + row as u64),
                column: column + 1,
                name: self.names[column].clone(),
            })?;
            arrays.push(array);
        }
        let rows = RowNumbers::From(self.done);
        self.done += read.num_rows() as u64;
        let record = record(schema, arrays, read.num_rows());
        Ok(Some(Chunk { record, path: Arc::clone(&self.path), rows }))
    }
}

/// A row of a file, counted from 0.
fn at(path: &Arc<Path>, row: u64) -> Place {
    Place { path: Arc::clone(path), at: At::Row(row + 1) }
}

fn damaged(path: &Arc<Path>, row: u64, reason: &dyn std::fmt::Display) -> TableError {
    TableError::Parquet { place: at(path, row), reason: reason.to_string() }
}

fn is_integer(kind: &DataType) -> bool {
    kind.is_signed_integer()
        || matches!(kind, DataType::UInt8 | DataType::UInt16 | DataType::UInt32)
        || matches!(kind, DataType::Timestamp(..))
}

/// Whether [`floats`] takes a type.
pub(crate) fn is_number(kind: &DataType) -> bool {
    kind.is_integer() || matches!(kind, DataType::Float32 | DataType::Float64)
}

/// An array as the type wanted; the row of a missing integer is the error.
fn converted(array: &ArrayRef, kind: Type) -> Result<ArrayRef, usize> {
    match kind {
        Type::Float => Ok(Arc::new(floats(array))),
        Type::Integer if array.null_count() == 0 => Ok(Arc::new(integers(array))),
        Type::Integer => Err((0..array.len()).find(|&row| array.is_null(row)).unwrap_or(0)),
        Type::Text if array.null_count() == 0 => Ok(Arc::clone(array)),
        Type::Text => {
            let texts = array.as_string::<i32>().iter().map(|text| text.unwrap_or(""));
            Ok(Arc::new(StringArray::from_iter_values(texts)))
        }
    }
}

/// The values of an array of one type, as another; what is null is whatever stood there.
macro_rules! values {
    ($array:expr, $kind:ty, $value:ident => $as:expr) => {
        $array.as_primitive::<$kind>().values().iter().map(|&$value| $as).collect()
    };
}

/// Numbers as `f64`; what is missing is NaN. Integers beyond 2^53 are rounded to the nearest.
pub(crate) fn floats(array: &ArrayRef) -> Float64Array {
    let mut values: Vec<f64> = match array.data_type() {
        DataType::Float64 if array.null_count() == 0 => {
            return array.as_primitive::<Float64Type>().clone();
        }
        DataType::Float64 => values!(array, Float64Type, x => x),
        DataType::Float32 => values!(array, Float32Type, x => f64::from(x)),
        DataType::UInt64 => values!(array, UInt64Type, x => x as f64),
        _ => integers(array).values().iter().map(|&x| x as f64).collect(),
    };
    if array.null_count() > 0 {
        for row in (0..values.len()).filter(|&row| array.is_null(row)) {
            values[row] = f64::NAN;
        }
    }
    Float64Array::from(values)
}

/// Integers and time stamps as `i64`, the latter in nanoseconds; for types of [`is_integer`].
fn integers(array: &ArrayRef) -> Int64Array {
    let values: Vec<i64> = match array.data_type() {
        DataType::Int8 => values!(array, Int8Type, x => i64::from(x)),
        DataType::Int16 => values!(array, Int16Type, x => i64::from(x)),
        DataType::Int32 => values!(array, Int32Type, x => i64::from(x)),
        DataType::UInt8 => values!(array, UInt8Type, x => i64::from(x)),
        DataType::UInt16 => values!(array, UInt16Type, x => i64::from(x)),
        DataType::UInt32 => values!(array, UInt32Type, x => i64::from(x)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            values!(array, TimestampNanosecondType, x => x)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values!(array, TimestampMicrosecondType, x => x.saturating_mul(1_000))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            values!(array, TimestampMillisecondType, x => x.saturating_mul(1_000_000))
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            values!(array, TimestampSecondType, x => x.saturating_mul(1_000_000_000))
        }
        _ => values!(array, Int64Type, x => x),
    };
    Int64Array::from(values)
}
