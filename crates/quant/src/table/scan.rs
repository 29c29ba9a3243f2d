//! Where fields of plain text end, and the numbers in them, eight bytes at a time.
//!
//! Numbers are what the standard library says they are: what is not told here, rounded once, is
//! left to it. Pure functions over bytes; the readers of text call them, `trades` among them.

/// Digits whose number always fits 64 bits.
pub(crate) const DIGITS_MAX: usize = 19;

/// The powers of ten of 64 bits.
pub(super) const TENS: [u64; DIGITS_MAX + 1] = {
    let mut tens = [1; DIGITS_MAX + 1];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = 10 * tens[at - 1];
        at += 1;
    }
    tens
};

/// A word of eight equal bytes.
pub(super) const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Where the first `stop` or line feed is from a place on; the end of the text if there is none.
#[inline]
pub(crate) fn find(text: &[u8], from: usize, stop: u8) -> usize {
    // The lowest byte found is right; those above it may be borrowed from.
    let zeros = |word: u64| word.wrapping_sub(eight(1)) & !word & eight(0x80);
    let mut at = from;
    while let Some(bytes) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*bytes);
        let found = zeros(word ^ eight(stop)) | zeros(word ^ eight(b'\n'));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = text[at..].iter().position(|&byte| byte == stop || byte == b'\n');
    rest.map_or(text.len(), |more| at + more)
}

/// Appends the digits at the start of a text to a number; says how many there are. Beyond
/// [`DIGITS_MAX`] the number is not one.
#[inline(always)]
pub(crate) fn digits(text: &[u8], mut number: u64) -> (u64, usize) {
    let mut len = 0;
    while let Some(bytes) = text[len..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*bytes);
        let high = |word: u64| (word & eight(0xf0)) ^ eight(0x30);
        // A digit is 0x30 to 0x39: six more change nothing in its upper half.
        let others = high(word) | high(word.wrapping_add(eight(6)));
        let count = others.trailing_zeros() / 8;
        if count == 0 {
            return (number, len);
        }
        // The digits as the upper bytes, zeros before them.
        let word = eight_digits((word & eight(0x0f)) << (64 - 8 * count));
        number = number.wrapping_mul(TENS[count as usize]).wrapping_add(word);
        len += count as usize;
        if count < 8 {
            return (number, len);
        }
    }
    for digit in text[len..].iter().take_while(|byte| byte.is_ascii_digit()) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        len += 1;
    }
    (number, len)
}

/// The number of eight digits, the first one in the lowest byte.
#[inline(always)]
pub(super) fn eight_digits(word: u64) -> u64 {
    // Pairs, fours, all.
    let word = word.wrapping_mul(1 + (10 << 8)) >> 8 & 0x00ff_00ff_00ff_00ff;
    let word = word.wrapping_mul(1 + (100 << 16)) >> 16 & 0x0000_ffff_0000_ffff;
    word.wrapping_mul(1 + (10_000 << 32)) >> 32
}

/// The number in a field; `None` when only the standard library can read it.
#[inline]
pub(crate) fn float(field: &[u8]) -> Option<f64> {
    let negative = field.first() == Some(&b'-');
    let text = &field[usize::from(negative)..];
    let (whole, before) = digits(text, 0);
    let (number, behind, len) = match text.get(before) {
        Some(b'.') => {
            let (number, behind) = digits(&text[before + 1..], whole);
            (number, behind, before + 1 + behind)
        }
        _ => (whole, 0, before),
    };
    // One zero before the point is no digit to count.
    let counted = behind + if whole == 0 && before == 1 { 0 } else { before };
    if before == 0 || counted > DIGITS_MAX || len != text.len() {
        return None;
    }
    let value = match number {
        // Both are exact, so that the division rounds once.
        0..=0x20_0000_0000_0000 if behind < 16 => number as f64 / TENS[behind] as f64,
        _ => quotient(number, behind),
    };
    Some(if negative { -value } else { value })
}

/// The powers of ten, shifted up to 64 bits, and the `2^128 / d - 2^64` of each.
const INVERSES: [(u64, u64); DIGITS_MAX + 1] = {
    let mut all = [(0, 0); DIGITS_MAX + 1];
    let mut at = 0;
    while at < all.len() {
        let divisor = TENS[at] << TENS[at].leading_zeros();
        all[at] = (divisor, (u128::MAX / divisor as u128 - (1 << 64)) as u64);
        at += 1;
    }
    all
};

/// A number but 0 by a power of ten, rounded once, to even.
#[inline]
fn quotient(number: u64, tens: usize) -> f64 {
    let (up, down) = (number.leading_zeros(), TENS[tens].leading_zeros());
    let (divisor, inverse) = INVERSES[tens];
    // Both of 64 bits: their quotient is above 1/2 and below 2, and takes 63 or 64 bits here.
    let dividend = u128::from(number << (up & 63)) << 63;
    // Moeller and Granlund, Improved division by invariant integers (2011), algorithm 4.
    let guess = u128::from(inverse) * (dividend >> 64) + dividend;
    let mut whole = ((guess >> 64) as u64).wrapping_add(1);
    let mut rest = (dividend as u64).wrapping_sub(whole.wrapping_mul(divisor));
    if rest > guess as u64 {
        whole = whole.wrapping_sub(1);
        rest = rest.wrapping_add(divisor);
    }
    if rest >= divisor {
        whole = whole.wrapping_add(1);
        rest -= divisor;
    }
    // The last bit stands for all that is cut off, so that rounding to 53 bits sees it.
    let rounded = (whole | u64::from(rest != 0)) as f64;
    // The power of two as bits; it rounds nothing, as no result is near the ends of the range.
    rounded * f64::from_bits(u64::from(1023 - 63 + down - up) << 52)
}

#[cfg(test)]
mod tests {
    use super::super::digits::Digits;
    use super::*;
    use factord_eval::vectors::Level;

    /// SplitMix64, for inputs that are the same in every run.
    fn numbers() -> impl FnMut() -> u64 {
        let mut state = 0u64;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ z >> 31
        }
    }

    /// What a field is in a column, behind others.
    fn at(text: &str) -> (Option<f64>, Option<i64>) {
        behind("12345678901234567890,12345,", text)
    }

    /// What a field is in a column, behind some text; the same at every level.
    fn behind(before: &str, text: &str) -> (Option<f64>, Option<i64>) {
        let (line, from) = (format!("{before}{text},1\n"), before.len());
        let to = from + text.len();
        let (mut floats, mut integers) = (Digits::new(), Digits::new());
        floats.put_float(9, line.as_bytes(), (from, to));
        integers.put_integer(9, line.as_bytes(), (from, to));
        let told = |level: Level| {
            let (float, integer) = (floats.floats(level), integers.integers(level));
            let float = (float.1[9] == 1).then_some(float.0[9]);
            (float, (integer.1[9] == 1).then_some(integer.0[9]))
        };
        let all: Vec<_> = Level::available().into_iter().map(told).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{text}: {all:?}");
        all[0]
    }

    #[test]
    fn numbers_have_the_bits_that_the_standard_library_gives_them() {
        let mut next = numbers();
        let (mut told, mut at_once, mut whole) = (0, 0, 0);
        for round in 0..1_000_000 {
            let (bits, places) = (next(), next() as usize % 22);
            let unit = (bits >> 11) as f64 / (1u64 << 53) as f64;
            let text = match round % 6 {
                0 => format!("{unit}"),
                1 => format!("{}", -unit * 1e4),
                2 => format!("{:.places$}", unit * 100.0),
                3 => format!("{}.{:0places$}", bits % 1000, next() >> (next() % 64)),
                4 => format!("{}", bits >> (next() % 64)),
                _ => format!("{}", f64::from_bits(bits)),
            };
            let expected: f64 = text.parse().unwrap();
            if let Some(found) = float(text.as_bytes()) {
                assert_eq!(found.to_bits(), expected.to_bits(), "{text}");
                told += 1;
            }
            // In a column, whatever stands before it.
            let before = ["1234567890123456789012345,", "\"a\",-1.5,2026.125,.,0.125,", "7,"];
            let (float, integer) = behind(before[round / 6 % 3], &text);
            if let Some(found) = float {
                assert_eq!(found.to_bits(), expected.to_bits(), "{text}");
                at_once += 1;
            }
            if let Some(found) = integer {
                assert_eq!(Ok(found), text.parse(), "{text}");
                whole += 1;
            }
        }
        assert!(told > 600_000 && at_once.min(whole) > 100_000, "{told} {at_once} {whole}");
    }

    #[test]
    fn halves_are_rounded_to_even_and_zero_keeps_its_sign() {
        for text in [
            "9007199254740993",
            "9007199254740995",
            "9007199254740993.0",
            "900719925474099.3",
            "0.9007199254740993",
            "0.49999999999999997",
            "0.500000000000000055",
            "0.000244140625",
            "1.00000000000000011",
            "2.000000000000000222",
            "9.007199254740993",
            "18014398509481989",
            "4503599627370496.5",
            "4503599627370497.5",
            "0",
            "-0",
            "0.0",
            "-0.000",
            "1.",
            "0.5",
            "9999999999999999999",
            "0.9999999999999999999",
            "0.0000000000000000001",
            "123456789.0123456789",
        ] {
            let expected: f64 = text.parse().unwrap();
            let found = float(text.as_bytes()).map(f64::to_bits);
            assert_eq!(found, Some(expected.to_bits()), "{text}");
            if let Some(found) = at(text).0 {
                assert_eq!(found.to_bits(), expected.to_bits(), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_plain_number_is_left_to_the_standard_library() {
        for text in [
            "", "-", ".", ".5", "-.5", "+1", "1e5", "1.5e-7", "nan", "inf", " 1", "1 ", "1,5",
            "--1", "1-",
        ] {
            assert_eq!((float(text.as_bytes()), at(text)), (None, (None, None)), "{text}");
        }
        let long = ["10000000000000000000", "00000000000000000000", "0.00000000000000000000"];
        assert_eq!(long.map(|text| float(text.as_bytes())), [None; 3]);
        assert_eq!(at("9223372036854775807").1, Some(i64::MAX));
        assert_eq!(at("9223372036854775808").1, None);
        assert_eq!(at("-1700000000000000000").1, Some(-1_700_000_000_000_000_000));
        assert_eq!(at("1.0").1, None);
    }

    #[test]
    fn a_stop_is_found_wherever_it_stands() {
        for len in 0..40 {
            for at in 0..len {
                for (stop, byte) in [(b',', b','), (b',', b'\n'), (b'"', b'"')] {
                    // Neighbours of the bytes sought, which a borrow could take for them.
                    let mut text = [b'-', 0x0b, b'#', 0xff, b'!', 0x80].repeat(7);
                    text.truncate(len);
                    text[at] = byte;
                    text[len - 1] = byte;
                    assert_eq!(find(&text, 0, stop), at);
                    assert_eq!(find(&text, at, stop), at);
                }
            }
        }
        assert_eq!(find(b"abc", 1, b','), 3);
    }
}
