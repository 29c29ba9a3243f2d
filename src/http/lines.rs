//! Log lines of the guard: held until the replies are out, written only as far as stderr takes
//! them at once. A reader of the log that has stopped reading never stops the guard.

use crate::log;
use crate::sys::epoll;
use std::io::{self, Write};

// 2 KiB: a pipe that can be written to has a page to spare, and handlers may write beside us.
const WRITE_LEN_MAX: usize = 2 * 1024;

/// Holds what this thread logs from now on.
pub(super) fn hold() {
    log::hold();
}

/// Bytes that are held.
pub(super) fn held_len() -> usize {
    log::with_held(|lines| lines.len())
}

/// Writes held lines while stderr takes them; whether all of them are out.
pub(super) fn release() -> bool {
    log::with_held(|lines| {
        let mut written_len = 0;
        while written_len < lines.len() && epoll::is_writable(io::stderr()) {
            let rest = &lines[written_len..];
            let len = whole_lines(rest);
            // A log that cannot be written is lost, as everywhere else.
            let _ = io::stderr().write_all(&rest[..len]);
            written_len += len;
        }
        lines.drain(..written_len);
        lines.is_empty()
    })
}

/// The length of the whole lines that one write takes: at least one line.
fn whole_lines(lines: &[u8]) -> usize {
    let ends_line = |byte: &u8| *byte == b'\n';
    let window = &lines[..lines.len().min(WRITE_LEN_MAX)];
    let end = window.iter().rposition(ends_line).or_else(|| lines.iter().position(ends_line));
    end.map_or(lines.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_takes_whole_lines_up_to_its_length() {
        let line = |len: usize| [vec![b'x'; len - 1], vec![b'\n']].concat();
        assert_eq!(whole_lines(&line(10)), 10);
        assert_eq!(whole_lines(&[line(2000), line(48), line(1)].concat()), 2048);
        assert_eq!(whole_lines(&[line(2000), line(49), line(1)].concat()), 2000);
        assert_eq!(whole_lines(&[line(5000), line(1)].concat()), 5000);
        assert_eq!(whole_lines(b"no end"), 6);
    }
}
