//! The writing end of a tap.

use super::Cell;
use crate::abi::{LINE_WORDS, tap_record as record, tap_region as at};
use crate::sync::{Line, Ordering, fence};

/// The one writer of a tap.
#[derive(Debug)]
pub struct TapWriter<M> {
    memory: M,
    /// The position of the next cell, from 1.
    position: u64,
    mask: u64,
}

impl<M: AsRef<[Line]>> TapWriter<M> {
    /// Writes to zeroed memory with `cell_count` cells, a power of two.
    pub fn new(memory: M, cell_count: usize) -> TapWriter<M> {
        TapWriter { memory, position: record::FIRST_POSITION, mask: cell_count as u64 - 1 }
    }

    /// Writes the cells of whole records, and shows latecomers where to begin: behind them, and
    /// behind `count` answers.
    #[inline]
    pub fn write(&mut self, cells: &[Cell], count: u64) {
        let lines = self.memory.as_ref();
        for cell in cells {
            let index = at::CELLS / LINE_WORDS + (self.position & self.mask) as usize;
            let Some(line) = lines.get(index) else { return };
            let turn = self.position << record::TURN_SHIFT | cell[at::CELL_TURN];
            // Relaxed: this thread is the only writer.
            line[at::CELL_TURN].store(turn | record::WRITING, Ordering::Relaxed);
            // SYNC(tap.words): pairs with the Acquire fence behind the words in `copy`; the odd
            // turn is seen before any other word changes.
            fence(Ordering::Release);
            for (word, &value) in line.iter().zip(cell).skip(at::CELL_TURN + 1) {
                // Relaxed: ordered by the fence above and the Release store below.
                word.store(value, Ordering::Relaxed);
            }
            // SYNC(tap.whole): pairs with the Acquire fence before the words in `copy`; publishes
            // the cell.
            line[at::CELL_TURN].store(turn, Ordering::Release);
            self.position += 1;
        }
        if let Some(line) = lines.get(at::NEXT / LINE_WORDS) {
            // Relaxed: ordered by the Release store below.
            line[record::HEADER_COUNT % LINE_WORDS].store(count, Ordering::Relaxed);
            // SYNC(tap.next): pairs with the Acquire fence in `newest`; the count is at least that
            // of this position.
            line[at::NEXT % LINE_WORDS].store(self.position, Ordering::Release);
        }
    }
}
