//! Clocks.

use core::time::Duration;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CLOCK_MONOTONIC: since boot, the same in every process.
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds of a duration; `u64::MAX`, which is 584 years, when it has more.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The moment, as [`monotonic_ns`] will say it, when `duration` has passed from now.
pub fn end_of(duration: Duration) -> u64 {
    monotonic_ns().saturating_add(nanoseconds(duration))
}

/// Nanoseconds since 1970.
pub fn unix_ns() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The processor's time stamp counter, without ordering; about 10 ns in a virtual machine.
#[inline]
pub fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has RDTSC.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        monotonic_ns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_of_centuries_is_long_and_not_over_at_once() {
        assert_eq!(nanoseconds(Duration::from_nanos(5)), 5);
        // 2^64 ns and 5 more, which wrapped to 5.
        assert_eq!(nanoseconds(Duration::new(18_446_744_073, 709_551_621)), u64::MAX);
        assert_eq!(end_of(Duration::MAX), u64::MAX);
    }
}
