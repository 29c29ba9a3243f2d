//! Columns of plain numbers, in the widest vectors available.
//!
//! The digits of some fields are put into columns of words, each in the same few steps however many
//! digits there are; numbers are then made of them eight at a time. Every [`Level`] gives the
//! standard library's results, rounded once; fields that need more than that are left to the
//! caller.

use super::scan::{DIGITS_MAX, TENS, eight, eight_digits};
use factord_eval::vectors::Level;

/// Fields that are worked on at once.
// 64: seven columns of them are an eighth of a first-level cache.
pub(super) const ROWS: usize = 64;

/// Bytes that hold any number of 19 digits.
const TAIL: usize = 24;

/// The digits of some fields.
pub(super) struct Digits {
    /// The last 24 bytes of each field and, before it, of what is there.
    words: [[u64; ROWS]; 3],
    /// Eight times how many of them are digits.
    bits: [u64; ROWS],
    /// What the digit before the point counts for, and the power of ten behind the point.
    whole: [u64; ROWS],
    tens: [u64; ROWS],
    /// The bit of the sign.
    sign: [u64; ROWS],
    /// 1 where a field looks like a number.
    plain: [u64; ROWS],
}

impl Digits {
    pub(super) fn new() -> Digits {
        Digits {
            words: [[0; ROWS]; 3],
            bits: [0; ROWS],
            whole: [0; ROWS],
            tens: [1; ROWS],
            sign: [0; ROWS],
            plain: [0; ROWS],
        }
    }

    /// Puts an integer, from a place of a text to another.
    #[inline(always)]
    pub(super) fn put_integer(&mut self, row: usize, text: &[u8], (from, to): (usize, usize)) {
        let negative = text[from] == b'-';
        let count = to.wrapping_sub(from + usize::from(negative));
        let plain = count.wrapping_sub(1) < DIGITS_MAX;
        self.put(row, &text[..to], count, (0, 1), (negative, plain));
    }

    /// Puts a number with one digit before its point.
    #[inline(always)]
    pub(super) fn put_float(&mut self, row: usize, text: &[u8], (from, to): (usize, usize)) {
        let negative = text[from] == b'-';
        let first = from + usize::from(negative);
        let count = to.wrapping_sub(first + 2);
        // With the digit before them, as many as always fit.
        let fits = count.wrapping_sub(1) < DIGITS_MAX - 1;
        let (mut whole, mut plain) = (0, false);
        if fits {
            whole = u64::from(text[first].wrapping_sub(b'0'));
            plain = text[first + 1] == b'.' && whole <= 9;
        }
        let tens = TENS[if fits { count } else { 0 }];
        self.put(row, &text[..to], count, (whole.wrapping_mul(tens), tens), (negative, plain));
    }

    #[inline(always)]
    fn put(
        &mut self,
        row: usize,
        text: &[u8],
        count: usize,
        (whole, tens): (u64, u64),
        (negative, plain): (bool, bool),
    ) {
        let tail = text.last_chunk::<TAIL>();
        self.plain[row] = u64::from(plain && tail.is_some());
        let words = tail.map_or(&[[0; 8]; 3][..], |tail| tail.as_chunks::<8>().0);
        for (column, word) in self.words.iter_mut().zip(words) {
            column[row] = u64::from_le_bytes(*word);
        }
        self.bits[row] = 8 * count.min(DIGITS_MAX) as u64;
        (self.whole[row], self.tens[row]) = (whole, tens);
        self.sign[row] = u64::from(negative) << 63;
    }

    /// The integers of all fields, each with 1, or 0 if it was left to the caller.
    pub(super) fn integers(&self, level: Level) -> ([i64; ROWS], [u64; ROWS]) {
        let (mut values, mut told) = ([0; ROWS], [0; ROWS]);
        level.run(
            #[inline(always)]
            || {
                for row in 0..ROWS {
                    let (number, plain) = self.number(row);
                    // All ones turn the sign.
                    let turn = (self.sign[row].cast_signed() >> 63).cast_unsigned();
                    values[row] = (number ^ turn).wrapping_sub(turn).cast_signed();
                    told[row] = plain & (1 ^ number >> 63);
                }
            },
        );
        (values, told)
    }

    /// The numbers of all fields, each with 1, or 0 if it was left to the caller.
    pub(super) fn floats(&self, level: Level) -> ([f64; ROWS], [u64; ROWS]) {
        let (mut values, mut told) = ([0.0; ROWS], [0; ROWS]);
        level.run(
            #[inline(always)]
            || {
                for row in 0..ROWS {
                    let (number, plain) = self.number(row);
                    let (bits, sure) = quotient(number + self.whole[row], self.tens[row]);
                    values[row] = f64::from_bits(bits | self.sign[row]);
                    told[row] = plain & sure;
                }
            },
        );
        (values, told)
    }

    /// The number of the digits, and 1; 0 when they do not form a number.
    #[inline(always)]
    fn number(&self, row: usize) -> (u64, u64) {
        let bits = self.bits[row];
        let [high, middle, low] = &self.words;
        let (high, middle) = (kept(high[row], 192, bits), kept(middle[row], 128, bits));
        let low = kept(low[row], 64, bits);
        // Ten is the first value of a byte that reaches its upper bit so.
        let over = |word: u64| word.wrapping_add(eight(0x76)) | word;
        let told = u64::from((over(high) | over(middle) | over(low)) & eight(0x80) == 0);
        let (high, middle, low) = (eight_digits(high), eight_digits(middle), eight_digits(low));
        let number = high.wrapping_mul(TENS[8]).wrapping_add(middle);
        (number.wrapping_mul(TENS[8]).wrapping_add(low), told & self.plain[row])
    }
}

/// The digits in one word of a field whose digits are its last `bits` bits; bytes before them are
/// 0. The word starts `end` bits before the end of the field.
#[inline(always)]
fn kept(word: u64, end: u64, bits: u64) -> u64 {
    let left = end - bits.max(end - 64).min(end);
    let mask = if left < 64 { u64::MAX << left } else { 0 };
    (word ^ eight(b'0')) & mask
}

/// The bits of a number divided by a power of ten up to 10^18, rounded to even, and 1; 0 when the
/// rounding is not certain.
#[inline(always)]
fn quotient(number: u64, tens: u64) -> (u64, u64) {
    // Both are rounded, the first by less than 1 and the second by 1/2 of the last place, so that
    // the exact quotient is less than 3/2 away.
    let guess = number as f64 / tens as f64;
    let bits = guess.to_bits();
    let digits = bits & ((1 << 52) - 1) | 1 << 52;
    let places = 1075u64.wrapping_sub(bits >> 52) & 127;
    let shifted = if places < 64 { number << (places & 63) } else { 0 };
    // What is left over, in units of the last place times the divisor: exact, as it is less than
    // 3/2 of the divisor, however much of both products is cut off.
    let twice = shifted.wrapping_sub(digits.wrapping_mul(tens)).wrapping_mul(2).cast_signed();
    let divisor = tens.cast_signed();
    let odd = digits & 1 == 1;
    let up = (twice > divisor) | (twice == divisor) & odd;
    let down = (twice < -divisor) | (twice == -divisor) & odd;
    let rounded = bits.wrapping_add(u64::from(up)).wrapping_sub(u64::from(down));
    // Below a power of two the places are half as wide.
    let sure = (digits != 1 << 52) | (twice >= 0);
    if number == 0 { (0, 1) } else { (rounded, u64::from(sure)) }
}
