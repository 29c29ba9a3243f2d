//! Single-writer counters and histograms in the STATUS region, and the reader that tools use.
//!
//! The worker owns its block, the control thread owns everything else; each word has one writer,
//! so a count is a load and a store, never a locked instruction. Readers need nothing but the
//! mapping: the daemon does not know that they look.

mod channels;
mod observer;
mod snapshot;

pub use channels::{ChannelInfo, ChannelsObserver};
pub use observer::Observer;
pub use snapshot::{
    Histogram, LocalCounters, ModelRow, ModelTable, Snapshot, State, Unsettled, WorkerCounters,
    fingerprint,
};

use crate::abi::{self, status_region as at};
use crate::region::Region;
use crate::row;
use crate::sync::{AtomicU64, Ordering, read_only};
use std::sync::Arc;

/// Adds to a word that only this thread writes.
#[inline]
pub fn add(word: &AtomicU64, count: u64) {
    // Relaxed: one writer; readers need no order among counters.
    word.store(word.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}

/// Sets a word that readers need no order for.
#[inline]
pub fn set(word: &AtomicU64, value: u64) {
    // Relaxed: a single word, complete in itself.
    word.store(value, Ordering::Relaxed);
}

#[inline]
fn get(word: &AtomicU64) -> u64 {
    // Relaxed: as in `add`.
    word.load(Ordering::Relaxed)
}

/// The index of the histogram count for a value: exact up to 15, then eight counts an octave
/// (12.5 % wide), the last count for everything from 2^40 on.
#[inline]
pub fn bucket_index(value: u64) -> usize {
    if value < 16 {
        return value as usize;
    }
    let octave = 63 - value.leading_zeros() as usize;
    let within = (value >> (octave - 3)) as usize & 7;
    (16 + (octave - 4) * 8 + within).min(at::HISTOGRAM_COUNTS - 1)
}

/// The largest value that falls into the count at `index`.
pub fn bucket_upper(index: usize) -> u64 {
    if index < 16 {
        return index as u64;
    }
    let octave = 4 + (index - 16) / 8;
    let within = ((index - 16) % 8) as u64;
    (1u64 << octave) + ((within + 1) << (octave - 3)) - 1
}

/// The daemon's own view of STATUS.
#[derive(Clone, Debug)]
pub struct StatusWriter {
    region: Arc<Region>,
}

impl StatusWriter {
    /// Writes through the daemon's mapping of STATUS.
    pub fn new(region: Arc<Region>) -> StatusWriter {
        StatusWriter { region }
    }

    /// A word of the region, by an index of [`crate::abi::status_region`].
    pub fn word(&self, index: usize) -> &AtomicU64 {
        &self.region.mapping().words()[index]
    }

    /// Rows that ever held a name.
    pub fn row_count(&self) -> u16 {
        get(self.word(at::ROW_COUNT)).min(abi::MODEL_COUNT_MAX as u64) as u16
    }

    /// The rows as an engine before this one left them: those that are whole.
    pub fn rows(&self) -> Vec<ModelRow> {
        let words = read_only(self.region.mapping().words());
        let numbers = 0..self.row_count();
        numbers.filter_map(|number| observer::row(words, number).ok().flatten()).collect()
    }

    /// Makes the counters of all workers zero.
    pub fn clear_workers(&self) {
        for index in 0..abi::WORKER_COUNT_MAX * at::WORKER_WORDS {
            set(self.word(at::WORKERS + index), 0);
        }
    }

    /// Turns of a worker since the start, which move as long as it does.
    pub fn turn_count(&self, worker: usize) -> u64 {
        // Relaxed: a single word, complete in itself.
        get(self.word(at::WORKERS + worker * at::WORKER_WORDS + at::TURN_COUNT))
    }

    /// Says which version of the program writes here; at most 32 bytes are kept.
    pub fn write_version(&self, version: &str) {
        let mut bytes = [0; at::PROGRAM_VERSION_LEN];
        let len = version.len().min(bytes.len());
        bytes[..len].copy_from_slice(&version.as_bytes()[..len]);
        for (index, word) in bytes.as_chunks::<8>().0.iter().enumerate() {
            set(self.word(at::PROGRAM_VERSION + index), u64::from_le_bytes(*word));
        }
    }

    /// Adds one to a word that the control thread owns.
    pub fn count(&self, index: usize) {
        add(self.word(index), 1);
    }

    /// Writes the row at `number`, or clears it; readers that look meanwhile retry.
    pub fn write_row(&self, number: u16, model: Option<&ModelRow>) {
        let start = at::ROWS + usize::from(number) * at::ROW_WORDS;
        let words = model.map_or([0; at::ROW_WORDS], row_words);
        row::write(&self.region.mapping().words()[start..start + at::ROW_WORDS], &words);
        let count = self.word(at::ROW_COUNT);
        set(count, get(count).max(u64::from(number) + 1));
    }

    /// Tells readers that rows have been written, and whether names came or went.
    pub fn rows_changed(&self, names_too: bool) {
        let word = self.word(at::ROWS_SEQUENCE);
        // SYNC(status.table): pairs with the Acquire fence in `Observer::rows_sequence`; publishes
        // the rows.
        word.store(get(word).wrapping_add(1), Ordering::Release);
        if names_too {
            let word = self.word(at::NAMES_SEQUENCE);
            // SYNC(status.names): pairs with the Acquire fence in `Observer::names_sequence`;
            // publishes the rows.
            word.store(get(word).wrapping_add(1), Ordering::Release);
        }
    }
}

fn row_words(row: &ModelRow) -> [u64; at::ROW_WORDS] {
    let mut words = [0; at::ROW_WORDS];
    let mut name = [0u8; at::ROW_NAME_LEN];
    let len = row.name.len().min(at::ROW_NAME_LEN);
    name[..len].copy_from_slice(&row.name.as_bytes()[..len]);
    for (word, bytes) in words[at::ROW_NAME..].iter_mut().zip(name.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words[at::ROW_SHAPE] = abi::shape(row.kind.0, row.width as u16, row.output_count as u16);
    words[at::ROW_SERVED] =
        u64::from(row.generation) | u64::from(row.arm_count) << 32 | u64::from(row.class) << 48;
    words[at::ROW_COST_NS] = row.cost_ns;
    for (word, bytes) in words[at::ROW_SHA256..].iter_mut().zip(row.sha256.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words[at::ROW_ARM_FINGERPRINTS..][..row.arm_fingerprints.len()]
        .copy_from_slice(&row.arm_fingerprints);
    words[at::ROW_SPLIT] = row.split;
    words[at::ROW_CHECK] = row.check.into();
    words
}
