//! [`Batch`]: some trades of a file.

use factord_factors::Trade;

/// The most trades of a batch from text.
// 4,096: 350 KiB, which stays in the second-level cache between parsing and pushing.
pub(super) const BATCH_TRADES: usize = 4096;

/// Some consecutive trades of one file.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The trades, at least one.
    pub trades: &'a [Trade],
    /// The number of each trade's symbol among the names.
    pub symbols: &'a [u32],
    /// The symbols of all files so far, in the order in which they first came.
    pub names: &'a [String],
}

/// The trades of a batch, with the numbers of their symbols.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) trades: Vec<Trade>,
    pub(super) symbols: Vec<u32>,
}
