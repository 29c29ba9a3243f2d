//! How old the engine's last heartbeat is, for calls that have no time to ask each time.

/// The most local evaluations between two readings of the clock while the heart does not beat.
// 63: the daemon beats every 10 ms, so that most calls of a quick caller see no new beat.
const STILL_CALLS_MAX: u32 = 63;

/// When local calls read the clock to learn how old the last heartbeat is: at the first one after a
/// new beat, and then after twice as many calls as the time before, and one. So a caller that asks
/// once a second reads it each time, and a quick one seldom.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    beat: u64,
    /// Calls before the next reading, and how many there were from the last one.
    left: u32,
    granted: u32,
}

impl Pulse {
    /// Counts one call, which saw this heartbeat; whether it need not read the clock.
    #[inline(always)]
    pub(super) fn passes(&mut self, beat: u64) -> bool {
        if beat != self.beat {
            (self.beat, self.left, self.granted) = (beat, 0, 0);
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }

    /// Whether a call that did not pass has to read the clock.
    pub(super) fn is_due(&self) -> bool {
        self.left == 0
    }

    /// Grants calls after a reading that found the heart alive.
    pub(super) fn was_read(&mut self) {
        self.granted = (2 * self.granted + 1).min(STILL_CALLS_MAX);
        self.left = self.granted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_caller_reads_the_clock_seldom_and_a_slow_one_each_time() {
        let mut pulse = Pulse::default();
        let mut read = |beats: &mut dyn Iterator<Item = u64>| {
            let mut readings = 0;
            for beat in beats {
                if !pulse.passes(beat) {
                    readings += 1;
                    pulse.was_read();
                }
            }
            readings
        };
        assert_eq!(read(&mut (1..=100)), 100, "a new beat each time");
        // 1, 3, 7, 15, 31 and then 63 calls pass between two readings.
        assert_eq!(read(&mut std::iter::repeat_n(200, 6 + 1 + 3 + 7 + 15 + 31)), 6);
        assert_eq!(read(&mut std::iter::repeat_n(200, 64 * 5)), 5);
    }
}
