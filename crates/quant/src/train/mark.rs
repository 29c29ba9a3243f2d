//! Marks: one word a row that says what the row is for.
//!
//! Bits 0 to 31: the symbol. 32 to 39: the group, the first training that holds the row, where
//! [`HOLDOUT`] is in none. 40 to 47: the fold that tests it, or [`NONE`]. 48 to 55: the block.

use std::borrow::Cow;

/// The group of rows that nothing is fitted to.
pub(super) const HOLDOUT: u64 = 255;

/// The test of rows that belong to none.
pub(super) const NONE: u64 = 255;

/// The mark of a row that has just been read.
pub(super) fn new(symbol: u32, holdout: bool) -> u64 {
    u64::from(symbol) | if holdout { HOLDOUT << 32 } else { 0 }
}

/// The mark with all its parts.
pub(super) fn with(old: u64, group: u64, test: u64, block: u64) -> u64 {
    old & 0xffff_ffff | group << 32 | test << 40 | block << 48
}

/// The mark with its own symbol and all the rest of another one.
pub(super) fn as_of(old: u64, other: u64) -> u64 {
    old & 0xffff_ffff | other >> 32 << 32
}

/// All but the symbol.
pub(super) fn purpose(mark: u64) -> u64 {
    mark >> 32
}

/// The symbol's number.
pub(super) fn symbol(mark: u64) -> usize {
    (mark & 0xffff_ffff) as usize
}

/// The group.
pub(super) fn group(mark: u64) -> u64 {
    mark >> 32 & 255
}

/// The fold that tests the row.
pub(super) fn test(mark: u64) -> u64 {
    mark >> 40 & 255
}

/// The block.
pub(super) fn block(mark: u64) -> usize {
    (mark >> 48 & 255) as usize
}

/// Some rows of a tile.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selection {
    /// All of them.
    All(usize),
    /// Those of these numbers.
    These(Vec<usize>),
}

impl Selection {
    /// The rows whose marks are wanted.
    pub(super) fn of(marks: &[u64], wanted: impl Fn(u64) -> bool) -> Selection {
        if marks.iter().all(|&mark| wanted(mark)) {
            return Selection::All(marks.len());
        }
        let held = |(row, &mark): (usize, &u64)| wanted(mark).then_some(row);
        Selection::These(marks.iter().enumerate().filter_map(held).collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Selection::All(count) => *count,
            Selection::These(rows) => rows.len(),
        }
    }

    /// A column's values in these rows.
    pub(super) fn values<'a, T: Copy>(&self, column: &'a [T]) -> Cow<'a, [T]> {
        match self {
            Selection::All(_) => Cow::Borrowed(column),
            Selection::These(rows) => rows.iter().map(|&row| column[row]).collect(),
        }
    }
}
