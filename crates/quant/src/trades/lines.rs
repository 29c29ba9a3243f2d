//! [`Lines`]: whole lines of a text file, in memory only as many as were just read.

use super::ahead::Ahead;
use super::error::TradesError;
use super::fields::{field, fields};
use crate::table::{At, Input, Place, TableError, unreadable};
use std::path::Path;
use std::sync::Arc;

/// The longest line.
const LINE_LEN_MAX: usize = 1 << 20;

/// A text file being read, and where in it.
pub(super) struct Lines {
    path: Arc<Path>,
    ahead: Ahead,
    buffer: Vec<u8>,
    /// Where the next line starts, and the end of the last whole one.
    at: usize,
    whole: usize,
    /// Lines before the next one.
    count: u64,
}

impl Lines {
    pub(super) fn open(input: Input) -> Lines {
        let path = Arc::clone(input.path());
        let ahead = Ahead::new(input.into_text());
        Lines { path, ahead, buffer: Vec::new(), at: 0, whole: 0, count: 0 }
    }

    /// Reads on until a whole line is there; false at the end of the file.
    #[inline]
    pub(super) fn more(&mut self) -> Result<bool, TradesError> {
        if self.at < self.whole { Ok(true) } else { self.fill() }
    }

    fn fill(&mut self) -> Result<bool, TradesError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.whole = 0;
        // Bounded by the longest line.
        loop {
            let before = self.buffer.len();
            if before > LINE_LEN_MAX {
                let place = self.place();
                return Err(TradesError::LongLine { place, len_max: LINE_LEN_MAX });
            }
            let more = self.ahead.append(&mut self.buffer);
            if !more.map_err(|error| unreadable(&self.path, self.count + 1, error))? {
                if before == 0 {
                    return Ok(false);
                }
                // The last line need not end.
                self.buffer.push(b'\n');
            }
            if let Some(end) = self.buffer[before..].iter().rposition(|byte| *byte == b'\n') {
                self.whole = before + end + 1;
                return Ok(true);
            }
        }
    }

    /// The next lines; the last byte is a line feed.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.at..self.whole]
    }

    /// The next line, without its line feed.
    pub(super) fn line(&self) -> &[u8] {
        let bytes = self.bytes();
        let len = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        &bytes[..len]
    }

    /// Passes the next line, of that length with its line feed.
    #[inline]
    pub(super) fn pass(&mut self, len: usize) {
        self.at += len;
        self.count += 1;
    }

    /// Passes blank lines, and returns the fields of the first other one, which it does not pass.
    pub(super) fn first_fields(&mut self) -> Result<Vec<String>, TradesError> {
        // Bounded by the file: every turn passes a line.
        while self.more()? {
            let line = self.line();
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
            if !text.is_empty() {
                return Ok(texts(text));
            }
            self.pass(self.line().len() + 1);
        }
        Err(TableError::Empty { path: self.path.to_path_buf() }.into())
    }

    /// The fields of the line behind the next one, as far as it was read.
    pub(super) fn fields_behind(&self) -> Vec<String> {
        let rest = &self.bytes()[self.line().len() + 1..];
        let mut lines = rest.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.find(|line| !line.is_empty()).map_or_else(Vec::new, texts)
    }

    /// Where the next line is.
    pub(super) fn place(&self) -> Place {
        Place { path: Arc::clone(&self.path), at: At::Line(self.count + 1) }
    }
}

/// The fields of a line as text, without quotes and blanks around them.
fn texts(line: &[u8]) -> Vec<String> {
    let unquoted = |raw: &[u8]| {
        let inside = field(raw).map_or(raw, |(inside, _)| inside);
        String::from_utf8_lossy(inside).trim().trim_matches('"').to_owned()
    };
    fields(line).into_iter().map(unquoted).collect()
}
