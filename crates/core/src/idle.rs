//! Idle strategies by name: what a waiting loop does between two looks at shared memory.

use core::fmt;
use core::str::FromStr;
use crossbeam::utils::Backoff;
use thiserror::Error;

/// How a waiting loop spends the time between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleStrategy {
    /// Looks again at once. The polling itself then steals the cache line it waits for.
    Noop,
    /// Pauses the pipeline between looks; the fastest on a dedicated core.
    Spin,
    /// Gives the core to another thread after each look; for a single core.
    Yield,
    /// Spins, then yields, then sleeps up to 100 us; for a process that must not burn a core.
    Backoff,
}

/// A word that names no idle strategy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown idle strategy `{0}`: use noop, spin, yield or backoff")]
pub struct ParseIdleError(String);

impl IdleStrategy {
    /// All strategies, in the order of the documentation.
    pub const ALL: [IdleStrategy; 4] =
        [IdleStrategy::Noop, IdleStrategy::Spin, IdleStrategy::Yield, IdleStrategy::Backoff];

    /// The name used in flags, files and messages.
    pub fn name(self) -> &'static str {
        match self {
            IdleStrategy::Noop => "noop",
            IdleStrategy::Spin => "spin",
            IdleStrategy::Yield => "yield",
            IdleStrategy::Backoff => "backoff",
        }
    }
}

impl fmt::Display for IdleStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for IdleStrategy {
    type Err = ParseIdleError;

    fn from_str(word: &str) -> Result<IdleStrategy, ParseIdleError> {
        IdleStrategy::ALL
            .into_iter()
            .find(|strategy| strategy.name() == word)
            .ok_or_else(|| ParseIdleError(word.to_owned()))
    }
}

/// The state of one waiting loop.
#[derive(Debug)]
pub struct Idle {
    strategy: IdleStrategy,
    backoff: Backoff,
}

impl Idle {
    /// Starts a loop that waits by `strategy`.
    pub fn new(strategy: IdleStrategy) -> Idle {
        Idle { strategy, backoff: Backoff::new() }
    }

    /// Tells the loop that there was work, so that a back-off starts over.
    #[inline]
    pub fn reset(&mut self) {
        if self.strategy == IdleStrategy::Backoff {
            self.backoff.reset();
        }
    }

    /// Waits once. Only `Yield` and `Backoff` make system calls.
    #[inline]
    pub fn wait(&mut self) {
        match self.strategy {
            IdleStrategy::Noop => {}
            IdleStrategy::Spin => core::hint::spin_loop(),
            IdleStrategy::Yield => std::thread::yield_now(),
            IdleStrategy::Backoff => {
                if self.backoff.is_completed() {
                    // 100 us: a tenth of the shortest interval an operator notices.
                    std::thread::sleep(core::time::Duration::from_micros(100));
                } else {
                    self.backoff.snooze();
                }
            }
        }
    }
}
