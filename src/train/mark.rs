//! Marks: one word a row that says what the row is for.
//!
//! Bits 0 to 31: the symbol. 32 to 39: the group, the first training that holds the row, where
//! [`HOLDOUT`] is in none. 40 to 47: the fold that tests it, or [`NONE`]. 48 to 55: the block.

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

/// The rows of a group and of those below it.
pub(super) fn of_groups(marks: &[u64], most: u64) -> Vec<usize> {
    let held = |(row, &mark): (usize, &u64)| (group(mark) <= most).then_some(row);
    marks.iter().enumerate().filter_map(held).collect()
}
