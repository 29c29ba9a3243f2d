//! [`Piece`]: rows of plain text, column by column.

use super::chunk::{CHUNK_ROWS, Place, Type};
use super::digits::{Digits, ROWS};
use super::error::TableError;
use super::field::{as_float, as_integer, refused};
use super::stops::Stops;
use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use factord_eval::vectors::Level;
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

/// The result of some lines.
#[derive(Default)]
pub(super) struct Piece {
    /// Columns, and the line of each row.
    pub(super) chunks: Vec<(Vec<ArrayRef>, Vec<u64>)>,
    pub(super) lines: u64,
    /// The first line that is wrong.
    pub(super) fault: Option<(u64, Fault)>,
    /// Whether a line is not plain.
    pub(super) odd: bool,
}

/// Rows of a text: the first field of each, and its line.
struct RowStarts {
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
        for (firsts, lines) in rows.firsts.chunks(CHUNK_ROWS).zip(rows.lines.chunks(CHUNK_ROWS)) {
            match arrays(text, stops, firsts, columns) {
                Ok(arrays) => piece.chunks.push((arrays, lines.to_vec())),
                Err((row, fault)) => {
                    piece.fault = Some((lines[row], fault));
                    break;
                }
            }
        }
        piece
    }

    /// The lines that are not blank, up to the first one without all its fields.
    fn rows(&mut self, text: &[u8], stops: &Stops, fields: usize) -> RowStarts {
        let mut rows = RowStarts { firsts: Vec::new(), lines: Vec::new() };
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
    let level = Level::best();
    for &(column, kind) in columns {
        let fields = Fields { text, stops, firsts, column };
        let made: Result<ArrayRef, Refused> = match kind {
            Type::Float => fields
                .floats(level, |_, field| as_float(field))
                .map(|values| Arc::new(Float64Array::from(values)) as _),
            Type::Integer => fields
                .integers(level, |_, field| as_integer(field))
                .map(|values| Arc::new(Int64Array::from(values)) as _),
            Type::Text => Ok(fields.texts()),
        };
        match made {
            Ok(array) => arrays.push(array),
            Err((row, field, expected)) => {
                // Columns behind it are of interest for the rows before it.
                firsts = &firsts[..row];
                fault = Some((row, Fault::Field(column, field, expected)));
            }
        }
    }
    fault.map_or(Ok(arrays), Err)
}

/// One column of some rows.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) text: &'a [u8],
    pub(super) stops: &'a Stops,
    /// The first field of each row.
    pub(super) firsts: &'a [usize],
    pub(super) column: usize,
}

impl<'a> Fields<'a> {
    /// From where to where each of them is.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let Fields { text, stops, firsts, column } = *self;
        firsts.iter().map(move |first| stops.field(text, first + column))
    }

    /// As many as are worked on at once.
    fn blocks(self) -> impl Iterator<Item = Fields<'a>> {
        self.firsts.chunks(ROWS).map(move |firsts| Fields { firsts, ..self })
    }

    /// Adds the values of some of them, but for those that are not told, which are parsed anew.
    fn add<T: Copy>(
        &self,
        (values, told): (&[T; ROWS], &[u64; ROWS]),
        any: &mut impl FnMut(usize, &[u8]) -> Result<T, &'static str>,
        all: &mut Vec<T>,
    ) -> Result<(), Refused> {
        let first = all.len();
        all.extend_from_slice(&values[..self.firsts.len()]);
        if told[..self.firsts.len()].iter().all(|&told| told == 1) {
            return Ok(());
        }
        for (row, (from, to)) in self.places().enumerate().filter(|(row, _)| told[*row] == 0) {
            let field = &self.text[from..to];
            let refused = |expected| (first + row, field.to_vec(), expected);
            all[first + row] = any(first + row, field).map_err(refused)?;
        }
        Ok(())
    }
}

/// A field that is not what it should have been: its row, the field, and what was expected.
pub(super) type Refused = (usize, Vec<u8>, &'static str);

/// A column of numbers: how a field is put among digits, what is made of those, and what is made of
/// a field that they do not tell, given its row.
fn numbers<T: Copy>(
    fields: Fields,
    put: impl Fn(&mut Digits, usize, &[u8], (usize, usize)),
    make: impl Fn(&Digits) -> ([T; ROWS], [u64; ROWS]),
    mut any: impl FnMut(usize, &[u8]) -> Result<T, &'static str>,
) -> Result<Vec<T>, Refused> {
    let (mut all, mut digits) = (Vec::with_capacity(fields.firsts.len()), Digits::new());
    for block in fields.blocks() {
        for (row, place) in block.places().enumerate() {
            put(&mut digits, row, block.text, place);
        }
        let (values, told) = make(&digits);
        block.add((&values, &told), &mut any, &mut all)?;
    }
    Ok(all)
}

impl Fields<'_> {
    /// Numbers; `any` reads what is not plain.
    pub(super) fn floats(
        self,
        level: Level,
        any: impl FnMut(usize, &[u8]) -> Result<f64, &'static str>,
    ) -> Result<Vec<f64>, Refused> {
        numbers(self, Digits::put_float, |digits| digits.floats(level), any)
    }

    /// Integers; `any` reads what is not plain.
    pub(super) fn integers(
        self,
        level: Level,
        any: impl FnMut(usize, &[u8]) -> Result<i64, &'static str>,
    ) -> Result<Vec<i64>, Refused> {
        numbers(self, Digits::put_integer, |digits| digits.integers(level), any)
    }

    /// Texts; what is not UTF-8 is replaced.
    pub(super) fn texts(self) -> ArrayRef {
        let text = self.text;
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(self.firsts.len() + 1));
        ends.push(0);
        for (from, to) in self.places() {
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
                let lossy =
                    self.places().map(|(from, to)| String::from_utf8_lossy(&text[from..to]));
                Arc::new(StringArray::from_iter_values(lossy))
            }
        }
    }
}
