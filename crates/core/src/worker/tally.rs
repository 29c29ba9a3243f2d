//! The worker's counters: kept in shared memory that only this worker writes.

use crate::abi::{self, status_region as at};
use crate::counters::{add, bucket_index, set};
use crate::region::Region;
use crate::sync::AtomicU64;
use std::sync::Arc;

/// One message in this many is timed for the histogram.
// 64: two clock readings of about 10 ns then cost a third of a nanosecond a message.
const SAMPLE_INTERVAL: u32 = 64;

/// Turns between two publications of the counts.
// 1,024: some ten microseconds of an idle worker, some hundreds of a busy one.
const PUBLISH_INTERVAL: u64 = 1024;

/// The same while wide requests are answered.
// 64: about a millisecond of a worker whose wide lanes are full.
const LONG_PUBLISH_INTERVAL: u64 = 64;

/// One worker's counters: kept privately per message, published every 1,024 turns.
#[derive(Debug)]
pub struct Tally {
    status: Arc<Region>,
    start: usize,
    until_sample: u32,
    turns: u64,
    by_status: [u64; abi::status::COUNT],
}

impl Tally {
    /// Counts in block `index` of `status`.
    pub fn new(status: Arc<Region>, index: usize) -> Tally {
        let start = at::WORKERS + index * at::WORKER_WORDS;
        Tally {
            status,
            start,
            until_sample: SAMPLE_INTERVAL,
            turns: 0,
            by_status: [0; abi::status::COUNT],
        }
    }

    fn word(&self, offset: usize) -> Option<&AtomicU64> {
        self.status.mapping().words().get(self.start + offset)
    }

    fn bump(&self, offset: usize, count: u64) {
        if let Some(word) = self.word(offset) {
            add(word, count);
        }
    }

    fn publish_word(&self, offset: usize, value: u64) {
        if let Some(word) = self.word(offset) {
            set(word, value);
        }
    }

    /// Says where the worker runs, how it idles, and which class it serves.
    pub fn describe(&self, core: Option<usize>, idle_index: usize, class: u64) {
        if let Some(word) = self.word(at::CORE) {
            set(word, core.map_or(0, |core| core as u64 + 1));
        }
        if let Some(word) = self.word(at::IDLE) {
            set(word, idle_index as u64);
        }
        if let Some(word) = self.word(at::CLASS) {
            set(word, class);
        }
    }

    /// Counts one turn; publishes the counts every 1,024.
    #[inline]
    pub(super) fn turn(&mut self) {
        self.turns += 1;
        if self.turns.is_multiple_of(PUBLISH_INTERVAL) {
            self.publish();
        }
    }

    /// Publishes the counts every 64 turns; for turns that take long.
    #[inline]
    pub(super) fn long_turn(&self) {
        if self.turns.is_multiple_of(LONG_PUBLISH_INTERVAL) {
            self.publish();
        }
    }

    /// Turns so far.
    #[inline]
    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    /// Publishes the counts now; for strategies whose turns are far apart.
    #[inline(never)]
    pub(super) fn publish(&self) {
        self.publish_word(at::TURN_COUNT, self.turns);
        for (code, &count) in self.by_status.iter().enumerate() {
            self.publish_word(at::BY_STATUS + code, count);
        }
    }

    /// Whether one of the next `count` messages is to be timed.
    #[inline]
    pub(super) fn samples(&mut self, count: u32) -> bool {
        if self.until_sample > count {
            self.until_sample -= count;
            false
        } else {
            self.until_sample = SAMPLE_INTERVAL;
            true
        }
    }

    /// Messages before the next one that is to be timed.
    #[inline]
    pub(super) fn until_sample(&self) -> usize {
        self.until_sample as usize - 1
    }

    /// Passes `count` messages that are not timed, at most [`Tally::until_sample`].
    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.until_sample -= count;
    }

    /// Records one service time.
    #[inline(never)]
    pub(super) fn sample(&self, ticks: u64) {
        self.bump(at::SAMPLE_COUNT, 1);
        self.bump(at::SAMPLE_SUM_TICKS, ticks);
        self.bump(at::HISTOGRAM + bucket_index(ticks), 1);
    }

    /// Counts `count` answers of one status.
    #[inline]
    pub(super) fn answered(&mut self, status: u16, count: u64) {
        self.by_status[usize::from(status) & (abi::status::COUNT - 1)] += count;
    }

    /// Counts one sequence from the future.
    pub(super) fn violation(&self) {
        self.bump(at::VIOLATIONS, 1);
    }

    /// Counts one lane detached for its violations.
    pub(super) fn detached(&self) {
        self.bump(at::DETACHED, 1);
    }
}
