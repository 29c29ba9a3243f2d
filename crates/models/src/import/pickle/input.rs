//! The bytes of a pickle, taken from the front.

use super::PickleError;

/// A position in a pickle. Every read is checked against the end before anything is allocated.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Input<'a> {
    /// Starts behind the first `offset` bytes, which exist.
    pub(super) fn after(bytes: &'a [u8], offset: usize) -> Input<'a> {
        Input { bytes, offset }
    }

    /// Where reading goes on.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub(super) fn rest_len(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// Checks that this many bytes are left.
    pub(super) fn holds(&self, length: u64) -> Result<(), PickleError> {
        if length > self.rest_len() as u64 { Err(self.truncated()) } else { Ok(()) }
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let Some((bytes, _)) = self.bytes[self.offset..].split_at_checked(length) else {
            return Err(self.truncated());
        };
        self.offset += length;
        Ok(bytes)
    }

    /// The next `N` bytes, as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.array::<1>()?[0])
    }

    /// A little-endian length of up to eight bytes.
    pub(super) fn length(&mut self, width: usize) -> Result<usize, PickleError> {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(self.take(width)?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| self.truncated())
    }

    /// The text up to the next line feed.
    pub(super) fn line(&mut self) -> Result<&'a str, PickleError> {
        let start = self.offset;
        let Some(length) = self.bytes[start..].iter().position(|&byte| byte == b'\n') else {
            return Err(self.truncated());
        };
        let line = self.take(length)?;
        self.offset += 1;
        let problem = "a name is not UTF-8";
        std::str::from_utf8(line).map_err(|_| PickleError::Malformed { problem, offset: start })
    }

    fn truncated(&self) -> PickleError {
        PickleError::Truncated { offset: self.bytes.len() }
    }
}
