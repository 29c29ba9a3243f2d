//! What the cells of TAP hold besides answers; filled in by a minor and no part of a layout hash.
//!
//! A record with features is an answer. One without tells of a run, the answers that follow up to
//! the next one, or of a version that has come into service.

/// Records of TAP, by word of their first cell.
pub mod tap_record {
    /// Of the header: answers written before [`NEXT`], by this worker in this epoch.
    ///
    /// [`NEXT`]: crate::abi::tap_region::NEXT
    pub const HEADER_COUNT: usize = super::at::NEXT + 1;
    /// Of the header: [`LOCAL_REFUSED`].
    pub const HEADER_FLAGS: usize = 6;
    /// Nobody may evaluate in its own process: the taps have every answer.
    pub const LOCAL_REFUSED: u64 = 1;

    /// Bits below the client in [`CELL_REQUEST`], which has 32.
    ///
    /// [`CELL_REQUEST`]: crate::abi::tap_region::CELL_REQUEST
    pub const CLIENT_SHIFT: u32 = 16;
    /// Bits below the number of features, which has 16.
    pub const WIDTH_SHIFT: u32 = 48;

    /// In the place of a number, and without features: a run begins.
    pub const RUN: u64 = 1;
    /// Of a run: TSC when its answers were out.
    pub const RUN_TSC: usize = 2;
    /// Of a run: answers written before it, by this worker in this epoch.
    pub const RUN_COUNT: usize = 3;
    /// Of a run: the place, from 1, of an answer that was timed; 0 if none was.
    pub const RUN_TIMED: usize = 4;
    /// Of a run: TSC ticks from seeing that request to publishing its answer.
    pub const RUN_TICKS: usize = 5;

    /// In the place of a number, and without features: a row of models is another one from here on.
    pub const VERSION: u64 = 2;
    /// Of a version: `number | generation << 32`.
    pub const VERSION_NUMBER: usize = 2;
    /// Of a version: the check of the name.
    pub const VERSION_CHECK: usize = 3;
    /// Of a version: fingerprints of the arms, 0 where there is none.
    pub const VERSION_FINGERPRINTS: usize = 4;

    /// Where a writer begins.
    pub const FIRST_POSITION: u64 = 1;
    /// The bits of a turn that are no position: being written, and first of a record.
    pub const TURN_SHIFT: u32 = 2;
    /// Set while a cell is being written.
    pub const WRITING: u64 = 1;
    /// Set in the first cell of a record.
    pub const FIRST: u64 = 2;

    /// Cells that a run takes at most.
    // 256: the widest request takes 147, and a visit to a lane never more than that.
    pub const RUN_CELLS_MAX: usize = 256;
    /// The fewest cells of a tap: many times the longest run.
    pub const CELL_COUNT_MIN: usize = 1 << 12;
    /// The most: 1 GiB.
    pub const CELL_COUNT_MAX: usize = 1 << 24;
    /// Cells unless asked otherwise.
    // 65,536: 4 MiB, which stay in a large cache.
    pub const CELL_COUNT: usize = 1 << 16;
}

use super::tap_region as at;

/// Features in the first cell of a record.
const FIRST_FEATURES: usize = at::CELL_WORDS - at::CELL_FEATURES;
/// Features in each further one.
const MORE_FEATURES: usize = at::CELL_WORDS - 1;

/// Cells of a record with so many features.
#[inline]
pub const fn tap_cells(width: usize) -> usize {
    1 + width.saturating_sub(FIRST_FEATURES).div_ceil(MORE_FEATURES)
}

/// Lines of a tap with so many cells.
pub const fn tap_lines(cell_count: usize) -> usize {
    at::CELLS / super::LINE_WORDS + cell_count
}

/// What a record's first cell says of the request.
#[inline]
pub const fn tap_request(number: u64, client: u64, width: usize) -> u64 {
    number & 0xFFFF
        | (client & 0xFFFF_FFFF) << tap_record::CLIENT_SHIFT
        | (width as u64) << tap_record::WIDTH_SHIFT
}

const _: () = assert!(tap_cells(super::FEATURE_COUNT_MAX) < tap_record::RUN_CELLS_MAX);
const _: () = assert!(tap_record::CELL_COUNT_MIN >= 8 * tap_record::RUN_CELLS_MAX);
const _: () = assert!(
    tap_record::VERSION_FINGERPRINTS + super::ARM_COUNT_MAX == at::CELL_WORDS
        && at::CELL_Y == at::CELL_KEY + 1
);
