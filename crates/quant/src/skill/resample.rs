//! Intervals by drawing blocks of rows with replacement (Kuensch 1989), seeded: the same rows have
//! the same intervals.
//!
//! Neighbouring windows resemble each other, and so do the symbols of one day, so whole blocks are
//! drawn. Closed forms that take rows for independent (Wilson's of a share, DeLong's of an area)
//! would be too narrow.

use rand::RngExt;
use rand_pcg::Pcg64;

/// Draws for an interval.
pub const DRAWS: usize = 1000;

/// The fewest blocks that an interval of an evaluation is drawn from: a draw of fewer has next to
/// no spread.
pub const BLOCKS_MIN: usize = 8;

/// The share of draws between an interval's ends.
const LEVEL: f64 = 0.95;

/// The lower and upper end of an interval of 95 %.
pub type Interval = (f64, f64);

/// A generator for draws; other streams of the same seed give other draws.
pub fn generator(seed: u64, stream: u128) -> Pcg64 {
    Pcg64::new(seed.into(), stream)
}

/// One draw: as many of `count` blocks as there are, with replacement.
pub fn draw(random: &mut Pcg64, count: usize) -> impl Iterator<Item = usize> + '_ {
    (0..count).map(move |_| random.random_range(0..count))
}

/// What lies between the tails of some draws; those without a value do not count, and without any
/// both ends are NaN.
pub fn interval(mut values: Vec<f64>) -> Interval {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    let at = |share: f64| {
        let place = share * (values.len().saturating_sub(1)) as f64;
        values.get(place.round() as usize).copied().unwrap_or(f64::NAN)
    };
    (at(tail), at(1.0 - tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_leaves_out_the_tails_and_what_is_not_a_number() {
        let values = (0..=1000).map(f64::from).chain([f64::NAN]).collect();
        assert_eq!(interval(values), (25.0, 975.0));
        assert!(interval(Vec::new()).0.is_nan());
    }
}
