//! Numbers in ascending order, each with its place: sorted once, for all that goes by it.

/// Parts that values are put into before each part is sorted by itself, which then stays in the
/// cache; a power of two.
const PARTS: usize = 4096;

/// Of fewer values than these, no parts are made.
const PARTED_MIN: usize = 1 << 12;

/// A number, its place among those that it was given with, and a mark. They ascend by the number,
/// as `f64::total_cmp` has it, then by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placed(u128);

impl Placed {
    pub(super) fn new(value: f64, place: usize, mark: bool) -> Placed {
        let key = u128::from(key(value)) << 64;
        Placed(key | (place as u128) << 1 | u128::from(mark))
    }

    /// The number.
    #[inline]
    pub(crate) fn value(self) -> f64 {
        let key = (self.0 >> 64) as u64;
        let flipped = if key >> 63 == 1 { 1 << 63 } else { u64::MAX };
        f64::from_bits(key ^ flipped)
    }

    /// Where it stands among those that it was given with.
    #[inline]
    pub(crate) fn place(self) -> usize {
        (self.0 as u64 >> 1) as usize
    }

    #[inline]
    pub(crate) fn mark(self) -> bool {
        self.0 & 1 == 1
    }
}

/// An integer that compares with others as the numbers do.
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    bits ^ if bits >> 63 == 1 { u64::MAX } else { 1 << 63 }
}

/// The numbers, each with a mark, in ascending order.
pub(crate) fn ascending(values: impl ExactSizeIterator<Item = (f64, bool)> + Clone) -> Vec<Placed> {
    let placed = values.enumerate().map(|(place, (value, mark))| Placed::new(value, place, mark));
    sorted(placed, Placed(0), |placed| (placed.0 >> 64) as u64)
}

/// The values in order; `high` gives the leading part of one, and `any` is any of them.
pub(crate) fn sorted<T: Copy + Ord>(
    values: impl ExactSizeIterator<Item = T> + Clone,
    any: T,
    high: impl Fn(T) -> u64,
) -> Vec<T> {
    let ends = values.clone().map(&high);
    let ends = ends.fold((u64::MAX, 0), |(low, top), value| (low.min(value), top.max(value)));
    let span = ends.1.saturating_sub(ends.0);
    if values.len() < PARTED_MIN || span == 0 {
        let mut sorted: Vec<T> = values.collect();
        sorted.sort_unstable();
        return sorted;
    }
    let shift = (u64::BITS - span.leading_zeros()).saturating_sub(PARTS.trailing_zeros());
    let part = |value: T| ((high(value) - ends.0) >> shift) as usize;
    let mut starts = [0_usize; PARTS];
    values.clone().for_each(|value| starts[part(value)] += 1);
    let mut before = 0;
    for start in &mut starts {
        before += std::mem::replace(start, before);
    }
    let mut parted = vec![any; values.len()];
    for value in values {
        let at = &mut starts[part(value)];
        parted[*at] = value;
        *at += 1;
    }
    // Where each part starts has become where it ends.
    let mut first = 0;
    for end in starts {
        parted[first..end].sort_unstable();
        first = end;
    }
    parted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_as_they_compare_however_they_lie() {
        let mut word = 1_u64;
        let mut next = || {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            word
        };
        for spread in 0..4 {
            for count in [0, 1, 2, 100, PARTED_MIN - 1, PARTED_MIN, 50_000] {
                let mut value = || match (spread, next()) {
                    // Of any size and sign; near each other; few; equal.
                    (0, word) => f64::from_bits(word & !(1 << 62)),
                    (1, word) => 0.5 + (word >> 40) as f64 * 1e-12,
                    (2, word) => [0.0, -0.0, 1.0, -3.0][(word >> 62) as usize],
                    _ => 7.25,
                };
                let values: Vec<f64> = (0..count).map(|_| value()).collect();
                let mut expected: Vec<usize> = (0..count).collect();
                expected.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
                let marked = |place: usize| place.is_multiple_of(3);
                let sorted =
                    ascending(values.iter().enumerate().map(|(at, &value)| (value, marked(at))));
                let places: Vec<usize> = sorted.iter().map(|placed| placed.place()).collect();
                assert_eq!(places, expected, "{count} of {spread}");
                for placed in sorted {
                    let place = placed.place();
                    assert_eq!(placed.value().to_bits(), values[place].to_bits());
                    assert_eq!(placed.mark(), marked(place));
                }
            }
        }
    }
}
