//! [`Encoding`]: how text is written, and [`Decoded`]: the same text in UTF-8.

use encoding_rs::{CoderResult, Decoder, GB18030, UTF_16BE, UTF_16LE};
use std::io::{self, Read};

/// How text is written in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, of which ASCII is a part.
    Utf8,
    /// UTF-16, the low byte first, as Excel's "Unicode text".
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// GBK, or GB18030, which holds it.
    Gbk,
    /// One of the encodings with a byte a letter; its letters beyond ASCII are not known.
    Bytes,
}

impl Encoding {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16Le => "UTF-16 (little-endian)",
            Encoding::Utf16Be => "UTF-16 (big-endian)",
            Encoding::Gbk => "GBK",
            Encoding::Bytes => "an unknown encoding of bytes",
        }
    }

    /// The encoding of a text that starts with these bytes; `None` if it is no text.
    pub(super) fn of(head: &[u8]) -> Option<Encoding> {
        match head {
            [0xff, 0xfe, ..] => return Some(Encoding::Utf16Le),
            [0xfe, 0xff, ..] => return Some(Encoding::Utf16Be),
            _ => {}
        }
        if head.contains(&0) {
            return of_nulls(head);
        }
        // A letter may be cut at the end of what was read.
        let whole = match std::str::from_utf8(head) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        };
        let controls = head.iter().filter(|byte| byte.is_ascii_control());
        let controls = controls.filter(|byte| !byte.is_ascii_whitespace()).count();
        if whole {
            // A header with escapes in it is a text; a quarter of controls is none.
            return (4 * controls <= head.len()).then_some(Encoding::Utf8);
        }
        if controls > 0 {
            return None;
        }
        Some(if is_gbk(head) { Encoding::Gbk } else { Encoding::Bytes })
    }

    /// How many of a file's first bytes are a mark before UTF-8; that of UTF-16 is its decoder's.
    pub(super) fn mark_len(self, head: &[u8]) -> usize {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        if self == Encoding::Utf8 && head.starts_with(MARK) { MARK.len() } else { 0 }
    }

    /// The text of a file's first bytes, for looking at.
    pub(super) fn text(self, head: &[u8]) -> String {
        let head = &head[self.mark_len(head)..];
        match self.decoder() {
            Some(mut decoder) => {
                let mut text = String::with_capacity(3 * head.len() + 16);
                // One call: there is room for everything.
                let _ = decoder.decode_to_string(head, &mut text, false);
                text
            }
            None => String::from_utf8_lossy(head).into_owned(),
        }
    }

    /// What makes UTF-8 of it, where something has to.
    fn decoder(self) -> Option<Decoder> {
        match self {
            Encoding::Utf8 | Encoding::Bytes => None,
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_with_bom_removal()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_with_bom_removal()),
            Encoding::Gbk => Some(GB18030.new_decoder_without_bom_handling()),
        }
    }

    /// The same text in UTF-8.
    pub(super) fn decode(self, input: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        match self.decoder() {
            Some(decoder) => Box::new(Decoded::new(input, decoder)),
            None => input,
        }
    }
}

/// UTF-16 without a mark: text of tables is nearly all ASCII, so that every other byte is 0.
fn of_nulls(head: &[u8]) -> Option<Encoding> {
    let nulls = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (nulls(0), nulls(1));
    let most = |count: usize| 4 * count > head.len();
    match (most(even), most(odd)) {
        (false, true) if even == 0 => Some(Encoding::Utf16Le),
        (true, false) if odd == 0 => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// Whether bytes beyond ASCII come as pairs that are all letters of GBK, some of them of Chinese.
fn is_gbk(head: &[u8]) -> bool {
    let mut text = String::with_capacity(3 * head.len() + 16);
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let (result, _, errors) = decoder.decode_to_string(head, &mut text, false);
    let chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
    result == CoderResult::InputEmpty && !errors && text.chars().any(chinese)
}

/// A stream as UTF-8; what is no letter becomes U+FFFD.
struct Decoded {
    input: Box<dyn Read + Send>,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What of `raw` was not decoded yet.
    from: usize,
    until: usize,
    /// The input ended, and so did the decoder.
    last: bool,
    ended: bool,
}

impl Decoded {
    fn new(input: Box<dyn Read + Send>, decoder: Decoder) -> Decoded {
        // 64 KiB: a system call now and then.
        let raw = vec![0; 64 << 10];
        Decoded { input, decoder, raw, from: 0, until: 0, last: false, ended: false }
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        // Callers read blocks; a letter needs four bytes at most.
        if buffer.len() < 16 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // Bounded by the input: every turn reads of it or ends.
        loop {
            if self.from == self.until && !self.last {
                self.until = self.input.read(&mut self.raw)?;
                self.from = 0;
                self.last = self.until == 0;
            }
            let raw = &self.raw[self.from..self.until];
            let (result, read, written, _) = self.decoder.decode_to_utf8(raw, buffer, self.last);
            self.from += read;
            self.ended = self.last && result == CoderResult::InputEmpty;
            if written > 0 || self.ended {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn read(bytes: &[u8]) -> (Encoding, String) {
        let encoding = Encoding::of(bytes).unwrap();
        let mut text = Vec::new();
        let mut decoded = encoding.decode(Box::new(Cursor::new(bytes.to_vec())));
        let mut block = [0; 64];
        // Bounded by the text.
        loop {
            match decoded.read(&mut block).unwrap() {
                0 => break,
                len => text.extend_from_slice(&block[..len]),
            }
        }
        (encoding, String::from_utf8(text).unwrap())
    }

    #[test]
    fn text_is_read_as_it_was_written() {
        let text = "ts,price\n1,2\n".repeat(50);
        let wide = |mark: &[u16], to: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.iter().copied().chain(text.encode_utf16()).flat_map(to).collect()
        };
        for (bytes, encoding) in [
            (text.clone().into_bytes(), Encoding::Utf8),
            (wide(&[0xfeff], u16::to_le_bytes), Encoding::Utf16Le),
            (wide(&[0xfeff], u16::to_be_bytes), Encoding::Utf16Be),
            (wide(&[], u16::to_le_bytes), Encoding::Utf16Le),
            (wide(&[], u16::to_be_bytes), Encoding::Utf16Be),
        ] {
            assert_eq!(read(&bytes), (encoding, text.clone()));
        }
        // "time" and "price" as Chinese exports write them.
        let gbk = b"\xca\xb1\xbc\xe4,\xbc\xdb\xb8\xf1\n93000040,10\n";
        assert_eq!(read(gbk), (Encoding::Gbk, "时间,价格\n93000040,10\n".to_owned()));
    }

    #[test]
    fn bytes_that_are_no_text_are_told_from_text() {
        for bytes in [&b"\x01\x02\x03\x04"[..], b"a\0b\0\0\0c", b"\x80\x04\x95\x1f\x00"] {
            assert_eq!(Encoding::of(bytes), None, "{bytes:?}");
        }
        assert_eq!(Encoding::of(b"\x1b]0;owned\x07\x1b[31mts,price\n1,2\n"), Some(Encoding::Utf8));
        assert_eq!(Encoding::of(b"caf\xe9,price\n1,2\n"), Some(Encoding::Bytes));
    }
}
