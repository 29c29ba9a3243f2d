//! The fields of a line, found where they lie.

use crate::table::scan;

/// The length of what stands before the next comma or line feed.
#[inline]
pub(super) fn end(bytes: &[u8]) -> usize {
    scan::find(bytes, 0, b',')
}

/// The next field: its bytes without quotes, and the length up to what ends it. `None` if quotes
/// stand inside of quotes, or do not end with the field.
#[inline]
pub(super) fn field(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let Some(rest) = bytes.strip_prefix(b"\"") else {
        let end = end(bytes);
        let field = &bytes[..end];
        // The carriage return of a CRLF stands in the last field.
        return Some((field.strip_suffix(b"\r").unwrap_or(field), end));
    };
    let close = memchr::memchr2(b'"', b'\n', rest)?;
    let end = close + end(&rest[close..]);
    (rest[close..end].trim_ascii_end() == b"\"").then_some((&rest[..close], 1 + end))
}

/// The fields of a line, which a line feed ends, as they stand there.
pub(super) fn fields(line: &[u8]) -> Vec<&[u8]> {
    let (mut fields, mut rest) = (Vec::new(), line);
    // Bounded by the line: every turn takes a field of it.
    loop {
        let len = field(rest).map_or_else(|| end(rest), |(_, len)| len);
        fields.push(&rest[..len]);
        match &rest[len..] {
            [b',', more @ ..] => rest = more,
            _ => return fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_quotes_ends_no_field() {
        assert_eq!(field(b"\"a,b\",c\n"), Some((&b"a,b"[..], 5)));
        assert_eq!(field(b"\"a\"\r\n"), Some((&b"a"[..], 4)));
        assert_eq!(field(b"\"\"\n"), Some((&b""[..], 2)));
        assert_eq!(fields(b"1,\"a,b\",,\"c\"\n"), [&b"1"[..], b"\"a,b\"", b"", b"\"c\""]);
        for odd in [&b"\"a\"\"b\",c\n"[..], b"\"a\"b,c\n", b"\"open,c\n", b"\"\n"] {
            assert_eq!(field(odd), None, "{}", String::from_utf8_lossy(odd));
        }
    }
}
