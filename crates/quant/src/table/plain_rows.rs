//! [`PlainRows`]: rows of plain text whose fields stay where they stand.

use super::field::as_float;
use super::stops::Stops;
use super::text_piece::Fields;
use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_buffer::NullBuffer;
use factord_eval::vectors::Level;
use std::sync::Arc;

/// Rows of a text, all of which have all fields.
pub(crate) struct PlainRows<'a> {
    text: &'a [u8],
    stops: &'a Stops,
    /// The first field of each row.
    firsts: Vec<usize>,
    fields: usize,
    /// Whether no field stands in quotes or needs any.
    bare: bool,
    level: Level,
}

impl<'a> PlainRows<'a> {
    /// Rows of whole lines, whose `stops` were found; blank lines are none. `None` when a line has
    /// more or fewer fields.
    pub(crate) fn of(text: &'a [u8], stops: &'a Stops, fields: usize) -> Option<PlainRows<'a>> {
        let mut firsts = Vec::new();
        for (first, behind) in stops.lines() {
            let found = behind - first;
            if found == 1 && stops.is_blank(text, first) {
                continue;
            }
            if found != fields {
                return None;
            }
            firsts.push(first);
        }
        let bare = memchr::memchr2(b'"', b'\r', text).is_none();
        Some(PlainRows { text, stops, firsts, fields, bare, level: Level::best() })
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.firsts.len()
    }

    /// Whether every line may be written again as it stands.
    pub(crate) fn is_bare(&self) -> bool {
        self.bare
    }

    /// A row as it stands, without the end of its line.
    #[inline]
    pub(crate) fn line(&self, row: usize) -> &'a [u8] {
        let first = self.firsts[row];
        self.stops.between(self.text, first, first + self.fields)
    }

    /// A field without its quotes.
    #[inline]
    pub(crate) fn field(&self, row: usize, column: usize) -> &'a [u8] {
        let (from, to) = self.stops.field(self.text, self.firsts[row] + column);
        &self.text[from..to]
    }

    fn fields(&self, column: usize) -> Fields<'_> {
        Fields { text: self.text, stops: self.stops, firsts: &self.firsts, column }
    }

    /// A column of numbers, NaN where they are missing; `None` when a field is none.
    pub(crate) fn floats(&self, column: usize) -> Option<Vec<f64>> {
        self.fields(column).floats(self.level, |_, field| as_float(field)).ok()
    }

    /// A column of numbers, null where they are missing; `read` reads those that are not plain.
    pub(crate) fn float_array(
        &self,
        column: usize,
        read: impl Fn(&[u8]) -> Option<f64>,
    ) -> Option<ArrayRef> {
        let mut missing = Vec::new();
        let any = or_missing(&mut missing, f64::NAN, read);
        let values = self.fields(column).floats(self.level, any).ok()?;
        Some(Arc::new(Float64Array::new(values.into(), self.nulls(&missing))))
    }

    /// A column of integers, null where they are missing; `read` reads those that are not plain,
    /// and those that start with a zero.
    pub(crate) fn integer_array(
        &self,
        column: usize,
        read: impl Fn(&[u8]) -> Option<i64>,
    ) -> Option<ArrayRef> {
        let fields = self.fields(column);
        for (from, to) in fields.places() {
            let from = from + usize::from(self.text[from] == b'-');
            if self.text[from] == b'0' && read(&self.text[from..to]).is_none() {
                return None;
            }
        }
        let mut missing = Vec::new();
        let any = or_missing(&mut missing, 0, read);
        let values = fields.integers(self.level, any).ok()?;
        Some(Arc::new(Int64Array::new(values.into(), self.nulls(&missing))))
    }

    /// A column of texts; what is not UTF-8 is replaced.
    pub(crate) fn text_array(&self, column: usize) -> ArrayRef {
        self.fields(column).texts()
    }

    fn nulls(&self, missing: &[usize]) -> Option<NullBuffer> {
        let mut valid = vec![true; if missing.is_empty() { return None } else { self.len() }];
        missing.iter().for_each(|&row| valid[row] = false);
        Some(NullBuffer::from(valid))
    }
}

/// Reads a field, or notes its row where there is nothing.
fn or_missing<T: Copy>(
    missing: &mut Vec<usize>,
    nothing: T,
    read: impl Fn(&[u8]) -> Option<T>,
) -> impl FnMut(usize, &[u8]) -> Result<T, &'static str> {
    move |row, field| {
        if field.trim_ascii().is_empty() {
            missing.push(row);
            return Ok(nothing);
        }
        read(field).ok_or("a number")
    }
}
