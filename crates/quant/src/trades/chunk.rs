//! [`TradeChunk`]: some trades of a file.

use factord_factors::Trade;

/// The most trades of a chunk from text.
// 4,096: 350 KiB, which stays in the second-level cache between parsing and pushing.
pub(super) const CHUNK_TRADES: usize = 4096;

/// Some consecutive trades of one file.
#[derive(Clone, Copy, Debug)]
pub struct TradeChunk<'a> {
    /// The trades, at least one.
    pub trades: &'a [Trade],
    /// The number of each trade's symbol among the names.
    pub symbols: &'a [u32],
    /// The symbols of all files so far, in the order in which they first came.
    pub names: &'a [String],
}
