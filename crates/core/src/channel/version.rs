//! How the hash of a version begins, as a word of a message.

/// Hexadecimal digits that fit a word beside their number.
const DIGIT_COUNT_MAX: usize = 15;

/// How a version's hash begins, as one word: up to 15 hexadecimal digits from the top, and in the
/// lowest four bits how many. Of a longer beginning the first 15 count. `None` for what is none.
///
/// ```
/// use factord_core::channel::{version_start, version_word};
///
/// assert_eq!(version_word("3f5a"), Some(0x3f5a_0000_0000_0004));
/// assert_eq!(version_start(0x3f5a_0000_0000_0004).as_deref(), Some("3f5a"));
/// assert_eq!(version_word("3F5A").or(version_word("")), None);
/// assert_eq!(version_start(0x3f5a_1000_0000_0004), None);
/// ```
pub fn version_word(start: &str) -> Option<u64> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if start.is_empty() || !start.as_bytes().iter().all(is_digit) {
        return None;
    }
    let digits = &start[..start.len().min(DIGIT_COUNT_MAX)];
    let value = u64::from_str_radix(digits, 16).ok()?;
    Some(value << (64 - 4 * digits.len()) | digits.len() as u64)
}

/// Reads what [`version_word`] wrote; `None` for what it never writes.
pub fn version_start(word: u64) -> Option<String> {
    let count = (word & 0xF) as usize;
    let digits = format!("{:016x}", word & !0xF);
    let (start, rest) = digits.split_at(count);
    (count > 0 && rest.bytes().all(|byte| byte == b'0')).then(|| start.to_owned())
}
