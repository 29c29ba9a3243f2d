//! CSV to CSV, or to Parquet.
//!
//! Other columns of CSV go to CSV as they stand. To Parquet they go as integers or floats where
//! every value of the first piece is one, else as text; a later value that does not fit makes its
//! row a bad one.

use super::columns::{Columns, RowError, Source};
use super::pipeline::ordered;
use super::{Body, Event, Job, Part, ScoreError, Summary, Tally, take};
use crate::content::Progress;
use crate::stated;
use crate::table::{At, CsvRows, Input, Place, TableError, Writer, WriterOptions};
use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ByteRecord, Position};
use factord_factors::Stated;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Rows of a piece.
// 8,192: a piece takes milliseconds, so that threads seldom wait for each other, and a MiB or so.
const PIECE_ROWS: usize = 8192;

struct Piece {
    rows: Vec<ByteRecord>,
    share: Option<f64>,
}

struct Pieces {
    rows: CsvRows<Box<dyn Read + Send>>,
    progress: Progress,
}

impl Pieces {
    fn next(&mut self) -> Result<Option<Piece>, ScoreError> {
        let mut rows = Vec::with_capacity(PIECE_ROWS);
        let mut row = ByteRecord::new();
        while rows.len() < PIECE_ROWS && self.rows.read(&mut row)? {
            rows.push(row.clone());
        }
        let share = self.progress.fraction();
        Ok((!rows.is_empty()).then_some(Piece { rows, share }))
    }
}

pub(super) fn run(
    job: &Job<'_>,
    input: Input,
    notes: Option<(&str, &Stated)>,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, ScoreError> {
    let (path, progress) = (Arc::clone(input.path()), input.progress());
    let mut rows = CsvRows::new(input.into_text(), &path);
    let mut header = ByteRecord::new();
    if !rows.read(&mut header)? {
        return Err(TableError::Empty { path: path.to_path_buf() }.into());
    }
    let columns = Columns::of_csv(&header, job.models.features(), job.models.outputs());
    let columns = columns.map_err(|error| job.header(error))?;
    watch(Event::Columns(&columns.taken()));
    let mut pieces = Pieces { rows, progress };
    let mut first = None;
    let (form, mut writer) = if let Some((note, settings)) = notes {
        first = pieces.next()?;
        let schema = schema(job, &columns, first.as_ref().map_or(&[], |piece| &piece.rows));
        let options = WriterOptions { compression: job.compression };
        let mut writer = Writer::create(job.output, &schema, &options)?;
        writer.note(super::record::NOTE.key, note);
        stated::note(settings, &mut writer);
        (Form::Record(schema), writer)
    } else {
        let mut line = csv::Writer::from_writer(Vec::new());
        line.write_byte_record(&columns.header(&header)).expect(IN_MEMORY);
        let line = line.into_inner().expect(IN_MEMORY);
        (Form::Text, Writer::create_text(job.output, line)?)
    };
    let scorer = Scorer { job, path: &path, columns: &columns, form };
    let mut tally = Tally::new(job, watch);
    let next = || match first.take() {
        Some(piece) => Ok(Some(piece)),
        None => pieces.next(),
    };
    ordered(
        job.thread_count,
        next,
        |piece| Ok(scorer.score(piece)),
        |part| take(part, &mut tally, &mut writer),
    )?;
    writer.finish()?;
    Ok(tally.summary)
}

const IN_MEMORY: &str = "a vector takes all bytes, and rows may differ in their fields";

/// What the rows become.
enum Form {
    Text,
    Record(SchemaRef),
}

struct Scorer<'a> {
    job: &'a Job<'a>,
    path: &'a Arc<Path>,
    columns: &'a Columns,
    form: Form,
}

impl Scorer<'_> {
    fn score(&self, piece: Piece) -> Part {
        let rows = piece.rows;
        let models = self.job.models;
        let mut x = vec![vec![f64::NAN; rows.len()]; models.features().len()];
        let mut faults: Vec<Option<RowError>> = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let read = self.columns.read(row, |feature, value| x[feature][index] = value);
            faults.push(read.err());
        }
        let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
        let mut scores = models.score(&x, rows.len());
        for &row in &scores.bad {
            faults[row].get_or_insert(RowError::NotPredictable);
        }
        let mut arrays = Vec::new();
        if let Form::Record(schema) = &self.form {
            arrays = self.inputs(schema, &rows, &mut faults);
        }
        let place = |row: &ByteRecord| {
            let line = row.position().map_or(0, Position::line);
            Place { path: Arc::clone(self.path), at: At::Line(line) }
        };
        let (row_count, share) = (rows.len(), piece.share);
        let is_bad = faults.iter().any(Option::is_some);
        let bad = rows.iter().zip(&faults);
        let bad = bad.filter_map(|(row, fault)| Some((place(row), fault.clone()?))).collect();
        if is_bad && !self.job.keep_going {
            // The first bad row ends the run: nothing more is needed.
            return Part { body: Body::Text(Vec::new()), row_count, bad, share };
        }
        scores.bad = (0..rows.len()).filter(|&row| faults[row].is_some()).collect();
        let body = match &self.form {
            Form::Text => {
                let mut lines = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
                for (index, row) in rows.iter().enumerate() {
                    let outputs = faults[index].is_none().then(|| scores.texts(index));
                    let row = self.columns.row(row, outputs.as_deref());
                    lines.write_byte_record(&row).expect(IN_MEMORY);
                }
                Body::Text(lines.into_inner().expect(IN_MEMORY))
            }
            Form::Record(schema) => {
                let mut inputs = arrays.into_iter();
                let outputs = scores.arrays(rows.len());
                let array = |source: &Source| match *source {
                    Source::Input(_) => inputs.next(),
                    Source::Output(output) => Some(Arc::clone(&outputs[output])),
                };
                let arrays = self.columns.sources().iter().filter_map(array).collect();
                let record = RecordBatch::try_new(Arc::clone(schema), arrays);
                Body::Record(record.expect("the arrays were made by the schema"))
            }
        };
        Part { body, row_count, bad, share }
    }

    /// The columns that come from the input. What does not fit is left out, and a fault of its row.
    fn inputs(
        &self,
        schema: &SchemaRef,
        rows: &[ByteRecord],
        faults: &mut [Option<RowError>],
    ) -> Vec<ArrayRef> {
        let mut arrays = Vec::new();
        for (place, source) in self.columns.sources().iter().enumerate() {
            let Source::Input(column) = *source else { continue };
            let fields = rows.iter().map(|row| row.get(column).unwrap_or_default());
            let mut fault = |row: usize, field: &[u8], expected| {
                faults[row]
                    .get_or_insert_with(|| self.columns.not_a_number(column, field, expected));
            };
            arrays.push(match schema.field(place).data_type() {
                DataType::Int64 => {
                    let mut values = Int64Builder::with_capacity(rows.len());
                    for (row, field) in fields.enumerate() {
                        let value = integer(field);
                        if value.is_none() && !field.trim_ascii().is_empty() {
                            fault(row, field, "an integer, as those above it are");
                        }
                        values.append_option(value);
                    }
                    Arc::new(values.finish()) as ArrayRef
                }
                DataType::Float64 => {
                    let mut values = Float64Builder::with_capacity(rows.len());
                    for (row, field) in fields.enumerate() {
                        let value = float(field);
                        if value.is_none() && !field.trim_ascii().is_empty() {
                            fault(row, field, "a number, as those above it are");
                        }
                        values.append_option(value);
                    }
                    Arc::new(values.finish())
                }
                _ => {
                    let mut texts = StringBuilder::new();
                    fields.for_each(|field| texts.append_value(String::from_utf8_lossy(field)));
                    Arc::new(texts.finish())
                }
            });
        }
        arrays
    }
}

/// An integer in its usual form: `007` is a text.
fn integer(field: &[u8]) -> Option<i64> {
    let field = field.trim_ascii();
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    if digits.first() == Some(&b'0') && digits.len() > 1 {
        return None;
    }
    str::from_utf8(field).ok()?.parse().ok()
}

fn float(field: &[u8]) -> Option<f64> {
    let field = field.trim_ascii();
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    if digits.first() == Some(&b'0') && digits.get(1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(field).ok()?.parse().ok()
}

/// The columns of the Parquet file: those of the input by what the first rows hold.
fn schema(job: &Job<'_>, columns: &Columns, rows: &[ByteRecord]) -> SchemaRef {
    let outputs = job.models.fields(job.keep_going);
    let field = |source: &Source| match *source {
        Source::Output(output) => outputs[output].clone(),
        Source::Input(column) => {
            let fields = || rows.iter().filter_map(|row| row.get(column));
            let fields = || fields().filter(|field| !field.trim_ascii().is_empty());
            let kind = if columns.features().contains(&column) {
                DataType::Float64
            } else if fields().next().is_none() {
                DataType::Utf8
            } else if fields().all(|field| integer(field).is_some()) {
                DataType::Int64
            } else if fields().all(|field| float(field).is_some()) {
                DataType::Float64
            } else {
                DataType::Utf8
            };
            Field::new(&columns.names()[column], kind, true)
        }
    };
    Arc::new(Schema::new(columns.sources().iter().map(field).collect::<Vec<_>>()))
}
