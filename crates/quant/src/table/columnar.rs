//! [`Columnar`]: a Parquet or Arrow file, whose columns are read by themselves.

use super::arrow_check;
use super::chunk::{At, CHUNK_ROWS, Place};
use super::error::TableError;
use super::footer::{self, footer};
use super::input::{Format, Input};
use super::pages::Pages;
use crate::content::Kind;
use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;
use std::sync::Arc;

/// A table in columns whose names and types are known.
pub(crate) struct Columnar {
    path: Arc<Path>,
    format: Format,
    names: Vec<String>,
    schema: SchemaRef,
    source: Source,
    /// The rows that the file promises, if it does.
    total: Option<u64>,
    done: u64,
    /// The most rows that are given at a time.
    rows_max: usize,
}

enum Source {
    /// Nothing selected yet.
    Parquet(File, ArrowReaderMetadata),
    Arrow(File, bool),
    /// Reading; what was read and is longer than a piece.
    Rows(Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>, Option<RecordBatch>),
    /// Between the two.
    None,
}

impl Columnar {
    pub(crate) fn open(input: Input) -> Result<Columnar, TableError> {
        let (path, format) = (Arc::clone(input.path()), input.format());
        let stream = input.content().kind == Kind::ArrowStream;
        let mut file = input.into_file()?;
        let start = |error| TableError::Open { path: path.to_path_buf(), error };
        file.rewind().map_err(start)?;
        let (source, schema, total) = if format == Format::Parquet {
            let metadata = footer(&file).map_err(|error| damaged(format, &path, 0, &error))?;
            let rows = metadata.metadata().file_metadata().num_rows();
            let schema = Arc::clone(metadata.schema());
            (Source::Parquet(file, metadata), schema, Some(u64::try_from(rows).unwrap_or(0)))
        } else {
            let contradicts = |error: String| damaged(format, &path, 0, &error);
            arrow_check::check(&mut file, stream).map_err(contradicts)?;
            file.rewind().map_err(start)?;
            let read = |file: &File| -> Result<SchemaRef, ArrowError> {
                let file = BufReader::new(file);
                Ok(match stream {
                    true => StreamReader::try_new(file, None)?.schema(),
                    false => FileReader::try_new(file, None)?.schema(),
                })
            };
            let schema = read(&file).map_err(|error| damaged(format, &path, 0, &error))?;
            (Source::Arrow(file, stream), schema, None)
        };
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Columnar { path, format, names, schema, source, total, done: 0, rows_max: CHUNK_ROWS })
    }

    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The share that was read; 0 where the file does not say how many rows it has.
    pub(crate) fn progress(&self) -> f64 {
        match self.total {
            Some(0) => 1.0,
            Some(total) => self.done as f64 / total as f64,
            None => 0.0,
        }
    }

    /// Has texts come as the dictionaries that the file holds them in, where all of a column is;
    /// before columns are selected. Each text is then read once.
    pub(crate) fn keep_dictionaries(&mut self) {
        if let Source::Parquet(_, metadata) = &mut self.source
            && let Some(kept) = footer::with_dictionaries(metadata)
        {
            self.schema = Arc::clone(kept.schema());
            *metadata = kept;
        }
    }

    /// Starts reading columns, whose numbers, counted from 0, ascend, in pieces of so many rows at
    /// most.
    pub(crate) fn select(&mut self, columns: &[usize], rows_max: usize) -> Result<(), TableError> {
        self.rows_max = rows_max;
        let rows: Box<dyn Iterator<Item = _> + Send> =
            match std::mem::replace(&mut self.source, Source::None) {
                Source::Parquet(file, metadata) => {
                    let path = || self.path.to_path_buf();
                    let pages = Pages::of(file);
                    let pages = pages.map_err(|error| TableError::Open { path: path(), error })?;
                    let builder =
                        ParquetRecordBatchReaderBuilder::new_with_metadata(pages, metadata);
                    let roots = columns.iter().copied();
                    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
                    let built = builder.with_projection(mask).with_batch_size(rows_max).build();
                    Box::new(built.map_err(|error| self.damaged(&error))?)
                }
                Source::Arrow(mut file, stream) => {
                    let rewound = file.rewind();
                    let path = || self.path.to_path_buf();
                    rewound.map_err(|error| TableError::Open { path: path(), error })?;
                    let columns = Some(columns.to_vec());
                    let damaged = |error| self.damaged(&error);
                    let file = BufReader::with_capacity(256 << 10, file);
                    match stream {
                        true => Box::new(StreamReader::try_new(file, columns).map_err(damaged)?),
                        false => Box::new(FileReader::try_new(file, columns).map_err(damaged)?),
                    }
                }
                other => {
                    self.source = other;
                    return Ok(());
                }
            };
        self.source = Source::Rows(rows, None);
        Ok(())
    }

    /// Reads the next rows, at most a piece of them: the number of the first, counted from 0, and
    /// the selected columns in their order.
    pub(crate) fn next_rows(&mut self) -> Result<Option<(u64, RecordBatch)>, TableError> {
        let Source::Rows(rows, rest) = &mut self.source else { return Ok(None) };
        let first = self.done;
        let read = match rest.take() {
            Some(rest) => Some(Ok(rest)),
            // Batches of Arrow may be empty. Bounded by the file.
            None => {
                guarded(|| rows.find(|read| read.as_ref().map_or(true, |read| read.num_rows() > 0)))
            }
        };
        let Some(read) = read else {
            return match self.total {
                Some(total) if total != first => {
                    Err(self.damaged(&format!("{total} rows were promised")))
                }
                _ => Ok(None),
            };
        };
        let read = match read {
            Ok(read) if read.num_rows() > self.rows_max => {
                *rest = Some(read.slice(self.rows_max, read.num_rows() - self.rows_max));
                read.slice(0, self.rows_max)
            }
            Ok(read) => read,
            Err(error) => return Err(self.damaged(&error)),
        };
        self.done += read.num_rows() as u64;
        Ok(Some((first, read)))
    }

    /// The error of what cannot be read from the next row on.
    fn damaged(&self, reason: &dyn std::fmt::Display) -> TableError {
        damaged(self.format, &self.path, self.done, reason)
    }
}

/// Reads on. What the library of Arrow trusts of a file was checked before; should it panic all
/// the same, the file is at fault and not the process.
fn guarded(
    read: impl FnOnce() -> Option<Result<RecordBatch, ArrowError>>,
) -> Option<Result<RecordBatch, ArrowError>> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Some(Err(ArrowError::ParseError("its parts contradict each other".to_owned())))
    })
}

/// A row of a file, counted from 0.
pub(crate) fn at(path: &Arc<Path>, row: u64) -> Place {
    Place { path: Arc::clone(path), at: At::Row(row + 1) }
}

fn damaged(
    format: Format,
    path: &Arc<Path>,
    row: u64,
    reason: &dyn std::fmt::Display,
) -> TableError {
    let what = if format == Format::Arrow { "Arrow" } else { "Parquet" };
    TableError::Damaged { place: at(path, row), what, reason: reason.to_string() }
}
