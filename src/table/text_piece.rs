//! [`Piece`]: rows of plain text, column by column.

use super::batch::Place;
use super::error::TableError;
use super::reader::{BATCH_ROWS, Type};
use super::scan;
use super::stops::Stops;
use super::text_reader::{as_float, as_integer, refused};
use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use std::sync::Arc;

/// What is wrong with a line.
pub(super) enum Fault {
    FieldCount(usize),
    Field(usize, Vec<u8>, &'static str),
}

impl Fault {
    /// The same as an error of a table of such columns.
    pub(super) fn error(self, place: Place, names: &[String]) -> TableError {
        match self {
            Fault::FieldCount(found) => {
                TableError::FieldCount { place, found, expected: names.len() }
            }
            Fault::Field(column, field, expected) => {
                refused(place, (column, &names[column]), &field, expected)
            }
        }
    }
}

/// What came of some lines.
#[derive(Default)]
pub(super) struct Piece {
    /// Columns, and the line of each row.
    pub(super) batches: Vec<(Vec<ArrayRef>, Vec<u64>)>,
    pub(super) lines: u64,
    /// The first line that is wrong.
    pub(super) fault: Option<(u64, Fault)>,
    /// Whether a line is not plain.
    pub(super) odd: bool,
}

/// Rows of a text: the first field of each, and its line.
struct Rows {
    firsts: Vec<usize>,
    lines: Vec<u64>,
}

impl Piece {
    /// Parses whole lines, with room for where their fields end.
    pub(super) fn parse(
        text: &[u8],
        stops: &mut Stops,
        fields: usize,
        columns: &[(usize, Type)],
    ) -> Piece {
        let mut piece = Piece::default();
        if !stops.find(text) {
            return Piece { odd: true, ..piece };
        }
        let rows = piece.rows(text, stops, fields);
        for (firsts, lines) in rows.firsts.chunks(BATCH_ROWS).zip(rows.lines.chunks(BATCH_ROWS)) {
            match arrays(text, stops, firsts, columns) {
                Ok(arrays) => piece.batches.push((arrays, lines.to_vec())),
                Err((row, fault)) => {
                    piece.fault = Some((lines[row], fault));
                    break;
                }
            }
        }
        piece
    }

    /// The lines that are not blank, up to the first one without all its fields.
    fn rows(&mut self, text: &[u8], stops: &Stops, fields: usize) -> Rows {
        let mut rows = Rows { firsts: Vec::new(), lines: Vec::new() };
        for (first, behind) in stops.lines() {
            self.lines += 1;
            let found = behind - first;
            if found == 1 && stops.is_blank(text, first) {
                continue;
            }
            if found != fields {
                self.fault = Some((self.lines, Fault::FieldCount(found)));
                break;
            }
            rows.firsts.push(first);
            rows.lines.push(self.lines);
        }
        rows
    }
}

/// The columns of some rows; the first row that is wrong is the error.
fn arrays(
    text: &[u8],
    stops: &Stops,
    firsts: &[usize],
    columns: &[(usize, Type)],
) -> Result<Vec<ArrayRef>, (usize, Fault)> {
    let mut arrays = Vec::with_capacity(columns.len());
    let mut fault = None;
    let mut firsts = firsts;
    for &(column, kind) in columns {
        let fields = firsts.iter().map(|first| stops.field(text, first + column));
        let made = match kind {
            Type::Float => numbers(text, fields, scan::float_at, as_float).map(float_array),
            Type::Integer => numbers(text, fields, scan::integer_at, as_integer).map(integer_array),
            Type::Text => Ok(texts(text, fields)),
        };
        match made {
            Ok(array) => arrays.push(array),
            Err((row, (from, to), expected)) => {
                // Columns behind it are of interest for the rows before it.
                firsts = &firsts[..row];
                fault = Some((row, Fault::Field(column, text[from..to].to_vec(), expected)));
            }
        }
    }
    fault.map_or(Ok(arrays), Err)
}

fn float_array(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn integer_array(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

/// A field that is none of what it should have been: its row, its place, and what that is.
type Refused = (usize, (usize, usize), &'static str);

/// A column of numbers: `plain` tells most of them, `any` the others.
#[inline(always)]
fn numbers<T>(
    text: &[u8],
    fields: impl ExactSizeIterator<Item = (usize, usize)>,
    plain: impl Fn(&[u8], usize, usize) -> Option<T>,
    any: impl Fn(&[u8]) -> Result<T, &'static str>,
) -> Result<Vec<T>, Refused> {
    let mut values = Vec::with_capacity(fields.len());
    for (row, (from, to)) in fields.enumerate() {
        values.push(match plain(text, from, to) {
            Some(value) => value,
            None => any(&text[from..to]).map_err(|expected| (row, (from, to), expected))?,
        });
    }
    Ok(values)
}

/// A column of texts; what is not UTF-8 is replaced.
fn texts(text: &[u8], fields: impl ExactSizeIterator<Item = (usize, usize)> + Clone) -> ArrayRef {
    let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(fields.len() + 1));
    ends.push(0);
    for (from, to) in fields.clone() {
        match text[from..].first_chunk::<8>() {
            // Eight bytes are copied in one step.
            Some(more) if to - from <= more.len() => {
                bytes.extend_from_slice(more);
                bytes.truncate(bytes.len() - more.len() + to - from);
            }
            _ => bytes.extend_from_slice(&text[from..to]),
        }
        ends.push(bytes.len() as i32);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    match StringArray::try_new(offsets, Buffer::from_vec(bytes), None) {
        Ok(array) => Arc::new(array),
        Err(_) => {
            let lossy = fields.map(|(from, to)| String::from_utf8_lossy(&text[from..to]));
            Arc::new(StringArray::from_iter_values(lossy))
        }
    }
}
