//! What a worker writes to its tap: a run's answers are kept aside until all of them are out.

use crate::abi::{self, tap_record as record, tap_region as at};
use crate::region::Mapping;
use crate::sys::clock;
use crate::tap::{Cell, TapWriter};

/// A worker's tap, on or off.
#[derive(Debug)]
pub struct Tap {
    writer: Option<TapWriter<Mapping>>,
    /// The run's own cell, then those of its answers.
    cells: Box<[Cell; record::RUN_CELLS_MAX]>,
    /// Cells in use, the run's own included.
    used: usize,
    /// Answers in them.
    kept: u64,
    /// Answers written before.
    written: u64,
    /// The place of the answer that was timed last, from 1, and its ticks; 0 if none was.
    timed: (u64, u64),
}

/// The place of the run's own cell.
const RUN: usize = 0;

impl Default for Tap {
    /// Writes nothing.
    fn default() -> Tap {
        let cells = Box::new([[0; at::CELL_WORDS]; record::RUN_CELLS_MAX]);
        Tap { writer: None, cells, used: RUN + 1, kept: 0, written: 0, timed: (0, 0) }
    }
}

impl Tap {
    /// Writes to a tap's zeroed cells, a power of two of them.
    pub fn new(mapping: Mapping, cell_count: usize) -> Tap {
        Tap { writer: Some(TapWriter::new(mapping, cell_count)), ..Tap::default() }
    }

    /// Whether anything is written.
    #[inline(always)]
    pub(super) fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Keeps an answer to a request of three features for [`Tap::publish`].
    // The features come as words, as `Rows::arm` has them.
    #[inline(never)]
    pub(super) fn keep_triple(
        &mut self,
        (meta, client): (u64, u64),
        (verdict, key, y): (u64, u64, u64),
        x0: u64,
        x1: u64,
        x2: u64,
    ) {
        let request = abi::tap_request(meta, client, 3);
        let Some(cell) = self.cells.get_mut(self.used) else { return };
        *cell = [record::FIRST, request, verdict, key, y, x0, x1, x2];
        self.used += 1;
        self.kept += 1;
        if self.used == self.cells.len() {
            self.publish();
        }
    }

    /// The same for a request of any width.
    #[inline(never)]
    pub(super) fn keep(
        &mut self,
        (meta, client, width): (u64, u64, usize),
        (verdict, key, y): (u64, u64, u64),
        mut bits: impl Iterator<Item = u64>,
    ) {
        let count = abi::tap_cells(width);
        if self.used + count > self.cells.len() {
            self.publish();
        }
        let Some(cells) = self.cells.get_mut(self.used..self.used + count) else { return };
        for (further, cell) in cells.iter_mut().enumerate() {
            let mut next = || bits.next().unwrap_or_default();
            if further == 0 {
                let request = abi::tap_request(meta, client, width);
                *cell = [record::FIRST, request, verdict, key, y, next(), next(), next()];
            } else {
                cell[at::CELL_TURN] = 0;
                cell[at::CELL_TURN + 1..].fill_with(next);
            }
        }
        self.used += count;
        self.kept += 1;
    }

    /// Says how long the answer that was kept last took.
    #[inline]
    pub(super) fn timed(&mut self, ticks: u64) {
        self.timed = (self.kept, ticks);
    }

    /// Writes the answers that were kept, which are out by now.
    #[inline(never)]
    pub(super) fn publish(&mut self) {
        let Some(writer) = self.writer.as_mut().filter(|_| self.kept > 0) else { return };
        let run = &mut self.cells[RUN];
        *run = [record::FIRST, record::RUN, 0, 0, 0, 0, 0, 0];
        run[record::RUN_TSC] = clock::tsc();
        run[record::RUN_COUNT] = self.written;
        (run[record::RUN_TIMED], run[record::RUN_TICKS]) = core::mem::take(&mut self.timed);
        self.written += self.kept;
        writer.write(&self.cells[..self.used], self.written);
        (self.used, self.kept) = (RUN + 1, 0);
    }

    /// Writes that a row is another one from here on.
    #[cold]
    pub(super) fn version(
        &mut self,
        number: u16,
        (check, generation): (u32, u32),
        fingerprints: [u64; abi::ARM_COUNT_MAX],
    ) {
        let Some(writer) = &mut self.writer else { return };
        let mut cell = [record::FIRST, record::VERSION, 0, 0, 0, 0, 0, 0];
        cell[record::VERSION_NUMBER] = u64::from(number) | u64::from(generation) << 32;
        cell[record::VERSION_CHECK] = check.into();
        cell[record::VERSION_FINGERPRINTS..].copy_from_slice(&fingerprints);
        writer.write(&[cell], self.written);
    }
}
