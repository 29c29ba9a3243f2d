//! [`Chunks`]: a chunked body on its way in. Pure.
//!
//! Bytes come in any pieces, the body goes on as one. Extensions and trailers are read past and
//! dropped; a field of a trailer that would say something about how the request is read ends it.
//! RFC 9112, section 7.1, taken strictly: hexadecimal digits and nothing around them, lines that
//! end with CR LF, no control bytes.

use super::super::limits::{CHUNK_EXTRA_LEN_MAX, HEADER_COUNT_MAX};
use super::refusal::Refusal;

// 16: a size is a number of 64 bits; leading zeros beyond that serve nobody but an attacker.
const DIGIT_COUNT_MAX: usize = 16;
/// Fields that say how a message is framed, where it goes, or what it is: RFC 9110 (6.5.1) bars
/// them from trailers.
const BARRED: [&str; 9] = [
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Expect",
    "Host",
    "TE",
    "Trailer",
    "Transfer-Encoding",
];

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The line with a chunk's size.
    Size,
    /// So many bytes of a chunk, and its line end.
    Data(usize),
    /// Lines behind the last chunk, up to an empty one.
    Trailer,
    /// Nothing: the body is whole.
    Whole,
}

/// A chunked body as far as it has come.
#[derive(Debug)]
pub(super) struct Chunks {
    body: Vec<u8>,
    len_max: usize,
    step: Step,
    /// Bytes of extensions and trailers so far.
    extra_len: usize,
    trailer_count: usize,
}

impl Chunks {
    /// Starts before the first chunk of a body of at most `len_max` bytes.
    pub(super) fn new(len_max: usize) -> Chunks {
        Chunks { body: Vec::new(), len_max, step: Step::Size, extra_len: 0, trailer_count: 0 }
    }

    /// The body, once it is whole.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (self.step == Step::Whole).then_some(&self.body)
    }

    /// Takes what it can of `bytes` and tells how much that was. What it leaves, while the body
    /// is not whole, is the start of a line of at most [`CHUNK_EXTRA_LEN_MAX`] bytes and some.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] to answer with, as soon as it is certain.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut rest = bytes;
        // Ends: each turn takes at least one byte, or leaves.
        while self.step != Step::Whole {
            let taken_len = match self.step {
                Step::Data(left) => self.take_data(rest, left)?,
                _ => self.take_line(rest)?,
            };
            if taken_len == 0 {
                break;
            }
            rest = &rest[taken_len..];
        }
        Ok(bytes.len() - rest.len())
    }

    fn take_data(&mut self, bytes: &[u8], left: usize) -> Result<usize, Refusal> {
        if left > 0 {
            let data = &bytes[..left.min(bytes.len())];
            self.body.extend_from_slice(data);
            self.step = Step::Data(left - data.len());
            return Ok(data.len());
        }
        match bytes {
            [b'\r', b'\n', ..] => {
                self.step = Step::Size;
                Ok(2)
            }
            [] | [b'\r'] => Ok(0),
            _ => Err(Refusal::BadChunk),
        }
    }

    fn take_line(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let line = match line(bytes)? {
            Some(line) => line,
            None if bytes.len() > DIGIT_COUNT_MAX + 2 + CHUNK_EXTRA_LEN_MAX - self.extra_len => {
                return Err(Refusal::ChunkExtras);
            }
            None => return Ok(0),
        };
        match self.step {
            Step::Trailer if line.is_empty() => self.step = Step::Whole,
            Step::Trailer => self.take_trailer(line)?,
            _ => self.take_size(line)?,
        }
        Ok(line.len() + 2)
    }

    fn take_size(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let digit_count = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, extension) = line.split_at(digit_count);
        if digits.is_empty() || digit_count > DIGIT_COUNT_MAX {
            return Err(Refusal::BadChunk);
        }
        // White space may stand before an extension (RFC 9112, 7.1.1), but not in its place.
        if !extension.is_empty() && !extension.trim_ascii_start().starts_with(b";") {
            return Err(Refusal::BadChunk);
        }
        self.count_extra(extension.len())?;
        let size =
            std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let size = usize::try_from(size.ok_or(Refusal::BadChunk)?);
        let size = size.map_err(|_| Refusal::BodyTooLarge)?;
        if size > self.len_max - self.body.len() {
            return Err(Refusal::BodyTooLarge);
        }
        self.step = if size == 0 { Step::Trailer } else { Step::Data(size) };
        Ok(())
    }

    fn take_trailer(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.count_extra(line.len() + 2)?;
        self.trailer_count += 1;
        if self.trailer_count > HEADER_COUNT_MAX {
            return Err(Refusal::ChunkExtras);
        }
        let name_len = line.iter().position(|byte| *byte == b':').ok_or(Refusal::BadChunk)?;
        let name = &line[..name_len];
        // A folded line starts with a blank, which no name holds.
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if name.is_empty() || !name.iter().all(is_token) {
            return Err(Refusal::BadChunk);
        }
        if BARRED.iter().any(|barred| name.eq_ignore_ascii_case(barred.as_bytes())) {
            return Err(Refusal::BadTrailer);
        }
        Ok(())
    }

    fn count_extra(&mut self, len: usize) -> Result<(), Refusal> {
        self.extra_len += len;
        if self.extra_len > CHUNK_EXTRA_LEN_MAX { Err(Refusal::ChunkExtras) } else { Ok(()) }
    }
}

/// The line at the start of `bytes`, without its end; `None` while that has not come.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let is_text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    let len = bytes.iter().take_while(|byte| is_text(byte)).count();
    match &bytes[len..] {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(&bytes[..len])),
        _ => Err(Refusal::BadChunk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], len_max: usize) -> Result<(Option<Vec<u8>>, usize), Refusal> {
        let mut chunks = Chunks::new(len_max);
        let len = chunks.advance(bytes)?;
        Ok((chunks.whole().map(<[u8]>::to_vec), len))
    }

    #[test]
    fn chunks_become_one_body_and_what_follows_is_left_alone() {
        let sent = b"4\r\nWiki\r\n005;a=\"b c\";d\r\npedia\r\nA \t;x\r\n in\r\n\r\nchu\r\n\
            0;last\r\nX-Sum: 1\r\nY:\r\n\r\nGET / HTTP/1.1";
        let (body, len) = read(sent, 19).unwrap();
        assert_eq!(body.unwrap(), b"Wikipedia in\r\n\r\nchu");
        assert_eq!(&sent[len..], b"GET / HTTP/1.1");
        let end = b"0\r\n\r\n";
        assert_eq!(read(end, 0).unwrap(), (Some(Vec::new()), end.len()));
    }

    #[test]
    fn each_malformed_chunk_gets_its_refusal() {
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(CHUNK_EXTRA_LEN_MAX));
        let many = format!("{}0\r\n\r\n", "1;xxxxxxx\r\na\r\n".repeat(CHUNK_EXTRA_LEN_MAX / 8 + 1));
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(HEADER_COUNT_MAX + 1));
        let endless = format!("0\r\nA: {}", "x".repeat(CHUNK_EXTRA_LEN_MAX + 18));
        for (text, refusal) in [
            ("\r\n", Refusal::BadChunk),
            ("-1\r\n", Refusal::BadChunk),
            ("+1\r\n", Refusal::BadChunk),
            (" 1\r\n", Refusal::BadChunk),
            ("1 \r\n", Refusal::BadChunk),
            ("1 1\r\n", Refusal::BadChunk),
            ("0x1\r\n", Refusal::BadChunk),
            ("g\r\n", Refusal::BadChunk),
            ("1_0\r\n", Refusal::BadChunk),
            ("1,\r\n", Refusal::BadChunk),
            ("1\n", Refusal::BadChunk),
            ("1\r\r\n", Refusal::BadChunk),
            ("1\rX", Refusal::BadChunk),
            ("1;a\nb\r\n", Refusal::BadChunk),
            ("1;a\0\r\n", Refusal::BadChunk),
            ("1\r\nab", Refusal::BadChunk),
            ("1\r\na\n0\r\n", Refusal::BadChunk),
            ("1\r\na0\r\n\r\n", Refusal::BadChunk),
            ("00000000000000001\r\n", Refusal::BadChunk),
            ("10000000000000000\r\n", Refusal::BadChunk),
            ("ffffffffffffffff\r\n", Refusal::BodyTooLarge),
            ("9\r\n", Refusal::BodyTooLarge),
            ("8\r\n12345678\r\n1\r\n", Refusal::BodyTooLarge),
            ("0\r\nA b\r\n\r\n", Refusal::BadChunk),
            ("0\r\n: b\r\n\r\n", Refusal::BadChunk),
            ("0\r\nA : b\r\n\r\n", Refusal::BadChunk),
            ("0\r\nA: b\r\n folded\r\n\r\n", Refusal::BadChunk),
            ("0\r\nA: b\nC: d\r\n\r\n", Refusal::BadChunk),
            ("0\r\nGET / HTTP/1.1\r\n", Refusal::BadChunk),
            ("0\r\ncontent-LENGTH: 5\r\n\r\n", Refusal::BadTrailer),
            ("0\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::BadTrailer),
            ("0\r\nHost: a\r\n\r\n", Refusal::BadTrailer),
            (&long, Refusal::ChunkExtras),
            (&many[..], Refusal::ChunkExtras),
            (&trailers, Refusal::ChunkExtras),
            (&endless, Refusal::ChunkExtras),
        ] {
            let len_max = if text.len() > 100 { 4096 } else { 8 };
            assert_eq!(read(text.as_bytes(), len_max), Err(refusal), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_body_cut_anywhere_reads_as_the_whole(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in proptest::collection::vec(1_usize..9, 1..40),
            extension in "(;[a-z]{0,9})?",
            trailer in "(X-[a-z]{1,5}: [a-z ]{0,9}\r\n){0,3}",
        ) {
            let mut sent = Vec::new();
            for part in &parts {
                sent.extend_from_slice(format!("{:x}{extension}\r\n", part.len()).as_bytes());
                sent.extend_from_slice(part);
                sent.extend_from_slice(b"\r\n");
            }
            sent.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
            let mut chunks = Chunks::new(400);
            let (mut input, mut came_len) = (Vec::new(), 0);
            for cut in cuts.into_iter().cycle() {
                prop_assert!(chunks.whole().is_none());
                let end = (came_len + cut).min(sent.len());
                input.extend_from_slice(&sent[came_len..end]);
                came_len = end;
                let len = chunks.advance(&input).unwrap();
                input.drain(..len);
                if came_len == sent.len() {
                    break;
                }
            }
            prop_assert!(input.is_empty());
            prop_assert_eq!(chunks.whole(), Some(&parts.concat()[..]));
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_never_pass_the_limit(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select(b"0123af;\r\n: ".to_vec())],
                0..9000,
            ),
        ) {
            let mut chunks = Chunks::new(64);
            if let Ok(len) = chunks.advance(&bytes) {
                prop_assert!(len <= bytes.len() && chunks.body.len() <= 64);
                prop_assert!(
                    chunks.whole().is_some() || bytes.len() - len <= CHUNK_EXTRA_LEN_MAX + 18
                );
            }
        }
    }
}
