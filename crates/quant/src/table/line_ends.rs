//! [`LineEnds`]: text whose lines end only with a carriage return, as if they ended with a line
//! feed, and with a limit on the length of a line.

use std::io::{self, Read};

/// How far the end of the first line is looked for.
const LOOKED_MAX: usize = 1 << 20;

/// The longest line of a table, and the longest row, whose fields may hold line feeds.
// 16 MiB: some 600,000 numbers.
pub(super) const ROW_LEN_MAX: usize = 16 << 20;

/// What a line or a row beyond [`ROW_LEN_MAX`] ends with; `unreadable` knows it by its kind.
pub(super) fn too_long() -> io::Error {
    io::ErrorKind::FileTooLarge.into()
}

/// A text that is passed on as it is, unless its first line ends with a carriage return that no
/// line feed follows: every return is then a feed.
pub struct LineEnds<R> {
    input: R,
    /// What was read while the end of the first line was looked for, and how much of it was given.
    first: Vec<u8>,
    given: usize,
    /// Whether returns become feeds; `None` before that is known.
    returns: Option<bool>,
    /// Bytes since the last line feed.
    open: usize,
}

impl<R: Read> LineEnds<R> {
    /// Passes on what `input` holds.
    pub fn new(input: R) -> LineEnds<R> {
        LineEnds { input, first: Vec::new(), given: 0, returns: None, open: 0 }
    }

    /// Reads until the first line has ended.
    fn look(&mut self) -> io::Result<bool> {
        let (mut quoted, mut at) = (false, 0);
        // Bounded by what is looked at.
        loop {
            while let Some(&byte) = self.first.get(at) {
                match byte {
                    b'"' => quoted = !quoted,
                    b'\n' if !quoted => return Ok(false),
                    b'\r' if !quoted => match self.first.get(at + 1) {
                        Some(next) => return Ok(*next != b'\n'),
                        None => break,
                    },
                    _ => {}
                }
                at += 1;
            }
            let before = self.first.len();
            if before > LOOKED_MAX {
                return Ok(false);
            }
            self.first.resize(before + (64 << 10), 0);
            let len = self.input.read(&mut self.first[before..]);
            self.first.truncate(before + len.as_ref().map_or(0, |&len| len));
            match len {
                // A return at the very end has no feed behind it.
                Ok(0) => return Ok(at < before),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let returns = match self.returns {
            Some(returns) => returns,
            None => {
                let returns = self.look()?;
                self.returns = Some(returns);
                returns
            }
        };
        let rest = &self.first[self.given..];
        let len = if rest.is_empty() {
            self.first = Vec::new();
            self.given = 0;
            self.input.read(buffer)?
        } else {
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            self.given += len;
            len
        };
        if returns {
            buffer[..len].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        }
        self.open = match memchr::memrchr(b'\n', &buffer[..len]) {
            Some(last) => len - 1 - last,
            None => self.open + len,
        };
        if self.open > ROW_LEN_MAX {
            return Err(too_long());
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = buffer.len().min(1);
            self.0.read(&mut buffer[..len])
        }
    }

    #[test]
    fn a_line_without_end_is_given_up_and_long_text_of_lines_is_not() {
        let endless = || LineEnds::new(io::repeat(b'1'));
        let error = io::copy(&mut endless(), &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), too_long().kind());
        let lines = io::repeat(b'\n').take(2 * ROW_LEN_MAX as u64);
        assert_eq!(io::copy(&mut LineEnds::new(lines), &mut io::sink()).unwrap(), 32 << 20);
    }

    #[test]
    fn returns_are_feeds_where_the_first_line_ends_with_one() {
        for (text, expected) in [
            ("", ""),
            ("a,b", "a,b"),
            ("a,b\n1\r2\n", "a,b\n1\r2\n"),
            ("a,b\r\n1,2\r\n", "a,b\r\n1,2\r\n"),
            ("a,b\r1,2\r", "a,b\n1,2\n"),
            ("a,b\r", "a,b\n"),
            ("\"a\rb\",c\n1\n", "\"a\rb\",c\n1\n"),
            ("a\r1\n2\r3", "a\n1\n2\n3"),
        ] {
            let (mut fast, mut slow) = (String::new(), String::new());
            LineEnds::new(text.as_bytes()).read_to_string(&mut fast).unwrap();
            LineEnds::new(Slow(text.as_bytes())).read_to_string(&mut slow).unwrap();
            assert_eq!((fast.as_str(), slow.as_str()), (expected, expected), "{text:?}");
        }
    }
}
