//! Rows that the csv crate has read, each by itself; what is wrong with a row is named here.

use super::columns::{Columns, Source};
use super::row_error::RowError;
use super::values::{float, integer};
use super::{Body, Job};
use crate::table::{At, Place};
use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ByteRecord, Position};
use std::path::Path;
use std::sync::Arc;

pub(super) const IN_MEMORY: &str = "a vector takes all bytes, and rows may differ in their fields";

/// What the rows become.
pub(super) enum Form {
    Text,
    Record(SchemaRef),
}

/// How rows are scored.
pub(super) struct RowScorer<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) path: &'a Arc<Path>,
    pub(super) columns: &'a Columns,
    pub(super) form: Form,
}

impl RowScorer<'_> {
    /// Scores rows behind so many lines of the file; says which of them cannot be.
    pub(super) fn score(&self, before: u64, rows: &[ByteRecord]) -> (Body, Vec<(Place, RowError)>) {
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
            arrays = self.inputs(schema, rows, &x, &mut faults);
        }
        let place = |row: &ByteRecord| {
            let line = before + row.position().map_or(0, Position::line);
            Place { path: Arc::clone(self.path), at: At::Line(line) }
        };
        let is_bad = faults.iter().any(Option::is_some);
        let bad = rows.iter().zip(&faults);
        let bad = bad.filter_map(|(row, fault)| Some((place(row), fault.clone()?))).collect();
        if is_bad && !self.job.keep_going {
            // The first bad row ends the run: nothing more is needed.
            return (Body::Text(Vec::new()), bad);
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
        (body, bad)
    }

    /// The columns that come from the input. What does not fit is left out, and a fault of its row.
    fn inputs(
        &self,
        schema: &SchemaRef,
        rows: &[ByteRecord],
        x: &[&[f64]],
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
                    let feature = self.columns.feature_at(column).map(|feature| x[feature]);
                    for (row, field) in fields.enumerate() {
                        // NaN behind the first fault of a row.
                        let known = feature.map(|x| x[row]).filter(|x| x.is_finite());
                        let value = known.or_else(|| float(field));
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

/// The columns of the Parquet file: those of the input by what the first rows hold.
pub(super) fn schema(job: &Job<'_>, columns: &Columns, rows: &[ByteRecord]) -> SchemaRef {
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
