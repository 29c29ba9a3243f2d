//! The worker's counters: kept in shared memory that this worker alone writes.

use crate::abi::status_region as at;
use crate::counters::{add, bucket_index, set};
use crate::region::Region;
use crate::sync::AtomicU64;
use std::sync::Arc;

/// One message in this many is timed for the histogram.
// 64: two clock readings of about 10 ns then cost a third of a nanosecond a message.
const SAMPLE_INTERVAL: u32 = 64;

/// Sweeps between two stores of the sweep count.
const SWEEP_INTERVAL: u64 = 1024;

/// One worker's block of STATUS.
#[derive(Debug)]
pub struct Tally {
    status: Arc<Region>,
    start: usize,
    until_sample: u32,
    sweeps: u64,
}

impl Tally {
    /// Counts in block `index` of `status`.
    pub fn new(status: Arc<Region>, index: usize) -> Tally {
        let start = at::WORKERS + index * at::WORKER_WORDS;
        Tally { status, start, until_sample: SAMPLE_INTERVAL, sweeps: 0 }
    }

    #[inline]
    fn word(&self, offset: usize) -> Option<&AtomicU64> {
        self.status.mapping().words().get(self.start + offset)
    }

    #[inline]
    fn bump(&self, offset: usize, count: u64) {
        if let Some(word) = self.word(offset) {
            add(word, count);
        }
    }

    /// Says where the worker runs and how it idles.
    pub fn describe(&self, core: Option<usize>, idle_index: usize) {
        if let Some(word) = self.word(at::CORE) {
            set(word, core.map_or(0, |core| core as u64 + 1));
        }
        if let Some(word) = self.word(at::IDLE) {
            set(word, idle_index as u64);
        }
    }

    /// Counts one turn; publishes the count every 1,024.
    #[inline]
    pub(super) fn turn(&mut self) {
        self.sweeps += 1;
        if self.sweeps.is_multiple_of(SWEEP_INTERVAL)
            && let Some(word) = self.word(at::SWEEP_COUNT)
        {
            set(word, self.sweeps);
        }
    }

    /// Publishes the sweep count now; for strategies whose sweeps are far apart.
    pub(super) fn publish_sweeps(&self) {
        if let Some(word) = self.word(at::SWEEP_COUNT) {
            set(word, self.sweeps);
        }
    }

    /// Tells whether one of the next `count` messages is to be timed.
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

    /// Records one service time.
    #[inline]
    pub(super) fn sample(&self, ticks: u64) {
        self.bump(at::SAMPLE_COUNT, 1);
        self.bump(at::SAMPLE_SUM_TICKS, ticks);
        self.bump(at::HISTOGRAM + bucket_index(ticks), 1);
    }

    /// Counts `count` answers of one status.
    #[inline]
    pub(super) fn answered(&self, status: u16, count: u64) {
        self.bump(at::REQUESTS, count);
        self.bump(at::BY_STATUS + usize::from(status & 3), count);
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
