//! Numbers as text: the shortest decimals that read back as the same bits.

use std::io::Write;

/// What stands before the digits of a number from 1e-5 up to 1e-4.
const ZEROS: &[u8] = b"0.0000";

/// Appends a number as the standard library's `{:?}` writes it.
#[inline]
pub(crate) fn push_float(bytes: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    // Exactly between two decimals of 17 digits the two choose differently. Such a number has 18
    // digits: at most 17 bits behind the point if it is 1 or more, and at most 25 if it is less,
    // since each of them is another digit, and n of them have n log10(2) zeros at most in front.
    let scaled = size * if size < 1.0 { 33_554_432.0 } else { 131_072.0 };
    // The exponents from 1e16 on look different, too; what is not finite is no number.
    if !value.is_finite() || size >= 1e16 || scaled.trunc() == scaled {
        write!(bytes, "{value:?}").expect("a vector takes all bytes");
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    // Of these, zmij writes 0.0000123 and the standard library 1.23e-5.
    if (1e-5..1e-4).contains(&size) {
        push_small(bytes, text);
    } else {
        bytes.extend_from_slice(text);
    }
}

#[cold]
fn push_small(bytes: &mut Vec<u8>, text: &[u8]) {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.len() < text.len() {
        bytes.push(b'-');
    }
    if let Some((first, more)) = digits.strip_prefix(ZEROS).and_then(<[u8]>::split_first) {
        bytes.push(*first);
        if !more.is_empty() {
            bytes.push(b'.');
            bytes.extend_from_slice(more);
        }
        bytes.extend_from_slice(b"e-5");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn same(value: f64) {
        for value in [value, -value] {
            let mut bytes = Vec::new();
            push_float(&mut bytes, value);
            assert_eq!(String::from_utf8(bytes).unwrap(), format!("{value:?}"));
        }
    }

    #[test]
    fn numbers_at_every_edge_are_written_as_the_standard_library_writes_them() {
        let around = |value: f64| {
            let bits = value.to_bits();
            (bits.saturating_sub(3)..=bits + 3).map(f64::from_bits).for_each(same);
        };
        [0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, f64::MAX, 5e-324]
            .into_iter()
            .for_each(same);
        // Powers of two have neighbours that are not equally far; those of ten change the form.
        (-1074..1024).for_each(|power| around(2f64.powi(power)));
        (-323..=308).for_each(|power| around(format!("1e{power}").parse().unwrap()));
        for bits in 0..40 {
            let dyadic = |odd: i32| f64::from(2 * odd + 1) / 2f64.powi(bits);
            (0..3_000).map(dyadic).for_each(same);
            (0..3_000).map(|odd| 2f64.powi(49 - bits) + dyadic(odd)).for_each(same);
        }
        for digits in 0..20_000u32 {
            same(f64::from(digits));
            same(f64::from(digits) / 1e4);
            same(f64::from(digits) / 1e9);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_number_is_written_as_the_standard_library_writes_it(
            bits: u64, rate in 0.0..1.0, small in 0.0..2e-4, dyadic: u32, power in 0..50,
        ) {
            let dyadic = f64::from(dyadic) / 2f64.powi(power);
            [f64::from_bits(bits), rate, small, dyadic].into_iter().for_each(same);
        }
    }
}
