//! Times of one round: p50 from groups of sixteen round trips, p99 from single ones.
//!
//! A clock reading steps by about 10 ns on virtual machines, which is a tenth of the fastest round
//! trip; over sixteen of them it is below one nanosecond each.

use quanta::Clock;
use std::time::Duration;

const GROUP: u32 = 16;
/// Single round trips, then as many in groups, between two looks at the round's end.
const CHUNK: u32 = 64;

/// What one round gave.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Median, nanoseconds.
    pub p50_ns: f64,
    /// 99th percentile, nanoseconds.
    pub p99_ns: f64,
}

/// Repeats `trip` for `length`, timing it singly and in groups by turns.
pub fn round<E>(
    clock: &Clock,
    length: Duration,
    mut trip: impl FnMut() -> Result<(), E>,
) -> Result<Sample, E> {
    let (mut singles, mut groups) = (Vec::with_capacity(1 << 16), Vec::with_capacity(1 << 12));
    let (start, length_ns) = (clock.raw(), length.as_nanos() as u64);
    let mut now = start;
    while clock.delta_as_nanos(start, now) < length_ns {
        for _ in 0..CHUNK {
            let before = clock.raw();
            trip()?;
            singles.push(clock.delta_as_nanos(before, clock.raw()) as f64);
        }
        for _ in 0..CHUNK / GROUP {
            let before = clock.raw();
            for _ in 0..GROUP {
                trip()?;
            }
            let ns = clock.delta_as_nanos(before, clock.raw());
            groups.push(ns as f64 / f64::from(GROUP));
        }
        now = clock.raw();
    }
    Ok(Sample { p50_ns: quantile(&mut groups, 0.5), p99_ns: quantile(&mut singles, 0.99) })
}

fn quantile(times: &mut [f64], q: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let last = times.len() - 1;
    times[(last as f64 * q).round() as usize]
}
