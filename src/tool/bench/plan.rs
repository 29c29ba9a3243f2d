//! [`Plan`]: how much a run measures.

use std::time::Duration;

/// Idle channels beside those that are measured.
pub(super) const IDLE_COUNT: usize = 16;
/// Numbers of idle channels whose cost is measured.
pub(super) const CHANNEL_COUNTS: [usize; 4] = [1, 16, 64, 256];

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) round: Duration,
    /// Turns of floor, linear, floor, logistic, floor, batch, and evaluation in process.
    pub(super) turns: u32,
    /// Turns over the numbers of idle channels.
    pub(super) channel_turns: u32,
    /// Turns of floor, wakes, swaps.
    pub(super) swap_turns: u32,
    /// Requests over which the engine's memory may not grow.
    pub(super) growth_requests: u64,
    pub(super) open_loop: Duration,
}

impl Plan {
    /// About ten seconds.
    pub(super) fn quick() -> Plan {
        Plan {
            round: Duration::from_millis(20),
            turns: 24,
            channel_turns: 5,
            swap_turns: 15,
            growth_requests: 10_000_000,
            open_loop: Duration::from_secs(1),
        }
    }

    /// About a minute and a half.
    pub(super) fn full() -> Plan {
        Plan {
            round: Duration::from_millis(20),
            turns: 300,
            channel_turns: 30,
            swap_turns: 120,
            growth_requests: 100_000_000,
            open_loop: Duration::from_secs(10),
        }
    }

    /// Rounds of all phases that go by turns.
    pub(super) fn steps(&self) -> u64 {
        let channels = self.channel_turns * CHANNEL_COUNTS.len() as u32;
        u64::from(self.turns + channels + self.swap_turns)
    }
}
