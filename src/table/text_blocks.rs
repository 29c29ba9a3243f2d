//! [`Blocks`]: plain text, parsed block by block on all cores.
//!
//! A block ends with a line, and is cut into a piece a thread. Rows come out in the order of the
//! file and with its line numbers, whatever the number of threads. A field may stand in quotes; the
//! first block with more than that (quotes inside of quotes, lines that go on inside of them, or
//! that end with a carriage return) hands what is left to the csv crate: only it knows what they
//! mean.

use super::batch::{At, Batch, Place, RowNumbers};
use super::error::TableError;
use super::input::unreadable;
use super::reader::{BATCH_ROWS, Type, record};
use super::scan;
use super::text_reader::{Cells, shown};
use arrow_schema::SchemaRef;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// Bytes of a block, but for longer lines.
// 4 MiB: a hundred times what starting the threads costs.
const BLOCK_LEN: usize = 4 << 20;

/// Bytes that are worth a thread.
const PIECE_LEN_MIN: usize = 128 << 10;

/// What is left of a text.
pub(super) struct Blocks {
    input: Option<Box<dyn Read + Send>>,
    path: Arc<Path>,
    /// Room for text, of which so many bytes were read and not parsed; only the last line may be
    /// open.
    text: Vec<u8>,
    len: usize,
    /// Lines parsed so far.
    lines: u64,
    failed: Option<io::Error>,
    ready: VecDeque<Batch>,
}

/// What a call for a batch gives.
pub(super) enum Next {
    /// Rows, or the end.
    Batch(Option<Batch>),
    /// The rest of the text is not plain; so many lines came before it.
    Rest(Box<dyn Read + Send>, u64),
}

/// What is wrong with a line.
enum Fault {
    FieldCount(usize),
    Field(usize, Vec<u8>, &'static str),
}

/// What one thread made of its piece.
#[derive(Default)]
struct Piece {
    batches: Vec<(Vec<Cells>, Vec<u64>)>,
    lines: u64,
    fault: Option<(u64, Fault)>,
    /// Whether a line is not plain.
    odd: bool,
}

impl Blocks {
    /// Reads the first block.
    pub(super) fn new(input: Box<dyn Read + Send>, path: &Arc<Path>) -> Blocks {
        let mut blocks = Blocks {
            input: Some(input),
            path: Arc::clone(path),
            text: Vec::new(),
            len: 0,
            lines: 0,
            failed: None,
            ready: VecDeque::new(),
        };
        blocks.fill();
        blocks
    }

    /// Takes the first line that is not blank; `None` when the text is not plain or has none.
    pub(super) fn header(&mut self) -> Option<Vec<Vec<u8>>> {
        // Bounded by the text.
        loop {
            let text = &self.text[..self.len];
            memchr::memchr(b'\n', text)?;
            if text[0] != b'\n' {
                let mut ends = Vec::new();
                let end = split(text, 0, &mut ends)?;
                let names = ends.iter().map(|&(from, to)| text[from..to].to_vec()).collect();
                self.drop_lines(end + 1, 1);
                return Some(names);
            }
            self.drop_lines(1, 1);
        }
    }

    /// Forgets bytes at the front, which hold so many lines.
    fn drop_lines(&mut self, bytes: usize, lines: u64) {
        self.text.copy_within(bytes..self.len, 0);
        self.len -= bytes;
        self.lines += lines;
    }

    /// The text from where it is not parsed, and the number of lines before.
    pub(super) fn rest(&mut self) -> (Box<dyn Read + Send>, u64) {
        self.text.truncate(self.len);
        let text = Cursor::new(std::mem::take(&mut self.text));
        let failed = Failed(self.failed.take());
        let rest = self.input.take().unwrap_or_else(|| Box::new(io::empty()));
        (Box::new(text.chain(failed).chain(rest)), self.lines)
    }

    /// Reads until there is a block that holds a whole line, or no more text.
    fn fill(&mut self) {
        let mut wanted = BLOCK_LEN;
        while let Some(input) = &mut self.input {
            if self.len >= wanted {
                if memchr::memrchr(b'\n', &self.text[..self.len]).is_some() {
                    return;
                }
                wanted *= 2;
            }
            if self.text.len() <= wanted {
                // One byte more, for the end of the last line.
                self.text.resize(wanted + 1, 0);
            }
            match input.read(&mut self.text[self.len..wanted]) {
                Ok(0) => {
                    self.input = None;
                    if self.len > 0 && self.text[self.len - 1] != b'\n' {
                        self.text[self.len] = b'\n';
                        self.len += 1;
                    }
                }
                Ok(more) => self.len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    self.input = None;
                }
            }
        }
    }

    /// Reads the next batch of the given columns of rows of `names`.
    pub(super) fn next(
        &mut self,
        names: &[String],
        columns: &[(usize, Type)],
        schema: &SchemaRef,
    ) -> Result<Next, TableError> {
        // Bounded by the input: every turn parses a block of it.
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Next::Batch(Some(batch)));
            }
            if self.input.is_some() {
                self.fill();
            }
            let Some(last) = memchr::memrchr(b'\n', &self.text[..self.len]) else {
                return match self.failed.take() {
                    Some(error) => Err(unreadable(&self.path, self.lines + 1, error)),
                    None => Ok(Next::Batch(None)),
                };
            };
            let found = pieces(&self.text[..=last], names.len(), columns);
            if found.iter().any(|piece| piece.odd) {
                let (rest, lines) = self.rest();
                return Ok(Next::Rest(rest, lines));
            }
            self.drop_lines(last + 1, 0);
            self.take(found, names, schema)?;
        }
    }

    fn take(
        &mut self,
        pieces: Vec<Piece>,
        names: &[String],
        schema: &SchemaRef,
    ) -> Result<(), TableError> {
        for piece in pieces {
            for (cells, mut lines) in piece.batches {
                lines.iter_mut().for_each(|line| *line += self.lines);
                let arrays = cells.into_iter().map(Cells::finish).collect();
                let record = record(schema, arrays, lines.len());
                let rows = RowNumbers::Lines(lines);
                self.ready.push_back(Batch { record, path: Arc::clone(&self.path), rows });
            }
            if let Some((line, fault)) = piece.fault {
                let at = At::Line(self.lines + line);
                let place = Place { path: Arc::clone(&self.path), at };
                return Err(error(place, fault, names));
            }
            self.lines += piece.lines;
        }
        Ok(())
    }
}

/// An error in the place of the bytes that could not be read.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn error(place: Place, fault: Fault, names: &[String]) -> TableError {
    match fault {
        Fault::FieldCount(found) => TableError::FieldCount { place, found, expected: names.len() },
        Fault::Field(column, field, expected) => {
            let (column, name) = (column + 1, names[column].clone());
            match field.trim_ascii() {
                [] => TableError::Missing { place, column, name },
                field => {
                    let value = shown(field);
                    TableError::NotANumber { place, column, name, value, expected }
                }
            }
        }
    }
}

/// Parses a block, a piece a thread, in order.
fn pieces(block: &[u8], fields: usize, columns: &[(usize, Type)]) -> Vec<Piece> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = (block.len() / PIECE_LEN_MIN).clamp(1, cores);
    let mut cuts = vec![0];
    for part in 1..count {
        let at = (block.len() * part / count).max(cuts[part - 1]);
        let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |end| at + end + 1);
        cuts.push(end);
    }
    cuts.push(block.len());
    let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &block[cut[0]..cut[1]]).collect();
    if let [part] = parts[..] {
        return vec![piece(part, fields, columns)];
    }
    thread::scope(|scope| {
        let parse = |part| scope.spawn(move || piece(part, fields, columns));
        let (last, others) = parts.split_at(1);
        let others: Vec<_> = others.iter().map(|&part| parse(part)).collect();
        let first = last.iter().map(|&part| piece(part, fields, columns));
        let mut all: Vec<Piece> = first.collect();
        for other in others {
            all.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    })
}

/// Finds the fields of the line that starts at a place of a text of whole lines, and where it ends;
/// `None` when it takes the csv crate to tell.
fn split(text: &[u8], from: usize, ends: &mut Vec<(usize, usize)>) -> Option<usize> {
    ends.clear();
    let mut from = from;
    // Bounded by the text: every turn takes a field of it.
    loop {
        let end = if text[from] == b'"' {
            let quote = scan::find(text, from + 1, b'"');
            ends.push((from + 1, quote));
            if text[quote] != b'"' || !matches!(text[quote + 1], b',' | b'\n') {
                return None;
            }
            quote + 1
        } else {
            let end = scan::find(text, from, b',');
            ends.push((from, end));
            end
        };
        if text[end] == b'\n' {
            return Some(end).filter(|&end| end == 0 || text[end - 1] != b'\r');
        }
        from = end + 1;
    }
}

/// Parses whole lines.
fn piece(text: &[u8], fields: usize, columns: &[(usize, Type)]) -> Piece {
    let mut done = Piece::default();
    let mut ends = Vec::with_capacity(fields);
    // As many rows as there are, if the first line is as long as the others.
    let first = memchr::memchr(b'\n', text).map_or(1, |end| end + 1);
    let rows = (text.len() / first + text.len() / first / 8 + 16).min(BATCH_ROWS);
    let fresh = || columns.iter().map(|&(_, kind)| Cells::new(kind, rows)).collect::<Vec<_>>();
    let (mut cells, mut lines) = (fresh(), Vec::with_capacity(rows));
    let mut at = 0;
    while at < text.len() {
        done.lines += 1;
        if text[at] == b'\n' {
            at += 1;
            continue;
        }
        let Some(end) = split(text, at, &mut ends) else {
            return Piece { odd: true, ..done };
        };
        at = end + 1;
        if ends.len() != fields {
            done.fault = Some((done.lines, Fault::FieldCount(ends.len())));
            return done;
        }
        for (cells, &(column, _)) in cells.iter_mut().zip(columns) {
            let (from, to) = ends[column];
            if let Err(expected) = cells.push(&text[from..to]) {
                let fault = Fault::Field(column, text[from..to].to_vec(), expected);
                done.fault = Some((done.lines, fault));
                return done;
            }
        }
        lines.push(done.lines);
        if lines.len() == BATCH_ROWS {
            done.batches.push((std::mem::replace(&mut cells, fresh()), std::mem::take(&mut lines)));
        }
    }
    if !lines.is_empty() {
        done.batches.push((cells, lines));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_stand_in_quotes_and_what_is_odd_is_left_to_the_csv_crate() {
        let fields = |line: &str| {
            let (text, mut ends) = (format!("{line}\n"), Vec::new());
            let end = split(text.as_bytes(), 0, &mut ends)?;
            assert_eq!(end, line.len());
            Some(ends.iter().map(|&(from, to)| text[from..to].to_owned()).collect())
        };
        let are = |line: &str, expected: &[&str]| {
            let expected: Vec<String> = expected.iter().map(|&field| field.to_owned()).collect();
            assert_eq!(fields(line), Some(expected), "{line}");
        };
        are("a,b", &["a", "b"]);
        are(",", &["", ""]);
        are("\"a\",1,\"\"", &["a", "1", ""]);
        are("1,\"a,b\",", &["1", "a,b", ""]);
        are("a\"b,1\"", &["a\"b", "1\""]);
        for odd in ["\"a\"\"b\",1", "\"open,1", "\"a\" ,1", "\"a\"b", "1,\"", "1,2\r", "\r"] {
            assert_eq!(fields(odd), None::<Vec<String>>, "{odd}");
        }
    }
}
