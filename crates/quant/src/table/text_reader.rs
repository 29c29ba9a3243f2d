//! [`TextReader`]: chunks from CSV.

use super::chunk::{At, CHUNK_ROWS, Chunk, Place, RowNumbers, Type, record};
use super::csv_rows::CsvRows;
use super::error::TableError;
use super::field::{as_float, as_integer, refused};
use super::input::Input;
use super::text_blocks::{Blocks, Next};
use crate::content::Progress;
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_schema::SchemaRef;
use csv::ByteRecord;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A text whose header was read.
pub(super) struct TextReader {
    form: Form,
    path: Arc<Path>,
    names: Vec<String>,
    progress: Progress,
    row: ByteRecord,
}

/// What the text is like from where it stands.
enum Form {
    /// So far as [`Blocks`] can parse it.
    Plain(Blocks),
    /// Read by the csv crate, behind so many lines.
    Any(CsvRows<Box<dyn Read + Send>>, u64),
}

impl TextReader {
    pub(super) fn open(input: Input) -> Result<TextReader, TableError> {
        let (path, progress) = (Arc::clone(input.path()), input.progress());
        let mut blocks = Blocks::new(input.into_text(), &path);
        let mut row = ByteRecord::new();
        let form = match blocks.header() {
            Some(names) => {
                row.extend(names);
                Form::Plain(blocks)
            }
            None => {
                let (rest, lines) = blocks.rest();
                let mut rows = CsvRows::new(rest, &path);
                if !rows.read(&mut row)? {
                    return Err(TableError::Empty { path: path.to_path_buf() });
                }
                Form::Any(rows, lines)
            }
        };
        let names: Vec<String> =
            row.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        if names.iter().all(|name| name.parse::<f64>().is_ok()) {
            return Err(TableError::NoHeader { path: path.to_path_buf() });
        }
        Ok(TextReader { form, path, names, progress, row })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the csv crate is not needed, so far.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain(_))
    }

    pub(super) fn progress(&self) -> Option<f64> {
        self.progress.fraction()
    }

    /// Reads up to a chunk of the given columns.
    pub(super) fn next_chunk(
        &mut self,
        columns: &[(usize, Type)],
        schema: &SchemaRef,
    ) -> Result<Option<Chunk>, TableError> {
        if let Form::Plain(blocks) = &mut self.form {
            match blocks.next(&self.names, columns, schema)? {
                Next::Chunk(chunk) => return Ok(chunk),
                Next::Rest(rest, lines) => {
                    self.form = Form::Any(CsvRows::behind(lines, rest, &self.path), lines);
                }
            }
        }
        let Form::Any(rows, before) = &mut self.form else { return Ok(None) };
        let mut cells: Vec<Cells> =
            columns.iter().map(|&(_, kind)| Cells::new(kind, CHUNK_ROWS)).collect();
        let mut lines = Vec::with_capacity(CHUNK_ROWS);
        while lines.len() < CHUNK_ROWS && rows.read(&mut self.row)? {
            let line = *before + self.row.position().map_or(0, csv::Position::line);
            let place = || Place { path: Arc::clone(&self.path), at: At::Line(line) };
            if self.row.len() != self.names.len() {
                let (found, expected) = (self.row.len(), self.names.len());
                return Err(TableError::FieldCount { place: place(), found, expected });
            }
            for (cells, &(column, _)) in cells.iter_mut().zip(columns) {
                let field = &self.row[column];
                cells.push(field).map_err(|expected| {
                    refused(place(), (column, &self.names[column]), field, expected)
                })?;
            }
            lines.push(line);
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let arrays = cells.into_iter().map(Cells::finish).collect();
        let record = record(schema, arrays, lines.len());
        let rows = RowNumbers::Lines(lines);
        Ok(Some(Chunk { record, path: Arc::clone(&self.path), rows }))
    }
}

/// One column under construction.
enum Cells {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Text(StringBuilder),
}

impl Cells {
    /// With room for this many rows.
    fn new(kind: Type, rows: usize) -> Cells {
        match kind {
            Type::Float => Cells::Float(Vec::with_capacity(rows)),
            Type::Integer => Cells::Integer(Vec::with_capacity(rows)),
            Type::Text => Cells::Text(StringBuilder::new()),
        }
    }

    /// Adds a field; an error says what it should have been.
    fn push(&mut self, field: &[u8]) -> Result<(), &'static str> {
        match self {
            Cells::Float(values) => values.push(as_float(field)?),
            Cells::Integer(values) => values.push(as_integer(field)?),
            Cells::Text(texts) => texts.append_value(String::from_utf8_lossy(field)),
        }
        Ok(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            Cells::Float(values) => Arc::new(Float64Array::from(values)),
            Cells::Integer(values) => Arc::new(Int64Array::from(values)),
            Cells::Text(mut texts) => Arc::new(texts.finish()),
        }
    }
}
