//! Rows of plain text that can all be scored: from bytes to bytes, or to columns.
//!
//! What the csv crate does field by field is done here in the text itself. Rows with one among them
//! that cannot be scored are nobody's here: they are read again in the way that says what is wrong.

use super::columns::{Columns, Source};
use super::models::{Models, Scores};
use super::values::{float, integer};
use crate::table::PlainRows;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use std::sync::Arc;

/// What an output adds to a line at most: a comma, and 24 characters of a number.
const OUTPUT_LEN: usize = 25;

/// The features of the rows, and their scores.
fn score(
    rows: &PlainRows<'_>,
    columns: &Columns,
    models: &Models,
) -> Option<(Vec<Vec<f64>>, Scores)> {
    let read = |&column: &usize| {
        let values = rows.floats(column)?;
        values.iter().all(|value| value.is_finite()).then_some(values)
    };
    let x: Vec<Vec<f64>> = columns.features().iter().map(read).collect::<Option<_>>()?;
    let slices: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
    let scores = models.score(&slices, rows.len());
    scores.bad.is_empty().then_some((x, scores))
}

/// Scores rows to lines of text; `None` when a row cannot be scored.
pub(super) fn to_lines(
    rows: &PlainRows<'_>,
    columns: &Columns,
    models: &Models,
    lines: &mut Vec<u8>,
) -> Option<()> {
    let (_, scores) = score(rows, columns, models)?;
    let whole = rows.is_bare() && columns.only_adds();
    for row in 0..rows.len() {
        if whole {
            let line = rows.line(row);
            lines.reserve(line.len() + scores.columns.len() * OUTPUT_LEN + 1);
            lines.extend_from_slice(line);
            for output in &scores.columns {
                lines.push(b',');
                output.push(row, lines);
            }
        } else {
            for (place, source) in columns.sources().iter().enumerate() {
                if place > 0 {
                    lines.push(b',');
                }
                match *source {
                    Source::Input(column) => push_field(rows.field(row, column), lines),
                    Source::Output(output) => scores.columns[output].push(row, lines),
                }
            }
        }
        lines.push(b'\n');
    }
    Some(())
}

/// Appends a field without quotes and line feeds, in quotes where it needs them.
#[inline]
fn push_field(field: &[u8], line: &mut Vec<u8>) {
    if memchr::memchr2(b',', b'\r', field).is_none() {
        line.extend_from_slice(field);
    } else {
        line.push(b'"');
        line.extend_from_slice(field);
        line.push(b'"');
    }
}

/// Scores rows to columns; `None` when a row cannot be scored or does not fit the schema.
pub(super) fn to_record(
    rows: &PlainRows<'_>,
    columns: &Columns,
    models: &Models,
    schema: &SchemaRef,
) -> Option<RecordBatch> {
    let (mut x, scores) = score(rows, columns, models)?;
    let outputs = scores.arrays(rows.len());
    let array = |(place, source): (usize, &Source)| -> Option<ArrayRef> {
        match *source {
            Source::Output(output) => Some(Arc::clone(&outputs[output])),
            Source::Input(column) => {
                if let Some(feature) = columns.feature_at(column) {
                    let values = std::mem::take(&mut x[feature]);
                    return Some(Arc::new(Float64Array::from(values)));
                }
                match schema.field(place).data_type() {
                    DataType::Int64 => rows.integer_array(column, integer),
                    DataType::Float64 => rows.float_array(column, float),
                    _ => Some(rows.text_array(column)),
                }
            }
        }
    };
    let arrays = columns.sources().iter().enumerate().map(array).collect::<Option<_>>()?;
    RecordBatch::try_new(Arc::clone(schema), arrays).ok()
}
