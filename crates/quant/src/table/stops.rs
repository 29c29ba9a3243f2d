//! [`Stops`]: where the fields and lines of plain text end, found 64 bytes at a time.

use super::scan;
use wide::u8x16;

/// Bytes looked at together: as many as a word has bits.
const STEP: usize = 64;

/// Where the fields of whole lines end.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// The comma or line feed behind each field, behind the place before the first field, which
    /// wraps; then room.
    ends: Vec<u32>,
    /// How many of them are fields.
    fields: usize,
    /// How many fields there are up to the end of each line.
    lines: Vec<u32>,
}

/// What one step leaves for the next.
#[derive(Clone, Copy)]
struct Carry {
    /// All ones inside of quotes.
    quoted: u64,
    /// 1 where quotes closed with the last byte.
    closed: u64,
    /// 1 where the last byte was the end of a field.
    ended: u64,
}

impl Stops {
    /// Finds them in a text of whole lines; false when only the csv crate can.
    pub(crate) fn find(&mut self, text: &[u8]) -> bool {
        // Arrow's offsets are no longer than that either.
        if i32::try_from(text.len()).is_err() {
            return false;
        }
        self.find_steps(text) || self.find_fields(text)
    }

    /// The first field of each line, and one behind its last.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, usize)> {
        let behind = |fields: &u32| *fields as usize;
        let firsts = std::iter::once(0).chain(self.lines.iter().map(behind));
        firsts.zip(self.lines.iter().map(behind))
    }

    /// Where a field starts and ends, without its quotes.
    #[inline]
    pub(super) fn field(&self, text: &[u8], field: usize) -> (usize, usize) {
        let (from, to) = (self.ends[field].wrapping_add(1) as usize, self.ends[field + 1] as usize);
        if text[from] == b'"' { (from + 1, to - 1) } else { (from, to) }
    }

    /// The text from one field up to the end of the last before another.
    #[inline]
    pub(super) fn between<'a>(&self, text: &'a [u8], first: usize, behind: usize) -> &'a [u8] {
        &text[self.ends[first].wrapping_add(1) as usize..self.ends[behind] as usize]
    }

    /// Whether the only field of a line is nothing, not even quotes.
    pub(super) fn is_blank(&self, text: &[u8], field: usize) -> bool {
        text[self.ends[field].wrapping_add(1) as usize] == b'\n'
    }

    fn clear(&mut self) {
        if self.ends.is_empty() {
            self.ends.push(u32::MAX);
        }
        self.fields = 0;
        self.lines.clear();
    }

    /// Finds them step by step; false when a quote is not at the end of a field, or a carriage
    /// return at that of a line.
    fn find_steps(&mut self, text: &[u8]) -> bool {
        self.clear();
        let mut carry = Carry { quoted: 0, closed: 0, ended: 1 };
        let (steps, rest) = text.as_chunks::<STEP>();
        let mut at = 0;
        for bytes in steps {
            if !self.step(text, places(bytes), at, &mut carry) {
                return false;
            }
            at += STEP;
        }
        let mut last = [0; STEP];
        last[..rest.len()].copy_from_slice(rest);
        self.step(text, places(&last), at, &mut carry) && carry.quoted == 0
    }

    #[inline]
    fn step(
        &mut self,
        text: &[u8],
        [commas, feeds, quotes]: [u64; 3],
        at: usize,
        carry: &mut Carry,
    ) -> bool {
        let mut ends = commas | feeds;
        if quotes | carry.quoted | carry.closed != 0 {
            // Each bit becomes the parity of the quotes up to its place.
            let mut quoted = quotes;
            for shift in [1, 2, 4, 8, 16, 32] {
                quoted ^= quoted << shift;
            }
            quoted ^= carry.quoted;
            ends &= !quoted;
            let (opening, closing) = (quotes & quoted, quotes & !quoted);
            let opened_inside = opening & !(ends << 1 | carry.ended);
            let went_on = (closing << 1 | carry.closed) & !ends;
            if opened_inside | went_on | feeds & quoted != 0 {
                return false;
            }
            carry.quoted = (quoted.cast_signed() >> 63).cast_unsigned();
            carry.closed = closing >> 63;
        }
        carry.ended = ends >> 63;
        let mut left = feeds & ends;
        while left != 0 {
            let up_to = left ^ (left - 1);
            self.lines.push((self.fields as u32) + (ends & up_to).count_ones());
            if returns(text, at + left.trailing_zeros() as usize) {
                return false;
            }
            left &= left - 1;
        }
        self.add(ends, at as u32);
        true
    }

    /// Adds the places of bits behind a place.
    #[inline]
    fn add(&mut self, places: u64, at: u32) {
        let room = self.fields + 1;
        if self.ends.len() < room + STEP {
            self.ends.resize(2 * room + STEP, 0);
        }
        let Some(room) = self.ends[room..].first_chunk_mut::<STEP>() else { return };
        let mut left = places;
        // Eight at a time, of which the last may be none: no branch to guess for most steps.
        for eight in room.as_chunks_mut::<8>().0 {
            for end in eight {
                *end = at + left.trailing_zeros();
                left &= left.wrapping_sub(1);
            }
            if left == 0 {
                break;
            }
        }
        self.fields += places.count_ones() as usize;
    }

    /// Finds them field by field; false when a field's quotes hold more than commas, or a line ends
    /// with a carriage return.
    fn find_fields(&mut self, text: &[u8]) -> bool {
        self.clear();
        self.ends.truncate(1);
        let mut from = 0;
        while from < text.len() {
            let end = if text[from] == b'"' {
                let quote = scan::find(text, from + 1, b'"');
                if text[quote] != b'"' || !matches!(text[quote + 1], b',' | b'\n') {
                    return false;
                }
                quote + 1
            } else {
                scan::find(text, from, b',')
            };
            self.ends.push(end as u32);
            self.fields += 1;
            if text[end] == b'\n' {
                self.lines.push(self.fields as u32);
                if returns(text, end) {
                    return false;
                }
            }
            from = end + 1;
        }
        true
    }
}

/// Whether a line feed is that of a CRLF, which is the csv crate's.
#[inline]
fn returns(text: &[u8], feed: usize) -> bool {
    feed > 0 && text[feed - 1] == b'\r'
}

/// The places of commas, line feeds and quotes, as bits.
#[inline]
fn places(bytes: &[u8; STEP]) -> [u64; 3] {
    let mut found = [0; 3];
    for (at, bytes) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        for (found, sought) in found.iter_mut().zip([b',', b'\n', b'"']) {
            let here = bytes.simd_eq(u8x16::splat(sought)).to_bitmask();
            *found |= u64::from(here) << (16 * at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of each line; `None` when the text is the csv crate's.
    fn fields(text: &str) -> Option<Vec<Vec<String>>> {
        let (mut stops, mut slow) = (Stops::default(), Stops::default());
        stops.find(text.as_bytes()).then_some(())?;
        // Both ways find the same.
        assert!(slow.find_fields(text.as_bytes()));
        let ends = |stops: &Stops| stops.ends[..=stops.fields].to_vec();
        assert_eq!((ends(&stops), &stops.lines), (ends(&slow), &slow.lines), "{text}");
        let field = |at: usize| {
            let (from, to) = stops.field(text.as_bytes(), at);
            text[from..to].to_owned()
        };
        let lines = stops.lines().map(|(first, behind)| (first..behind).map(field).collect());
        Some(lines.collect())
    }

    #[test]
    fn fields_may_stand_in_quotes_and_what_is_odd_is_left_to_the_csv_crate() {
        // Steps end anywhere in these lines.
        for before in (0..140).map(|len| "x".repeat(len)) {
            let are = |line: &str, expected: &[&str]| {
                let text = format!("{before}\n{line}\n{before},1\n");
                let expected: Vec<String> = expected.iter().map(|&field| field.into()).collect();
                let others = [vec![before.clone()], vec![before.clone(), "1".to_owned()]];
                let [first, last] = others;
                assert_eq!(fields(&text), Some(vec![first, expected, last]), "{text}");
            };
            are("", &[""]);
            are("a,b", &["a", "b"]);
            are(",", &["", ""]);
            are("\"a\",1,\"\"", &["a", "1", ""]);
            are("1,\"a,b\",", &["1", "a,b", ""]);
            are("a\"b,1\"", &["a\"b", "1\""]);
            are("\"a,\",\",b\"", &["a,", ",b"]);
            for odd in [
                "\"a\"\"b\",1",
                "\"open,1",
                "\"a\" ,1",
                "\"a\"b",
                "1,\"",
                "1,2\r",
                "\r",
                "\"a\nb\"",
            ] {
                let text = format!("{before}\n{odd}\n{before},1\n");
                assert_eq!(fields(&text), None, "{text}");
            }
        }
    }
}
