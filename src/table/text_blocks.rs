//! [`Blocks`]: plain text, parsed block by block on all cores.
//!
//! A block ends with a line, and is cut into a piece a thread. Rows come out in the order of the
//! file and with its line numbers, whatever the number of threads. A field may stand in quotes; the
//! first block with more than that (quotes inside of a field, lines that go on inside of quotes,
//! carriage returns) hands what is left to the csv crate: only it knows what they mean.

use super::batch::{At, Batch, Place, RowNumbers};
use super::error::TableError;
use super::input::unreadable;
use super::reader::{BATCH_ROWS, Type, record};
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
    /// Text that was read and not parsed; only the last line may be open.
    text: Vec<u8>,
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
            let end = memchr::memchr(b'\n', &self.text)?;
            if end > 0 {
                let mut ends = Vec::new();
                let plain = self.is_plain() && split(&self.text[..end], &mut ends);
                let names = ends.iter().map(|&(from, to)| self.text[from..to].to_vec()).collect();
                if plain {
                    self.text.drain(..=end);
                    self.lines += 1;
                }
                return Some(names).filter(|_| plain);
            }
            self.text.drain(..=end);
            self.lines += 1;
        }
    }

    /// The text from where it is not parsed, and the number of lines before.
    pub(super) fn rest(&mut self) -> (Box<dyn Read + Send>, u64) {
        let text = Cursor::new(std::mem::take(&mut self.text));
        let failed = Failed(self.failed.take());
        let rest = self.input.take().unwrap_or_else(|| Box::new(io::empty()));
        (Box::new(text.chain(failed).chain(rest)), self.lines)
    }

    fn is_plain(&self) -> bool {
        memchr::memchr(b'\r', &self.text).is_none()
    }

    /// Reads until there is a block that holds a whole line, or no more text.
    fn fill(&mut self) {
        let mut wanted = BLOCK_LEN;
        while let Some(input) = &mut self.input {
            let have = self.text.len();
            if have >= wanted {
                if memchr::memrchr(b'\n', &self.text).is_some() {
                    return;
                }
                wanted *= 2;
            }
            let more = (wanted - have) as u64;
            self.text.reserve(wanted - have);
            match input.by_ref().take(more).read_to_end(&mut self.text) {
                Ok(0) => {
                    self.input = None;
                    if self.text.last().is_some_and(|&last| last != b'\n') {
                        self.text.push(b'\n');
                    }
                }
                Ok(_) => {}
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
            if !self.is_plain() {
                let (rest, lines) = self.rest();
                return Ok(Next::Rest(rest, lines));
            }
            let Some(last) = memchr::memrchr(b'\n', &self.text) else {
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
            self.text.drain(..=last);
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

/// Finds the fields of a line; false when it takes the csv crate to tell them.
fn split(line: &[u8], ends: &mut Vec<(usize, usize)>) -> bool {
    ends.clear();
    let mut from = 0;
    if memchr::memchr(b'"', line).is_none() {
        for comma in memchr::memchr_iter(b',', line) {
            ends.push((from, comma));
            from = comma + 1;
        }
        ends.push((from, line.len()));
        return true;
    }
    // Bounded by the line: every turn takes a field of it.
    loop {
        let end = if line.get(from) == Some(&b'"') {
            let Some(len) = memchr::memchr(b'"', &line[from + 1..]) else { return false };
            ends.push((from + 1, from + 1 + len));
            from + len + 2
        } else {
            let len = memchr::memchr2(b',', b'"', &line[from..]).unwrap_or(line.len() - from);
            ends.push((from, from + len));
            from + len
        };
        match line.get(end) {
            None => return true,
            Some(b',') => from = end + 1,
            Some(_) => return false,
        }
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
    for end in memchr::memchr_iter(b'\n', text) {
        let line = &text[at..end];
        at = end + 1;
        done.lines += 1;
        if line.is_empty() {
            continue;
        }
        if !split(line, &mut ends) {
            return Piece { odd: true, ..done };
        }
        if ends.len() != fields {
            done.fault = Some((done.lines, Fault::FieldCount(ends.len())));
            return done;
        }
        for (cells, &(column, _)) in cells.iter_mut().zip(columns) {
            let (from, to) = ends[column];
            if let Err(expected) = cells.push(&line[from..to]) {
                let fault = Fault::Field(column, line[from..to].to_vec(), expected);
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
            let mut ends = Vec::new();
            let plain = split(line.as_bytes(), &mut ends);
            plain.then(|| ends.iter().map(|&(from, to)| line[from..to].to_owned()).collect())
        };
        let are = |line: &str, expected: &[&str]| {
            let expected: Vec<String> = expected.iter().map(|&field| field.to_owned()).collect();
            assert_eq!(fields(line), Some(expected), "{line}");
        };
        are("a,b", &["a", "b"]);
        are(",", &["", ""]);
        are("\"a\",1,\"\"", &["a", "1", ""]);
        are("1,\"a,b\",", &["1", "a,b", ""]);
        for odd in ["\"a\"\"b\",1", "\"open,1", "a\"b,1", "\"a\" ,1", "a\""] {
            assert_eq!(fields(odd), None::<Vec<String>>, "{odd}");
        }
    }
}
