//! Rows of shared tables: one writer, any number of readers, a sequence each.
//!
//! ```text
//! writer   sequence odd (Relaxed), fence(Release); words Relaxed; sequence even (Release)
//! reader   sequence (Relaxed), fence(Acquire); words Relaxed; fence(Acquire), sequence again
//! ```
//!
//! The sequence is a row's first word. A writer that dies in between leaves an odd one; its
//! successor writes the row again.

use crate::sync::{AtomicU64, Ordering, ReadOnlyWord, fence};

/// The place of a row's sequence.
const SEQUENCE: usize = 0;

/// Writes a row: `values` in the places of all its words but the sequence, whose own value is not
/// looked at.
pub fn write(row: &[AtomicU64], values: &[u64]) {
    let Some(sequence) = row.get(SEQUENCE) else { return };
    // Relaxed: this thread is the only writer.
    let odd = sequence.load(Ordering::Relaxed) | 1;
    sequence.store(odd, Ordering::Relaxed);
    // SYNC(row.words): pairs with the second Acquire fence in `read`; the odd sequence is seen
    // before any other word changes.
    fence(Ordering::Release);
    for (word, &value) in row.iter().zip(values).skip(SEQUENCE + 1) {
        // Relaxed: ordered by the fence above and the Release store below.
        word.store(value, Ordering::Relaxed);
    }
    // SYNC(row.whole): pairs with the first Acquire fence in `read`; publishes the words.
    sequence.store(odd.wrapping_add(1), Ordering::Release);
}

/// What `copy` makes of a row's words; `None` while the row is being written.
pub fn read<T>(row: &[ReadOnlyWord], copy: impl FnOnce(&dyn Fn(usize) -> u64) -> T) -> Option<T> {
    // Relaxed: ordered by the fences, since the mapping is read-only.
    let word = |index: usize| row.get(index).map_or(0, ReadOnlyWord::load_relaxed);
    let sequence = word(SEQUENCE);
    // SYNC(row.whole): pairs with the Release store in `write`.
    fence(Ordering::Acquire);
    let copied = copy(&word);
    // SYNC(row.words): pairs with the Release fence in `write`.
    fence(Ordering::Acquire);
    (sequence.is_multiple_of(2) && word(SEQUENCE) == sequence).then_some(copied)
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::read_only;
    use loom::thread;
    use std::sync::Arc;

    #[test]
    fn a_row_that_is_read_is_one_that_was_written() {
        loom::model(|| {
            let row: Arc<Vec<AtomicU64>> = Arc::new((0..3).map(|_| AtomicU64::new(0)).collect());
            let shared = Arc::clone(&row);
            let writer = thread::spawn(move || {
                for number in 1..=2 {
                    write(&shared, &[0, number, 10 * number]);
                }
            });
            if let Some((one, ten)) = read(read_only(&row), |word| (word(1), word(2))) {
                assert_eq!(ten, 10 * one);
            }
            writer.join().unwrap();
            assert_eq!(read(read_only(&row), |word| (word(1), word(2))), Some((2, 20)));
        });
    }
}
