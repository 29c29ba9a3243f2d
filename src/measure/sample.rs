//! Round-trip times of one round: single ones in a histogram, and the median of groups.

use factord_core::sys::clock::nanoseconds;
use hdrhistogram::Histogram;
use quanta::Clock;
use std::time::Duration;

/// Round trips that share one pair of clock readings in the median.
// 16: the step of a clock reading, about 10 ns, is then below one nanosecond a round trip.
pub const GROUP: u32 = 16;

/// Round trips between two looks at the round's end.
const CHUNK: u32 = 64;

/// Chunks of a round at least, should other processes take its time away.
const CHUNK_COUNT_MIN: u32 = 32;

/// The share of a round that warms caches and branch predictors first, and counts for nothing.
// A sixteenth: 1.25 ms of a 20 ms round, in which a second-level cache is filled several times.
const WARM_SHARE: u32 = 16;

/// Times of one round, or of several added up.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Single round trips, nanoseconds.
    pub singles: Histogram<u64>,
    /// Mean round trips of the groups, picoseconds.
    pub groups: Histogram<u64>,
}

impl Default for Sample {
    fn default() -> Sample {
        // Three significant digits, growing by itself.
        let new = || Histogram::new(3).expect("three digits are within the library's limits");
        Sample { singles: new(), groups: new() }
    }
}

impl Sample {
    /// Adds the times of another round.
    pub fn add(&mut self, other: &Sample) {
        // Both grow by themselves, so that neither addition can fail.
        let _ = self.singles.add(&other.singles);
        let _ = self.groups.add(&other.groups);
    }

    /// The median in nanoseconds, from groups.
    pub fn p50_ns(&self) -> f64 {
        self.groups.value_at_quantile(0.5) as f64 / 1000.0
    }

    /// A quantile of the single round trips, nanoseconds.
    pub fn quantile_ns(&self, q: f64) -> u64 {
        self.singles.value_at_quantile(q)
    }

    /// The slowest single round trip, nanoseconds.
    pub fn max_ns(&self) -> u64 {
        self.singles.max()
    }
}

/// Turns raw clock readings into nanoseconds.
#[derive(Debug)]
pub struct Stopwatch {
    clock: Clock,
}

impl Default for Stopwatch {
    fn default() -> Stopwatch {
        Stopwatch { clock: Clock::new() }
    }
}

impl Stopwatch {
    /// The raw reading that later times are counted from.
    #[inline]
    pub(super) fn start(&self) -> u64 {
        self.clock.raw()
    }

    /// Nanoseconds since [`Stopwatch::start`] gave `start`.
    #[inline]
    pub(super) fn since_ns(&self, start: u64) -> u64 {
        self.clock.delta_as_nanos(start, self.clock.raw())
    }

    /// Repeats `trip` for `length`, alternately timing it singly and in groups.
    ///
    /// # Errors
    ///
    /// The first error of `trip`.
    pub fn round<E>(
        &self,
        length: Duration,
        mut trip: impl FnMut() -> Result<(), E>,
    ) -> Result<Sample, E> {
        let mut sample = Sample::default();
        let start = self.start();
        while self.since_ns(start) < nanoseconds(length / WARM_SHARE) {
            for _ in 0..GROUP {
                trip()?;
            }
        }
        let mut chunk_count = 0;
        while chunk_count < CHUNK_COUNT_MIN || self.since_ns(start) < nanoseconds(length) {
            chunk_count += 1;
            for _ in 0..CHUNK {
                let before = self.clock.raw();
                trip()?;
                let after = self.clock.raw();
                // An auto-resizing histogram takes every value.
                let _ = sample.singles.record(self.clock.delta_as_nanos(before, after));
            }
            for _ in 0..CHUNK / GROUP {
                let before = self.clock.raw();
                for _ in 0..GROUP {
                    trip()?;
                }
                let after = self.clock.raw();
                let ns = self.clock.delta_as_nanos(before, after);
                let _ = sample.groups.record(ns * 1000 / u64::from(GROUP));
            }
        }
        Ok(sample)
    }
}

/// The middle of some numbers; NaN when there are none.
pub fn median(numbers: &mut [f64]) -> f64 {
    quantile(numbers, 0.5)
}

/// The value at the share `q` of some numbers, 0 to 1, between its two neighbours; NaN when there
/// are none.
pub fn quantile(numbers: &mut [f64], q: f64) -> f64 {
    if numbers.is_empty() {
        return f64::NAN;
    }
    numbers.sort_by(f64::total_cmp);
    let place = q.clamp(0.0, 1.0) * (numbers.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    numbers[low] + (numbers[high] - numbers[low]) * place.fract()
}

/// The median of candidate over floor, pair by pair, and how many pairs were used.
///
/// `floors` has one entry more than `candidates`: a candidate lies between two floors. A pair whose
/// floor moved by more than 10 % meanwhile is dropped.
pub fn median_of_ratios(floors: &[f64], candidates: &[f64]) -> (f64, usize) {
    let mut ratios: Vec<f64> = floors
        .windows(2)
        .zip(candidates)
        .filter(|(pair, _)| (pair[1] / pair[0] - 1.0).abs() <= 0.1)
        .map(|(pair, candidate)| candidate / ((pair[0] + pair[1]) / 2.0))
        .collect();
    let count = ratios.len();
    (median(&mut ratios), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_whose_floor_moved_is_dropped() {
        let (ratio, count) =
            median_of_ratios(&[100.0, 104.0, 150.0, 150.0], &[204.0, 999.0, 300.0]);
        assert_eq!(count, 2);
        assert_eq!(ratio, 2.0);
    }

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&mut []).is_nan());
        assert_eq!(quantile(&mut [4.0, 1.0, 3.0, 2.0, 5.0], 0.25), 2.0);
        assert_eq!(quantile(&mut [1.0, 2.0], 1.0), 2.0);
    }
}
