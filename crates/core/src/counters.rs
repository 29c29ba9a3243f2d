//! Single-writer counters and histograms in the STATUS region, and the reader that tools use.
//!
//! The worker owns its block, the control thread owns everything else; each word has one writer,
//! so a count is a load and a store, never a locked instruction. Readers need nothing but the
//! mapping: the daemon does not know that they look.

mod observer;
mod snapshot;

pub use observer::Observer;
pub use snapshot::{
    Histogram, LocalCounters, ModelRow, ModelTable, Snapshot, State, Unsettled, WorkerCounters,
};

use crate::abi::{self, status_region as at};
use crate::region::Region;
use crate::sync::{AtomicU64, Ordering, fence};
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

    /// Turns of a worker since the start, which move as long as it does.
    pub fn turn_count(&self, worker: usize) -> u64 {
        // Relaxed: a single word, complete in itself.
        get(self.word(at::WORKERS + worker * at::WORKER_WORDS + at::TURN_COUNT))
    }

    /// Adds one to a word that the control thread owns.
    pub fn count(&self, index: usize) {
        add(self.word(index), 1);
    }

    /// Replaces all model rows; readers that look meanwhile retry.
    pub fn write_models(&self, rows: &[ModelRow]) {
        let sequence = get(self.word(at::MODELS_SEQUENCE));
        set(self.word(at::MODELS_SEQUENCE), sequence.wrapping_add(1));
        // SYNC(status.models): pairs with the Acquire fence in `Observer::table_now`; the odd
        // sequence is seen before any word of the rows changes.
        fence(Ordering::Release);
        for id in 0..abi::MODEL_COUNT_MAX {
            let row = rows.iter().find(|row| usize::from(row.id) == id);
            let start = at::ROWS + id * at::ROW_WORDS;
            for (offset, word) in row.map_or([0; at::ROW_WORDS], row_words).into_iter().enumerate()
            {
                set(self.word(start + offset), word);
            }
        }
        // SYNC(status.rows): pairs with the Acquire load in `Observer::table_now`; publishes
        // the rows.
        self.word(at::MODELS_SEQUENCE).store(sequence.wrapping_add(2), Ordering::Release);
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
    words[at::ROW_SHAPE] = u64::from(row.kind.0) | (row.width as u64) << 32;
    words[at::ROW_GENERATION] = row.generation.into();
    for (word, bytes) in words[at::ROW_SHA256..].iter_mut().zip(row.sha256.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}
