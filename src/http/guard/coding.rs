//! [`Coding`]: a name out of a client's header that may stand in a message. Pure.

use std::fmt;

// 32: the longest registered coding, `compress`, has 8 letters; a list of three still fits.
const LEN_MAX: usize = 32;

/// The name of a content coding as a client wrote it, made harmless: at most 32 bytes of what
/// such names consist of, and a question mark for everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    bytes: [u8; LEN_MAX],
    len: usize,
}

impl Coding {
    /// Takes the start of `value`.
    pub(super) fn new(value: &[u8]) -> Coding {
        let mut bytes = [0; LEN_MAX];
        let len = value.len().min(LEN_MAX);
        for (kept, byte) in bytes.iter_mut().zip(value) {
            let harmless = byte.is_ascii_alphanumeric() || b"-_.+*, ".contains(byte);
            *kept = if harmless { *byte } else { b'?' };
        }
        Coding { bytes, len }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("?"))
    }
}
