//! [`Writer`]: a table that appears under its name only when it is whole.

use super::error::TableError;
use super::output::{Output, OutputError};
use super::text_writer;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a row group.
// 262,144: four chunks; 2 MiB a column held before it is written, and a reader can give each
// group to another core.
pub(crate) const ROW_GROUP_ROWS: usize = 4 * super::CHUNK_ROWS;

/// How the columns of a Parquet file are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: rates and predictions hold noise in every bit, and packing saves little.
    #[default]
    None,
    /// Fast and read everywhere.
    Snappy,
    /// Smaller and slower.
    Zstd,
}

impl Compression {
    fn codec(self) -> basic::Compression {
        match self {
            Compression::None => basic::Compression::UNCOMPRESSED,
            Compression::Snappy => basic::Compression::SNAPPY,
            Compression::Zstd => basic::Compression::ZSTD(basic::ZstdLevel::default()),
        }
    }
}

/// What a caller may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterOptions {
    /// For Parquet.
    pub compression: Compression,
}

/// How Parquet columns are encoded: texts and classes by a dictionary, other numbers as they are,
/// since few of them repeat; statistics by row group.
pub(crate) fn properties(schema: &Schema, compression: Compression) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("factord ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression.codec())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_enabled(false)
        // Pages of 1 MiB whatever their rows, encoded in few large steps.
        .set_data_page_row_count_limit(usize::MAX)
        .set_write_batch_size(16 * 1024);
    for field in schema.fields() {
        if matches!(field.data_type(), DataType::Utf8 | DataType::Int32) {
            let column = ColumnPath::from(field.name().clone());
            properties = properties.set_column_dictionary_enabled(column, true);
        }
    }
    properties.build()
}

/// Writes record batches to CSV, gzipped CSV or Parquet, by the end of the name: `.parquet` or
/// `.pq`, `.gz`, anything else CSV; `-` is CSV on stdout.
pub struct Writer {
    path: PathBuf,
    form: Form,
}

enum Form {
    Text(Sink, Vec<u8>),
    Parquet(Box<ArrowWriter<Output>>),
}

enum Sink {
    Plain(Output),
    Gzip(Box<GzEncoder<Output>>),
}

impl Sink {
    fn create(path: &Path) -> Result<Sink, OutputError> {
        let output = Output::create(path)?;
        Ok(match is_gzip(path) {
            true => {
                // 2: half the time of the default, for files that are a little larger.
                let level = flate2::Compression::new(2);
                Sink::Gzip(Box::new(GzEncoder::new(output, level)))
            }
            false => Sink::Plain(output),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Sink::Plain(output) => output.write_all(bytes),
            Sink::Gzip(encoder) => encoder.write_all(bytes),
        }
    }

    /// Writes out and empties the bytes.
    fn take(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let written = self.write_all(bytes);
        bytes.clear();
        written
    }
}

/// Whether a table of that name is written as Parquet.
pub fn is_parquet(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ending == "parquet" || ending == "pq")
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"))
}

impl Writer {
    /// Creates a table; nothing bears its name before [`Writer::finish`].
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be created, or a column has no form in CSV.
    pub fn create(
        path: &Path,
        schema: &SchemaRef,
        options: &WriterOptions,
    ) -> Result<Writer, TableError> {
        let mut bytes = Vec::new();
        let form = if is_parquet(path) {
            let properties = properties(schema, options.compression);
            let output = Output::create(path)?;
            let writer = ArrowWriter::try_new(output, Arc::clone(schema), Some(properties))
                .map_err(|error| failed(path, error))?;
            Form::Parquet(Box::new(writer))
        } else {
            text_writer::header(schema, &mut bytes)?;
            Form::Text(Sink::create(path)?, bytes)
        };
        Ok(Writer { path: path.to_owned(), form })
    }

    /// Creates a CSV file, gzipped if its name says so, whose lines the caller makes.
    pub(crate) fn create_text(path: &Path, header: Vec<u8>) -> Result<Writer, TableError> {
        Ok(Writer { path: path.to_owned(), form: Form::Text(Sink::create(path)?, header) })
    }

    /// Writes lines to a CSV file.
    ///
    /// # Panics
    ///
    /// When it is Parquet.
    pub(crate) fn write_text(&mut self, lines: &[u8]) -> Result<(), TableError> {
        let Form::Text(sink, bytes) = &mut self.form else { panic!("Parquet has no lines") };
        let path = &self.path;
        let failed = |error| OutputError::Write { path: path.clone(), error };
        sink.take(bytes).map_err(failed)?;
        Ok(sink.write_all(lines).map_err(failed)?)
    }

    /// Writes the rows of a record batch, whose columns are those of the schema.
    ///
    /// # Errors
    ///
    /// [`TableError`] when they cannot be encoded or written.
    pub fn write(&mut self, record: &RecordBatch) -> Result<(), TableError> {
        match &mut self.form {
            Form::Text(sink, bytes) => {
                text_writer::rows(record, bytes);
                let path = || self.path.clone();
                sink.take(bytes).map_err(|error| OutputError::Write { path: path(), error }.into())
            }
            Form::Parquet(writer) => {
                writer.write(record).map_err(|error| failed(&self.path, error))
            }
        }
    }

    /// Puts a text under a key into Parquet's own metadata; CSV has no place for it.
    pub(crate) fn note(&mut self, key: &str, value: &str) {
        if let Form::Parquet(writer) = &mut self.form {
            let (key, value) = (key.to_owned(), Some(value.to_owned()));
            writer.append_key_value_metadata(KeyValue { key, value });
        }
    }

    /// The Parquet file that was begun, and its path.
    ///
    /// # Panics
    ///
    /// When it is text.
    pub(super) fn into_parquet(self) -> (PathBuf, ArrowWriter<Output>) {
        let Form::Parquet(writer) = self.form else { panic!("text is no Parquet") };
        (self.path, *writer)
    }

    /// Hands on what was written so far, for somebody who reads along; Parquet has no such half.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written.
    pub fn flush(&mut self) -> Result<(), TableError> {
        let flushed = match &mut self.form {
            Form::Text(sink, bytes) => sink.take(bytes).and_then(|()| match sink {
                Sink::Plain(output) => output.flush(),
                Sink::Gzip(encoder) => encoder.flush(),
            }),
            Form::Parquet(_) => Ok(()),
        };
        flushed.map_err(|error| OutputError::Write { path: self.path.clone(), error }.into())
    }

    /// Ends the table and gives it its name.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written to its end; nothing bears its name then.
    pub fn finish(self) -> Result<(), TableError> {
        Ok(self.end()?.finish()?)
    }

    /// Ends a table that is not whole, under another name, which is returned where it is a file.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be written.
    pub fn finish_as(self, path: &Path) -> Result<Option<PathBuf>, TableError> {
        Ok(self.end()?.finish_as(path)?)
    }

    fn end(self) -> Result<Output, TableError> {
        let path = &self.path;
        let written = |error| TableError::from(OutputError::Write { path: path.clone(), error });
        Ok(match self.form {
            Form::Text(mut sink, mut bytes) => {
                sink.take(&mut bytes).map_err(written)?;
                match sink {
                    Sink::Plain(output) => output,
                    Sink::Gzip(encoder) => encoder.finish().map_err(written)?,
                }
            }
            Form::Parquet(writer) => writer.into_inner().map_err(|error| failed(path, error))?,
        })
    }
}

/// An encoder's error: the system's where it has one.
pub(crate) fn failed(path: &Path, error: ParquetError) -> TableError {
    let path = path.to_owned();
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => OutputError::Write { path, error: *error }.into(),
            Err(error) => TableError::Encode { path, reason: error.to_string() },
        },
        error => TableError::Encode { path, reason: error.to_string() },
    }
}
