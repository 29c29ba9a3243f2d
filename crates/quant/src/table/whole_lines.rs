//! [`WholeLines`]: a text, taken block by block of whole lines.

use std::io::{self, Cursor, Read};

/// Bytes of a block, but for longer lines.
// 256 KiB: with where its fields end and the columns, half of a second-level cache; and fifty times
// what handing it over costs.
const BLOCK_LEN: usize = 256 << 10;

/// The text that was not taken yet.
pub(crate) struct WholeLines {
    input: Option<Box<dyn Read + Send>>,
    /// What was read of it: behind the last line taken.
    open: Vec<u8>,
    failed: Option<io::Error>,
}

/// Room for text, and how many bytes of it are used.
#[derive(Default)]
pub(crate) struct Text {
    room: Vec<u8>,
    len: usize,
}

impl WholeLines {
    /// Reads a text; nothing is read before the first block is taken.
    pub(crate) fn new(input: Box<dyn Read + Send>) -> WholeLines {
        WholeLines { input: Some(input), open: Vec::new(), failed: None }
    }

    /// Whether everything was read.
    pub(super) fn ended(&self) -> bool {
        self.input.is_none()
    }

    /// Takes the next lines; false when no whole line is left. The last line gets its feed.
    pub(crate) fn take(&mut self, text: &mut Text) -> bool {
        text.len = 0;
        text.add(&self.open);
        self.open.clear();
        let mut wanted = BLOCK_LEN;
        while let Some(input) = &mut self.input {
            if text.len >= wanted {
                if memchr::memrchr(b'\n', text.bytes()).is_some() {
                    break;
                }
                wanted *= 2;
            }
            match input.read(text.room_for(wanted)) {
                Ok(0) => {
                    self.input = None;
                    if text.bytes().last().is_some_and(|&last| last != b'\n') {
                        text.add(b"\n");
                    }
                }
                Ok(more) => text.len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    self.input = None;
                }
            }
        }
        let end = memchr::memrchr(b'\n', text.bytes()).map_or(0, |last| last + 1);
        self.open.extend_from_slice(&text.bytes()[end..]);
        text.len = end;
        end > 0
    }

    /// Puts a text that was taken back in front.
    pub(crate) fn put_back(&mut self, text: &Text) {
        self.open.splice(0..0, text.bytes().iter().copied());
    }

    /// Takes the first line that is not blank, with how many lines there are up to it; `None`, and
    /// nothing taken, when there is none or it is not plain. Only for a text whose first block was
    /// put back.
    pub(crate) fn first_line(&mut self, plain: impl Fn(&[u8]) -> bool) -> Option<(Vec<u8>, u64)> {
        let text = &self.open;
        let (mut at, mut lines) = (0, 1);
        // Bounded by the first block.
        loop {
            let end = at + memchr::memchr(b'\n', &text[at..])? + 1;
            let line = &text[at..end];
            if !matches!(line, b"\n" | b"\r\n") {
                if !plain(line) {
                    return None;
                }
                let line = line.to_vec();
                self.open.drain(..end);
                return Some((line, lines));
            }
            (at, lines) = (end, lines + 1);
        }
    }

    /// Why the text cannot be read to its end, once.
    pub(crate) fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Everything that was not taken.
    pub(crate) fn rest(&mut self) -> Box<dyn Read + Send> {
        let open = Cursor::new(std::mem::take(&mut self.open));
        let failed = Failed(self.failed.take());
        let input = self.input.take().unwrap_or_else(|| Box::new(io::empty()));
        Box::new(open.chain(failed).chain(input))
    }
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }

    /// What may be read into, up to this many bytes of text.
    fn room_for(&mut self, len: usize) -> &mut [u8] {
        if self.room.len() < len {
            self.room.resize(len, 0);
        }
        &mut self.room[self.len..len]
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let len = self.len + bytes.len();
        self.room_for(len).copy_from_slice(bytes);
        self.len = len;
    }

    /// Makes feeds of returns with feeds; false, and nothing changed, when a return stands alone.
    pub(crate) fn without_returns(&mut self) -> bool {
        let text = &mut self.room[..self.len];
        if memchr::memchr(b'\r', text).is_none() {
            return true;
        }
        if memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1) != Some(&b'\n')) {
            return false;
        }
        let (mut from, mut to) = (0, 0);
        while let Some(more) = memchr::memchr(b'\r', &text[from..]) {
            text.copy_within(from..from + more, to);
            (from, to) = (from + more + 1, to + more);
        }
        text.copy_within(from.., to);
        self.len = to + (self.len - from);
        true
    }
}

/// An error in the place of the bytes that could not be read.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_before_feeds_go_and_others_stay() {
        for (before, after) in [
            ("", Some("")),
            ("a,b\n", Some("a,b\n")),
            ("a\r\nb\n\r\nc\r\n", Some("a\nb\n\nc\n")),
            ("a\rb\r\n", None),
            ("a\r\r\n", None),
            ("a\n\r", None),
        ] {
            let mut text = Text::default();
            text.add(before.as_bytes());
            assert_eq!(text.without_returns(), after.is_some(), "{before:?}");
            assert_eq!(text.bytes(), after.unwrap_or(before).as_bytes(), "{before:?}");
        }
    }

    #[test]
    fn the_first_line_is_the_first_that_is_not_blank() {
        let first = |text: &'static [u8]| {
            let mut lines = WholeLines::new(Box::new(text));
            let mut block = Text::default();
            lines.take(&mut block);
            lines.put_back(&block);
            let line = lines.first_line(|line| !line.contains(&b'!'));
            let mut rest = String::new();
            lines.rest().read_to_string(&mut rest).unwrap();
            line.map(|(line, lines)| (String::from_utf8(line).unwrap(), lines, rest))
        };
        let is = |line: &str, lines, rest: &str| Some((line.to_owned(), lines, rest.to_owned()));
        assert_eq!(first(b"a,b\n1,2"), is("a,b\n", 1, "1,2\n"));
        assert_eq!(first(b"\n\r\na,b\n1,2\n"), is("a,b\n", 3, "1,2\n"));
        assert_eq!(first(b"a,b\r\n"), is("a,b\r\n", 1, ""));
        assert_eq!(first(b"a!\n"), None);
        assert_eq!(first(b"\n\n"), None);
        assert_eq!(first(b""), None);
    }
}
