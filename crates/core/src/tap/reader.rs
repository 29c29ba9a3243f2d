//! A reading end of a tap.

use super::Cell;
use crate::abi::{self, ARM_COUNT_MAX, FEATURE_COUNT_MAX, tap_record as record, tap_region as at};
use crate::sync::{Ordering, ReadOnlyWord, fence};

/// Looks for the start of a run before a reader gives the rest to the next call.
const LOOKS_MAX: usize = 4 * record::RUN_CELLS_MAX;

/// One answer as the tap has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// How many answers the worker had written before it in its epoch.
    pub ordinal: u64,
    /// TSC when the answers of its run were out.
    pub tsc: u64,
    /// TSC ticks from seeing the request to publishing the answer; 0 unless it is one of the few
    /// that the worker times.
    pub service_ticks: u64,
    /// The number of the name at the engine.
    pub number: u16,
    /// The lower half of the daemon's number of the client.
    pub client: u32,
    /// A code of [`crate::abi::status`].
    pub status: u16,
    /// The arm that answered.
    pub arm: u16,
    /// The generation of what serves the name.
    pub generation: u32,
    /// The unit key.
    pub key: u64,
    /// The first output.
    pub y: f64,
    /// The request's features.
    pub features: Vec<f64>,
}

/// A row of models that has come into service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionCell {
    /// The number of the name.
    pub number: u16,
    /// The generation from here on.
    pub generation: u32,
    /// The check of the name.
    pub check: u32,
    /// Fingerprints of the arms; 0 where there is none.
    pub fingerprints: [u64; ARM_COUNT_MAX],
}

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An answer, which [`TapReader::record`] has.
    Record,
    /// Answers that were overwritten before they were read.
    Missed(u64),
    /// Another version.
    Version(VersionCell),
    /// Nothing new.
    Empty,
}

/// What stands at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// The cell of that turn.
    Cell(Cell),
    /// It is not written yet.
    Ahead,
    /// It is overwritten.
    Behind,
}

/// Reads the cell of one turn, whole or not at all.
#[inline]
fn copy(words: &[ReadOnlyWord], mask: u64, position: u64) -> Look {
    let start = at::CELLS + (position & mask) as usize * at::CELL_WORDS;
    let Some(line) = words.get(start..start + at::CELL_WORDS) else { return Look::Ahead };
    // Relaxed: ordered by the fences, since the mapping is read-only.
    let turn = line[at::CELL_TURN].load_relaxed();
    let found = turn >> record::TURN_SHIFT;
    if found != position {
        return if found < position { Look::Ahead } else { Look::Behind };
    }
    if turn & record::WRITING != 0 {
        return Look::Ahead;
    }
    // SYNC(tap.whole): pairs with the Release store in `write`.
    fence(Ordering::Acquire);
    let mut cell: Cell = core::array::from_fn(|word| line[word].load_relaxed());
    // SYNC(tap.words): pairs with the Release fence in `write`.
    fence(Ordering::Acquire);
    if line[at::CELL_TURN].load_relaxed() != turn {
        return Look::Behind;
    }
    cell[at::CELL_TURN] = turn & record::FIRST;
    Look::Cell(cell)
}

/// One reader's place in a tap.
#[derive(Debug)]
pub struct TapReader {
    mask: u64,
    position: u64,
    /// Whether the next answer may stand within a run, whose start was not seen: it was overtaken.
    lost: bool,
    /// The ordinal of the answer that stands next.
    at: u64,
    /// The ordinal of the answer that is wanted next.
    next: u64,
    tsc: u64,
    /// Ordinal and ticks of the run's answer that was timed, if one was.
    timed: Option<(u64, u64)>,
    record: Record,
}

impl TapReader {
    /// Begins with what is written next into the cells of `words`, a power of two of them.
    pub fn new(words: &[ReadOnlyWord], cell_count: usize) -> TapReader {
        let (position, count) = newest(words);
        TapReader {
            mask: cell_count as u64 - 1,
            position,
            lost: false,
            at: 0,
            next: count,
            tsc: 0,
            timed: None,
            record: Record { features: Vec::with_capacity(FEATURE_COUNT_MAX), ..Record::default() },
        }
    }

    /// Begins with the answer of an ordinal: one that is overwritten counts as missed.
    pub fn from(words: &[ReadOnlyWord], cell_count: usize, ordinal: u64) -> TapReader {
        let mut reader = TapReader::new(words, cell_count);
        reader.next = ordinal;
        reader.position = record::FIRST_POSITION;
        reader
    }

    /// The answer that the last step found.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The ordinal of the next answer.
    pub fn ordinal(&self) -> u64 {
        self.next
    }

    /// Looks at what is next. Never waits, and does a bounded amount of work.
    pub fn step(&mut self, words: &[ReadOnlyWord]) -> Step {
        for _ in 0..LOOKS_MAX {
            let cell = match copy(words, self.mask, self.position) {
                Look::Cell(cell) => cell,
                Look::Ahead => return Step::Empty,
                Look::Behind => {
                    self.fall_back(words);
                    continue;
                }
            };
            let request = cell[at::CELL_REQUEST];
            let is_first = cell[at::CELL_TURN] & record::FIRST != 0;
            let width = (request >> record::WIDTH_SHIFT) as usize;
            match (is_first, width, request & 0xFFFF) {
                (true, 0, record::RUN) => {
                    self.position += 1;
                    if let Some(missed) = self.begin_run(&cell) {
                        return Step::Missed(missed);
                    }
                }
                (true, 0, record::VERSION) => {
                    self.position += 1;
                    return Step::Version(version(&cell));
                }
                _ if self.lost => self.position += 1,
                (true, 1..=FEATURE_COUNT_MAX, _) => match self.take(words, &cell, width) {
                    Look::Cell(_) if self.is_wanted() => return Step::Record,
                    Look::Cell(_) => {}
                    Look::Ahead => return Step::Empty,
                    Look::Behind => self.fall_back(words),
                },
                // No writer of this layout writes such a cell.
                _ => self.fall_back(words),
            }
        }
        Step::Empty
    }

    /// Goes on where what is written now will not overtake at once.
    fn fall_back(&mut self, words: &[ReadOnlyWord]) {
        // Half a tap behind the newest.
        let back = self.mask / 2;
        let start = newest(words).0.saturating_sub(back);
        self.position = start.max(self.position.saturating_add(1));
        self.lost = true;
    }

    /// Notes when a run's answers were out; tells how many before it were missed.
    fn begin_run(&mut self, cell: &Cell) -> Option<u64> {
        self.lost = false;
        self.tsc = cell[record::RUN_TSC];
        let count = cell[record::RUN_COUNT];
        self.at = count;
        let place = cell[record::RUN_TIMED];
        let ticks = cell[record::RUN_TICKS];
        self.timed = place.checked_sub(1).map(|before| (count.wrapping_add(before), ticks));
        let missed = count.saturating_sub(self.next);
        self.next = self.next.max(count);
        (missed > 0).then_some(missed)
    }

    /// Whether the answer that was taken was not read before.
    fn is_wanted(&mut self) -> bool {
        let is_wanted = self.record.ordinal >= self.next;
        if is_wanted {
            self.next = self.at;
        }
        is_wanted
    }

    /// Takes the record whose first cell was read; `Cell` when it is whole.
    fn take(&mut self, words: &[ReadOnlyWord], first: &Cell, width: usize) -> Look {
        let features = &mut self.record.features;
        features.clear();
        let mut left = width;
        let mut add = |words: &[u64]| {
            let count = words.len().min(left);
            features.extend(words.iter().take(count).map(|&bits| f64::from_bits(bits)));
            left -= count;
            left
        };
        let cell_count = abi::tap_cells(width) as u64;
        add(&first[at::CELL_FEATURES..]);
        for further in 1..cell_count {
            match copy(words, self.mask, self.position + further) {
                Look::Cell(cell) if cell[at::CELL_TURN] == 0 => {
                    add(&cell[at::CELL_TURN + 1..]);
                }
                Look::Cell(_) => return Look::Behind,
                other => return other,
            }
        }
        let (request, verdict) = (first[at::CELL_REQUEST], first[at::CELL_VERDICT]);
        self.record.ordinal = self.at;
        self.record.tsc = self.tsc;
        let timed = self.timed.filter(|&(ordinal, _)| ordinal == self.at);
        self.record.service_ticks = timed.map_or(0, |(_, ticks)| ticks);
        self.record.number = request as u16;
        self.record.client = (request >> record::CLIENT_SHIFT) as u32;
        self.record.status = verdict as u16;
        self.record.arm = (verdict >> 16) as u16;
        self.record.generation = (verdict >> 32) as u32;
        self.record.key = first[at::CELL_KEY];
        self.record.y = f64::from_bits(first[at::CELL_Y]);
        self.position += cell_count;
        self.at = self.at.wrapping_add(1);
        Look::Cell(*first)
    }
}

/// Where the next cell will be written, as the writer says, and how many answers stand before it,
/// or before one that follows soon.
fn newest(words: &[ReadOnlyWord]) -> (u64, u64) {
    let word = |index: usize| words.get(index).map_or(0, ReadOnlyWord::load_relaxed);
    let position = word(at::NEXT);
    // SYNC(tap.next): pairs with the Release store of the position in `write`.
    fence(Ordering::Acquire);
    // A position has 62 bits.
    let position = position.clamp(record::FIRST_POSITION, u64::MAX >> record::TURN_SHIFT);
    (position, word(record::HEADER_COUNT))
}

fn version(cell: &Cell) -> VersionCell {
    let number = cell[record::VERSION_NUMBER];
    VersionCell {
        number: number as u16,
        generation: (number >> 32) as u32,
        check: cell[record::VERSION_CHECK] as u32,
        fingerprints: core::array::from_fn(|arm| cell[record::VERSION_FINGERPRINTS + arm]),
    }
}
