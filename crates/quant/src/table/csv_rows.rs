//! Rows of a CSV stream, each with the line it starts on.
//!
//! The csv crate counts a line where the row before ended, which is short by the blank lines and
//! by half a CRLF in between. Here every row ends with a line feed, so that its first line follows
//! from the line feeds read so far and those inside its fields.

use super::error::TableError;
use super::input::unreadable;
use super::line_ends::{ROW_LEN_MAX, too_long};
use csv::{ByteRecord, Position, Reader, ReaderBuilder, Terminator};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// A reader of rows, the header included.
pub struct CsvRows<R> {
    reader: Reader<Terminated<R>>,
    path: Arc<Path>,
    /// Lines before the stream, which count in errors.
    before: u64,
}

impl<R: Read> CsvRows<R> {
    /// Reads rows from a stream; `path` is for messages.
    pub fn new(input: R, path: &Path) -> CsvRows<R> {
        let input = Terminated { input, open: false, left: ROW_LEN_MAX };
        let reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(256 * 1024)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(input);
        CsvRows { reader, path: path.into(), before: 0 }
    }

    /// Reads rows from a stream behind so many lines of the same file.
    pub(crate) fn behind(before: u64, input: R, path: &Path) -> CsvRows<R> {
        CsvRows { before, ..CsvRows::new(input, path) }
    }

    /// Reads the next row that is not blank; false at the end. The row's position holds its line.
    ///
    /// # Errors
    ///
    /// [`TableError::Read`] or [`TableError::LongRow`].
    pub fn read(&mut self, row: &mut ByteRecord) -> Result<bool, TableError> {
        // Bounded by the input: every turn reads a row of it.
        loop {
            self.reader.get_mut().left = ROW_LEN_MAX;
            let start = self.reader.position().line();
            let more =
                self.reader.read_byte_record(row).map_err(|error| self.failure(start, error))?;
            if !more {
                return Ok(false);
            }
            let inner = row.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
            let line = self.reader.position().line().saturating_sub(1 + inner).max(1);
            without_carriage_return(row);
            row.set_position(Some(Position::new().set_line(line).clone()));
            if row.len() > 1 || !row[0].is_empty() {
                return Ok(true);
            }
        }
    }

    /// A failure in the row that starts on this line.
    fn failure(&self, start: u64, error: csv::Error) -> TableError {
        let error = match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        };
        // A row without end says where it starts: its lines are inside of it.
        let too_long = error.kind() == too_long().kind();
        let line = if too_long { start } else { self.reader.position().line() };
        unreadable(&self.path, self.before + line, error)
    }
}

/// Cuts the carriage return that a CRLF leaves at the end of the last field.
fn without_carriage_return(row: &mut ByteRecord) {
    let Some(last) = row.len().checked_sub(1) else { return };
    if let Some(field) = row[last].strip_suffix(b"\r") {
        let field = field.to_vec();
        row.truncate(last);
        row.push_field(&field);
    }
}

/// A stream that ends with a line feed, its own or one added.
struct Terminated<R> {
    input: R,
    /// Whether the last byte so far was something else.
    open: bool,
    /// Bytes that the present row may still take: a quote that is never closed would take all.
    left: usize,
}

impl<R: Read> Read for Terminated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(too_long());
        }
        let len = self.input.read(buffer)?;
        self.left = self.left.saturating_sub(len);
        if len > 0 {
            self.open = buffer[len - 1] != b'\n';
        } else if self.open && !buffer.is_empty() {
            self.open = false;
            buffer[0] = b'\n';
            return Ok(1);
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First lines and last fields of all rows.
    fn rows(text: &str) -> Vec<(u64, String)> {
        let mut rows = CsvRows::new(text.as_bytes(), Path::new("a.csv"));
        let mut row = ByteRecord::new();
        let mut found = Vec::new();
        while rows.read(&mut row).unwrap() {
            let last = String::from_utf8_lossy(&row[row.len() - 1]).into_owned();
            found.push((row.position().unwrap().line(), last));
        }
        found
    }

    fn are(text: &str, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|&(line, t)| (line, t.to_owned())).collect();
        assert_eq!(rows(text), expected, "{text:?}");
    }

    #[test]
    fn a_row_whose_quote_is_never_closed_is_given_up_by_the_line_it_starts_on() {
        let lines = b"x,\n".repeat(ROW_LEN_MAX / 2);
        let text = [b"a,b\n1,2\n3,\"".as_slice(), &lines].concat();
        let mut rows = CsvRows::new(text.as_slice(), Path::new("a.csv"));
        let mut row = ByteRecord::new();
        assert!(rows.read(&mut row).unwrap() && rows.read(&mut row).unwrap());
        let error = rows.read(&mut row).unwrap_err().to_string();
        assert!(error.starts_with("a.csv:3: the row is longer than 16 MiB"), "{error}");
    }

    #[test]
    fn a_row_is_numbered_by_its_first_line() {
        are("", &[]);
        are("\n\r\n", &[]);
        are("a,b", &[(1, "b")]);
        are("a,b\n1,2\n", &[(1, "b"), (2, "2")]);
        are("a,b\r\n1,2\r\n3,4", &[(1, "b"), (2, "2"), (3, "4")]);
        are("\n\r\na,b\n\n\n1,2\n", &[(3, "b"), (6, "2")]);
        are("a,b\r\n\r\n1,\"x\r\ny\"\r\n3,4\r\n", &[(1, "b"), (3, "x\r\ny"), (5, "4")]);
        are("a,b\n1,\"x\n\ny\"\n3,4", &[(1, "b"), (2, "x\n\ny"), (5, "4")]);
        are("\u{feff}a,b\n1,\n", &[(1, "b"), (2, "")]);
    }
}
