//! When trades happen: a day's trades, an exact number of them, in bursts and quiet stretches.
//!
//! The session is halved again and again, and its trades are shared out at random between the two
//! halves. Many such shares multiplied make activity uneven on every scale, from hours to
//! milliseconds, as it is in markets. The halves are visited in order of time, so that a day of any
//! length takes the memory of one descent.

use super::random::Random;

/// The finest span that is halved, nanoseconds.
// 1 ms: below it trades are spread evenly.
const FINEST_NS: i64 = 1_000_000;

/// Spans longer than this follow the shape of the day, nanoseconds.
// One minute: within it the shape is flat.
const SHAPED_NS: i64 = 60_000_000_000;

/// The step of time stamps, nanoseconds.
// One microsecond, as exchanges stamp.
const STEP_NS: i64 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Span {
    start_ns: i64,
    len_ns: i64,
    count: u64,
}

/// The times of one session's trades, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    start_ns: i64,
    len_ns: i64,
    /// Spans not visited yet, the next one last: two for each halving at most.
    spans: Vec<Span>,
}

/// The share of a day's trades before the share `x` of the session has passed, 0 to 1: a density
/// of `(1 + 3 (2x - 1)^2) / 2`, twice as high at both ends as on average.
fn shape(x: f64) -> f64 {
    let y = 2.0 * x - 1.0;
    (x + (y * y * y + 1.0) * 0.5) * 0.5
}

impl Activity {
    /// Begins a session with an exact number of trades.
    pub(super) fn begin(&mut self, start_ns: i64, len_ns: i64, count: u64) {
        (self.start_ns, self.len_ns) = (start_ns, len_ns);
        self.spans.clear();
        self.spans.push(Span { start_ns, len_ns, count });
    }

    /// Draws the time of the next trade; `None` when the session has had all of them.
    #[inline]
    pub(super) fn next_ns(&mut self, random: &mut Random) -> Option<i64> {
        loop {
            let span = self.spans.pop()?;
            if span.count == 0 {
                continue;
            }
            if span.count == 1 || span.len_ns <= FINEST_NS {
                let share_ns = span.len_ns / span.count as i64;
                let (start_ns, len_ns) = (span.start_ns + share_ns, span.len_ns - share_ns);
                self.spans.push(Span { start_ns, len_ns, count: span.count - 1 });
                let at_ns = span.start_ns + (random.unit() * share_ns as f64) as i64;
                return Some(at_ns - at_ns.rem_euclid(STEP_NS));
            }
            self.halve(span, random);
        }
    }

    #[inline]
    fn halve(&mut self, span: Span, random: &mut Random) {
        let half_ns = span.len_ns / 2;
        // A quarter to three quarters: trades of a minute then vary as much as their mean.
        let mut share = 0.25 + 0.5 * random.unit();
        if span.len_ns > SHAPED_NS {
            let at = |ns: i64| shape((ns - self.start_ns) as f64 / self.len_ns as f64);
            let [low, middle, high] = [0, half_ns, span.len_ns].map(|ns| at(span.start_ns + ns));
            let (left, right) = (share * (middle - low), (1.0 - share) * (high - middle));
            share = left / (left + right);
        }
        // Rounded up or down at random, so that no side gains by it.
        let count = (span.count as f64 * share + random.unit()) as u64;
        let count = count.min(span.count);
        let start_ns = span.start_ns + half_ns;
        let len_ns = span.len_ns - half_ns;
        self.spans.push(Span { start_ns, len_ns, count: span.count - count });
        self.spans.push(Span { start_ns: span.start_ns, len_ns: half_ns, count });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_NS: i64 = 3_600_000_000_000;

    fn day(seed: u64, count: u64) -> Vec<i64> {
        let mut random = Random::new(seed, 0);
        let mut activity = Activity::default();
        activity.begin(HOUR_NS, 6 * HOUR_NS, count);
        std::iter::from_fn(|| activity.next_ns(&mut random)).collect()
    }

    #[test]
    fn a_session_has_the_trades_asked_for_in_order_and_within_it() {
        for count in [0, 1, 2, 999, 50_000] {
            let times = day(count, count);
            assert_eq!(times.len() as u64, count);
            assert!(times.is_sorted());
            assert!(times.iter().all(|ns| (HOUR_NS..7 * HOUR_NS).contains(ns)));
        }
    }

    #[test]
    fn there_are_bursts_and_quiet_stretches_and_both_ends_are_busy() {
        let (mut ends, mut middle, mut minutes) = (0, 0, Vec::new());
        for seed in 0..20 {
            let mut counts = vec![0.0f64; 360];
            for ns in day(seed, 36_000) {
                counts[((ns - HOUR_NS) / 60_000_000_000) as usize] += 1.0;
            }
            ends += counts[..60].iter().chain(&counts[300..]).sum::<f64>() as u64;
            middle += counts[120..240].iter().sum::<f64>() as u64;
            minutes.extend(counts);
        }
        let mean = minutes.iter().sum::<f64>() / minutes.len() as f64;
        assert_eq!(mean, 100.0);
        let variance = minutes.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 7200.0;
        // Independent trades would give the variance of Poisson's law, which is the mean.
        assert!(variance > 20.0 * mean, "{variance}");
        assert!(ends > 2 * middle, "{ends} {middle}");
    }

    #[test]
    fn the_memory_of_a_session_does_not_grow_with_its_trades() {
        let mut random = Random::new(1, 0);
        let mut activity = Activity::default();
        activity.begin(0, 6 * HOUR_NS, 1_000_000);
        let mut most = 0;
        while activity.next_ns(&mut random).is_some() {
            most = most.max(activity.spans.len());
        }
        assert!(most < 64, "{most}");
    }
}
